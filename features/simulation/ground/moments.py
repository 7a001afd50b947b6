"""When events happen: days and instants in office hours, and delays with a long tail.

In: day numbers, instants in seconds (UTC), delays in days; arrays of shape (events,). Out: the same, moved to working
days and hours.

Closing delays follow the quantiles of a large IT service desk's incidents: 6.1 days at the median, 22 at the 90th
percentile, 122 at the 99th. The log of the delay is linear in a standard normal, with a kink at the 90th percentile. A
lognormal has no such kink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.simulation.ground.world import DAY_SECONDS, Clock, FloatArray, IntArray

_OPENS, _SHUTS = 7 * 3600, 18 * 3600
_NORMAL_P90, _NORMAL_P99 = 1.2816, 2.3263


@dataclass(frozen=True)
class DelayTail:
    """A delay's median, 90th and 99th percentile in days."""

    p50: float
    p90: float
    p99: float

    def days(self, normal: FloatArray) -> FloatArray:
        """Return the delay in days at standard normal values, shape as given; at most 500."""
        low = np.log(self.p90 / self.p50) / _NORMAL_P90
        high = np.log(self.p99 / self.p90) / (_NORMAL_P99 - _NORMAL_P90)
        exponent = low * np.minimum(normal, _NORMAL_P90) + high * np.maximum(normal - _NORMAL_P90, 0.0)
        return np.asarray(np.minimum(self.p50 * np.exp(exponent), 500.0))


def days_within(rng: np.random.Generator, clock: Clock, month: IntArray) -> IntArray:
    """Return one uniformly drawn day in each of the months, shape (n,)."""
    return clock.first_of(month) + (rng.random(month.size) * clock.days_in(month)).astype(np.int64)


def to_workday(day: IntArray) -> IntArray:
    """Move Saturdays and Sundays to the Monday after; shape as given."""
    weekday = (day + 3) % 7  # day 0, 1970-01-01, was a Thursday
    return day + np.where(weekday >= 5, 7 - weekday, 0)


def office_instants(rng: np.random.Generator, day: IntArray) -> IntArray:
    """Return an instant in the office hours of each day, or of the Monday after a weekend; shape (n,)."""
    seconds = _OPENS + rng.beta(2.0, 2.0, day.size) * (_SHUTS - _OPENS)
    return to_workday(day) * DAY_SECONDS + seconds.astype(np.int64)


def later(rng: np.random.Generator, since: IntArray, delay_days: FloatArray) -> IntArray:
    """Return the instants `delay_days` after `since`, moved into working time and after `since`; shape (n,)."""
    raw = since + (delay_days * DAY_SECONDS).astype(np.int64)
    day, second = raw // DAY_SECONDS, raw % DAY_SECONDS
    idle = (second < _OPENS) | (second > _SHUTS) | ((day + 3) % 7 >= 5)
    moved = np.where(idle, office_instants(rng, day), raw)
    return np.maximum(moved, since + 300)


def by_month(rng: np.random.Generator, rate: FloatArray) -> tuple[IntArray, IntArray]:
    """Draw Poisson counts from rates (accounts x months); return account and month of each event, shape (events,)."""
    account, month = np.indices(rate.shape)
    count = rng.poisson(rate).ravel()
    return np.repeat(account.ravel(), count), np.repeat(month.ravel(), count)


def sequence(account: IntArray, instant: IntArray) -> tuple[IntArray, IntArray]:
    """Return the order by (account, instant), and each record's number within its account in that order, from 1.

    All arrays have shape (records,).
    """
    order = np.lexsort((instant, account))
    ranked = account[order]
    return order, np.arange(ranked.size) - np.searchsorted(ranked, ranked) + 1
