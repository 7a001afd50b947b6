"""Fit a model on labelled slices.

In: a dataset and the settings. Out: a `Fitted`. `train` fits a model in this way at the end of the data, and a backtest
at each origin.

Forward-chained folds give margins of rows that the trees did not see. Those margins choose the weighting and the number
of rounds. Then the trees are grown again on every slice with that number of rounds, so the choice costs no recent data.

The calibrator is fitted on accounts that the trees did not see, in slices that they saw. It corrects the distortions of
the fit: the weights, and the overconfidence of trees on known rows. It is not fitted forward in time. The change of the
churn rate between two past periods says how far off the past was, not how far off the next period will be. On rolling
origins the forward calibrator was further off, on simulated books and on Online Retail II.
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

#: (text of the current step, number of steps done, number of all steps)
Progress = Callable[[str, int, int], None]


def silent(text: str, step: int, steps: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Fitted:
    """A model, the choices of its folds, and the data of its calibration.

    Attributes
    ----------
    calibrator : Platt
        Maps the trees' margin to a probability.
    folded : str
        Kind of the folds: `FORWARD` or `BY_ACCOUNT` of `training.models.folds`.
    out_of_fold : pair of arrays of shape (n,)
        Margins and outcomes on which the calibrator was fitted.
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
    progress : callable
        Called as `Progress` after each step.
    schemes : sequence of str, optional
        Weighting schemes to choose among. By default all; when the settings name one, that one and no weights.
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
    """Return margins of accounts that the trees did not see, by trees grown as chosen, and their row numbers."""
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
