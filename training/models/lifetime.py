"""Customer lifetime value: the discounted revenue that a customer is expected to bring before it leaves.

In: hazards of twelve months, the share expected to be lost by shrinking, revenue, `LifetimeTerms`; arrays with a row an
account. Out: a `Lifetime`.

Month k of 30 days brings w_k = margin x revenue x 30/365 x (1 + rate)^(-30 k / 365) x (1 - shrink)^y if the customer is
still there at its end; y is the year of the month, from 1, since shrinking is measured against the year before. The
value is sum w_k S_k, S_k the probability of being there at the end of month k. The hazards know twelve months: their
course repeats each year, and what comes after the terms' years is cut off. Growth is not foreseen and not counted. All
of it is counted from as_of + lead, of a customer who survives the lead.

What a customer brings varies with the month in which it leaves; its variance is E[W^2] - E[W]^2, W_k the sum of w up to
month k. How far the level of all probabilities is off moves all accounts together (`training.worth.level`); it shifts
the log-odds of the churn probability, and hazards follow in proportion. So of a book both add up: chance by variances,
the level by itself.

References
----------
Gupta, Lehmann & Stuart, "Valuing customers", 2004 (margin, retention and discount; the course of hazards is ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from training.lifetime_terms import LifetimeTerms
from training.models.survival import LARGEST_HAZARD, MONTH_DAYS
from training.worth.level import Level

YEAR_DAYS, MONTHS = 365, 12
#: Of one account's interval: the share of cases in it, and the level at three places with their weights
#: (Gauss-Hermite).
COVERAGE = 0.95
LEVELS = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))


@dataclass(frozen=True)
class Lifetime:
    """Lifetime values; arrays of shape (n,), in currency.

    Attributes
    ----------
    value : array
        What is expected.
    low, high : arrays
        What one account brings in 95 of 100 cases: the quantiles of W over the month in which it leaves.
    variance : array
        Of what it brings, at the level that is expected; currency squared.
    by_level : array
        How much less it is worth if the level of all probabilities is one standard deviation higher.
    most : array
        What it brings if it never leaves.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    variance: np.ndarray
    by_level: np.ndarray
    most: np.ndarray


def lifetime(
    monthly: np.ndarray,
    probability: np.ndarray,
    shrink: np.ndarray,
    revenue: np.ndarray,
    level: Level,
    terms: LifetimeTerms,
) -> Lifetime:
    """Return the lifetime value of each account.

    Parameters
    ----------
    monthly : array of shape (n, 12)
        Hazards, anchored at `probability` (see `training.models.survival.anchored`), 0-1.
    probability, shrink, revenue : arrays of shape (n,)
        Churn probability, 0-1; share of revenue expected to be lost if the account stays, 0-1; currency a year, what is
        below 0 counts as 0.
    level : Level
        How far the level of probabilities was off at past dates.
    terms : LifetimeTerms

    Examples
    --------
    >>> flat = lifetime(np.full((1, 12), 0.01), np.array([0.0585]), np.zeros(1), np.array([36_500.0]),
    ...                 Level(0.2, 4.0, 0), LifetimeTerms(discount_rate=0.0, years=1))
    >>> round(float(flat.value[0]), 2), float(flat.most[0])  # 3,000 x (.99 + .99^2 + ... + .99^12)
    (33743.69, 36000.0)
    """
    weights = _weights(shrink, np.maximum(revenue, 0.0), terms)
    brought = np.cumsum(weights, axis=1)
    logs = np.tile(np.log1p(-np.minimum(monthly, LARGEST_HAZARD)), (1, terms.years)).cumsum(axis=1)
    there = np.exp(logs)
    value = (weights * there).sum(axis=1)
    squares = (np.diff(brought**2, axis=1, prepend=0.0) * there).sum(axis=1)
    deviation = level_deviation(level)
    harsher, milder = (np.exp(logs * steeper(probability, by)[:, None]) for by in (deviation, -deviation))
    mean = sum(weight * np.exp(logs * steeper(probability, at * deviation)[:, None]) for at, weight in LEVELS)
    low, high = (_brought_until(brought, mean >= share) for share in ((1 + COVERAGE) / 2, (1 - COVERAGE) / 2))
    return Lifetime(
        value=value,
        low=low,
        high=high,
        variance=np.maximum(squares - value**2, 0.0),
        by_level=(weights * (milder - harsher)).sum(axis=1) / 2,
        most=brought[:, -1],
    )


def level_deviation(level: Level) -> float:
    """Return the standard deviation of the level in log-odds; its t has heavier tails the fewer periods it rests on."""
    return float(level.spread * np.sqrt(level.periods / (level.periods - 2))) if level.periods > 2 else level.spread


def steeper(probability: np.ndarray, by: float) -> np.ndarray:
    """Return the factor of cumulative hazards that moves the log-odds of a probability by `by`, shape (n,).

    Examples
    --------
    >>> steeper(np.array([0.2]), np.log(2)).round(6).tolist()  # odds of 1:4 become 1:2, so .2 becomes 1/3
    [1.817059]
    """
    within = np.clip(probability, 1e-12, LARGEST_HAZARD)
    return np.log1p(-expit(logit(within) + by)) / np.log1p(-within)


def _weights(shrink: np.ndarray, revenue: np.ndarray, terms: LifetimeTerms) -> np.ndarray:
    """Return what each month brings of an account that is still there, shape (n, months)."""
    month = np.arange(1, MONTHS * terms.years + 1)
    counts = (1 + terms.discount_rate) ** (-MONTH_DAYS * month / YEAR_DAYS)
    kept = (1 - shrink)[:, None] ** (1 + (month - 1) // MONTHS)
    return terms.margin * MONTH_DAYS / YEAR_DAYS * revenue[:, None] * counts * kept


def _brought_until(brought: np.ndarray, is_there: np.ndarray) -> np.ndarray:
    """Return what the months bring in which an account is there, shape (n,); 0 where it is in none."""
    months = is_there.sum(axis=1)
    return np.where(months > 0, np.take_along_axis(brought, np.maximum(months - 1, 0)[:, None], axis=1)[:, 0], 0.0)
