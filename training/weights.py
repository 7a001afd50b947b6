"""Sample weights: an error on a large account costs more, but no giant may own the fit."""

from __future__ import annotations

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
    capped = np.minimum(floored, np.quantile(floored, CAP_QUANTILE))
    mean = capped.mean()
    return capped / mean if mean > 0 else np.ones_like(capped)
