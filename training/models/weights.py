"""What an error costs in the fit: more on a large account, but no giant may own the fit.

A scheme is a sample weight by value and an objective. Revenue is concentrated, so weights shrink the sample that a fit
effectively sees; whether they pay is decided on rolling origins in every run (see `training.models.choice`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from training.settings import Economics
from training.worth.economics import realised_profit

FLOOR_OF_MEDIAN = 0.1
CAP_QUANTILE, LOW_CAP_QUANTILE = 0.99, 0.90
#: No account holds more than this share of the weight, where there are accounts enough to share it.
LARGEST_SHARE = 0.05

#: (margin, rows) -> (gradient, hessian) of a loss by the margin, arrays of shape (rows,).
Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Scheme:
    """How a fit counts its rows.

    Attributes
    ----------
    weights : function of value, shape (rows,), to weights of mean 1
    for_profit : bool
        Whether the loss is the profit forgone (`forgone_profit`) rather than log loss.
    """

    weights: Callable[[np.ndarray], np.ndarray]
    for_profit: bool = False


def revenue_weights(value: np.ndarray, cap_quantile: float = CAP_QUANTILE) -> np.ndarray:
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
    return _mean_one(np.minimum(floored, np.quantile(floored, cap_quantile)))


def capped_weights(value: np.ndarray) -> np.ndarray:
    """Return the revenue weights with the cap at the 90th percentile, scaled to mean 1."""
    return revenue_weights(value, LOW_CAP_QUANTILE)


def root_weights(value: np.ndarray) -> np.ndarray:
    """Return the square root of the revenue weights, scaled to mean 1: half the concentration on a log scale."""
    return _mean_one(np.sqrt(revenue_weights(value)))


def log_weights(value: np.ndarray) -> np.ndarray:
    """Return log(1 + revenue weight), scaled to mean 1: proportional for the small, nearly equal for the large."""
    return _mean_one(np.log1p(revenue_weights(value)))


def equal_weights(value: np.ndarray) -> np.ndarray:
    """Return 1 for every row."""
    return np.ones(len(value))


def _mean_one(weight: np.ndarray) -> np.ndarray:
    mean = weight.mean()
    return weight / mean if mean > 0 else np.ones_like(weight)


#: Name -> scheme; the first is the contract's default and wins ties.
SCHEMES: Mapping[str, Scheme] = {
    "revenue": Scheme(revenue_weights),
    "root revenue": Scheme(root_weights),
    "log revenue": Scheme(log_weights),
    "capped revenue": Scheme(capped_weights),
    "none": Scheme(equal_weights),
    "profit objective": Scheme(revenue_weights, for_profit=True),
}


def without_giants(weight: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    """Return the weights with no account above 5 % of the sum (or above an equal share among few), same sum.

    Parameters
    ----------
    weight : array of shape (rows,)
    accounts : array of shape (rows,)
        The account of each row: all rows of a giant shrink alike.
    """
    codes = np.unique(accounts, return_inverse=True)[1]
    held = np.bincount(codes, weight)
    most = max(LARGEST_SHARE, 1 / len(held))
    shared = _capped_shares(held / held.sum(), most)
    factor = np.divide(shared * held.sum(), held, out=np.ones_like(held), where=held > 0)
    return weight * factor[codes]


def _capped_shares(share: np.ndarray, most: float) -> np.ndarray:
    """Cap shares at `most` and hand what was cut to the others in proportion; sums stay 1."""
    giants = np.zeros(len(share), dtype=bool)
    while True:
        rest = share[~giants].sum()
        scaled = np.where(giants, most, share * ((1 - most * giants.sum()) / rest if rest > 0 else 1))
        over = scaled > most * (1 + 1e-12)
        if not over.any():
            return scaled
        giants |= over


def forgone_profit(churned: np.ndarray, weight: np.ndarray, economics: Economics) -> Objective:
    """Return the loss - profit x p, p the churn probability: what is forgone by not contacting in proportion to p.

    Parameters
    ----------
    churned : bool array of shape (rows,)
    weight : array of shape (rows,)
        Stands for each account's value; the cost of the contact itself is left out, as it has no scale here.

    References
    ----------
    Hoeppner, Baesens, Verbeke & Verdonck, "Instance-dependent cost-sensitive learning for detecting transfer fraud",
    2022 (gradient boosting on an average expected cost).
    """
    without_contact_cost = Economics(economics.success_rate, economics.incentive_share, 0.0)
    profit = realised_profit(churned, weight, without_contact_cost)
    profit = profit / np.abs(profit).mean()

    def loss(margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probability = expit(margin)
        slope = probability * (1 - probability)
        return -profit * slope, np.abs(profit) * slope

    return loss
