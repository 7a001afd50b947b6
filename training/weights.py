"""Sample weights: an error on a large account costs more, but no giant may own the fit.

Revenue is concentrated, so weights shrink the sample that a fit effectively sees; whether they pay is decided on
rolling origins in every run (see `training.folds`), among the schemes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

FLOOR_OF_MEDIAN = 0.1
CAP_QUANTILE = 0.99


def revenue_weights(value: np.ndarray) -> np.ndarray:
    """Return max(value, a tenth of the book's median), capped at its 99th percentile, scaled to mean 1.

    Parameters
    ----------
    value : array of shape (rows,)
        Yearly value of each account at its as-of date, in currency, not below 0.

    Examples
    --------
    >>> revenue_weights(np.array([0.0, 100.0, 100.0, 200.0])).round(2).tolist()
    [0.1, 0.98, 0.98, 1.94]
    """
    floored = np.maximum(value, FLOOR_OF_MEDIAN * np.median(value))
    return _mean_one(np.minimum(floored, np.quantile(floored, CAP_QUANTILE)))


def root_weights(value: np.ndarray) -> np.ndarray:
    """Return the square root of the revenue weights, scaled to mean 1: half the concentration on a log scale."""
    return _mean_one(np.sqrt(revenue_weights(value)))


def equal_weights(value: np.ndarray) -> np.ndarray:
    """Return 1 for every row."""
    return np.ones(len(value))


def _mean_one(weight: np.ndarray) -> np.ndarray:
    mean = weight.mean()
    return weight / mean if mean > 0 else np.ones_like(weight)


#: Scheme -> weights; the first is the contract's default and wins ties.
SCHEMES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "revenue": revenue_weights,
    "root revenue": root_weights,
    "none": equal_weights,
}
