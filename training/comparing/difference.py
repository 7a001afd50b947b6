"""The difference among the treated, with its interval.

In: outcomes of both groups, what was expected of each without treatment, and weights. Out: a `Difference`.

It is the augmented weighting estimator of the average effect on the treated: mean surprise of the treated minus
weighted mean surprise of the others, a surprise being outcome minus expectation. The variance is that of its influence
function, added up by account, since one account may stand in several rows.

The weights make as many means alike as there are columns, which the influence function does not know of; as in a
regression, the variance is multiplied by n / (n - columns), n the accounts of the smaller group, at most by 2.

A group in which nobody, or everybody, churned has no variance of its own; a rate's variance is never taken below that
of one with one more of either outcome (Agresti & Caffo).

References
----------
Robins, Rotnitzky & Zhao, "Estimation of regression coefficients when some regressors are not always observed", 1994.
Agresti & Caffo, "Simple and effective confidence intervals for proportions", 2000.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import norm

LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Mean outcome of the treated, what it would be by the comparable others, and the difference with its interval."""

    treated: float
    others: float
    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)

    def times(self, factor: float) -> Difference:
        """Return the same in another unit; `factor` is above 0."""
        return Difference(*(factor * part for part in (self.treated, self.others, self.value, self.low, self.high)))


@dataclass(frozen=True)
class Group:
    """Outcomes of n rows, the expectations beside them, weights that sum to 1, and their accounts; all shape (n,)."""

    outcome: np.ndarray
    expected: np.ndarray
    weights: np.ndarray
    accounts: np.ndarray

    @property
    def surprise(self) -> float:
        """Weighted mean of outcome minus expectation."""
        return float(self.weights @ (self.outcome - self.expected))

    def influence(self) -> np.ndarray:
        """Return what each row adds to the error of `surprise`, shape (n,)."""
        return np.asarray(self.weights * (self.outcome - self.expected - self.surprise))

    def least_variance(self) -> float:
        """Return the variance of a rate with one more of either outcome, on as many rows as these are worth."""
        worth = 1.0 / float((self.weights**2).sum())
        rate = (float(self.weights @ self.outcome) * worth + 1) / (worth + 2)
        return rate * (1 - rate) / (worth + 2)


def difference(treated: Group, others: Group, is_rate: bool, fitted: int = 0) -> Difference:
    """Return the difference of two groups.

    Parameters
    ----------
    is_rate : bool
        Whether outcomes are 0 or 1.
    fitted : int
        How many means the weights make alike.
    """
    value = treated.surprise - others.surprise
    mean = float(treated.weights @ treated.outcome)
    reach = float(norm.ppf((1 + LEVEL) / 2)) * np.sqrt(
        _variance(treated, others, is_rate) * _inflation(treated, others, fitted)
    )
    return Difference(mean, mean - value, value, value - reach, value + reach)


def _inflation(treated: Group, others: Group, fitted: int) -> float:
    accounts = min(len(np.unique(group.accounts)) for group in (treated, others))
    return 1 / (1 - min(fitted / accounts, 0.5))


def _variance(treated: Group, others: Group, is_rate: bool) -> float:
    parts = np.concatenate([treated.influence(), -others.influence()])
    codes = np.unique(np.concatenate([treated.accounts, others.accounts]), return_inverse=True)[1]
    clustered = float((np.bincount(codes, parts) ** 2).sum())
    if not is_rate:
        return clustered
    floor = 0.0
    for group in (treated, others):
        if np.ptp(group.outcome) == 0:
            floor += group.least_variance()
    return clustered + floor
