"""Small simulated worlds, seeded: ours is no worse than logistic regression, and finds nothing where nothing is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.worlds import TRUTH, judge_world
from features.simulation import World
from training.judge.verdict import MODEL
from training.rivals import LOGISTIC
from training.settings import FitSettings, TrainingSettings

QUICK = TrainingSettings(
    slice_days=120,
    folds=3,
    bootstraps=20,
    weighting="root revenue",
    fit=FitSettings(max_rounds=48, learning_rate=0.2),
)


def test_model_is_no_worse_than_logistic_regression_and_below_the_truth() -> None:
    found = [judge_world(World(accounts=1000, seed=seed), replace(QUICK, seed=seed), [LOGISTIC]) for seed in (0, 1)]
    ours, theirs, truth = (
        np.mean([one.verdict.metrics[name].roc_auc for one in found]) for name in (MODEL, LOGISTIC.name, TRUTH)
    )
    assert theirs <= ours <= truth
    assert ours > 0.65


def test_null_world_earns_no_grade_above_d() -> None:
    found = [judge_world(World(accounts=500, seed=seed, null=True), QUICK, (), graded=True) for seed in (0, 1, 2)]
    assert [one.grade for one in found] == ["D", "D", "D"]
    assert abs(np.mean([one.verdict.metrics[MODEL].roc_auc for one in found]) - 0.5) < 0.08
