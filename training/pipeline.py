"""A book -> a trained, judged model: the whole of `churn-risk train` but for what is written down.

Forward-chained folds give margins for rows the trees had not seen. The last fold is the test: trees, number of rounds
and calibrator come from what was known before it. Then the calibrator is fitted on all such margins, and the trees once
more on every mature slice with the number of rounds fixed, so that judging and calibrating cost no recent data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from features.errors import NotEnoughData
from features.matrix import first_records
from features.tables import Tables
from training.baselines import RIVALS
from training.calibration import Platt, fit_platt
from training.dataset import Dataset, build_dataset
from training.evaluation import date_rows
from training.labels import check_rule, end_of_data
from training.model import Trees, fit_trees
from training.settings import TrainingSettings
from training.slices import forward_folds, slice_dates
from training.verdict import Verdict, judge_all

#: Numbers of rounds among which the folds choose, as shares of the greatest.
ROUND_STEPS = 16
#: The fewest rounds whose mean ROC AUC is within this of the best are taken.
ROUND_TOLERANCE = 0.0005
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class OutOfFold:
    """Rows of the dataset and the margins that trees gave them which had not seen them, after each number of rounds.

    Attributes
    ----------
    train, valid : index arrays
        Rows learnt from and rows judged.
    margins : array of shape (ROUND_STEPS, len(valid))
    """

    train: np.ndarray
    valid: np.ndarray
    margins: np.ndarray


@dataclass(frozen=True)
class Trained:
    """A model with all that is to be said of its making."""

    trees: Trees
    calibrator: Platt
    rounds: int
    settings: TrainingSettings
    recorded_since: dict[str, date]
    data: Dataset
    verdict: Verdict
    judged_how: str
    missing_tables: tuple[str, ...]
    currency: str | None
    out_of_fold: tuple[np.ndarray, np.ndarray] = field(repr=False)


def prepare(tables: Tables, settings: TrainingSettings) -> tuple[Dataset, list[date], dict[str, date]]:
    """Return the dataset of all mature slices, their as-of dates, and since when each table is recorded.

    Raises
    ------
    InputError
        When the rule of churn does not fit the book.
    NotEnoughData
        When the book is too short for a single mature slice.
    """
    check_rule(tables, settings.rule)
    end = end_of_data(tables, settings.until)
    recorded = first_records(tables)
    start = recorded["invoices"] + timedelta(days=settings.min_history_days)
    dates = slice_dates(start, end, settings.rule, settings.slice_days)
    if not dates:
        raise NotEnoughData(
            f"the invoices begin on {recorded['invoices']} and the data end on {end}: "
            f"{settings.min_history_days} days of history and {settings.rule.reach_days} days for the label do not fit"
        )
    return build_dataset(tables, dates, settings.rule, recorded), dates, recorded


def train(tables: Tables, settings: TrainingSettings, progress: Progress = lambda text, step, steps: None) -> Trained:
    """Train and judge a model; see the module's docstring for how.

    Raises
    ------
    InputError, NotEnoughData
        As `prepare`; also when too few accounts churned or stayed.
    """
    data, dates, recorded = prepare(tables, settings)
    _demand_both_outcomes(data)
    splits, judged_how = _splits(data, dates, settings)
    steps = len(splits) + 2
    done = []
    for number, (learn, valid) in enumerate(splits):
        progress("fitting folds", number, steps)
        done.append(_out_of_fold(data, learn, valid, settings))
    progress("judging", len(splits), steps)
    verdict = _judge_last(data, done, settings)
    progress("fitting on all slices", len(splits) + 1, steps)
    rounds = choose_rounds(data, done, settings)
    margin, valid = _margins(done, settings, rounds)
    trees = fit_trees(data, settings.fit, settings.seed, rounds)
    progress("done", steps, steps)
    return Trained(
        trees=trees,
        calibrator=fit_platt(margin, data.churned[valid]),
        rounds=rounds,
        settings=settings,
        recorded_since=recorded,
        data=data,
        verdict=verdict,
        judged_how=judged_how,
        missing_tables=tuple(sorted(tables.missing)),
        currency=tables.currency,
        out_of_fold=(margin, data.churned[valid]),
    )


def _demand_both_outcomes(data: Dataset) -> None:
    accounts = [len(np.unique(data.accounts[data.churned == outcome])) for outcome in (True, False)]
    if min(accounts) < 10:
        raise NotEnoughData(
            f"{accounts[0]} accounts churned and {accounts[1]} stayed over {len(np.unique(data.as_of))} as-of dates; "
            "at least 10 of each are needed"
        )


def _splits(
    data: Dataset, dates: list[date], settings: TrainingSettings
) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    """Return forward-chained row splits; by account instead where the history is too short for two of them."""
    stamps = {day: pd.Timestamp(day).to_datetime64() for day in dates}
    splits = []
    for fold in forward_folds(dates, settings.rule, settings.folds):
        rows = [np.flatnonzero(np.isin(data.as_of, [stamps[day] for day in part])) for part in (fold.train, fold.valid)]
        if all(0 < data.churned[part].sum() < len(part) for part in rows):
            splits.append((rows[0], rows[1]))
    if len(splits) >= 2:
        return splits, "forward in time, purged"
    grouped = GroupKFold(settings.folds, shuffle=True, random_state=settings.seed)
    return list(grouped.split(data.accounts, groups=data.accounts)), "by account: the history is too short for more"


def round_steps(settings: TrainingSettings) -> list[int]:
    """Return the numbers of rounds among which the folds choose."""
    return [max(1, settings.fit.max_rounds * step // ROUND_STEPS) for step in range(1, ROUND_STEPS + 1)]


def _out_of_fold(data: Dataset, learn: np.ndarray, valid: np.ndarray, settings: TrainingSettings) -> OutOfFold:
    trees = fit_trees(data.take(learn), settings.fit, settings.seed, settings.fit.max_rounds)
    unseen = data.take(valid).matrix
    return OutOfFold(learn, valid, np.stack([trees.margin(unseen, rounds) for rounds in round_steps(settings)]))


def choose_rounds(data: Dataset, done: list[OutOfFold], settings: TrainingSettings) -> int:
    """Return the fewest rounds whose ROC AUC, averaged over the folds' dates, is within .0005 of the best."""
    curves = []
    for fold in done:
        part = data.take(fold.valid)
        for rows in date_rows(part):
            curves.append([roc_auc_score(part.churned[rows], margin[rows]) for margin in fold.margins])
    mean = np.mean(curves, axis=0)
    return round_steps(settings)[int(np.flatnonzero(mean >= mean.max() - ROUND_TOLERANCE)[0])]


def _margins(done: list[OutOfFold], settings: TrainingSettings, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    step = round_steps(settings).index(rounds)
    return np.concatenate([fold.margins[step] for fold in done]), np.concatenate([fold.valid for fold in done])


def _judge_last(data: Dataset, done: list[OutOfFold], settings: TrainingSettings) -> Verdict:
    """Judge the last fold with rounds and calibrator from the folds before it, beside every rival."""
    before, last = done[:-1], done[-1]
    rounds = choose_rounds(data, before, settings)
    margin, valid = _margins(before, settings, rounds)
    calibrate = fit_platt(margin, data.churned[valid])
    learnt, test = data.take(last.train), data.take(last.valid)
    plain = fit_trees(learnt, settings.fit, settings.seed, rounds, weight=np.ones(len(learnt)))
    probabilities = {
        "model": calibrate(last.margins[round_steps(settings).index(rounds)]),
        "unweighted LightGBM": calibrate(plain.margin(test.matrix)),
        **{rival.name: rival.fit(learnt)(test.matrix) for rival in RIVALS},
    }
    return judge_all(test, probabilities, settings)
