"""Weighting schemes: an error costs more on a large account, but no giant account dominates the fit.

In: account values of shape (rows,). Out: sample weights of shape (rows,), or an objective for LightGBM.

A scheme is a sample weight by value, and an objective. Revenue is concentrated, so weights reduce the effective sample
size of a fit. Every run decides on rolling origins whether they pay (see `training.models.choice`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from training.contacting import Economics
from training.worth.economics import action_profit

FLOOR_OF_MEDIAN = 0.1
CAP_QUANTILE, LOW_CAP_QUANTILE = 0.99, 0.90
#: Largest share of the weight that one account may hold, when there are enough accounts to share the rest.
LARGEST_SHARE = 0.05

#: margin -> (gradient, hessian) of a loss by the margin; all arrays have shape (rows,).
Objective = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Scheme:
    """How a fit weighs its rows.

    Attributes
    ----------
    weights : function of value, shape (rows,), to weights of mean 1
    for_profit : bool
        Whether the loss is the forgone profit (`forgone_profit`). Otherwise it is the log loss.
    """

    weights: Callable[[np.ndarray], np.ndarray]
    for_profit: bool = False


def revenue_weights(value: np.ndarray, cap_quantile: float = CAP_QUANTILE) -> np.ndarray:
    """Return max(value, a tenth of the book's median), capped at its 99th percentile, scaled to mean 1.

    Parameters
    ----------
    value : array of shape (rows,)
        Yearly value of each account at its as-of date, in currency, 0 or more.

    Examples
    --------
    >>> revenue_weights(np.array([0.0, 100.0, 100.0, 200.0])).round(2).tolist()
    [0.1, 0.98, 0.98, 1.94]
    """
    floored = np.maximum(value, FLOOR_OF_MEDIAN * np.median(value))
    return _mean_one(np.minimum(floored, np.quantile(floored, cap_quantile)))


def capped_weights(value: np.ndarray) -> np.ndarray:
    """Return the revenue weights with the cap at the 90th percentile, scaled to mean 1, shape (rows,)."""
    return revenue_weights(value, LOW_CAP_QUANTILE)


def root_weights(value: np.ndarray) -> np.ndarray:
    """Return the square root of the revenue weights, scaled to mean 1, shape (rows,): half the log-scale spread."""
    return _mean_one(np.sqrt(revenue_weights(value)))


def log_weights(value: np.ndarray) -> np.ndarray:
    """Return log(1 + revenue weight), scaled to mean 1, shape (rows,).

    It is proportional for small accounts and nearly equal for large ones.
    """
    return _mean_one(np.log1p(revenue_weights(value)))


def equal_weights(value: np.ndarray) -> np.ndarray:
    """Return 1 for every row, shape (rows,)."""
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
    """Cap each account at 5 % of the sum of weights (or at an equal share among few accounts); the sum stays the same.

    Parameters
    ----------
    weight : array of shape (rows,)
    accounts : array of shape (rows,)
        The account of each row. All rows of a capped account shrink by the same factor.
    """
    codes = np.unique(accounts, return_inverse=True)[1]
    held = np.bincount(codes, weight)
    most = max(LARGEST_SHARE, 1 / len(held))
    shared = _capped_shares(held / held.sum(), most)
    factor = np.divide(shared * held.sum(), held, out=np.ones_like(held), where=held > 0)
    return weight * factor[codes]


def _capped_shares(share: np.ndarray, most: float) -> np.ndarray:
    """Cap shares at `most` and distribute the excess to the others in proportion; the sum stays 1."""
    giants = np.zeros(len(share), dtype=bool)
    while True:
        rest = share[~giants].sum()
        scaled = np.where(giants, most, share * ((1 - most * giants.sum()) / rest if rest > 0 else 1))
        over = scaled > most * (1 + 1e-12)
        if not over.any():
            return scaled
        giants |= over


def forgone_profit(churned: np.ndarray, weight: np.ndarray, economics: Economics) -> Objective:
    """Return the loss - profit x p: the profit forgone when accounts are contacted with their churn probability p.

    The contact is the strongest action of the catalogue.

    Parameters
    ----------
    churned : bool array of shape (rows,)
    weight : array of shape (rows,)
        Used as each account's value. The cost of a contact is left out, because a weight has no currency.

    References
    ----------
    Hoeppner, Baesens, Verbeke & Verdonck, "Instance-dependent cost-sensitive learning for detecting transfer fraud",
    2022 (gradient boosting on an average expected cost).
    """
    profit = action_profit(churned.astype(float), weight, replace(economics.strongest, contact_cost=0.0))
    profit = profit / np.abs(profit).mean()

    def loss(margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probability = expit(margin)
        slope = probability * (1 - probability)
        return -profit * slope, np.abs(profit) * slope

    return loss
