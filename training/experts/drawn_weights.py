"""Non-negative weights of a few columns of log-odds, drawn to weights that held before: a logistic regression.

In: columns of shape (rows, k), outcomes, accounts, and the weights to which they are drawn. Out: weights and constant.
How strongly they are drawn follows the number of accounts that left: the usual weights count as much as some leavers.
`ranked_apart` says how well one column ranks.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata


def drawn_strength(columns: np.ndarray, churned: np.ndarray, accounts: np.ndarray, worth: float) -> np.ndarray:
    """Return how strongly each weight is drawn, shape (k,).

    As curved as the loss of so many leavers among as many rows a leaver as there are: the log loss of one row curves by
    p (1 - p) times the square of the column.

    Parameters
    ----------
    columns : float array of shape (rows, k)
    churned : bool array of shape (rows,)
    accounts : array of shape (rows,)
        One account has many rows, which tell little more than one.
    worth : float
        How many accounts that left the usual weights count as much as.
    """
    leavers, rate = len(np.unique(accounts[churned])), churned.mean()
    return np.asarray(worth / max(leavers, 1) * rate * (1 - rate) * columns.var(axis=0))


def drawn_weights(
    columns: np.ndarray, churned: np.ndarray, drawn_to: np.ndarray, strength: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the weights, 0 or more, of least log loss plus strength / 2 times the square of what they are away.

    Parameters
    ----------
    columns : float array of shape (rows, k)
    churned : bool array of shape (rows,)
    drawn_to, strength : arrays of shape (k,)

    Returns
    -------
    array of shape (k,), float
        The weights and the constant that goes with them.
    """

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        margin = columns @ parameters[:-1] + parameters[-1]
        away = parameters[:-1] - drawn_to
        value = np.mean(np.logaddexp(0, margin) - churned * margin) + np.sum(strength * away**2) / 2
        error = (expit(margin) - churned) / len(churned)
        return value, np.append(columns.T @ error + strength * away, error.sum())

    bounds = [(0.0, None)] * columns.shape[1] + [(None, None)]
    found = minimize(loss, np.append(drawn_to, 0.0), jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(found[:-1]), float(found[-1])


def ranked_apart(margin: np.ndarray, churned: np.ndarray, dates: np.ndarray) -> float:
    """Return how often the account that left has the higher margin, of all pairs within one date: .5 is chance.

    Parameters
    ----------
    margin : float array of shape (rows,)
    churned : bool array of shape (rows,)
    dates : array of shape (rows,)
        Rows of different dates are not compared: one season has more leavers than another.
    """
    right = pairs = 0.0
    for date in np.unique(dates):
        own = dates == date
        left, ranks = churned[own], rankdata(margin[own])
        leavers, stayed = int(left.sum()), int((~left).sum())
        right += float(ranks[left].sum()) - leavers * (leavers + 1) / 2
        pairs += leavers * stayed
    return right / pairs if pairs else 0.5
