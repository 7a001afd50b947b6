"""ROC AUC under many weights at once, from the pairs of a churned and a staying row.

In: a ranking of rows with outcomes. Out: its ROC AUC as a function of row weights. Few rows churn, so the work is one
running sum over those that stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.worth.bootstrap import ratio


def weighted_auc(churned: np.ndarray, score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the ROC AUC of rows that are sorted by rising score; NaN without both outcomes; ties count half.

    Parameters
    ----------
    churned, score : arrays of shape (n,)
        Bool; any score that rises with risk.
    weight : array of shape (..., n)
        The result has shape (...).
    """
    return Pairs.of(np.arange(len(score)), churned, score).auc(weight)


@dataclass(frozen=True)
class Pairs:
    """Pairs of a churned and a staying row: each churned row lies above the first `below` staying ones.

    Attributes
    ----------
    churned, stayed : int arrays of shape (churned,) and (stayed,)
        Row numbers; the staying ones by rising score.
    below, until : int arrays of shape (churned,)
        How many staying rows have a lower score than the churned one, and how many none above it.
    """

    churned: np.ndarray
    stayed: np.ndarray
    below: np.ndarray
    until: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, churned: np.ndarray, score: np.ndarray) -> Pairs:
        """Pair some rows that are sorted by rising score."""
        gone, there = rows[churned[rows]], rows[~churned[rows]]
        sides: tuple[Literal["left", "right"], ...] = ("left", "right")
        below, until = (np.searchsorted(score[there], score[gone], side) for side in sides)
        return cls(gone, there, below, until)

    def auc(self, weight: np.ndarray) -> np.ndarray:
        """Return the ROC AUC under row weights of shape (..., all rows), shape (...)."""
        lost, stayed = weight[..., self.churned], weight[..., self.stayed]
        until = np.concatenate([np.zeros((*stayed.shape[:-1], 1)), np.cumsum(stayed, axis=-1)], axis=-1)
        pairs = lost * (until[..., self.below] + until[..., self.until]) / 2
        return ratio(pairs.sum(axis=-1), lost.sum(axis=-1) * until[..., -1])
