"""The linear expert: a penalised logistic regression that respects the declared directions.

In: a dataset, weights and the settings. Out: a `Linear`, whose margin is a sum of one term a column.

The penalty draws the coefficients to a prior: every directed signal with the same weight in its declared direction, all
others at 0. So with little to learn from, the expert is the count of bad signs; with much, it is the data's. How strong
the penalty is, folds by account decide. A directed coefficient never gets the other sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.model_selection import StratifiedGroupKFold

from features.machine.row_sums import row_sums
from features.machine.threads import in_parallel
from features.matrix import Matrix
from training.experts.standard_columns import Columns

#: Penalties to choose among, strongest first: how many rows of information the prior is worth for each coefficient.
PENALTIES = (30_000.0, 10_000.0, 3_000.0, 1_000.0, 300.0, 100.0, 30.0, 10.0)
FOLDS = 4
#: Rows that choose the penalty at most: the prior is worth as many rows in a larger book.
MOST_ROWS = 8_000


@dataclass(frozen=True)
class Linear:
    """A fitted linear expert.

    Attributes
    ----------
    coefficients : tuple of float
        One a column.
    """

    columns: Columns
    coefficients: tuple[float, ...]
    intercept: float
    penalty: float

    @property
    def owners(self) -> list[str]:
        """The signal of each column."""
        return self.columns.owners

    def margin(self, matrix: Matrix) -> np.ndarray:
        """Return log-odds, shape (rows,)."""
        return row_sums(self.columns(matrix), np.array(self.coefficients)) + self.intercept

    def explain(self, matrix: Matrix) -> tuple[np.ndarray, float]:
        """Return each column's term against its training mean, shape (rows, columns), and the margin at the means."""
        mean, coefficients = np.array(self.columns.means), np.array(self.coefficients)
        return (self.columns(matrix) - mean) * coefficients, float(mean @ coefficients + self.intercept)


@dataclass(frozen=True)
class _Problem:
    """Columns of shape (rows, columns), outcomes and weights of shape (rows,), and the prior's direction."""

    columns: np.ndarray
    churned: np.ndarray
    weight: np.ndarray
    directions: np.ndarray

    def take(self, rows: np.ndarray) -> _Problem:
        return _Problem(self.columns[rows], self.churned[rows], self.weight[rows], self.directions)

    def prior(self) -> np.ndarray:
        """Return scale x direction, with the scale that fits best by itself; shape (columns,)."""
        signs = self.columns @ self.directions.astype(float)
        deviation = signs.std()
        if deviation == 0:
            return np.zeros(len(self.directions))
        line = _Problem(signs[:, None] / deviation, self.churned, self.weight, np.ones(1, int))
        (scale,), _ = line.solve(1.0, np.zeros(1), np.zeros(1), 0.0)
        return self.directions * scale / deviation

    def solve(self, penalty: float, prior: np.ndarray, start: np.ndarray, intercept: float) -> tuple[np.ndarray, float]:
        """Return the coefficients and the intercept of least penalised loss."""
        total = self.weight.sum()

        def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            coefficients, constant = parameters[:-1], parameters[-1]
            margin = self.columns @ coefficients + constant
            away = coefficients - prior
            value = np.sum(self.weight * (np.logaddexp(0, margin) - self.churned * margin))
            error = self.weight * (expit(margin) - self.churned)
            slope = np.append(self.columns.T @ error + penalty * away, error.sum())
            return (value + penalty * np.sum(away**2) / 2) / total, slope / total

        bounds: list[tuple[float | None, float | None]] = [
            (0.0, None) if sign > 0 else (None, 0.0) if sign < 0 else (None, None) for sign in self.directions
        ]
        start = np.append(start, intercept)
        options = {"maxiter": 300, "ftol": 1e-9}
        solution = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)], options=options)
        return solution.x[:-1], float(solution.x[-1])

    def path(self, penalties: Sequence[float]) -> list[tuple[np.ndarray, float]]:
        """Return the solutions for penalties, strongest first, each begun where the one before ended."""
        prior = self.prior()
        rate = np.average(self.churned, weights=self.weight)
        at, constant = prior, float(np.log(rate / (1 - rate)))
        solutions = []
        for penalty in penalties:
            at, constant = self.solve(penalty, prior, at, constant)
            solutions.append((at, constant))
        return solutions


def fit_linear(matrix: Matrix, churned: np.ndarray, weight: np.ndarray, penalty: float) -> Linear:
    """Fit the linear expert.

    Parameters
    ----------
    matrix : Matrix
        n rows.
    churned : bool array of shape (n,)
        With both outcomes.
    weight : array of shape (n,)
        Of mean 1.
    penalty : float
        One of `PENALTIES`; see `choose_penalty`.
    """
    columns, standard = Columns.learnt(matrix)
    problem = _Problem(standard, churned.astype(float), weight, columns.directions)
    ((coefficients, intercept),) = problem.path([penalty])
    return Linear(columns, tuple(coefficients.tolist()), intercept, penalty)


def choose_penalty(matrix: Matrix, churned: np.ndarray, weight: np.ndarray, accounts: np.ndarray, seed: int) -> float:
    """Return the penalty that loses least on accounts that were not learnt from; the strongest where there are few.

    Parameters
    ----------
    accounts : array of shape (n,)
        The account of each row: none is on both sides of a fold. The others are as for `fit_linear`.
    """
    columns, standard = Columns.learnt(matrix)
    problem = _Problem(standard, churned.astype(float), weight, columns.directions)
    return PENALTIES[_chosen(problem, accounts, seed)]


def _chosen(problem: _Problem, accounts: np.ndarray, seed: int) -> int:
    """Return the place of the penalty that loses least on unseen accounts; the strongest where no fold is possible."""
    rows = _some_accounts(accounts, seed)
    part, own = problem.take(rows), accounts[rows]
    churned = part.churned.astype(int)
    leavers, stayers = (len(np.unique(own[churned == outcome])) for outcome in (1, 0))
    if min(leavers, stayers) < FOLDS:
        return 0
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(own, churned, groups=own)
    losses = np.zeros(len(PENALTIES))
    for lost in in_parallel(lambda fold: _losses(part, *fold), folds):
        losses += lost
    return int(np.argmin(losses))


def _losses(problem: _Problem, learnt: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return what each penalty loses on the rows `valid`, learnt from the rows `learnt`; 0 where they have one outcome.

    The result has shape (penalties,).
    """
    losses, churned = np.zeros(len(PENALTIES)), problem.churned[learnt]
    if not 0 < churned.sum() < len(learnt):
        return losses
    judged = problem.take(valid)
    for place, (coefficients, intercept) in enumerate(problem.take(learnt).path(PENALTIES)):
        margin = judged.columns @ coefficients + intercept
        losses[place] = np.sum(judged.weight * (np.logaddexp(0, margin) - judged.churned * margin))
    return losses


def _some_accounts(accounts: np.ndarray, seed: int) -> np.ndarray:
    """Return the rows of as many accounts, drawn at random, as have about `MOST_ROWS` rows."""
    if len(accounts) <= MOST_ROWS:
        return np.arange(len(accounts))
    names, code = np.unique(accounts, return_inverse=True)
    drawn = np.random.default_rng(seed).random(len(names)) < MOST_ROWS / len(accounts)
    return np.flatnonzero(drawn[code])
