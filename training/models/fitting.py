"""Labelled slices -> a model: the one way it is made, by `train` at the end of the data, by a backtest at each origin.

Forward-chained folds give margins for rows the trees had not seen; these choose weighting and rounds. Then the trees
are grown once more on every slice, the number of rounds fixed: choosing costs no recent data.

The calibrator is fitted on accounts that the trees had not seen, in slices that they had: it sets right what the fit
distorts (weights, the boldness of trees on rows they know). It is not fitted forward in time: how the churn rate went
from one period to the next says how far the past was off, not how far the next will be. Tried on rolling origins, the
forward one was further off on simulated books and on Online Retail II alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from features.matrix import Matrix
from training.models.calibration import Platt, fit_platt
from training.models.choice import UNWEIGHTED, Choice, choose
from training.models.folds import BY_ACCOUNT, OutOfFold, by_account, learnable_part, margins_at, out_of_fold, splits
from training.models.trees import Trees, fit_trees
from training.models.weights import SCHEMES
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

#: (what is being done, steps done, all steps)
Progress = Callable[[str, int, int], None]


def silent(text: str, step: int, steps: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Fitted:
    """A model and how it came about.

    Attributes
    ----------
    calibrator : Platt
        Of the trees' margin.
    folded : str
        How the folds were made.
    out_of_fold : tuple of margins, outcomes, arrays of shape (n,)
        What the calibrator was fitted on.
    folds : list of OutOfFold
    """

    trees: Trees
    calibrator: Platt
    choice: Choice
    folded: str
    out_of_fold: tuple[np.ndarray, np.ndarray] = field(repr=False)
    folds: Sequence[OutOfFold] = field(repr=False)

    def probability(self, matrix: Matrix) -> np.ndarray:
        """Return churn probabilities, shape (rows,)."""
        return self.calibrator(self.trees.margin(matrix))


def fit_model(
    data: Dataset,
    settings: TrainingSettings,
    progress: Progress = silent,
    schemes: Sequence[str] | None = None,
) -> Fitted:
    """Fit a model on labelled slices.

    Parameters
    ----------
    schemes : sequence of str, optional
        Weighting schemes to choose among; by default all, or the one that is settled, beside no weights.
    """
    schemes = schemes_of(settings) if schemes is None else schemes
    row_splits, folded = splits(data, settings)
    total, count = len(row_splits) * (len(schemes) + 1), 0

    def fitted() -> None:
        nonlocal count
        count += 1
        progress("fitting on rolling origins", count, total)

    progress("fitting on rolling origins", 0, total)
    folds = [out_of_fold(data, split, settings, schemes, fitted) for split in row_splits]
    choice = choose(data, folds, settings, folded)
    learnt = learnable_part(data, settings)
    trees = fit_trees(learnt, settings.fit, settings.seed, choice.rounds, choice.weighting, settings.economics)
    if folded == BY_ACCOUNT:
        margin, valid = margins_at(folds, choice.weighting, choice.rounds, settings)
    else:
        margin, valid = _unseen_accounts(data, choice, settings, fitted)
    churned = data.churned[valid]
    return Fitted(
        trees=trees,
        calibrator=fit_platt(margin, churned),
        choice=choice,
        folded=folded,
        out_of_fold=(margin, churned),
        folds=folds,
    )


def _unseen_accounts(
    data: Dataset, choice: Choice, settings: TrainingSettings, done: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    """Return margins of accounts not learnt from, by trees grown as chosen, and the rows they belong to."""
    margins, rows = [], []
    for learn, valid in by_account(data, settings):
        part = data.take(learn)
        trees = fit_trees(part, settings.fit, settings.seed, choice.rounds, choice.weighting, settings.economics)
        margins.append(trees.margin(data.matrix.take(valid)))
        rows.append(valid)
        done()
    return np.concatenate(margins), np.concatenate(rows)


def schemes_of(settings: TrainingSettings) -> tuple[str, ...]:
    """Return the weighting schemes that a fit compares."""
    if settings.weighting is None:
        return tuple(SCHEMES)
    return tuple(dict.fromkeys((settings.weighting, UNWEIGHTED)))
