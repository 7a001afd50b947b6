"""Forward-chained folds: margins of rows that the trees did not see in training.

In: a dataset and the settings. Out: an `OutOfFold` per fold.

The folds are consecutive blocks of as-of dates. The trees of a fold learn from slices whose labels were known before
the fold's first date. For every weighting scheme the trees are grown once to the largest number of rounds, and their
margins are taken at several smaller numbers too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from training.models.trees import Grower
from training.models.weights import SCHEMES, revenue_weights
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.slices.slice_dates import forward_folds, thinned
from training.worth.bootstrap import mean_over
from training.worth.evaluation import date_rows
from training.worth.pairs import weighted_auc

#: How many numbers of rounds the folds choose among, from two thirds of the largest on. They are few, because chance
#: decides between close numbers. None is small, because a fold learns from fewer rows than the refit and so prefers too
#: few rounds.
ROUND_STEPS = 3
#: With more rows, fits that only compare or teach grow trees in larger steps. On 14 books of nine kinds 13 weightings
#: stayed as they were, and the ROC AUC moved by +.0002 (standard error .0003).
MANY_ROWS = 10_000
FORWARD = "forward in time, purged"
BY_ACCOUNT = "by account: the history is too short to go forward in time"
Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class OutOfFold:
    """One fold: rows of the dataset, and their margins by trees that did not see them, after each number of rounds.

    Attributes
    ----------
    learnt, valid : int arrays
        Row numbers to learn from and row numbers to judge on.
    margins : mapping of weighting scheme to array of shape (ROUND_STEPS, len(valid))
    curves : mapping of weighting scheme to array of shape (dates, ROUND_STEPS)
        (ROC AUC + ROC AUC weighted by revenue) / 2 at each date judged. The weights are capped at their 99th
        percentile, so no giant account decides.
    """

    learnt: np.ndarray
    valid: np.ndarray
    margins: Mapping[str, np.ndarray]
    curves: Mapping[str, np.ndarray]

    def only(self, schemes: Sequence[str]) -> OutOfFold:
        """Return the fold with some of its schemes."""
        margins, curves = ({scheme: own[scheme] for scheme in schemes} for own in (self.margins, self.curves))
        return OutOfFold(self.learnt, self.valid, margins, curves)


def splits(data: Dataset, settings: TrainingSettings) -> tuple[list[Split], str]:
    """Return row splits and their kind: forward-chained ones, or by account when fewer than two are possible."""
    row_splits = []
    for fold in forward_folds(data.dates, settings.known_after_days, settings.folds):
        learn, valid = data.rows_on(fold.train), data.rows_on(fold.valid)
        if all(0 < data.churned[rows].sum() < len(rows) for rows in (learn, valid)):
            row_splits.append((learnable(data, learn, settings), valid))
    if len(row_splits) >= 2:
        return row_splits, FORWARD
    return by_account(data, settings), BY_ACCOUNT


def by_account(data: Dataset, settings: TrainingSettings) -> list[Split]:
    """Return row splits in which no account is on both sides."""
    grouped = StratifiedGroupKFold(settings.folds, shuffle=True, random_state=settings.seed)
    row_splits = grouped.split(data.accounts, data.churned, groups=data.accounts)
    return [(learnable(data, learn, settings), valid) for learn, valid in row_splits]


def learnable_part(data: Dataset, settings: TrainingSettings) -> Dataset:
    """Return the part of a dataset that a model learns from; see `learnable`."""
    return data.take(learnable(data, np.arange(len(data)), settings))


def learnable(data: Dataset, rows: np.ndarray, settings: TrainingSettings) -> np.ndarray:
    """Return the rows to learn from: those on the dates that `every` and `window_days` leave.

    `rows` and the result are row numbers, arrays of shape (n,). When only one outcome occurred on those dates, all rows
    are kept.
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
    large_steps: bool = False,
) -> OutOfFold:
    """Grow trees under every weighting scheme on the rows to learn from, and compute the margins of the other rows.

    Parameters
    ----------
    split : pair of int arrays
        Row numbers to learn from and row numbers to judge on.
    schemes : sequence of str
        Weighting schemes of `SCHEMES`.
    large_steps : bool
        Whether trees of half the rounds and twice the step stand for those of `round_steps(settings)`.
    """
    learnt, judged = data.take(split[0]), data.take(split[1])
    fit, steps = settings.fit, round_steps(settings)
    if large_steps:
        fit, steps = fit.in_larger_steps(steps[-1])[0], [fit.in_larger_steps(rounds)[1] for rounds in steps]
    grower = Grower.of(learnt, fit, settings.seed)
    encoded, margins = grower.encoder.encode(judged.matrix.signals), {}
    for scheme in schemes:
        trees = grower.grow(steps[-1], scheme, settings.economics)
        margins[scheme] = trees.margins_after(encoded, steps)
    return OutOfFold(*split, margins, {scheme: curves(judged, steps) for scheme, steps in margins.items()})


def curves(judged: Dataset, steps: np.ndarray) -> np.ndarray:
    """Return the mean of plain and weighted ROC AUC, shape (dates, steps), of margins of shape (steps, rows)."""
    by_date = []
    for rows in date_rows(judged):
        weight = revenue_weights(judged.revenue[rows])
        by_date.append([_both_aucs(judged, rows, margin[rows], weight) for margin in steps])
    return np.array(by_date).reshape(-1, len(steps))


def round_steps(settings: TrainingSettings) -> list[int]:
    """Return the numbers of rounds among which the folds choose, rising."""
    most = settings.fit.max_rounds
    return [max(1, most * (2 * ROUND_STEPS - back) // (2 * ROUND_STEPS)) for back in reversed(range(ROUND_STEPS))]


def _both_aucs(part: Dataset, rows: np.ndarray, margin: np.ndarray, revenue: np.ndarray) -> float:
    order = np.argsort(margin, kind="stable")
    churned, score = part.churned[rows][order], margin[order]
    return float(mean_over([weighted_auc(churned, score, weight) for weight in (np.ones(len(rows)), revenue[order])]))


def margins_at(
    folds: Sequence[OutOfFold], scheme: str, rounds: int, settings: TrainingSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return all out-of-fold margins of a scheme after `rounds` rounds, and their row numbers, both of shape (n,).

    Parameters
    ----------
    scheme : str
        A weighting scheme in the folds.
    rounds : int
        One of `round_steps(settings)`.
    """
    step = round_steps(settings).index(rounds)
    margins = np.concatenate([fold.margins[scheme][step] for fold in folds])
    return margins, np.concatenate([fold.valid for fold in folds])
