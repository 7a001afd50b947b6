"""From monthly hazards to the risk within some days and the mean time to churn within some days.

In: hazards of shape (n, months); h_k is the probability of churning in month k given survival of the months before.
Out: figures of shape (n,).

A month has 30 days. Within a month survival falls geometrically, (1 - h)^(days / 30). After the last month its hazard
continues. So every figure is continuous in the days, and all figures are consistent with each other.

References
----------
Royston & Parmar, "Restricted mean survival time: an alternative to the hazard ratio for the design and analysis of
randomized trials with a time-to-event outcome", 2013.
"""

from __future__ import annotations

import numpy as np

from features.machine.row_sums import row_sums

MONTH_DAYS = 30
#: A hazard of 1 has no finite logarithm, so hazards are cut to the largest. A hazard below the least counts as 0.
LARGEST_HAZARD, LEAST_HAZARD = 1 - 1e-12, 1e-12


def risk_within(monthly: np.ndarray, days: float) -> np.ndarray:
    """Return the probability of churning within `days`, P = 1 - prod(1 - h_k), shape (n,).

    Parameters
    ----------
    monthly : array of shape (n, months)
        Hazards, 0-1.
    days : float
        Horizon, 0 or more. When it is not a multiple of 30, the last month counts in part.

    Examples
    --------
    >>> risk_within(np.array([[0.1, 0.2]]), 60).round(6).tolist()
    [0.28]
    >>> risk_within(np.array([[0.1, 0.19]]), 45).round(6).tolist()
    [0.19]
    """
    return -np.expm1(row_sums(_logs(monthly), _months_within(monthly, days)))


def restricted_mean(monthly: np.ndarray, days: float) -> np.ndarray:
    """Return the mean of min(days to the churn, `days`), shape (n,): the area under the survival curve up to `days`.

    `monthly` has shape (n, months).

    Examples
    --------
    >>> restricted_mean(np.zeros((1, 12)), 365).round(6).tolist()
    [365.0]
    """
    logs, lengths = _logs(monthly), _months_within(monthly, days)
    alive = np.exp(np.cumsum(logs, axis=1) - logs)
    steep = logs < -LEAST_HAZARD
    within = np.where(steep, np.expm1(logs * lengths) / np.where(steep, logs, 1.0), lengths)
    return MONTH_DAYS * (alive * within).sum(axis=1)


def anchored(monthly: np.ndarray, risk: np.ndarray, days: float) -> np.ndarray:
    """Return hazards of the same course whose risk within `days` is `risk`, shape (n, months).

    One factor per account multiplies its cumulative hazards (proportional hazards). So the risks within 90 and within
    365 days never contradict a probability for 180 days that comes from another model. An account without any hazard
    within `days` gets a constant hazard.

    Parameters
    ----------
    monthly : array of shape (n, months)
    risk : array of shape (n,)
        Probability of churning within `days`, 0-1.
    days : float
        Horizon of `risk`, above 0.
    """
    logs = _logs(monthly)
    within = _months_within(monthly, days)
    steep = row_sums(logs, within) < -LEAST_HAZARD
    course = np.where(steep[:, None], logs, -1.0)
    factor = np.log1p(-np.minimum(risk, LARGEST_HAZARD)) / row_sums(course, within)
    return -np.expm1(course * factor[:, None])


def _logs(monthly: np.ndarray) -> np.ndarray:
    return np.log1p(-np.minimum(monthly, LARGEST_HAZARD))


def _months_within(monthly: np.ndarray, days: float) -> np.ndarray:
    """Return how much of each month lies within `days`, 0-1; the last month takes all remaining days."""
    months = monthly.shape[1]
    within = np.clip(days / MONTH_DAYS - np.arange(months), 0, 1)
    within[-1] = max(days / MONTH_DAYS - (months - 1), 0.0)
    return within
