"""As-of dates of the time slices, and their split into folds that are purged in time.

In: first and last day, step and reach of the label in days. Out: dates and folds of dates. A model at an as-of date may
learn from a slice only when the window of the slice's labels has ended by that date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np


@dataclass(frozen=True)
class Fold:
    """As-of dates to learn from, and the later as-of dates to judge on."""

    train: tuple[date, ...]
    valid: tuple[date, ...]


SHORTEST_STEP = 7


def slice_dates(first: date, end: date, known_after_days: int, step_days: int, least: int = 1) -> list[date]:
    """Return as-of dates, oldest first, `step_days` apart, counted back from the last mature date.

    A short history gets a smaller step: the step is halved, down to a week, while there are fewer than `least` dates.

    Parameters
    ----------
    first : date
        Earliest day that may be an as-of date.
    end : date
        End of the data, exclusive.
    known_after_days : int
        Days from an as-of date until its labels are known. The last as-of date is `end` minus these days.
    step_days : int
        Days between two as-of dates.
    least : int
        Number of dates wanted.
    """
    while step_days // 2 >= SHORTEST_STEP and 0 < (end - first).days - known_after_days < step_days * (least - 1):
        step_days //= 2
    last = end - timedelta(days=known_after_days)
    count = (last - first).days // step_days + 1 if last >= first else 0
    return [last - timedelta(days=step_days * back) for back in reversed(range(count))]


def thinned(dates: list[date], every: int = 1, window_days: int | None = None) -> list[date]:
    """Keep the dates of the latest `window_days`, and of these every `every`-th, counted back from the latest one.

    Examples
    --------
    >>> [day.month for day in thinned([date(2025, month, 1) for month in range(1, 10)], every=3, window_days=150)]
    [6, 9]
    """
    kept = [day for day in dates if window_days is None or day > dates[-1] - timedelta(days=window_days)]
    return kept[::-1][::every][::-1]


def forward_folds(dates: list[date], known_after_days: int, folds: int) -> list[Fold]:
    """Return up to `folds` forward-chained folds: each is judged on later dates than it learns from, purged.

    The folds are consecutive blocks of the dates that have a purged predecessor. Each such date is judged exactly once.
    """
    reach = timedelta(days=known_after_days)
    judged = [day for day in dates if day - reach >= dates[0]]
    blocks = [block for block in np.array_split(np.arange(len(judged)), folds) if len(block)]
    forward = []
    for block in blocks:
        valid = tuple(judged[i] for i in block)
        forward.append(Fold(tuple(day for day in dates if day + reach <= valid[0]), valid))
    return forward
