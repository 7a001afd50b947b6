"""What each account adds to the figures that are sums: kept in the book's connection, read some accounts at a time.

In: rows of figures, a kind at a time, while `ROWS` holds them. Out: frames of whole accounts. A frame of all accounts
takes some gigabytes of a book of a million, DuckDB's tables go to disk where memory does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from uuid import uuid4

import numpy as np
import pandas as pd
from ibis.backends.duckdb import Backend

from features.figures.figure import Figure
from features.figures.group_sums import columns_of, sums_of
from features.figures.kept_rows import PREFIX, ROWS
from features.tables import Tables

#: Accounts of a piece.
PIECE = 20_000
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
        self._connection: Backend = tables["accounts"].get_backend()
        self._piece, self._name = piece, f"{PREFIX}behind_{uuid4().hex}"
        self._kinds: list[tuple[str, list[Figure]]] = []
        attributes = self._connection.compile(tables["accounts"].select("account_id", "account_manager", "name"))
        self._store(self._name, f"SELECT * FROM ({attributes}) ORDER BY account_id")

    def keep(self, figures: Sequence[Figure], day: date) -> None:
        """Keep what figures on the rows in `ROWS` are made of at a date, by account."""
        if not figures:
            return
        table = f"{self._name}_{len(self._kinds)}"
        sums = sums_of(columns_of(figures))
        self._store(
            table, f"SELECT account_id, {sums} FROM {ROWS} WHERE as_of = DATE '{day}' GROUP BY ALL ORDER BY account_id"
        )
        self._kinds.append((table, list(figures)))

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Yield the frames; pieces of accounts that add nothing are left out."""
        placed = f"SELECT account_id, row_number() OVER (ORDER BY account_id) AS place FROM {self._name}"
        last = f"SELECT account_id FROM ({placed}) WHERE place % {self._piece} = 0 ORDER BY account_id"
        edges = [edge for (edge,) in self._connection.con.execute(last).fetchall()]
        for after, until in zip([None, *edges], [*edges, None], strict=True):
            frame = self._frame(after, until)
            if len(frame):
                yield frame

    def _frame(self, after: str | None, until: str | None) -> pd.DataFrame:
        added = [frame for table, figures in self._kinds for frame in _added(self._read(table, after, until), figures)]
        if not added:
            return pd.DataFrame(columns=[*COLUMNS])
        rows = pd.concat(added, ignore_index=True).merge(self._read(self._name, after, until), on="account_id")
        return rows.sort_values("account_id", kind="stable", ignore_index=True)[[*COLUMNS]]

    def _read(self, table: str, after: str | None, until: str | None) -> pd.DataFrame:
        """Return the rows of accounts behind one and up to another, both of which may be open."""
        query = (
            f"SELECT * FROM {table} WHERE ($after IS NULL OR account_id > $after) "
            "AND ($until IS NULL OR account_id <= $until) ORDER BY account_id"
        )
        return self._connection.con.execute(query, {"after": after, "until": until}).df()

    def _store(self, name: str, query: str) -> None:
        self._connection.con.execute(f"CREATE TEMP TABLE {name} AS {query}")


def _added(sums: pd.DataFrame, figures: Sequence[Figure]) -> Iterator[pd.DataFrame]:
    """Yield what each account adds to each figure, from the sums of its rows."""
    for figure in figures:
        value = figure.finish({name: sums[name].to_numpy(float) for name in figure.sums}).value
        adds = ~np.isnan(value) & (value != 0)
        yield pd.DataFrame({"account_id": sums["account_id"][adds], "figure": figure.name, "value": value[adds]})
