"""How departures are spread over days: none at all, or nearly all on one day, tell more of an export than of customers.

In: the churns table. Out: `Departures`, and what to do in words, which validation and training share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import ibis.expr.types as ir
import pyarrow as pa

#: So many departures, of which so large a share falls on one day, were not all of that day.
LEAST_DEPARTURES, ONE_DAY_SHARE = 10, 0.8
ONE_DAY = (
    "is it the day of an export, or of a change of systems? churned_on is the first day without a valid relationship, "
    "each account's own"
)
NO_DEPARTURE = (
    "add who has left and when; where churn is to be read from silence, leave the churns table out and train with "
    "--silence-days N"
)


@dataclass(frozen=True)
class Departures:
    """All departures of a book, and the day on which most of them fall.

    Attributes
    ----------
    rows, on_day : int
        All departures, and those of the fullest day.
    first, last, day : date or None
        First and last day of departures, and the fullest; None without any.
    """

    rows: int
    on_day: int = 0
    first: date | None = None
    last: date | None = None
    day: date | None = None

    @property
    def is_one_day(self) -> bool:
        """Whether so many fall on one day that it tells nothing of customers."""
        return self.rows >= LEAST_DEPARTURES and self.on_day >= ONE_DAY_SHARE * self.rows

    def told(self) -> str:
        """Return how they are spread, in words.

        Examples
        --------
        >>> Departures(0).told(), Departures(1, 1, date(2025, 1, 31), date(2025, 1, 31), date(2025, 1, 31)).told()
        ('no departure', '1 departure on 2025-01-31')
        >>> Departures(20, 19, date(2025, 1, 1), date(2025, 12, 31), date(2025, 12, 31)).told()
        '19 of 20 departures on 2025-12-31'
        >>> Departures(2, 1, date(2025, 1, 1), date(2025, 12, 31), date(2025, 1, 1)).told()
        '2 departures from 2025-01-01 to 2025-12-31'
        """
        if not self.rows:
            return "no departure"
        if self.first == self.last:
            return f"{'all ' if self.rows > 1 else ''}{self.rows} departure{'s' * (self.rows > 1)} on {self.day}"
        if self.is_one_day:
            return f"{self.on_day} of {self.rows} departures on {self.day}"
        return f"{self.rows} departures from {self.first} to {self.last}"


def departures(churns: ir.Table) -> Departures:
    """Return how the departures of a churns table are spread over days."""
    return told_by(spread(churns).to_pyarrow())


def spread(churns: ir.Table) -> ir.Table:
    """Return the fullest day of a churns table and its rows, with all rows and their first and last day; or no row."""
    by_day = churns.group_by("churned_on").aggregate(rows=lambda t: t.count())
    every = by_day.rows.sum().over(), by_day.churned_on.min().over(), by_day.churned_on.max().over()
    days = by_day.mutate(all=every[0], first=every[1], last=every[2])
    return days.order_by([days.rows.desc(), days.churned_on.desc()]).limit(1)


def told_by(found: pa.Table) -> Departures:
    """Return the departures that the answer to `spread` tells of."""
    if not len(found):
        return Departures(0)
    (most,) = found.to_pylist()
    return Departures(int(most["all"]), int(most["rows"]), most["first"], most["last"], most["churned_on"])
