"""From monthly hazards to what is asked: the risk within some days, and the mean time to churn within some days.

In: hazards of shape (n, months), h_k the probability of churning in month k given survival of the months before. A
month has 30 days; within it survival falls geometrically, (1 - h)^(days / 30), and after the last month that month's
hazard goes on. So every figure is smooth in the days and consistent with every other.

References
----------
Royston & Parmar, "Restricted mean survival time: an alternative to the hazard ratio for the design and analysis of
randomized trials with a time-to-event outcome", 2013.
"""

from __future__ import annotations

import numpy as np

MONTH_DAYS = 30
#: A hazard of 1 would end the curve for good; the logarithm needs less. One below the least counts as none.
LARGEST_HAZARD, LEAST_HAZARD = 1 - 1e-12, 1e-12


def risk_within(monthly: np.ndarray, days: float) -> np.ndarray:
    """Return the probability of churning within so many days, P = 1 - prod(1 - h_k), shape (n,).

    Parameters
    ----------
    monthly : array of shape (n, months)
        Hazards, 0-1.
    days : float
        Horizon, 0 or more; where it is no multiple of 30, the last month counts in part.

    Examples
    --------
    >>> risk_within(np.array([[0.1, 0.2]]), 60).round(6).tolist()
    [0.28]
    >>> risk_within(np.array([[0.1, 0.19]]), 45).round(6).tolist()
    [0.19]
    """
    return -np.expm1(_logs(monthly) @ _months_within(monthly, days))


def restricted_mean(monthly: np.ndarray, days: float) -> np.ndarray:
    """Return the mean of min(days to the churn, `days`), the area under the survival curve up to `days`, shape (n,).

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
    """Return hazards of the same course whose risk within `days` is the one given.

    Cumulative hazards are multiplied by one factor an account (proportional hazards). So the risk within 90 and within
    365 days can stand beside a probability for 180 days that came from another model, and never contradicts it. Where
    there is no hazard within `days`, its course is taken to be even.

    Parameters
    ----------
    monthly : array of shape (n, months)
    risk : array of shape (n,)
        Probability of churning within `days`, 0-1.
    days : float
        Its horizon, above 0.
    """
    logs = _logs(monthly)
    steep = logs @ _months_within(monthly, days) < -LEAST_HAZARD
    course = np.where(steep[:, None], logs, -1.0)
    factor = np.log1p(-np.minimum(risk, LARGEST_HAZARD)) / (course @ _months_within(monthly, days))
    return -np.expm1(course * factor[:, None])


def _logs(monthly: np.ndarray) -> np.ndarray:
    return np.log1p(-np.minimum(monthly, LARGEST_HAZARD))


def _months_within(monthly: np.ndarray, days: float) -> np.ndarray:
    """How much of each month lies within `days`, 0-1; of the last as much as is left."""
    months = monthly.shape[1]
    within = np.clip(days / MONTH_DAYS - np.arange(months), 0, 1)
    within[-1] = max(days / MONTH_DAYS - (months - 1), 0.0)
    return within
