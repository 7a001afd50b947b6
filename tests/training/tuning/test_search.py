"""The search: the trials it makes within its budget, pruned, failed or interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState
from support.tuning import SETTINGS, Reaching, job_of, nearest_the_start, sequence

from features.errors import NotEnoughData
from training.judge.origins import latest_origin
from training.settings import Environment, TrainingSettings
from training.slices.dataset import Dataset
from training.tuning.search import FOLDS, SLOT, claim, ended, open_study, work
from training.tuning.search_space import applied, starting_point
from training.tuning.studies import Budget
from training.tuning.trials import Measured, Reached
from training.tuning.tuning import Tuning
from training.tuning.workers import tune

# The study


def test_the_first_trial_is_what_tuning_starts_from(tuning: Tuning) -> None:
    assert [trial.number for trial in tuning.trials] == list(range(8))
    assert tuning.trials[0].parameters == starting_point(SETTINGS) and tuning.trials[0].state == "finished"
    assert all(set(trial.parameters) == set(starting_point(SETTINGS)) for trial in tuning.trials)
    assert len({json.dumps(trial.parameters) for trial in tuning.trials}) == 8
    assert tuning.tuned == applied(SETTINGS, tuning.best.parameters)


def test_trials_see_nothing_of_what_they_are_judged_on(slices: Dataset, tmp_path: Path) -> None:
    seen: list[Dataset] = []

    def kept(data: Dataset, settings: TrainingSettings, stop: Any) -> Measured:
        seen.append(data)
        stop(0, Reached(0.0, 0.5))
        return Measured(Reached(0.0, 0.5), (0.0,))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.tuning.search.measure", kept)
        tune(slices, SETTINGS, Environment(home=tmp_path), trials=2)
    origin = latest_origin(slices, SETTINGS)
    known = max(map(max, (data.as_of for data in seen))) + np.timedelta64(SETTINGS.known_after_days, "D")
    assert len(seen) == 2 and known <= origin.test.as_of.min()


def test_the_same_seed_gives_the_same_trials(tuning: Tuning, slices: Dataset, tmp_path: Path) -> None:
    again = tune(slices, SETTINGS, Environment(home=tmp_path), trials=8, study="another-name")
    assert sequence(again.trials) == sequence(tuning.trials)
    assert again.held_out == tuning.held_out and again.best.number == tuning.best.number
    other = tune(slices, replace(SETTINGS, seed=1), Environment(home=tmp_path), trials=2)
    assert other.trials[1].parameters != tuning.trials[1].parameters and other.study != tuning.study


def test_the_budget_counts_all_runs_of_a_study(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    reaching(nearest_the_start)
    home = Environment(home=tmp_path)
    told: list[tuple[int, int]] = []

    def run(trials: int) -> Tuning:
        return tune(slices, SETTINGS, home, trials=trials, progress=lambda _, step, steps: told.append((step, steps)))

    three = run(3).trials
    assert [pair for pair in told if pair[1] == 3] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    five = run(5).trials
    assert sequence(five[:3]) == sequence(three) and len(five) == 5 and sequence(run(4).trials) == sequence(five)


def test_no_trial_begins_when_the_minutes_are_over_but_the_first(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    reaching(lambda settings: 1.0)
    assert len(tune(slices, SETTINGS, Environment(home=tmp_path), minutes=0).trials) == 1
    begun = Budget(None, 60.0, time.time() - 30), Budget(None, 60.0, time.time() - 90), Budget(5, None, 0.0)
    assert [budget.allows(3) for budget in begun] == [True, False, True]
    assert [budget.spent(3) for budget in begun] == [(30, 60), (60, 60), (3, 5)]
    for wrong in ({}, {"trials": 0}, {"minutes": -1.0}, {"trials": 1, "workers": 0}, {"trials": 1, "objectives": "x"}):
        with pytest.raises(ValueError, match=r"is none of|how long|or more"):
            tune(slices, SETTINGS, Environment(home=tmp_path), **wrong)  # type: ignore[arg-type]


# Pruning and failing


@pytest.mark.parametrize(("objectives", "pruned"), [("profit", 3), ("auc", 0), ("both", 0)])
def test_what_is_below_the_median_after_the_same_folds_is_pruned(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None], objectives: Any, pruned: int
) -> None:
    """Each trial is worse than all before: from the sixth on they are given up, unless ranking or a front is sought."""
    left = iter(range(100, 0, -1))
    reaching(lambda settings: float(next(left)))
    job = job_of(slices, tmp_path, trials=8, objectives=objectives)
    work(job)
    trials = ended(open_study(job))
    assert [trial.state for trial in trials] == ["finished"] * (8 - pruned) + ["pruned"] * pruned
    assert {len(trial.folds) for trial in trials if trial.state == "pruned"} <= {2}
    assert all(len(trial.folds) == len(trial.draws) == 3 for trial in trials if trial.state == "finished")


def test_a_trial_that_fails_does_not_end_the_study(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    def reached(settings: TrainingSettings) -> float:
        if settings.fit.learning_rate != SETTINGS.fit.learning_rate:
            raise RuntimeError("no such trees")
        return 1.0

    reaching(reached)
    found = tune(slices, SETTINGS, Environment(home=tmp_path), trials=3)
    assert found.counts == {"finished": 1, "pruned": 0, "failed": 2} and not found.adopted
    assert found.trials[1].why == "RuntimeError: no such trees" and found.settings == SETTINGS
    reaching(lambda settings: float("nan"))
    with pytest.raises(
        NotEnoughData, match=r"none of 2 trials finished: NotEnoughData: what was earned cannot be told"
    ):
        tune(slices, SETTINGS, Environment(home=tmp_path), trials=2, study="nothing-told")


def test_an_interrupted_trial_leaves_its_place_free(slices: Dataset, tmp_path: Path, monkeypatch: Any) -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    job = job_of(slices, tmp_path)
    monkeypatch.setattr("training.tuning.search.measure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        work(job)
    study = open_study(job)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL] and ended(study) == []
    with job.place.signed_in() as worker:
        trial = claim(study, job, worker)
    assert trial is not None and trial.user_attrs[SLOT] == 0 and FOLDS not in trial.user_attrs
    assert trial.params == starting_point(SETTINGS)
