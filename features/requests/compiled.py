"""The matrix for requests: the same signals as in batch, compiled once, run on a few accounts at a time.

Small requests are worked on by SQLite, larger ones by DuckDB (see the engines beside this module); the expressions are
the same, and so are the rows, whose figures are kept to single precision. One request runs at a time; the caller may
merge several into one, which costs little more than one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from threading import Lock

import numpy as np
import pandas as pd

from features.matrix import Matrix, made_of, unknown_by, unknown_without
from features.requests.duckdb_engine import DuckDbEngine
from features.requests.sqlite_engine import SqliteEngine, sqlite_engine
from features.requests.stamped import ACCOUNT, Records, number_of_records
from features.tables import BookKnown

#: Greatest number of accounts at a time: what one byte can tell apart.
MOST_ACCOUNTS = 256
#: Up to so many records SQLite is the faster one (see `python -m benchmarks request-engines`).
FEW_RECORDS = 1_300


@dataclass(frozen=True)
class _Engines:
    """Both engines with their queries prepared, and what lets one request in at a time."""

    small: SqliteEngine | DuckDbEngine
    large: DuckDbEngine
    lock: Lock = field(default_factory=Lock)


@cache
def _engines(by_silence: bool) -> _Engines:
    """Return the engines; they hold nothing of a model, so that a change of the model need not prepare them again."""
    large = DuckDbEngine(by_silence)
    return _Engines(sqlite_engine(by_silence) or large, large)


class CompiledMatrix:
    """The matrix query, ready to run.

    Parameters
    ----------
    by_silence : bool
        Whether customers are told by the rule of silence (see `features.as_of.customers`).
    recorded_since : mapping of table name to date
        As for `features.matrix.compute`.
    few_records : int
        Up to so many records a request is small.
    """

    def __init__(self, by_silence: bool, recorded_since: Mapping[str, date], few_records: int = FEW_RECORDS) -> None:
        self._recorded_since, self._few_records = recorded_since, few_records
        self._engines = _engines(by_silence)
        #: The signals that are null where nothing is said of an account's sources, at the date asked last.
        self._by_default: tuple[date | None, np.ndarray] = (None, np.empty(0))

    @property
    def is_free(self) -> bool:
        """Whether no request is being worked on."""
        return not self._engines.lock.locked()

    def compute(
        self,
        records: Records,
        ids: Sequence[str],
        as_of: date,
        missing: Sequence[Collection[str]],
        known: Mapping[int, BookKnown] | None = None,
    ) -> tuple[np.ndarray, Matrix]:
        """Compute the rows of those accounts that are customers at `as_of`.

        Parameters
        ----------
        records : mapping of table name to rows
            Each row is the account's number and then the values of `features.requests.stamped.COLUMNS`; tables
            without rows may be left out.
        ids : sequence of str
            The accounts' ids, by number; one may stand there twice.
        missing : sequence of collection of str
            The tables that are not known of an account, as opposed to empty, by number.
        known : mapping of number to BookKnown, optional
            What is said of the sources of some accounts.

        Returns
        -------
        array of int, Matrix
            The numbers of the customers, rising, and a row for each.

        Raises
        ------
        ValueError
            With more than 256 accounts.
        """
        if len(ids) > MOST_ACCOUNTS:
            raise ValueError(f"{len(ids)} accounts at once, {MOST_ACCOUNTS} at most")
        few = number_of_records(records) <= self._few_records
        with self._engines.lock:
            columns = (self._engines.small if few else self._engines.large).rows(records, as_of)
        order = np.argsort(columns[ACCOUNT])
        numbers = columns[ACCOUNT][order].astype(int)
        own = [ids[number] for number in numbers]
        keys = pd.DataFrame({"account_id": pd.Series(own, dtype="str"), "as_of": np.datetime64(as_of, "s")})
        unknown = unknown_without([missing[number] for number in numbers]) | self._unknown(numbers, as_of, known or {})
        return numbers, made_of(keys, lambda name: columns[name][order], unknown)

    def _unknown(self, numbers: np.ndarray, as_of: date, known: Mapping[int, BookKnown]) -> np.ndarray:
        """Return the signals that are null by what is known of each account's sources, by row."""
        dates = np.array([as_of], dtype="datetime64[D]")
        asked, by_default = self._by_default
        if as_of != asked:
            by_default = unknown_by(BookKnown(), self._recorded_since, dates)
            self._by_default = as_of, by_default
        rows = [
            unknown_by(known[number], self._recorded_since, dates) if number in known else by_default
            for number in numbers.tolist()
        ]
        return np.concatenate(rows) if known and rows else by_default
