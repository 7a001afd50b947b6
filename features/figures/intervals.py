"""Intervals for what is estimated from few answers: a rate, the net promoter score, a difference of two.

In: counts as arrays. Out: lower and upper bounds as arrays of the same shape, NaN where nothing was counted.

- A **rate** has Wilson's score interval.
- The **NPS** is a difference of two shares of the same answers, as is the difference of two paired proportions. Its
  interval is Tango's score interval for these: all scores that a score test does not reject. It does not collapse where
  all answers agree, stays within -100 and 100, and holds for a handful of answers. The usual interval (Wald) does
  none of this.
- A **difference** of two such figures of separate answers has the interval of Newcombe (MOVER), made of both intervals.

References
----------
Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
Statistics in Medicine 17, 1998.
Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17, 1998.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

LEVEL = 0.95
#: Halvings of the interval from the estimate to the end of the scale: a bound is exact to 2^-40.
HALVINGS = 40
Bounds = tuple[np.ndarray, np.ndarray]


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(hits: np.ndarray, n: np.ndarray, level: float = LEVEL) -> Bounds:
    """Return the bounds of a rate, within 0 and 1.

    Examples
    --------
    >>> low, high = wilson(np.array([0.0, 3.0]), np.array([5.0, 12.0]))
    >>> low.round(3), high.round(3)
    (array([0.   , 0.089]), array([0.434, 0.532]))
    """
    z, n = _z(level), _counted(n)
    rate = hits / n
    centre, spread = rate + z**2 / (2 * n), z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return tuple(np.clip((centre + sign * spread) / (1 + z**2 / n), 0, 1) for sign in (-1, 1))


def wald_rate(hits: np.ndarray, n: np.ndarray, level: float = LEVEL) -> Bounds:
    """Return the usual bounds of a rate, for comparison only."""
    n = _counted(n)
    rate = hits / n
    spread = _z(level) * np.sqrt(rate * (1 - rate) / n)
    return rate - spread, rate + spread


def nps_interval(promoters: np.ndarray, detractors: np.ndarray, n: np.ndarray, level: float = LEVEL) -> Bounds:
    """Return the bounds of the net promoter score, from -1 to 1, by Tango's score test.

    Parameters
    ----------
    promoters, detractors, n : arrays of one shape
        Numbers of answers; n also counts the passives.

    Examples
    --------
    >>> low, high = nps_interval(np.array([6.0]), np.array([3.0]), np.array([12.0]))
    >>> (100 * low).round(1), (100 * high).round(1)
    (array([-23.3]), array([62.7]))
    """
    n = _counted(n)
    score, z = (promoters - detractors) / n, _z(level)
    bounds = []
    for end in (-1.0, 1.0):
        kept, refused = score.copy(), np.full_like(score, end)
        for _ in range(HALVINGS):
            middle = (kept + refused) / 2
            holds = np.abs(_tango(promoters, detractors, n, middle)) <= z
            kept, refused = np.where(holds, middle, kept), np.where(holds, refused, middle)
        bounds.append(np.where(np.abs(_tango(promoters, detractors, n, np.full_like(score, end))) <= z, end, kept))
    return bounds[0], bounds[1]


def _tango(promoters: np.ndarray, detractors: np.ndarray, n: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the score statistic of a supposed NPS: the detractors' share is the likeliest one under it."""
    a, c = 2 * n, -detractors * score * (1 - score)
    b = -promoters - detractors + (2 * n - promoters + detractors) * score
    share = (np.sqrt(np.maximum(b**2 - 4 * a * c, 0)) - b) / (2 * a)
    variance = n * (2 * share + score * (1 - score))
    distance = promoters - detractors - n * score
    return np.where(np.abs(distance) < 1e-12, 0.0, distance / np.sqrt(np.maximum(variance, 1e-300)))


def wald_nps(promoters: np.ndarray, detractors: np.ndarray, n: np.ndarray, level: float = LEVEL) -> Bounds:
    """Return the usual bounds of the net promoter score, from -1 to 1, for comparison only.

    Examples
    --------
    >>> low, high = wald_nps(np.array([6.0]), np.array([3.0]), np.array([12.0]))
    >>> (100 * low).round(1), (100 * high).round(1)
    (array([-21.9]), array([71.9]))
    """
    n = _counted(n)
    score = (promoters - detractors) / n
    spread = _z(level) * np.sqrt(((promoters + detractors) / n - score**2) / n)
    return score - spread, score + spread


def difference(new: np.ndarray, new_bounds: Bounds, old: np.ndarray, old_bounds: Bounds) -> Bounds:
    """Return the bounds of new - old, made of the bounds of both; the answers behind them are separate."""
    below = np.hypot(new - new_bounds[0], old_bounds[1] - old)
    above = np.hypot(new_bounds[1] - new, old - old_bounds[0])
    return new - old - below, new - old + above


def _counted(n: np.ndarray) -> np.ndarray:
    return np.where(np.asarray(n, dtype=float) > 0, n, np.nan)
