"""A rival: a named way to learn churn probabilities from a dataset.

In: a dataset and the settings. Out: a function from a matrix to churn probabilities.

All rivals are ranked in the same way: by revenue at risk and expected profit, computed from their probabilities. So the
comparison shows how well they know who leaves, not how they would spend the budget.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.matrix import Matrix
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
    """

    name: str
    fit: Callable[[Dataset, TrainingSettings], Score]
    naive: bool = False


def constant(data: Dataset) -> Score:
    """Return (churned + 1) / (rows + 2) for every account, the probability without any information on accounts."""
    rate = (data.churned.sum() + 1) / (len(data) + 2)
    return lambda matrix: np.full(len(matrix), rate)
