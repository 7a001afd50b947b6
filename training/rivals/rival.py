"""What a rival is: a named way to learn churn probabilities from a dataset.

All are ranked alike, by what their probabilities say of revenue at risk and expected profit: what is compared is how
well they know who leaves, not how they would spend the money.
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
    """A way to tell who leaves that the model is compared with.

    Attributes
    ----------
    name : str
        As shown in tables; unique among all rivals.
    fit : callable
        (dataset, settings) -> matrix -> churn probabilities in (0, 1). Of the settings it reads seed, fit and
        economics. A boosted rival returns the churn rate for every account where there are too few leavers to fold.
    naive : bool
        Whether it is one of the naive rules that the grade compares with.
    """

    name: str
    fit: Callable[[Dataset, TrainingSettings], Score]
    naive: bool = False


def constant(data: Dataset) -> Score:
    """Return (churned + 1) / (rows + 2) for every account: all that can be said where nothing tells them apart."""
    rate = (data.churned.sum() + 1) / (len(data) + 2)
    return lambda matrix: np.full(len(matrix), rate)
