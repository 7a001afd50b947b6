"""A book -> a trained, judged model: the whole of `churn-risk train` but for what is written down.

Forward-chained folds give margins for rows the trees had not seen. The last fold is the test: weighting, number of
rounds and calibrator come from the folds before it. Then all folds choose and calibrate, and the trees are grown once
more on every mature slice with the number of rounds fixed, so that judging and calibrating cost no recent data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from features.errors import NotEnoughData
from features.matrix import first_records
from features.tables import Tables
from training.baselines import RIVALS
from training.calibration import Platt, fit_platt
from training.dataset import Dataset, build_dataset
from training.folds import Choice, OutOfFold, centre, choose, known_by, margins_at, out_of_fold, rounds_of, splits
from training.labels import check_rule, end_of_data
from training.model import Trees, fit_trees
from training.settings import TrainingSettings
from training.slices import slice_dates
from training.verdict import MODEL, Verdict, judge_all
from training.weights import SCHEMES

LEAST_ACCOUNTS = 10
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Judged:
    """The rows that were judged and what each name gave them: name -> churn probabilities, 'model' first."""

    data: Dataset
    probabilities: dict[str, np.ndarray]


@dataclass(frozen=True)
class Trained:
    """A model with all that is to be said of its making."""

    trees: Trees
    calibrator: Platt
    centre: float
    choice: Choice
    settings: TrainingSettings
    recorded_since: dict[str, date]
    data: Dataset
    verdict: Verdict
    judged: Judged
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
        When the book is too short for a single mature slice, or begins after the end.
    """
    check_rule(tables, settings.rule)
    end = end_of_data(tables, settings.until)
    recorded = {name: first for name, first in first_records(tables).items() if first < end}
    if "invoices" not in recorded:
        raise NotEnoughData(f"there is no invoice before {end}")
    start = recorded["invoices"] + timedelta(days=settings.min_history_days)
    dates = slice_dates(start, end, settings.rule, settings.slice_days, settings.least_slices)
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
    progress("computing signals", 0, 1)
    data, dates, recorded = prepare(tables, settings)
    _demand_both_outcomes(data)
    folds, judged_how = _fit_folds(data, dates, settings, progress)
    judged = _judge_last(data, folds, settings)
    choice = choose(folds, settings)
    margin, valid = margins_at(folds, choice.weighting, choice.rounds, settings)
    trees = fit_trees(data, settings.fit, settings.seed, choice.rounds, choice.weighting)
    middle = centre(trees, data)
    return Trained(
        trees=trees,
        calibrator=fit_platt(margin, data.churned[valid]).around(middle),
        centre=middle,
        choice=choice,
        settings=settings,
        recorded_since=recorded,
        data=data,
        verdict=judge_all(judged.data, judged.probabilities, settings),
        judged=judged,
        judged_how=judged_how,
        missing_tables=tuple(sorted(tables.missing)),
        currency=tables.currency,
        out_of_fold=(margin + middle, data.churned[valid]),
    )


def _demand_both_outcomes(data: Dataset) -> None:
    accounts = [len(np.unique(data.accounts[data.churned == outcome])) for outcome in (True, False)]
    if min(accounts) < LEAST_ACCOUNTS:
        raise NotEnoughData(
            f"{accounts[0]} accounts churned and {accounts[1]} stayed over {len(np.unique(data.as_of))} as-of dates; "
            f"at least {LEAST_ACCOUNTS} of each are needed"
        )


def _fit_folds(
    data: Dataset, dates: list[date], settings: TrainingSettings, progress: Progress
) -> tuple[list[OutOfFold], str]:
    made, judged_how = splits(data, dates, settings)
    total = len(made) * len(SCHEMES) + 1
    count = 0

    def fitted() -> None:
        nonlocal count
        count += 1
        progress("fitting on rolling origins", count, total)

    progress("fitting on rolling origins", 0, total)
    return [out_of_fold(data, split, settings, fitted) for split in made], judged_how


def _judge_last(data: Dataset, folds: list[OutOfFold], settings: TrainingSettings) -> Judged:
    """Score the last fold beside every rival; weighting, rounds and calibrator come from what was known before it.

    Where the history is so short that no earlier fold's outcomes were, all earlier folds decide: they hold other dates,
    though outcomes of the same days.
    """
    last = folds[-1]
    first = data.as_of[last.valid].min()
    before = known_by(data, folds[:-1], first, settings.rule.reach_days) or folds[:-1]
    chosen = choose(before, settings).weighting
    learnt, test = data.take(last.learnt), data.take(last.valid)
    probabilities = {MODEL: _last_probability(data, before, last, chosen, settings)}
    for scheme in ("revenue", "none"):
        if scheme != chosen:
            name = f"LightGBM, weights: {scheme}"
            probabilities[name] = _last_probability(data, before, last, scheme, settings)
    probabilities |= {rival.name: rival.fit(learnt)(test.matrix) for rival in RIVALS}
    return Judged(test, probabilities)


def _last_probability(
    data: Dataset, before: list[OutOfFold], last: OutOfFold, scheme: str, settings: TrainingSettings
) -> np.ndarray:
    rounds = rounds_of(before, scheme, settings)
    margin, valid = margins_at(before, scheme, rounds, settings)
    return fit_platt(margin, data.churned[valid])(margins_at([last], scheme, rounds, settings)[0])
