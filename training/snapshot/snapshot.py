"""Turn a user's matrix without dates into a dataset of one as-of date.

In: a DataFrame with one row per account and any numeric or text columns. Out: a `Dataset`. Columns are renamed to x0,
x1, ... by position, because LightGBM does not accept every column name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype, is_object_dtype, is_string_dtype

from features.matrix import FACTS, Matrix
from training.slices.dataset import Dataset

#: The as-of date of all rows; which date it is has no effect.
STANDS_ON = np.datetime64("2000-01-01", "s")


@dataclass(frozen=True)
class Columns:
    """The columns of a matrix as they were in training.

    Attributes
    ----------
    names : tuple of str
        The user's names.
    text : frozenset of str
        Which of x0, x1, ... hold text.
    """

    names: tuple[str, ...]
    text: frozenset[str]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Columns:
        """Read from the columns' types which hold text and which hold numbers.

        Raises
        ------
        ValueError
            When a column holds neither.
        """
        kinds = [_kind(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)]
        return cls(tuple(map(str, frame.columns)), frozenset(f"x{i}" for i, kind in enumerate(kinds) if kind == "text"))

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns in the dataset: x0, x1, ..."""
        return tuple(f"x{i}" for i in range(len(self.names)))

    def take(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns in the form that trees read: float64, or text as object with None for null.

        Raises
        ------
        ValueError
            When a column that was numeric in training holds text, or a number is infinite.
        """
        taken = {}
        for i, (key, name) in enumerate(zip(self.keys, self.names, strict=True)):
            column = frame.iloc[:, i]
            taken[key] = _text(column) if key in self.text else _numbers(name, column)
        return pd.DataFrame(taken).reset_index(drop=True)

    def directions(self, named: Mapping[str, int]) -> dict[str, int]:
        """Return the direction of each of x0, x1, ...; 0 for columns that are not named.

        Raises
        ------
        ValueError
            When a name is not a column, a text column has a direction other than 0, or a direction is not 1, -1 or 0.
        """
        by_key = dict.fromkeys(self.keys, 0)
        for name, direction in named.items():
            if name not in self.names:
                raise ValueError(f"directions: there is no column {name!r}; there are {', '.join(self.names)}")
            key = f"x{self.names.index(name)}"
            if direction not in (1, -1, 0) or (direction and key in self.text):
                raise ValueError(f"directions: {name}={direction!r}; numeric columns take 1, -1 or 0, text takes 0")
            by_key[key] = direction
        return by_key


def snapshot(signals: pd.DataFrame, churned: np.ndarray, revenue: np.ndarray) -> Dataset:
    """Return the dataset of one as-of date with one row per account.

    Parameters
    ----------
    signals : DataFrame of n rows
        As returned by `Columns.take`.
    churned : bool array of shape (n,)
    revenue : array of shape (n,)
        Yearly revenue of each account, in currency, 0 or more.
    """
    keys = pd.DataFrame({"account_id": np.arange(len(signals)), "as_of": STANDS_ON})
    facts = pd.DataFrame(0.0, index=keys.index, columns=list(FACTS)).assign(revenue_365d=revenue)
    return Dataset(Matrix(keys, signals, facts), churned)


def _kind(name: str, column: pd.Series) -> str:
    if is_numeric_dtype(column) or is_bool_dtype(column):
        return "number"
    if is_object_dtype(column) or is_string_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return "text"
    raise ValueError(f"column {name} is of type {column.dtype}; numbers and text can be learnt from")


def _text(column: pd.Series) -> pd.Series:
    written = column.astype(object).map(str, na_action="ignore")
    return written.astype(object).where(column.notna(), None)


def _numbers(name: str, column: pd.Series) -> pd.Series:
    try:
        numbers = pd.to_numeric(column.astype(object) if column.isna().all() else column).astype("float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name} was numeric in training, which {column.dtype} here is not: {error}") from error
    if np.isinf(numbers).any():
        raise ValueError(f"column {name} has {np.isinf(numbers).sum()} infinite values; null is what is not known")
    return numbers
