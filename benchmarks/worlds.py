"""Simulated books: ours beside logistic regression on the same matrix and beside the true hazards; and null worlds.

For every seed a book is simulated, a model is trained on what was known before 2025-04-01 and judged, with the rivals,
at four later dates whose outcomes it has not seen. The true hazards stand beside the book: their ROC AUC is what no
model can beat, and `share of the way` is (ours - .5) / (theirs - .5). In a null world nothing but chance drives churn,
so the mean ROC AUC over the seeds must lie within 2 standard errors of .5.

    python -m benchmarks worlds
    python -m benchmarks null
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.record import record
from features.as_of import KEYS
from features.console import say
from features.simulation import World, simulate
from features.sources import open_source
from features.validation import validate
from training.baselines import LOGISTIC
from training.dataset import Dataset, build_dataset
from training.evaluation import judge
from training.pipeline import train
from training.settings import TrainingSettings

UNTIL = date(2025, 4, 1)
JUDGED = [date(2025, 4, 1), date(2025, 5, 1), date(2025, 6, 1), date(2025, 7, 1)]
SEEDS, ACCOUNTS = range(5), 5000
#: Fixed before the first run.
NULL_SEEDS, NULL_ACCOUNTS = range(20), 2000


def worlds() -> None:
    """Measure the simulated worlds and record them."""
    found = [judge_world(World(accounts=ACCOUNTS, seed=seed)) for seed in SEEDS]
    record("worlds", {"accounts": ACCOUNTS, "summary": _summary(found), "seeds": found})


def null_worlds() -> None:
    """Measure the null worlds and record them."""
    found = [judge_world(World(accounts=NULL_ACCOUNTS, seed=seed, null=True)) for seed in NULL_SEEDS]
    auc = np.array([one["model"]["roc_auc"] for one in found])
    error = float(auc.std(ddof=1) / np.sqrt(len(auc)))
    summary = {
        "mean_roc_auc": float(auc.mean()),
        "standard_error": error,
        "standard_errors_from_half": float((auc.mean() - 0.5) / error),
        "grades": "".join(one["grade"] for one in found),
    }
    record("null_worlds", {"accounts": NULL_ACCOUNTS, "summary": summary, "seeds": found})


def judge_world(world: World, settings: TrainingSettings = TrainingSettings()) -> dict[str, Any]:  # noqa: B008 (frozen)
    """Train on a world before `UNTIL` and judge at the later dates; `settings.until` and `seed` are set here."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(world, Path(folder))
        tables = validate(open_source(folder))
        trained = train(tables, replace(settings, until=UNTIL, seed=world.seed))
        test = build_dataset(tables, JUDGED, trained.settings.rule, trained.recorded_since)
        truth = _true_probability(Path(folder), test)
    ours = trained.calibrator(trained.trees.margin(test.matrix))
    probabilities = {
        "model": ours,
        "logistic regression": LOGISTIC.fit(trained.data)(test.matrix),
        "true hazards": truth,
    }
    figures = {name: _kept(judge(test, probability).as_dict()) for name, probability in probabilities.items()}
    say(f"seed {world.seed}: " + ", ".join(f"{name} {one['roc_auc']:.4f}" for name, one in figures.items()))
    choice = {"weighting": trained.choice.weighting, "rounds": trained.choice.rounds}
    return {"seed": world.seed, "grade": trained.verdict.grade, **choice, **figures}


def _kept(metrics: dict[str, Any]) -> dict[str, Any]:
    names = ("roc_auc", "weighted_roc_auc", "captured_10", "brier", "calibration_error", "churn_rate", "rows")
    return {name: metrics[name] for name in names}


def _true_probability(folder: Path, test: Dataset) -> np.ndarray:
    truth = pd.read_parquet(folder / "true_hazards.parquet").assign(as_of=lambda t: pd.to_datetime(t["as_of"]))
    joined = test.matrix.keys.assign(as_of=pd.to_datetime(test.matrix.keys["as_of"])).merge(truth, on=KEYS, how="left")
    return joined["probability_180d"].to_numpy(float)


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    ours, theirs, truth = (
        np.array([one[name]["roc_auc"] for one in found]) for name in ("model", "logistic regression", "true hazards")
    )
    return {
        "mean_roc_auc": float(ours.mean()),
        "mean_roc_auc_logistic_regression": float(theirs.mean()),
        "mean_roc_auc_true_hazards": float(truth.mean()),
        "share_of_the_way": float(((ours - 0.5) / (truth - 0.5)).mean()),
        "share_of_the_way_logistic_regression": float(((theirs - 0.5) / (truth - 0.5)).mean()),
        "seeds_won_against_logistic_regression": int((ours >= theirs).sum()),
    }
