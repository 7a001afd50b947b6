"""Are as many records still coming in? A book goes in, a check comes out.

What happened is counted by months back from the end of the data: the records of each table of events, departures, and
what is filled in later, as answers and closings are, by its own time. The months since the champion's data ended are
compared with the twelve before: each month by itself, and three together, since many are billed by the quarter. Months
and not spans of 30 days: of these some hold no first of a month, when most invoices are written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

import numpy as np
import pandas as pd

from features.recording import EVENTS, Days
from features.tables import TABLES, Tables
from training.refresh.checks import Check, is_outside, named

SPANS = (1, 3)
YEAR = 12
#: Fewer earlier months show no range.
LEAST_MONTHS = 3


def check_volume(tables: Tables, known_until: date, end: date) -> Check:
    """Compare the records since the champion's data ended with those of the year before.

    Parameters
    ----------
    known_until : date
        First day that the champion's data do not hold.
    end : date
        First day without data now; later than `known_until`.
    """
    new = _months_since(known_until, end)
    counted = {f"{name}.{column}": _days(tables, name, column) for name, column in _times(tables)}
    odd = [text for what, days in counted.items() for text in _odd(what, days, end, new)]
    told = f"{new} month{'' if new == 1 else 's'} compared with the {YEAR} before, table by table"
    return Check("volume", not odd, named(odd) or told)


def check_tables(tables: Tables, missing_before: Collection[str]) -> Check:
    """Compare the tables that the book has with those that the champion's had."""
    gone = sorted(tables.missing - set(missing_before))
    come = sorted(set(missing_before) - tables.missing)
    odd = [f"{name} is missing now" for name in gone] + [f"{name} is new" for name in come]
    return Check("tables", not odd, named(odd) or "the same as the champion's")


def _times(tables: Tables) -> Iterator[tuple[str, str]]:
    """Yield each table and column that says when something happened."""
    for name in (*EVENTS, "churns"):
        if name not in tables.missing:
            later = {column.known_at for column in TABLES[name].columns if column.known_at}
            yield from ((name, column) for column in sorted({TABLES[name].time} | later))


def _days(tables: Tables, name: str, column: str) -> Days:
    days = tables[name].select(day=tables[name][column].cast("date")).drop_null().group_by("day")
    frame = days.aggregate(rows=lambda t: t.count()).order_by("day").execute()
    return Days(frame["day"].to_numpy("datetime64[D]"), frame["rows"].to_numpy(np.int64))


def _months_since(known_until: date, end: date) -> int:
    """Return how many months, counted back from the end, hold a day that the champion's data do not."""
    months = 1
    while _back(end, months) > pd.Timestamp(known_until):
        months += 1
    return months


def _back(end: date, months: int) -> pd.Timestamp:
    return pd.Timestamp(end) - pd.DateOffset(months=months)


def _odd(what: str, days: Days, end: date, new: int) -> list[str]:
    """Return the first span of new months that is odd, in words; nothing if all are as usual."""
    counts = _by_month(days, end, new + YEAR + max(SPANS))
    for span in SPANS:
        if len(counts) < span:  # Nothing, or too little, was ever recorded to call anything odd.
            return []
        sums = np.convolve(counts, np.ones(span), "valid")
        earlier = sums[new : new + YEAR]
        for back, count in enumerate(sums[:new]):
            if len(earlier) >= LEAST_MONTHS and is_outside(count, earlier):
                first, last = _back(end, back + span).date(), _back(end, back).date()
                usual = f"{earlier.min():,.0f} to {earlier.max():,.0f}"
                return [f"{what} {count:,.0f} from {first} to {last}, before that {usual} in as long"]
    return []


def _by_month(days: Days, end: date, months: int) -> np.ndarray:
    """Return the records of each month back from the end, the latest first, as far as they lie within the records."""
    if not len(days.day):
        return np.zeros(0)
    edges = np.array([_back(end, back).to_datetime64() for back in range(months + 1)]).astype("datetime64[D]")
    total = np.concatenate([[0], np.cumsum(days.rows)])
    before = total[np.searchsorted(days.day, edges)]
    whole = edges[1:] >= days.day[0]
    return (before[:-1] - before[1:])[whole].astype(float)
