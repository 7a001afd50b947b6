"""What SQLite lacks for signals: medians, quantiles, variances, covariances, and in older builds exp, sqrt and floor.

Each aggregate gives what DuckDB gives: nulls are left out, and where no value is left the result is null. Ibis brings
variances for SQLite too, but of a single value its sample variance fails instead of being null.
"""

from __future__ import annotations

import math
import sqlite3
from bisect import insort
from collections.abc import Callable
from functools import partial
from typing import ClassVar

MEDIAN, QUANTILE, COVARIANCE = "median_of", "quantile_of", "covariance_"
#: What Ibis calls variances in SQLite.
VARIANCE = "_ibis_var_"


class Quantile:
    """Aggregate of (value, share): between the two values around it, as far as the share lies between them.

    It also serves as a window over all rows of an account, which asks for the value at each of them.
    """

    def __init__(self) -> None:
        self._values: list[float] = []
        self._share = 0.5
        self._known: float | None = None

    def step(self, value: float | None, share: float = 0.5) -> None:
        """Take a value."""
        if value is not None:
            insort(self._values, value)
            self._share, self._known = share, None

    def inverse(self, value: float | None, share: float = 0.5) -> None:
        """Take a value away again."""
        if value is not None:
            self._values.remove(value)
            self._share, self._known = share, None

    def value(self) -> float | None:
        """Return the quantile of the values that are there."""
        if self._known is None and self._values:
            place = self._share * (len(self._values) - 1)
            below, above = self._values[math.floor(place)], self._values[math.ceil(place)]
            self._known = float(below + (above - below) * (place - math.floor(place)))
        return self._known

    def finalize(self) -> float | None:
        """Return the quantile."""
        return self.value() if self._values else None


class Covariance:
    """Aggregate of two columns: the mean product of their distances from their means."""

    taken_off: ClassVar[int] = 0

    def __init__(self) -> None:
        self._pairs: list[tuple[float, float]] = []

    def step(self, left: float | None, right: float | None) -> None:
        """Take a pair in which neither is null."""
        if left is not None and right is not None:
            self._pairs.append((left, right))

    def finalize(self) -> float | None:
        """Return the covariance."""
        count = len(self._pairs)
        if count <= self.taken_off:
            return None
        lefts, rights = (math.fsum(values) / count for values in zip(*self._pairs, strict=True))
        products = math.fsum((left - lefts) * (right - rights) for left, right in self._pairs)
        return products / (count - self.taken_off)


class SampleCovariance(Covariance):
    """The same of a sample: by one less than the number of pairs."""

    taken_off: ClassVar[int] = 1


class Variance(Covariance):
    """Aggregate of one column: its covariance with itself."""

    def step(self, value: float | None) -> None:  # type: ignore[override]
        """Take a value."""
        super().step(value, value)


class SampleVariance(Variance):
    """The same of a sample."""

    taken_off: ClassVar[int] = 1


def install(connection: sqlite3.Connection) -> None:
    """Make everything here known to a connection."""
    # As a window function the median is an aggregate too.
    connection.create_window_function(MEDIAN, 1, Quantile)
    aggregates = {
        (QUANTILE, 2): Quantile,
        (f"{COVARIANCE}pop", 2): Covariance,
        (f"{COVARIANCE}sample", 2): SampleCovariance,
        (f"{VARIANCE}pop", 1): Variance,
        (f"{VARIANCE}sample", 1): SampleVariance,
    }
    for (name, arguments), aggregate in aggregates.items():
        connection.create_aggregate(name, arguments, aggregate)  # type: ignore[arg-type]
    for function in (math.exp, math.sqrt, math.floor):
        if not _knows(connection, function.__name__):
            connection.create_function(function.__name__, 1, partial(_of_number, function), deterministic=True)


def _of_number(function: Callable[[float], float], value: float | None) -> float | None:
    return None if value is None else function(value)


def _knows(connection: sqlite3.Connection, function: str) -> bool:
    try:
        connection.execute(f"SELECT {function}(1.0)")
    except sqlite3.OperationalError:
        return False
    return True
