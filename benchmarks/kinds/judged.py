"""Books of many kinds and sizes: the model, each of its experts, every cheap rival and the true hazards.

For each kind, size and seed a book is made, a model is trained on what was known before a date, and everybody is judged
at three dates from then on. Means over the seeds, and the model's lead with the interval that the seeds give.

    python -m benchmarks kinds
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.across import compared
from benchmarks.kinds.book import Book, simulate_kind
from benchmarks.kinds.kind import KINDS, Kind
from benchmarks.record import record, resumed
from features.console import say
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.judge.origins import Origin, against
from training.judge.verdict import MODEL
from training.models.fitting import Fitted, fit_model
from training.models.folds import FORWARD
from training.rivals import CHEAP
from training.settings import ChurnRule, TrainingSettings
from training.slices.dataset import Dataset, build_dataset
from training.slices.preparing import prepare
from training.worth.bootstrap import whole
from training.worth.evaluation import auc_figure
from training.worth.level import Level, level_of, predicted_loss

#: Accounts -> seeds; fixed before the model was changed.
SIZES = {400: range(3), 1500: range(2)}
#: Days from the end of what is known to each judged date.
JUDGED_AFTER = (0, 45, 90)
TRUTH = "true hazards"
#: A level that does not move.
STEADY = Level(spread=0.0, periods=1e6, dates=0)


def kinds() -> None:
    """Measure every kind and record it."""
    found: dict[str, dict[str, Any]] = {}
    for name, kind in KINDS.items():
        for accounts, seeds in SIZES.items():
            key = f"{name.replace(' ', '-')}-{accounts}"
            runs = [resumed("kinds", f"{key}-{seed}", partial(measure, kind, accounts, seed)) for seed in seeds]
            found[f"{name}, {accounts} accounts"] = {
                "roc_auc": compared([run["contenders"] for run in runs], "roc_auc"),
                "loss": _covered([loss for run in runs for loss in run["losses"]]),
                "runs": runs,
            }
    summary = {name: _means(one["roc_auc"]) | {"loss interval": one["loss"]} for name, one in found.items()}
    record("kinds", {"summary": summary, "kinds": found})


def measure(kind: Kind, accounts: int, seed: int) -> dict[str, Any]:
    """Return what is to be known of one book, as plain values."""
    learnt, test, book, settings = made(kind, accounts, seed)
    fitted = fit_model(learnt, settings)
    probability = fitted.probability(test.matrix)
    scores = {MODEL: probability} | fitted.margin.by_expert(test.matrix)
    scores |= against(CHEAP, Origin(learnt, test, FORWARD), settings)
    scores[TRUTH] = book.true_risk(test.matrix.keys)
    losses = _losses(fitted, learnt, test, probability, scores[TRUTH], settings)
    aucs = {name: whole(auc_figure(test, score), len(test)) for name, score in scores.items()}
    say(f"{accounts} accounts, seed {seed}: " + ", ".join(f"{name} {auc:.3f}" for name, auc in aucs.items()))
    return {
        "seed": seed,
        "churned_accounts": len(np.unique(learnt.accounts[learnt.churned])),
        "churn_rate": float(test.churned.mean()),
        "mean_probability": float(probability.mean()),
        "weighting": fitted.choice.weighting,
        "weights": dict(fitted.margin.weights),
        "penalty": fitted.margin.linear.penalty,
        "losses": losses,
        "contenders": {name: {"roc_auc": auc} for name, auc in aucs.items()},
    }


def _losses(
    fitted: Fitted,
    learnt: Dataset,
    test: Dataset,
    probability: np.ndarray,
    true_risk: np.ndarray,
    settings: TrainingSettings,
) -> list[dict[str, float]]:
    """Return for each judged date the predicted loss with its interval, and the realised one, in currency.

    `true_width` is that of the interval over its mean where the hazards are known and the level cannot move: chance,
    account by account, which no model takes off.

    Parameters
    ----------
    probability, true_risk : arrays of shape (n,)
        Of the rows of `test`, 0-1.
    """
    margin, churned = fitted.out_of_fold
    known = learnt.as_of[fitted.out_of_fold_rows]
    level = level_of(known, fitted.calibrator(margin), churned, settings.known_after_days)
    found = []
    for day in test.dates:
        rows = test.rows_on([day])
        loss = predicted_loss(probability[rows], test.revenue[rows], level)
        realised = float(test.revenue[rows] @ test.churned[rows])
        by_chance = predicted_loss(true_risk[rows], test.revenue[rows], STEADY)
        true_width = (by_chance.high - by_chance.low) / by_chance.expected
        found.append(asdict(loss) | {"realised": realised, "spread": level.spread, "true_width": true_width})
    return found


def made(kind: Kind, accounts: int, seed: int) -> tuple[Dataset, Dataset, Book, TrainingSettings]:
    """Return slices to learn from, rows to judge on, the book and the settings."""
    rule = ChurnRule(silence_days=kind.silence_days) if kind.silence_days else ChurnRule()
    book = simulate_kind(kind, accounts, seed)
    until = book.ends_on - timedelta(days=rule.horizon_days + JUDGED_AFTER[-1] + kind.late_days)
    settings = TrainingSettings(rule=rule, until=until, seed=seed, embargo_days=kind.late_days)
    with tempfile.TemporaryDirectory() as folder:
        tables = _tables(book, Path(folder))
        prepared = prepare(tables, settings)
        dates = [until + timedelta(days=days) for days in JUDGED_AFTER]
        return prepared.data, build_dataset(tables, dates, rule, prepared.recorded_since), book, settings


def _tables(book: Book, folder: Path) -> Tables:
    for name, frame in book.tables.items():
        frame.to_parquet(folder / f"{name}.parquet")
    return validate(open_source(folder))


def _covered(losses: list[dict[str, float]]) -> dict[str, float]:
    """Return how often the 80 % interval of the predicted loss held, and its median width over the predicted loss.

    Beside it the width that chance alone gives.
    """
    held = [loss["low"] <= loss["realised"] <= loss["high"] for loss in losses]
    widths = [(loss["high"] - loss["low"]) / loss["expected"] for loss in losses]
    return {
        "dates": len(losses),
        "held": float(np.mean(held)),
        "median_width": float(np.median(widths)),
        "median_width_of_true_hazards": float(np.median([loss["true_width"] for loss in losses])),
    }


def _means(auc: dict[str, Any]) -> dict[str, float]:
    return {name: round(one["mean"], 4) for name, one in auc.items()}
