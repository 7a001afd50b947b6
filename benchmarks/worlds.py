"""Simulated books: ours beside every rival, the true hazards and ten times the accounts; and null worlds.

For every seed a book is simulated, a model is trained on what was known before 2025-04-01 and judged, with all rivals
made of the same slices, at four later dates whose outcomes it has not seen. The true hazards stand beside the book:
what they reach no model can beat. What can be learnt is less: the same trees grown on a book of ten times the accounts,
judged on the same rows, are the learnable ceiling. In a null world nothing but chance drives churn, so the mean ROC AUC
over the seeds must lie within 2 standard errors of .5.

    python -m benchmarks worlds
    python -m benchmarks null
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.across import compared, mean_interval
from benchmarks.max_profit import auepc, empb
from benchmarks.record import record, resumed
from features.as_of import KEYS
from features.console import say
from features.simulation import World, simulate
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from training.judge.origins import Origin, against, contend, latest_origin
from training.judge.verdict import MODEL, Verdict, judge_all
from training.models.fitting import Fitted, fit_model
from training.models.folds import FORWARD
from training.models.trees import Trees, fit_trees
from training.rivals import ALL, CHEAP, Rival
from training.settings import TrainingSettings
from training.slices.dataset import Dataset, build_dataset
from training.slices.preparing import prepare
from training.worth.economics import action_profit
from training.worth.evaluation import auc_figure
from training.worth.reliability import reliability

UNTIL = date(2025, 4, 1)
JUDGED = [date(2025, 4, 1), date(2025, 5, 1), date(2025, 6, 1), date(2025, 7, 1)]
SEEDS, ACCOUNTS = range(5), 5000
TIMES = 10
#: Added to the seed of a world for the larger one, so that no account stands in both.
OTHER_SEED = 1000
#: Fixed before the first run.
NULL_SEEDS, NULL_ACCOUNTS = range(20), 2000
TRUTH = "true hazards"
KEPT = ("roc_auc", "captured_5", "captured_10", "captured_20", "profit_at_capacity", "brier", "calibration_error",
        "churn_rate", "largest_loss_share", "rows")  # fmt: skip


@dataclass(frozen=True)
class WorldRun:
    """A model made of a world, its grade where one was asked for, and rows of later dates with all probabilities."""

    fitted: Fitted
    settings: TrainingSettings
    grade: str | None
    test: Dataset
    probabilities: dict[str, np.ndarray]
    verdict: Verdict


def worlds() -> None:
    """Measure the simulated worlds and record them."""
    found = [resumed("worlds", str(seed), lambda seed=seed: measure(seed)) for seed in SEEDS]
    record("worlds", {"accounts": ACCOUNTS, "summary": _summary(found), "seeds": found})


def null_worlds() -> None:
    """Measure the null worlds and record them."""
    found = [resumed("null_worlds", str(seed), lambda seed=seed: _null(seed)) for seed in NULL_SEEDS]
    auc = np.array([one["roc_auc"] for one in found])
    error = float(auc.std(ddof=1) / np.sqrt(len(auc)))
    summary = {
        "mean_roc_auc": float(auc.mean()),
        "standard_error": error,
        "standard_errors_from_half": float((auc.mean() - 0.5) / error),
        "grades": "".join(one["grade"] for one in found),
    }
    record("null_worlds", {"accounts": NULL_ACCOUNTS, "summary": summary, "seeds": found})


def measure(seed: int) -> dict[str, Any]:
    """Return everything that is to be known of one seed, as plain values."""
    settings = TrainingSettings(until=UNTIL, seed=seed)
    found = judge_world(World(accounts=ACCOUNTS, seed=seed), settings, ALL)
    weighting = found.fitted.choice.weighting
    larger = _at_times(World(accounts=TIMES * ACCOUNTS, seed=seed + OTHER_SEED), settings, weighting)
    each = np.ones(len(found.test))
    ceiling = float(auc_figure(found.test, larger.margin(found.test.matrix))(each))
    ours = found.verdict.metrics[MODEL].roc_auc
    checked = reliability(found.test, found.probabilities[MODEL], settings)
    say(f"seed {seed}: {ours:.4f}, with {TIMES} times the accounts {ceiling:.4f}, {checked.slope.value:.2f}")
    return {
        "seed": seed,
        "weighting": weighting,
        "rounds": found.fitted.choice.rounds,
        "ceiling_roc_auc": ceiling,
        "share_of_learnable": (ours - 0.5) / (ceiling - 0.5),
        "reliability": checked.as_dict(),
        "contenders": {name: one | _max_profit(found, name) for name, one in _contenders(found).items()},
        "intervals": {
            name: interval.as_dict() for name, interval in found.verdict.intervals.items() if TRUTH not in name
        },
    }


def judge_world(
    world: World, settings: TrainingSettings, rivals: Iterable[Rival] = CHEAP, graded: bool = False
) -> WorldRun:
    """Make a model of what was known before `UNTIL` and judge it at the later dates, rivals and true hazards beside.

    `graded` also judges a model of the latest origin, as `train` does for the grade.
    """
    settings = replace(settings, until=UNTIL)
    with tempfile.TemporaryDirectory() as folder:
        tables = _book(world, Path(folder))
        prepared = prepare(tables, settings)
        data = prepared.data
        test = build_dataset(tables, JUDGED, settings.rule, prepared.recorded_since)
        truth = _true_probability(Path(folder), test)
    fitted = fit_model(data, settings)
    probabilities = {MODEL: fitted.probability(test.matrix)}
    probabilities |= against(rivals, Origin(data, test, FORWARD), settings)
    probabilities[TRUTH] = truth
    grade = _grade(data, settings) if graded else None
    return WorldRun(fitted, settings, grade, test, probabilities, judge_all(test, probabilities, settings))


def _grade(data: Dataset, settings: TrainingSettings) -> str | None:
    origin = latest_origin(data, settings)
    return judge_all(origin.test, contend(origin, CHEAP, settings)[1], settings).grade


def _null(seed: int) -> dict[str, Any]:
    world = World(accounts=NULL_ACCOUNTS, seed=seed, null=True)
    found = judge_world(world, TrainingSettings(seed=seed), (), graded=True)
    auc = found.verdict.metrics[MODEL].roc_auc
    say(f"null world {seed}: grade {found.grade}, ROC AUC {auc:.4f}")
    return {"seed": seed, "grade": found.grade, "roc_auc": auc}


def _at_times(world: World, settings: TrainingSettings, weighting: str) -> Trees:
    """Grow the trees on a larger book: weighted as the smaller book chose, the most rounds, since it bears them."""
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(_book(world, Path(folder)), settings).data
    return fit_trees(data, settings.fit, settings.seed, settings.fit.max_rounds, weighting, settings.economics)


def _book(world: World, folder: Path) -> Tables:
    simulate(world, folder)
    return validate(open_source(str(folder)))


def _true_probability(folder: Path, test: Dataset) -> np.ndarray:
    truth = pd.read_parquet(folder / "true_hazards.parquet").assign(as_of=lambda t: pd.to_datetime(t["as_of"]))
    joined = test.matrix.keys.assign(as_of=pd.to_datetime(test.matrix.keys["as_of"])).merge(truth, on=KEYS, how="left")
    return joined["probability_180d"].to_numpy(float)


def _contenders(found: WorldRun) -> dict[str, dict[str, Any]]:
    metrics = {name: one.as_dict() for name, one in found.verdict.metrics.items()}
    return {name: {key: one[key] for key in KEPT} for name, one in metrics.items()}


def _max_profit(found: WorldRun, name: str) -> dict[str, float]:
    """EMPB and AUEPC of a contender's expected profit (empulse 0.13: a mean per customer); they select nothing."""
    action = found.settings.economics.strongest
    score = action_profit(found.probabilities[name], found.test.matrix.value, action)
    return {"empb": empb(found.test, score, action), "auepc": auepc(found.test, score, action)}


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    contenders = [one["contenders"] for one in found]
    slopes = [one["reliability"]["slope"]["value"] for one in found]
    bands = [one["reliability"]["bands"][-1] for one in found]
    ratios = [band["predicted_loss"] / band["realised_loss"] for band in bands]
    return {
        "share_of_learnable": mean_interval([one["share_of_learnable"] for one in found]),
        "ceiling_roc_auc": mean_interval([one["ceiling_roc_auc"] for one in found]),
        "roc_auc": compared(contenders, "roc_auc"),
        "profit_at_capacity": compared(contenders, "profit_at_capacity"),
        "captured_10": compared(contenders, "captured_10"),
        "calibration_slope": mean_interval(slopes),
        "weighted_slopes": [one["reliability"]["weighted_slope"] for one in found],
        "predicted_over_realised_loss": mean_interval(ratios),
    }
