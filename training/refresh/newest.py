"""Do the newest data look like those before? Slices and today's book go in, checks come out.

Churn rates of the slices that the champion did not know are compared with the range of those of a year before, and the
shares of nulls in today's book with the highest of the latest year's slices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.as_of import stored_customers
from features.batch.computing import compute
from features.matrix import Matrix
from features.tables import Tables
from training.refresh.checks import Check, is_outside, named
from training.slices.dataset import Dataset

YEAR = timedelta(days=365)
#: By how much the share of nulls of a signal may rise above the highest of a year: a fifth of the customers have lost
#: what was known of them. A signal that is known of more customers than before is no loss.
NULL_RISE = 0.2
#: By how much the customers may become more or fewer than a year's slices had.
CUSTOMERS = 1.25


def todays_book(tables: Tables, end: date, by_silence: bool, recorded_since: Mapping[str, date]) -> Matrix:
    """Return the signals of all customers at the end of the data, as a model with such a `recorded_since` scores them.

    Parameters
    ----------
    end : date
        First day without data; no outcome at it is known.
    recorded_since : mapping of table name to date
        First day of each table's records.
    """
    spine = stored_customers(tables, [end], by_silence, "spine")
    return compute(tables, spine, recorded_since)


def check_churn_rate(data: Dataset, last_slice: date) -> Check:
    """Compare the churn of slices after the champion's latest one with those of the year up to it."""
    counts = {day: (int(rows.churned.sum()), len(rows)) for day, rows in _by_date(data)}
    earlier = [churned / rows for day, (churned, rows) in counts.items() if last_slice - YEAR < day <= last_slice]
    new = {day: pair for day, pair in counts.items() if day > last_slice}
    if not earlier or not new:
        return Check("churn rate", True, "no slice to compare")
    usual = f"{min(earlier):.1%} to {max(earlier):.1%}"
    odd = [
        f"{churned:,} of {rows:,} customers churned after {day} ({churned / rows:.1%}), in the year before {usual}"
        for day, (churned, rows) in new.items()
        if is_outside(churned, np.array([min(earlier), max(earlier)]) * rows)
    ]
    told = f"{_span(churned / rows for churned, rows in new.values())} in the new slices, {usual} in the year before"
    return Check("churn rate", not odd, named(odd) or told)


def check_nulls(data: Dataset, today: Matrix) -> Check:
    """Compare the shares of nulls in today's book with those of the latest year's slices."""
    recent = data.on(day for day in data.dates if day > data.dates[-1] - YEAR)
    highest = recent.matrix.signals.isna().groupby(recent.as_of).mean().max()
    now = today.signals.isna().mean()
    risen = (now - highest)[now > highest + NULL_RISE].sort_values(ascending=False)
    odd = [f"{name} is null for {now[name]:.0%}, was for {highest[name]:.0%} at most" for name in risen.index]
    told = "no signal is known of far fewer customers than in the year before"
    return Check("null shares", not odd, named(odd) or told)


def check_customers(data: Dataset, today: Matrix) -> Check:
    """Compare the number of customers and their value with those of the latest year's slices."""
    recent = [rows for day, rows in _by_date(data) if day > data.dates[-1] - YEAR]
    figures = {
        "customers": (float(len(today)), [float(len(rows)) for rows in recent]),
        "value": (float(today.value.sum()), [float(rows.matrix.value.sum()) for rows in recent]),
    }
    told = [
        f"{name} {now:,.0f}, {min(past):,.0f} to {max(past):,.0f} in the year before"
        for name, (now, past) in figures.items()
    ]
    good = all(min(past) / CUSTOMERS <= now <= max(past) * CUSTOMERS for now, past in figures.values())
    return Check("customers", good, named(told))


def _by_date(data: Dataset) -> list[tuple[date, Dataset]]:
    return [(pd.Timestamp(day).date(), data.on([day])) for day in data.dates]


def _span(rates: Iterable[float]) -> str:
    every = sorted(rates)
    return f"{every[0]:.1%}" if len(every) == 1 else f"{every[0]:.1%} to {every[-1]:.1%}"
