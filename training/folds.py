"""Forward-chained folds: margins for rows the trees had not seen, and what they decide: weighting and rounds.

The folds are consecutive blocks of as-of dates, each learnt from slices whose labels had ended before it. For every
weighting scheme the trees are grown once to the greatest number of rounds and read off at several smaller ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from training.dataset import Dataset
from training.evaluation import date_rows
from training.model import Trees, fit_trees
from training.settings import TrainingSettings
from training.slices import forward_folds
from training.weights import SCHEMES

#: Numbers of rounds among which the folds choose, as shares of the greatest.
ROUND_STEPS = 16
#: The fewest rounds whose figure is within this of the best are taken.
ROUND_TOLERANCE = 0.0005
CENTRE_ROWS = 5000
FORWARD = "forward in time, purged"
BY_ACCOUNT = "by account: the history is too short to go forward in time"
Split = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class OutOfFold:
    """Rows of the dataset and the margins that trees gave them which had not seen them, after each number of rounds.

    Margins are taken from the mean margin of the rows learnt from: churn rates drift with the seasons, and a fold that
    learnt in a calm one must not make the calibrator lift a model that has seen them all.

    Attributes
    ----------
    learnt, valid : index arrays
        Rows learnt from and rows judged.
    margins : mapping of weighting scheme to array of shape (ROUND_STEPS, len(valid))
    curves : mapping of weighting scheme to array of shape (dates, ROUND_STEPS)
        (ROC AUC + ROC AUC weighted by revenue) / 2 at each date judged.
    """

    learnt: np.ndarray
    valid: np.ndarray
    margins: Mapping[str, np.ndarray]
    curves: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Choice:
    """What the folds decided: the weighting scheme and the number of rounds, with the figure that decided."""

    weighting: str
    rounds: int
    figures: Mapping[str, float]


def splits(data: Dataset, dates: list[date], settings: TrainingSettings) -> tuple[list[Split], str]:
    """Return forward-chained row splits and how they were made; by account where there are fewer than two of them."""
    stamps = {day: pd.Timestamp(day).to_datetime64() for day in dates}
    made = []
    for fold in forward_folds(dates, settings.rule, settings.folds):
        learn, valid = (
            np.flatnonzero(np.isin(data.as_of, [stamps[day] for day in part])) for part in (fold.train, fold.valid)
        )
        if all(0 < data.churned[rows].sum() < len(rows) for rows in (learn, valid)):
            made.append((learn, valid))
    if len(made) >= 2:
        return made, FORWARD
    grouped = StratifiedGroupKFold(settings.folds, shuffle=True, random_state=settings.seed)
    return list(grouped.split(data.accounts, data.churned, groups=data.accounts)), BY_ACCOUNT


def out_of_fold(
    data: Dataset, split: Split, settings: TrainingSettings, done: Callable[[], None] = lambda: None
) -> OutOfFold:
    """Grow trees on the rows to learn from, under every weighting scheme, and give the others their margins."""
    learnt, judged = data.take(split[0]), data.take(split[1])
    margins = {}
    for scheme in SCHEMES:
        trees = fit_trees(learnt, settings.fit, settings.seed, settings.fit.max_rounds, scheme)
        steps = [
            trees.margin(judged.matrix, rounds) - centre(trees, learnt, rounds) for rounds in round_steps(settings)
        ]
        margins[scheme] = np.stack(steps)
        done()
    return OutOfFold(*split, margins, {scheme: curves(judged, steps) for scheme, steps in margins.items()})


def curves(judged: Dataset, steps: np.ndarray) -> np.ndarray:
    """Return the mean of plain and weighted ROC AUC, shape (dates, steps), of margins of shape (steps, rows)."""
    return np.array([[_both_aucs(judged, rows, margin[rows]) for margin in steps] for rows in date_rows(judged)])


def known_by(data: Dataset, folds: Sequence[OutOfFold], day: np.datetime64, reach_days: int) -> list[OutOfFold]:
    """Return what of the folds was known at a day: the rows whose label windows had ended by then."""
    kept = []
    for fold in folds:
        rows = data.as_of[fold.valid] + np.timedelta64(reach_days, "D") <= day
        if 0 < data.churned[fold.valid[rows]].sum() < rows.sum():
            judged = data.take(fold.valid[rows])
            margins = {scheme: steps[:, rows] for scheme, steps in fold.margins.items()}
            figures = {scheme: curves(judged, steps) for scheme, steps in margins.items()}
            kept.append(OutOfFold(fold.learnt, fold.valid[rows], margins, figures))
    return kept


def centre(trees: Trees, learnt: Dataset, rounds: int | None = None) -> float:
    """Return the mean margin of the rows learnt from, over at most 5,000 of them evenly spread."""
    spread = np.linspace(0, len(learnt) - 1, min(len(learnt), CENTRE_ROWS)).astype(int)
    return float(trees.margin(learnt.take(spread).matrix, rounds).mean())


def round_steps(settings: TrainingSettings) -> list[int]:
    """Return the numbers of rounds among which the folds choose."""
    return [max(1, settings.fit.max_rounds * step // ROUND_STEPS) for step in range(1, ROUND_STEPS + 1)]


def choose(folds: Sequence[OutOfFold], settings: TrainingSettings) -> Choice:
    """Choose weighting and rounds by the mean of plain and revenue-weighted ROC AUC over the folds' dates."""
    means = {scheme: _mean_curve(folds, scheme) for scheme in SCHEMES}
    best = max(means, key=lambda scheme: means[scheme].max())
    return Choice(best, _fewest(means[best], settings), {name: float(curve.max()) for name, curve in means.items()})


def rounds_of(folds: Sequence[OutOfFold], scheme: str, settings: TrainingSettings) -> int:
    """Return the number of rounds that the folds choose for one weighting scheme."""
    return _fewest(_mean_curve(folds, scheme), settings)


def _fewest(curve: np.ndarray, settings: TrainingSettings) -> int:
    return round_steps(settings)[int(np.flatnonzero(curve >= curve.max() - ROUND_TOLERANCE)[0])]


def _mean_curve(folds: Sequence[OutOfFold], scheme: str) -> np.ndarray:
    return np.nanmean(np.concatenate([fold.curves[scheme] for fold in folds]), axis=0)


def _both_aucs(part: Dataset, rows: np.ndarray, margin: np.ndarray) -> float:
    churned, revenue = part.churned[rows], part.revenue[rows]
    plain = roc_auc_score(churned, margin)
    if min(revenue[churned].sum(), revenue[~churned].sum()) <= 0:
        return float(plain)
    return float(plain + roc_auc_score(churned, margin, sample_weight=revenue)) / 2


def margins_at(
    folds: Sequence[OutOfFold], scheme: str, rounds: int, settings: TrainingSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Return all out-of-fold margins of a scheme after so many rounds, and the rows they belong to."""
    step = round_steps(settings).index(rounds)
    margins = np.concatenate([fold.margins[scheme][step] for fold in folds])
    return margins, np.concatenate([fold.valid for fold in folds])
