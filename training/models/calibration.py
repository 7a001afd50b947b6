"""From margins to probabilities: Platt's sigmoid, a smooth and strictly increasing function of the margin.

In: margins and outcomes of shape (n,). Out: a `Platt`, which maps margins to probabilities:

    g(m) = 1 / (1 + exp(-(slope * m + intercept))), slope > 0

The fit is unweighted maximum likelihood on margins of rows that the trees did not see in training.

References
----------
Platt, "Probabilistic outputs for support vector machines", 1999 (targets smoothed as proposed there).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

LEAST_SLOPE = 1e-3
#: Margins whose spread, relative to their size, is smaller than this differ by rounding only.
SAME = 1e-9


@dataclass(frozen=True)
class Platt:
    """The calibrator g, a function of the margin."""

    slope: float
    intercept: float

    def __call__(self, margin: np.ndarray) -> np.ndarray:
        """Return churn probabilities in (0, 1), shape as given."""
        return expit(self.slope * np.asarray(margin, float) + self.intercept)

    def derivative(self, margin: np.ndarray) -> np.ndarray:
        """Return dg/dm, shape as given."""
        probability = self(margin)
        return self.slope * probability * (1 - probability)


def fit_platt(margin: np.ndarray, churned: np.ndarray) -> Platt:
    """Fit the calibrator with equal weights.

    Parameters
    ----------
    margin : float array of shape (n,)
        Out-of-fold margins.
    churned : bool array of shape (n,)

    Notes
    -----
    The slope is at least 0.001, so g is strictly increasing even when margins carry no information.
    """
    positives, negatives = churned.sum(), (~churned).sum()
    target = np.where(churned, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    middle, scale = float(np.mean(margin)), float(np.std(margin))
    scale = scale if scale > SAME * max(1.0, abs(middle)) else 1.0
    standard = (margin - middle) / scale

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        z = parameters[0] * standard + parameters[1]
        error = expit(z) - target
        value = float(np.sum(np.logaddexp(0, z) - target * z))
        return value / len(margin), np.array([np.sum(error * standard), np.sum(error)]) / len(margin)

    start = np.array([scale, 0.0])
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(LEAST_SLOPE * scale, None), (None, None)])
    slope = float(solution.x[0] / scale)
    return Platt(slope, float(solution.x[1]) - slope * middle)
