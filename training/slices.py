"""Time slices and how they are split: monthly as-of dates, purged in time by the reach of the label.

A slice may be learnt from at an as-of date only when its label's window has ended by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from training.settings import ChurnRule


@dataclass(frozen=True)
class Fold:
    """As-of dates to learn from and the later as-of dates to be judged on."""

    train: tuple[date, ...]
    valid: tuple[date, ...]


SHORTEST_STEP = 7


def slice_dates(first: date, end: date, rule: ChurnRule, step_days: int, least: int = 1) -> list[date]:
    """Return as-of dates, oldest first, `step_days` apart back from the last mature one.

    A short history is cut more finely: the step is halved while there are fewer than `least` dates, down to a week.

    Parameters
    ----------
    first : date
        No as-of date before it.
    end : date
        End of the data, exclusive: the last as-of date is `end` less the rule's reach.
    """
    while step_days // 2 >= SHORTEST_STEP and 0 < (end - first).days - rule.reach_days < step_days * (least - 1):
        step_days //= 2
    last = end - timedelta(days=rule.reach_days)
    count = (last - first).days // step_days + 1 if last >= first else 0
    return [last - timedelta(days=step_days * back) for back in reversed(range(count))]


def forward_folds(dates: list[date], rule: ChurnRule, folds: int) -> list[Fold]:
    """Return up to `folds` forward-chained folds: each judged on later dates than it learns from, purged.

    Every date that has a purged predecessor is judged exactly once; the folds are consecutive blocks of such dates.
    """
    reach = timedelta(days=rule.reach_days)
    judged = [day for day in dates if day - reach >= dates[0]]
    blocks = [block for block in np.array_split(np.arange(len(judged)), folds) if len(block)]
    made = []
    for block in blocks:
        valid = tuple(judged[i] for i in block)
        made.append(Fold(tuple(day for day in dates if day + reach <= valid[0]), valid))
    return made
