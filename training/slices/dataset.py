"""Slices of a book with labels: the rows that a model learns from or is judged on.

In: a book, as-of dates and a rule of churn. Out: a `Dataset`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from features.as_of import KEYS, stored_customers
from features.batch.computing import Batch
from features.errors import NotEnoughData
from features.matrix import Matrix, first_records, needing, put_together
from features.signal import all_signals
from features.tables import HISTORY, Tables
from training.settings import ChurnRule
from training.slices.labels import labels


@dataclass(frozen=True)
class Dataset:
    """Matrix rows and whether each account churned within the rule's window.

    Attributes
    ----------
    matrix : Matrix
        n rows.
    churned : bool array of shape (n,)
    """

    matrix: Matrix
    churned: np.ndarray

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.churned)

    @property
    def as_of(self) -> np.ndarray:
        """As-of dates, datetime64, shape (n,)."""
        return self.matrix.keys["as_of"].to_numpy()

    @property
    def accounts(self) -> np.ndarray:
        """Account ids, shape (n,)."""
        return self.matrix.keys["account_id"].to_numpy()

    @property
    def revenue(self) -> np.ndarray:
        """Revenue of 365 days in currency, at least 0, shape (n,)."""
        return self.matrix.facts["revenue_365d"].to_numpy(float).clip(min=0)

    @property
    def dates(self) -> list[date]:
        """Distinct as-of dates, oldest first."""
        return [pd.Timestamp(day).date() for day in np.unique(self.as_of)]

    @property
    def leavers(self) -> int:
        """How many accounts have a row that says that they left."""
        return len(np.unique(self.accounts[self.churned]))

    def rows_on(self, dates: Iterable[date]) -> np.ndarray:
        """Return the row numbers of those as-of dates, rising, shape (rows,)."""
        stamps = np.array([pd.Timestamp(day).to_datetime64() for day in dates], self.as_of.dtype)
        return np.flatnonzero(np.isin(self.as_of, stamps))

    def on(self, dates: Iterable[date]) -> Dataset:
        """Return the rows of those as-of dates."""
        return self.take(self.rows_on(dates))

    def take(self, rows: np.ndarray) -> Dataset:
        """Return the rows of a boolean mask of shape (n,) or of an index array."""
        return Dataset(self.matrix.take(rows), self.churned[rows])


def fingerprint(data: Dataset) -> str:
    """Return a checksum of every key, signal, fact and label of a dataset."""
    frame = pd.concat([data.matrix.keys, data.matrix.signals, data.matrix.facts], axis=1)
    rows = pd.util.hash_pandas_object(frame.assign(churned=data.churned), index=False)
    return hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()


def build_dataset(
    tables: Tables, dates: list[date], rule: ChurnRule, recorded_since: Mapping[str, date] | None = None
) -> Dataset:
    """Compute matrix and labels of all customers at mature as-of dates.

    Parameters
    ----------
    dates : list of date
        As-of dates whose labels are known.
    recorded_since : mapping of table name to date, optional
        First day of each table's records; by default that of this book.

    Raises
    ------
    NotEnoughData
        When no account is a customer at any of the dates.
    """
    spine = stored_customers(tables, dates, rule.by_silence, "spine")
    labelled = labels(tables, spine, rule)
    if labelled.empty:
        raise NotEnoughData("no account was a customer at any of the as-of dates")
    recorded = first_records(tables) if recorded_since is None else recorded_since
    with Batch(tables, spine, recorded) as batch:  # Masked part by part: a copy of the whole would double the memory.
        matrix = put_together((_before_recording(part, recorded) for _, part in batch.parts()), len(batch))
    churned = matrix.keys.merge(labelled, on=KEYS, how="left")["churned"]
    kept = churned.notna().to_numpy()
    return Dataset(matrix if kept.all() else matrix.take(kept), churned[kept].to_numpy(dtype=bool))


def _before_recording(matrix: Matrix, recorded_since: Mapping[str, date]) -> Matrix:
    """Set a table to not known at dates up to its first record: records were missing, not events."""
    as_of = matrix.keys["as_of"]
    unknown = np.zeros((len(matrix), len(all_signals())), dtype=bool)
    for name in HISTORY:
        first = recorded_since.get(name)
        rows = np.ones(len(matrix), dtype=bool) if first is None else (as_of <= pd.Timestamp(first)).to_numpy()
        unknown |= np.outer(rows, needing(name))
    return matrix.masked(unknown)
