"""What the tests of tuning share: a panel that can be learnt from, and how a study is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from features.signal import all_signals
from support.handmade import dataset
from training.judge.paired import Paired
from training.models.folds import FORWARD
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.slices.dataset import Dataset
from training.tuning.search_space import search_space
from training.tuning.studies import Budget, Job, Place, about
from training.tuning.trials import Trial
from training.tuning.tuning import HeldOut
from training.worth.bootstrap import Interval

FIRST, STEP, DATES, ACCOUNTS = date(2022, 1, 1), 60, 16, 60
SETTINGS = TrainingSettings(
    rule=ChurnRule(horizon_days=120),
    folds=3,
    bootstraps=20,
    fit=FitSettings(max_rounds=16, num_leaves=4, min_data_in_leaf=20, learning_rate=0.1),
)


def panel(seed: int = 0) -> Dataset:
    """Accounts at dates 60 days apart; two signals tell who churns, the value of an account does not."""
    rng = np.random.default_rng(seed)
    dates = [FIRST + timedelta(days=STEP * i) for i in range(DATES)]
    risk = rng.normal(size=(DATES, ACCOUNTS)).ravel()
    churned = risk + rng.normal(size=len(risk)) > 1
    names = [f"a{i:03d}" for i in range(ACCOUNTS)]
    made = dataset(churned, rng.lognormal(7, 1, len(risk)), names * DATES, np.repeat(dates, ACCOUNTS).tolist())
    numeric = [item.name for item in all_signals() if not item.is_text and item.monotone == 0][:2]
    made.matrix.signals[numeric] = np.column_stack([risk, -risk + rng.normal(size=len(risk))])
    return made


def job_of(slices: Dataset, folder: Path, trials: int | None = 4, **changes: Any) -> Job:
    """Return what a worker is told, as `tune` would tell it."""
    made = {"objectives": "profit", "seconds": None, "url": None, "begun_at": time.time()} | changes
    space = search_space(SETTINGS, slices.dates)
    return Job(
        Place("book", folder, made["url"]),
        Budget(trials, made["seconds"], made["begun_at"]),
        made["objectives"],
        slices,
        SETTINGS,
        space,
        about(slices, SETTINGS, made["objectives"], space),
    )


Reaching = Callable[[TrainingSettings], float]


def nearest_the_start(settings: TrainingSettings) -> float:
    """Let the first trial be the best, so that nothing is to be held out."""
    return -abs(settings.fit.learning_rate - SETTINGS.fit.learning_rate)


def sequence(trials: Sequence[Trial]) -> list[tuple[Any, ...]]:
    """Return what must be the same in two studies."""
    return [(trial.number, trial.state, trial.parameters, trial.folds, trial.draws) for trial in trials]


def held_out(profit: Interval, auc: Interval) -> HeldOut:
    figures = {name: Paired(0.0, gain.value, gain) for name, gain in (("profit_at_capacity", profit), ("roc_auc", auc))}
    return HeldOut(("2025-01-01",), 100, FORWARD, figures)
