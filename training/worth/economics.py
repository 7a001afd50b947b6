"""The profit of contacting an account: expected before the outcome, and realised after it.

In: churn probabilities or outcomes, account values, `Economics`; arrays of shape (n,). Out: profits in currency.

A contacted leaver stays with probability g and then costs the incentive d, a share of its value v. A contacted account
that would have stayed costs the incentive too, without any gain. Every contact costs f. All amounts are in the book's
currency and refer to one year. Of the actions in the catalogue an account gets the one that is expected to bring most:
what calling costs does not grow with the account, what an incentive costs does.

References
----------
Verbraken, Verbeke & Baesens, "A novel profit maximizing metric for measuring classification performance of customer
churn prediction models", 2013 (of one action; the choice among several is ours).
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np

from training.contacting import Action, Economics

#: The largest accounts that together hold this share of the book's value are a threat when they are at risk.
THREAT_SHARE = 0.80


def action_profit(probability: np.ndarray, value: np.ndarray, action: Action) -> np.ndarray:
    """Return (p g (1 - d) - (1 - p) d) value - f for each account, in currency; arrays of shape (n,).

    With outcomes (0 or 1) in place of probabilities it is what the action would have brought.

    Examples
    --------
    >>> action_profit(np.array([0.5]), np.array([1000.0]), Action(0.30, 0.05, 15.0)).round(6).tolist()
    [102.5]
    """
    g, d = action.success_rate, action.incentive_share
    return (probability * g * (1 - d) - (1 - probability) * d) * value - action.contact_cost


def best_actions(probability: np.ndarray, value: np.ndarray, economics: Economics) -> tuple[np.ndarray, np.ndarray]:
    """Return the action that is expected to bring most, by its place in the catalogue, and what it brings.

    Parameters
    ----------
    probability, value : arrays of shape (n,)
        0-1; currency, 0 or more.

    Returns
    -------
    pair of arrays of shape (n,)
        Int; currency.

    Examples
    --------
    >>> place, profit = best_actions(np.array([0.04, 0.5]), np.array([2e6, 2e6]), Economics())
    >>> [list(Economics().actions)[number] for number in place], profit.round(2).tolist()
    (['call', 'offer'], [7850.0, 234985.0])
    """
    brought = np.stack([action_profit(probability, value, action) for action in economics.actions.values()])
    place = brought.argmax(axis=0)
    return place, np.take_along_axis(brought, place[None], axis=0)[0]


def expected_profit(probability: np.ndarray, value: np.ndarray, economics: Economics) -> np.ndarray:
    """Return what the best action for each account is expected to bring; shape (n,), in currency."""
    return best_actions(probability, value, economics)[1]


def realised_profit(
    churned: np.ndarray, probability: np.ndarray, value: np.ndarray, economics: Economics
) -> np.ndarray:
    """Return the profit that contacting each account would have brought, given its outcome without a contact.

    The action is the one that the probability asked for; g is the chance that the contact keeps a leaver.

    Parameters
    ----------
    churned, probability, value : arrays of shape (n,)
        Bool; 0-1, as estimated before the outcome; currency.

    Returns
    -------
    array of shape (n,)
        In currency: g (1 - d) value - f for an account that churned, - d value - f for one that stayed.
    """
    place, _ = best_actions(probability, value, economics)
    outcome = churned.astype(float)
    brought = [action_profit(outcome, value, action) for action in economics.actions.values()]
    return np.take_along_axis(np.stack(brought), place[None], axis=0)[0]


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


def value_at_capacity(probability: np.ndarray, value: np.ndarray, capacity: float) -> float:
    """Return the ceil(capacity x accounts)-th largest probability x value, at least the first; in currency.

    Parameters
    ----------
    probability, value : arrays of shape (n,)
        0-1; currency, 0 or more. At least one account.
    capacity : float
        Share of the accounts that can be contacted, 0-1.

    Examples
    --------
    >>> value_at_capacity(np.array([0.5, 0.1, 0.2]), np.array([100.0, 900.0, 100.0]), 0.5)
    50.0
    """
    # As a fraction, since .07 x 100 is a little more than 7 in floating point.
    places = max(1, ceil(Fraction(str(capacity)) * len(value)))
    return float(np.sort(probability * value)[-places])
