"""Forward-chained folds: margins for rows the trees had not seen.

The folds are consecutive blocks of as-of dates, each learnt from slices whose labels were known before it. For every
weighting scheme the trees are grown once to the greatest number of rounds and read off at several smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from training.models.trees import fit_trees
from training.models.weights import SCHEMES, revenue_weights
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.slices.slice_dates import forward_folds, thinned
from training.worth.bootstrap import mean_of
from training.worth.evaluation import date_rows, weighted_auc

#: How many numbers of rounds the folds choose among, from two thirds of the greatest on: few, since folds part them by
#: chance, and none small, since folds learn from fewer rows than the refit and so ask for too few.
ROUND_STEPS = 3
FORWARD = "forward in time, purged"
BY_ACCOUNT = "by account: the history is too short to go forward in time"
Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class OutOfFold:
    """Rows of the dataset and the margins that trees gave them which had not seen them, after each number of rounds.

    Attributes
    ----------
    learnt, valid : index arrays
        Rows learnt from and rows judged.
    margins : mapping of weighting scheme to array of shape (ROUND_STEPS, len(valid))
    curves : mapping of weighting scheme to array of shape (dates, ROUND_STEPS)
        (ROC AUC + ROC AUC weighted by revenue) / 2 at each date judged; the weights are capped at their 99th
        percentile, so that no giant decides.
    """

    learnt: np.ndarray
    valid: np.ndarray
    margins: Mapping[str, np.ndarray]
    curves: Mapping[str, np.ndarray]


def splits(data: Dataset, settings: TrainingSettings) -> tuple[list[Split], str]:
    """Return forward-chained row splits and how they were made; by account where there are fewer than two of them."""
    row_splits = []
    for fold in forward_folds(data.dates, settings.known_after_days, settings.folds):
        learn, valid = data.rows_on(fold.train), data.rows_on(fold.valid)
        if all(0 < data.churned[rows].sum() < len(rows) for rows in (learn, valid)):
            row_splits.append((learnable(data, learn, settings), valid))
    if len(row_splits) >= 2:
        return row_splits, FORWARD
    return by_account(data, settings), BY_ACCOUNT


def by_account(data: Dataset, settings: TrainingSettings) -> list[Split]:
    """Return splits in which no account is on both sides."""
    grouped = StratifiedGroupKFold(settings.folds, shuffle=True, random_state=settings.seed)
    row_splits = grouped.split(data.accounts, data.churned, groups=data.accounts)
    return [(learnable(data, learn, settings), valid) for learn, valid in row_splits]


def learnable_part(data: Dataset, settings: TrainingSettings) -> Dataset:
    """Return what of a dataset is learnt from."""
    return data.take(learnable(data, np.arange(len(data)), settings))


def learnable(data: Dataset, rows: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """Return those of the rows that are learnt from: on the dates that `every` and `window_days` leave.

    All of them where on those dates only one outcome occurred.
    """
    days = np.unique(data.as_of[rows])
    kept = thinned([pd.Timestamp(day).date() for day in days], settings.every, settings.window_days)
    left = np.intersect1d(rows, data.rows_on(kept))
    return left if 0 < data.churned[left].sum() < len(left) else rows


def out_of_fold(
    data: Dataset,
    split: Split,
    settings: TrainingSettings,
    schemes: Sequence[str] = tuple(SCHEMES),
    done: Callable[[], None] = lambda: None,
) -> OutOfFold:
    """Grow trees on the rows to learn from, under every weighting scheme, and give the others their margins."""
    learnt, judged = data.take(split[0]), data.take(split[1])
    margins = {}
    for scheme in schemes:
        trees = fit_trees(learnt, settings.fit, settings.seed, settings.fit.max_rounds, scheme, settings.economics)
        margins[scheme] = trees.margins_after(trees.encoder.encode(judged.matrix.signals), round_steps(settings))
        done()
    return OutOfFold(*split, margins, {scheme: curves(judged, steps) for scheme, steps in margins.items()})


def curves(judged: Dataset, steps: np.ndarray) -> np.ndarray:
    """Return the mean of plain and weighted ROC AUC, shape (dates, steps), of margins of shape (steps, rows)."""
    by_date = []
    for rows in date_rows(judged):
        weight = revenue_weights(judged.revenue[rows])
        by_date.append([_both_aucs(judged, rows, margin[rows], weight) for margin in steps])
    return np.array(by_date).reshape(-1, len(steps))


def round_steps(settings: TrainingSettings) -> list[int]:
    """Return the numbers of rounds among which the folds choose."""
    most = settings.fit.max_rounds
    return [max(1, most * (2 * ROUND_STEPS - back) // (2 * ROUND_STEPS)) for back in reversed(range(ROUND_STEPS))]


def _both_aucs(part: Dataset, rows: np.ndarray, margin: np.ndarray, revenue: np.ndarray) -> float:
    order = np.argsort(margin, kind="stable")
    churned, score = part.churned[rows][order], margin[order]
    return mean_of([weighted_auc(churned, score, weight) for weight in (np.ones(len(rows)), revenue[order])])


def margins_at(
    folds: Sequence[OutOfFold], scheme: str, rounds: int, settings: TrainingSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return all out-of-fold margins of a scheme after so many rounds, and the rows they belong to."""
    step = round_steps(settings).index(rounds)
    margins = np.concatenate([fold.margins[scheme][step] for fold in folds])
    return margins, np.concatenate([fold.valid for fold in folds])
