"""What is to be expected of each account without treatment, learnt from the others alone.

In: standardised columns of all signals, outcomes, who is treated. Out: an expectation a row. An account of the others
is predicted by a fold that has not learnt from it, a treated one by all folds. The same folds serve every outcome.

Churn is a penalised logistic regression over every signal; so what drives churn in this book is looked at even where
the declared columns of the balance leave it out. Revenue is a ridge regression.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold

Fitted = Callable[[np.ndarray, np.ndarray], np.ndarray]
FOLDS = 5
#: How many rows of information the penalty is worth for each coefficient; inverse for scikit-learn.
CHURN_PENALTY, REVENUE_PENALTY = 50.0, 50.0


def expected_churn(columns: np.ndarray, churned: np.ndarray, treated: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    """Return each row's probability of churn without treatment, 0-1, shape (rows,).

    Parameters
    ----------
    columns : array of shape (rows, columns)
    churned, treated : bool arrays of shape (rows,)
    accounts : array of shape (rows,)
        Rows of one account stand in one fold.
    """

    def fitted(learn: np.ndarray, predict: np.ndarray) -> np.ndarray:
        outcome = churned[learn]
        if outcome.all() or not outcome.any():
            return np.full(len(predict), (outcome.sum() + 0.5) / (len(outcome) + 1))
        model = LogisticRegression(C=1 / CHURN_PENALTY, max_iter=200)
        return np.asarray(model.fit(columns[learn], outcome).predict_proba(columns[predict])[:, 1])

    return _crossed(fitted, treated, accounts)


def expected_revenue(columns: np.ndarray, revenue: np.ndarray, treated: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    """Return each row's revenue without treatment, shape (rows,); parameters as for `expected_churn`."""

    def fitted(learn: np.ndarray, predict: np.ndarray) -> np.ndarray:
        return np.asarray(Ridge(REVENUE_PENALTY).fit(columns[learn], revenue[learn]).predict(columns[predict]))

    return _crossed(fitted, treated, accounts)


def _crossed(fitted: Fitted, treated: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    expected, on = np.zeros(len(treated)), np.flatnonzero(treated)
    others = np.flatnonzero(~treated)
    for learn, held in GroupKFold(FOLDS).split(others, groups=accounts[others]):
        predicted = fitted(others[learn], np.concatenate([others[held], on]))
        expected[others[held]] = predicted[: len(held)]
        expected[on] += predicted[len(held) :] / FOLDS
    return expected
