"""The profit of contacting an account: expected before the outcome, and realised after it.

In: churn probabilities or outcomes, account values, `Economics`; arrays of shape (n,). Out: profits in currency.

A contacted leaver stays with probability g and then costs the incentive d, a share of its value v. A contacted account
that would have stayed costs the incentive too, without any gain. Every contact costs f. All amounts are in the book's
currency and refer to one year.

References
----------
Verbraken, Verbeke & Baesens, "A novel profit maximizing metric for measuring classification performance of customer
churn prediction models", 2013.
"""

from __future__ import annotations

import numpy as np

from training.settings import Economics

#: The largest accounts that together hold this share of the book's value are a threat when they are at risk.
THREAT_SHARE = 0.80


def expected_profit(probability: np.ndarray, value: np.ndarray, economics: Economics) -> np.ndarray:
    """Return (p g (1 - d) - (1 - p) d) value - f for each account, in currency; arrays of shape (n,).

    Examples
    --------
    >>> expected_profit(np.array([0.5]), np.array([1000.0]), Economics()).round(6).tolist()
    [102.5]
    """
    g, d = economics.success_rate, economics.incentive_share
    return (probability * g * (1 - d) - (1 - probability) * d) * value - economics.contact_cost


def realised_profit(churned: np.ndarray, value: np.ndarray, economics: Economics) -> np.ndarray:
    """Return the profit that contacting each account would have brought, given its outcome without a contact.

    Shape (n,), in currency: g (1 - d) value - f for an account that churned (g is the chance that the contact keeps
    it), - d value - f for an account that stayed.
    """
    return expected_profit(churned.astype(float), value, economics)


def break_even(economics: Economics) -> float:
    """Return d / (g (1 - d) + d): the probability from which a contact pays when its cost f is left out.

    An account of value 0 counts as at risk from this probability on.
    """
    d = economics.incentive_share
    return d / (economics.success_rate * (1 - d) + d)


def best_cutoff(score: np.ndarray, profit: np.ndarray) -> float:
    """Return the cutoff c that maximises the sum of `profit` over the accounts with `score` >= c.

    Parameters
    ----------
    score, profit : arrays of shape (n,)

    Returns
    -------
    float
        One of the scores; infinity when contacting no account is best.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    total = np.cumsum(profit[order])
    last_of_ties = np.append(ordered[:-1] > ordered[1:], True)
    total = np.where(last_of_ties, total, -np.inf)
    best = int(np.argmax(total))
    return float(ordered[best]) if total[best] > 0 else float("inf")


def threat_value(value: np.ndarray) -> float:
    """Return the smallest value among the largest accounts that together hold 80 % of all value.

    `value` has shape (n,), in currency.

    Examples
    --------
    >>> threat_value(np.array([50.0, 30.0, 15.0, 5.0]))
    30.0
    """
    ordered = np.sort(value)[::-1]
    held = np.cumsum(ordered)
    if held[-1] <= 0:
        return 0.0
    return float(ordered[np.searchsorted(held, THREAT_SHARE * held[-1])])
