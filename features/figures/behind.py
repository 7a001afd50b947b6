"""What each account adds to the figures that are sums: kept in the book's connection, read some accounts at a time.

In: rows of figures, a kind at a time, while `ROWS` holds them. Out: frames of whole accounts. A frame of all accounts
takes some gigabytes of a book of a million, DuckDB's tables go to disk where memory does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

from features.figures.figure import Figure
from features.figures.group_sums import columns_of, sums_of
from features.figures.kept_accounts import PIECE, KeptAccounts
from features.figures.kept_rows import ROWS
from features.tables import Tables

COLUMNS = ("account_id", "figure", "value", "account_manager", "name")


class Behind:
    """The accounts behind figures at one date; iterated, it yields frames as often as it is asked.

    A frame has `COLUMNS` and a row for each account and figure of which the value is known and not 0. It holds whole
    accounts by rising account_id; the ids of the next frame are greater.

    Parameters
    ----------
    tables : Tables
        The book.
    piece : int
        Accounts of a frame, at most.
    """

    def __init__(self, tables: Tables, piece: int = PIECE) -> None:
        self._connection = tables["accounts"].get_backend()
        attributes = self._connection.compile(tables["accounts"].select("account_id", "account_manager", "name"))
        self._accounts = KeptAccounts(self._connection, attributes, piece=piece)
        self._kinds: list[tuple[KeptAccounts, list[Figure]]] = []

    def keep(self, figures: Sequence[Figure], day: date) -> None:
        """Keep what figures on the rows in `ROWS` are made of at a date, by account."""
        if not figures:
            return
        sums = sums_of(columns_of(figures))
        query = f"SELECT account_id, {sums} FROM {ROWS} WHERE as_of = DATE '{day}' GROUP BY ALL"
        self._kinds.append((KeptAccounts(self._connection, query), list(figures)))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the frames; pieces of accounts that add nothing are left out."""
        for after, until in self._accounts.ranges():
            frame = self._frame(after, until)
            if len(frame):
                yield frame

    def _frame(self, after: str | None, until: str | None) -> pd.DataFrame:
        added = [frame for sums, figures in self._kinds for frame in _added(sums.between(after, until), figures)]
        if not added:
            return pd.DataFrame(columns=[*COLUMNS])
        rows = pd.concat(added, ignore_index=True).merge(self._accounts.between(after, until), on="account_id")
        return rows.sort_values("account_id", kind="stable", ignore_index=True)[[*COLUMNS]]


def _added(sums: pd.DataFrame, figures: Sequence[Figure]) -> Iterator[pd.DataFrame]:
    """Yield what each account adds to each figure, from the sums of its rows."""
    for figure in figures:
        value = figure.finish({name: sums[name].to_numpy(float) for name in figure.sums}).value
        adds = ~np.isnan(value) & (value != 0)
        yield pd.DataFrame({"account_id": sums["account_id"][adds], "figure": figure.name, "value": value[adds]})
