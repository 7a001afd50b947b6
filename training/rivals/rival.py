"""A rival: a named way to learn churn probabilities from a dataset.

In: a dataset and the settings. Out: a function from a matrix to churn probabilities.

All rivals are ranked in the same way: by revenue at risk and expected profit, computed from their probabilities. So the
comparison shows how well they know who leaves, not how they would spend the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from features.matrix import Matrix
from training.experts.buying import LEAST
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

#: Matrix of n rows -> churn probabilities in (0, 1), shape (n,).
Score = Callable[[Matrix], np.ndarray]


@dataclass(frozen=True)
class Rival:
    """A way to predict who leaves, with which the model is compared.

    Attributes
    ----------
    name : str
        As shown in tables; unique among all rivals.
    fit : callable
        (dataset, settings) -> matrix -> churn probabilities in (0, 1), shape (n,). It reads seed, fit and economics of
        the settings. A boosted rival returns the churn rate for every account when there are too few leavers for folds.
    naive : bool
        Whether it is one of the naive rules with which the grade compares.
    parts : tuple of Rival
        The rivals of whose probabilities it is made, none for most; `mean_in_log_odds` makes it.
    """

    name: str
    fit: Callable[[Dataset, TrainingSettings], Score]
    naive: bool = False
    parts: tuple[Rival, ...] = ()


def constant(data: Dataset) -> Score:
    """Return (churned + 1) / (rows + 2) for every account, the probability without any information on accounts."""
    rate = (data.churned.sum() + 1) / (len(data) + 2)
    return lambda matrix: np.full(len(matrix), rate)


def mean_in_log_odds(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probability of the mean log-odds of several, each of shape (n,)."""
    margins = [logit(np.clip(probability, LEAST, 1 - LEAST)) for probability in probabilities]
    return np.asarray(1 / (1 + np.exp(-np.mean(margins, axis=0))))
