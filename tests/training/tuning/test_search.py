"""Tuning: purged folds, a study that is resumed and shared, pruning, and settings that must beat the defaults."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from support.handmade import dataset
from support.served import run_command

from features.errors import InputError, NotEnoughData
from features.signal import all_signals
from training.judge.origins import latest_origin
from training.judge.paired import Paired
from training.judge.verdict import Gate
from training.models.choice import choose
from training.models.fitting import fit_model, schemes_of
from training.models.folds import BY_ACCOUNT, FORWARD, learnable, out_of_fold, splits
from training.models.weights import SCHEMES
from training.registry.tracking import Registered
from training.settings import ChurnRule, Environment, FitSettings, TrainingSettings
from training.slices.dataset import Dataset
from training.slices.slice_dates import thinned
from training.tuning.search import FOLDS, SLOT, WORKER, claim, ended, open_study, work
from training.tuning.search_space import applied, search_space, starting_point
from training.tuning.studies import Budget, Job, Place, about
from training.tuning.trials import Measured, Reached, Trial, measure
from training.tuning.tuning import HeldOut, Tuning, best_of
from training.tuning.workers import tune
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


@pytest.fixture(scope="module")
def slices() -> Dataset:
    return panel()


@pytest.fixture(scope="module")
def tuning(slices: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    """Eight trials without interruption."""
    return tune(slices, SETTINGS, Environment(home=tmp_path_factory.mktemp("tuning")), trials=8)


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


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> Callable[[Reaching], None]:
    """Return a function that lets trials reach what it is told, on three folds, without growing a tree."""

    def instead(reached: Reaching) -> None:
        def measured(data: Dataset, settings: TrainingSettings, stop: Callable[[int, Reached], bool]) -> Any:
            found = Reached(reached(settings), 0.5)
            for step in range(3):
                if stop(step, found) and step < 2:
                    return None
            return Measured(found, (found.profit,) * 3)

        monkeypatch.setattr("training.tuning.search.measure", measured)

    return instead


def sequence(trials: Sequence[Trial]) -> list[tuple[Any, ...]]:
    """Return what must be the same in two studies."""
    return [(trial.number, trial.state, trial.parameters, trial.folds, trial.draws) for trial in trials]


# What may be changed


@pytest.mark.parametrize(
    "fit", [FitSettings(), SETTINGS.fit, FitSettings(num_leaves=64, learning_rate=0.5, max_depth=9, lambda_l2=0.0001)]
)
def test_every_dimension_holds_what_tuning_starts_from(fit: FitSettings) -> None:
    settings = replace(SETTINGS, fit=fit, every=5, window_days=100)
    start = starting_point(settings)
    dimensions = search_space(settings, [FIRST + timedelta(days=STEP * i) for i in range(DATES)])
    assert {dimension.name for dimension in dimensions} == set(start)
    for dimension in dimensions:
        value = start[dimension.name]
        if dimension.choices:
            assert value == dimension.choices[0] and len(set(dimension.choices)) == len(dimension.choices)
        else:
            assert isinstance(value, int | float) and dimension.low <= value <= dimension.high
    assert applied(settings, start) == replace(settings, weighting=next(iter(SCHEMES)))


def test_no_window_longer_than_the_history_and_no_step_that_leaves_too_few_slices() -> None:
    def choices(dates: int, days: int) -> dict[str, tuple[Any, ...]]:
        made = search_space(SETTINGS, [FIRST + timedelta(days=days * i) for i in range(dates)])
        return {dimension.name: dimension.choices for dimension in made}

    assert choices(12, 100)["every"] == (1, 2, 3) and choices(12, 100)["window_days"] == (None, 365, 547, 730)
    assert choices(8, 60)["every"] == (1, 2) and choices(8, 60)["window_days"] == (None, 365)
    assert choices(7, 30)["every"] == (1,) and choices(7, 30)["window_days"] == (None,)


@given(
    count=st.integers(1, 40), step=st.integers(1, 60), every=st.integers(1, 5), window=st.integers(1, 900) | st.none()
)
def test_thinning_keeps_the_latest_date_and_even_steps(count: int, step: int, every: int, window: int | None) -> None:
    dates = [FIRST + timedelta(days=step * i) for i in range(count)]
    kept = thinned(dates, every, window)
    assert kept == sorted(set(kept) & set(dates)) and kept[-1] == dates[-1]
    assert {(later - day).days for day, later in pairwise(kept)} <= {every * step}
    assert window is None or (kept[-1] - kept[0]).days < window
    left = [day for day in dates if window is None or (dates[-1] - day).days < window]
    assert len(kept) == -(-len(left) // every)


def test_fewer_slices_are_learnt_from_and_all_are_judged(slices: Dataset) -> None:
    fewer = replace(SETTINGS, every=2, window_days=365)
    (all_of, how), (some_of, _) = splits(slices, SETTINGS), splits(slices, fewer)
    assert how == FORWARD and len(all_of) == len(some_of) == 3
    for (learnt, valid), (thin, judged) in zip(all_of, some_of, strict=True):
        assert valid.tolist() == judged.tolist()
        assert slices.take(thin).dates == thinned(slices.take(learnt).dates, 2, 365)
        known = slices.as_of[thin].max() + np.timedelta64(fewer.known_after_days, "D")
        assert known <= slices.as_of[judged].min()
    assert (len(all_of[-1][0]), len(some_of[-1][0])) == (11 * ACCOUNTS, 4 * ACCOUNTS)


def test_the_model_is_grown_on_the_slices_that_are_left(slices: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.models.fitting import fit_trees

    grown: list[Dataset] = []

    def kept(data: Dataset, *args: Any) -> Any:
        grown.append(data)
        return fit_trees(data, *args)

    monkeypatch.setattr("training.models.fitting.fit_trees", kept)
    fit_model(slices, replace(SETTINGS, every=3, window_days=600, weighting="none"))
    last = grown[0]  # those after it are the account folds that calibrate
    assert last.dates == thinned(slices.dates, 3, 600) and len(last) == ACCOUNTS * len(last.dates)


def test_where_the_dates_left_have_one_outcome_all_rows_are_learnt_from(slices: Dataset) -> None:
    last = slices.as_of == slices.as_of.max()
    calm = Dataset(slices.matrix, slices.churned & ~last)
    rows, recent = np.arange(len(calm)), replace(SETTINGS, window_days=1)
    assert learnable(calm, rows, recent).tolist() == rows.tolist()
    assert learnable(slices, rows, recent).tolist() == np.flatnonzero(last).tolist()


def test_a_settled_weighting_is_taken_and_compared_with_none(slices: Dataset) -> None:
    settled = fit_model(slices, replace(SETTINGS, weighting="log revenue")).choice
    assert settled.weighting == "log revenue" and settled.settled and set(settled.schemes) == {"log revenue", "none"}
    assert settled.why.startswith("was settled beforehand; against no weights")
    assert schemes_of(SETTINGS) == tuple(SCHEMES) and schemes_of(replace(SETTINGS, weighting="none")) == ("none",)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"window_days": 0}])
def test_settings_that_leave_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        replace(SETTINGS, **wrong)


def test_a_short_history_is_tuned_on_folds_by_account(slices: Dataset, tmp_path: Path) -> None:
    short = slices.on(slices.dates[-3:])
    origin = latest_origin(short, SETTINGS)
    assert (origin.how, splits(origin.learnt, SETTINGS)[1]) == (FORWARD, BY_ACCOUNT)
    found = tune(short, SETTINGS, Environment(home=tmp_path), trials=2)
    assert found.counts["finished"] == 2 and len(found.trials[1].folds) == SETTINGS.folds


# One trial


def test_a_trial_reaches_what_the_same_fit_would_find(slices: Dataset) -> None:
    settings, seen = replace(SETTINGS, weighting="root revenue"), []
    measured = measure(slices, settings, lambda step, reached: seen.append((step, reached)) is not None)
    made, _ = splits(slices, settings)
    choice = choose(slices, [out_of_fold(slices, split, settings, ("root revenue",)) for split in made], settings)
    assert measured is not None and [step for step, _ in seen] == [0, 1, 2] and seen[-1][1] == measured.reached
    assert measured.reached.profit == choice.schemes["root revenue"].profit
    assert measured.reached.ranking == pytest.approx(choice.schemes["root revenue"].ranking, abs=0.0006)
    assert len(measured.draws) == settings.bootstraps and len(set(measured.draws)) > 1


def test_a_trial_is_given_up_between_folds(slices: Dataset) -> None:
    asked = []

    def after(fold: int) -> Callable[[int, Reached], bool]:
        return lambda step, _: asked.append(step) is None and step == fold

    assert measure(slices, SETTINGS, after(1)) is None and asked == [0, 1]
    assert measure(slices, SETTINGS, after(2)) is not None


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


KILLED = """
import os, pickle, signal, sys
from pathlib import Path
import training.tuning.trials
from training.tuning.search import work
grow, grown = training.tuning.trials.out_of_fold, []
def dying(*args):
    grown.append(args)
    if len(grown) > 3 * 4 + 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return grow(*args)
training.tuning.trials.out_of_fold = dying
work(pickle.loads(Path(sys.argv[1]).read_bytes()))
"""


@pytest.mark.server
def test_a_killed_tuning_resumes_without_losing_a_finished_trial(
    tuning: Tuning, slices: Dataset, tmp_path: Path
) -> None:
    """Killed in the second fold of the fifth trial; what follows is what would have followed without."""
    origin, folder = latest_origin(slices, SETTINGS), tmp_path / "studies"
    space = search_space(SETTINGS, origin.learnt.dates)
    what, place = about(slices, SETTINGS, "profit", space), Place("book", folder)
    job = Job(place, Budget(8, None, time.time()), "profit", origin.learnt, SETTINGS, space, what)
    folder.mkdir()
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "job")], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = open_study(job)
    assert [trial.state for trial in before.trials] == [TrialState.COMPLETE] * 4 + [TrialState.RUNNING]
    assert sequence(ended(before)) == sequence(tuning.trials[:4])
    resumed = tune(slices, SETTINGS, Environment(home=tmp_path), trials=8, study="book")
    assert sequence(resumed.trials) == sequence(tuning.trials)
    states = [trial.state for trial in open_study(job).trials]
    assert len(states) == 9 and states[4] == TrialState.FAIL and TrialState.RUNNING not in states
    assert resumed.counts["failed"] == 0 and not list(folder.glob("*-*.lock"))


def test_a_journal_that_breaks_off_is_mended(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    reaching(nearest_the_start)
    home = Environment(home=tmp_path)
    whole = tune(slices, SETTINGS, home, trials=2, study="book").trials
    with (tmp_path / "studies" / "book.log").open("ab") as journal:
        journal.write(b'{"op_code":4,"worker_id":"x')
    longer = tune(slices, SETTINGS, home, trials=3, study="book").trials
    assert sequence(longer[:2]) == sequence(whole) and len(longer) == 3


@pytest.mark.parametrize("database", [False, True], ids=["journal", "database"])
def test_two_workers_share_a_study(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None], database: bool
) -> None:
    """They take turns here; each sees what the other is at, and what it leaves when it is gone."""
    reaching(lambda settings: settings.fit.learning_rate)
    job = job_of(slices, tmp_path, trials=3, url=f"sqlite:///{tmp_path / 'study.db'}" if database else None)
    one, two = open_study(job), open_study(job)
    with job.place.signed_in() as first:
        with job.place.signed_in() as second:
            mine, others = claim(one, job, first), claim(two, job, second)
            assert mine is not None and others is not None
            assert (mine.user_attrs[SLOT], others.user_attrs[SLOT]) == (0, 1) and mine.params != others.params
            lost = dict(others.params)
            two.tell(claim(two, job, second), 1.0)
            assert claim(one, job, first) is None
        again = claim(one, job, first)
        assert again is not None and again.user_attrs[SLOT] == 1 and again.params == lost
        assert claim(one, job, first) is None
        one.tell(mine, 2.0)
        one.tell(again, 3.0)
    assert [(trial.number, trial.state) for trial in ended(two)] == [(slot, "finished") for slot in range(3)]
    assert [trial.state for trial in two.trials].count(TrialState.FAIL) == 1


def test_a_worker_of_another_machine_is_not_taken_for_dead(slices: Dataset, tmp_path: Path) -> None:
    job = job_of(slices, tmp_path, trials=2, url=f"sqlite:///{tmp_path / 'study.db'}")
    study = open_study(job)
    with job.place.signed_in() as worker:
        far = claim(study, job, "elsewhere-0123")
        assert far is not None and far.user_attrs[SLOT] == 0
        near = claim(study, job, worker)
        assert near is not None and near.user_attrs[SLOT] == 1 and claim(study, job, worker) is None
    assert Place("book", tmp_path).is_at_work("elsewhere-0123") is False  # a journal stands beside its locks


@pytest.mark.server
def test_processes_share_a_study(slices: Dataset, tmp_path: Path) -> None:
    found = tune(slices, SETTINGS, Environment(home=tmp_path), trials=6, workers=2, study="book")
    assert [trial.number for trial in found.trials] == list(range(6)) and found.counts["failed"] == 0
    assert len({json.dumps(trial.parameters) for trial in found.trials}) == 6
    job = replace(job_of(slices, tmp_path / "studies"), what=found_about(slices))
    raw = open_study(job).trials
    assert len(raw) == 6 and not list((tmp_path / "studies").glob("*-*.lock"))
    here = Place("book", tmp_path / "studies")
    assert all(here.is_at_work(trial.user_attrs[WORKER]) is False for trial in raw)


def found_about(slices: Dataset) -> dict[str, Any]:
    space = search_space(SETTINGS, latest_origin(slices, SETTINGS).learnt.dates)
    return about(slices, SETTINGS, "profit", space)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 3}, "seed was 0, is 3"),
        ({"rule": ChurnRule(horizon_days=90)}, "rule.horizon_days was 120, is 90"),
        ({"until": date(2024, 6, 1)}, "until was None, is 2024-06-01"),
        ({"fit": replace(SETTINGS.fit, num_leaves=5)}, "fit.num_leaves was 4, is 5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_study_about_something_else_is_refused(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None], changes: dict[str, Any], says: str
) -> None:
    reaching(lambda settings: 1.0)
    home = Environment(home=tmp_path)
    tune(slices, SETTINGS, home, trials=1, study="book")
    with pytest.raises(InputError, match=f"{says}.*give another --study"):
        tune(slices, replace(SETTINGS, **changes), home, trials=2, study="book")


def test_a_study_of_other_data_or_objectives_is_refused(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    reaching(lambda settings: 1.0)
    home = Environment(home=tmp_path)
    tune(slices, SETTINGS, home, trials=1, study="book")
    with pytest.raises(InputError, match=r"'book' is about something else: data was [0-9a-f]{12}…, is [0-9a-f]{12}…;"):
        tune(panel(seed=1), SETTINGS, home, trials=2, study="book")
    with pytest.raises(InputError, match="objectives was profit, is both"):
        tune(slices, SETTINGS, home, trials=2, study="book", objectives="both")
    assert len(tune(slices, SETTINGS, home, trials=1, study="book").trials) == 1


@pytest.mark.parametrize("name", ["../book", "a/b", "", ".hidden", "x" * 101])
def test_a_study_has_a_name_that_makes_a_file(slices: Dataset, environment: Environment, name: str) -> None:
    with pytest.raises(InputError, match="a study's name is"):
        Place(name, environment.home)


def test_addresses_are_checked_and_shown_without_their_password(tmp_path: Path) -> None:
    assert Place("book", tmp_path, "postgresql://me:secret@host/db").shown == "postgresql://me:***@host/db"
    assert Place("book", tmp_path, "postgresql://me@host/db?password=secret").shown == "postgresql://me@host/db"
    for address in ("nowhere", "postgresql://me:secret"):
        with pytest.raises(InputError, match=r"CHURN_RISK_STUDY_URL is no address of a database$"):
            Place("book", tmp_path, address)


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/study.db", "nosuchdialect://host/db"])
def test_a_database_that_cannot_be_opened_is_bad_input(slices: Dataset, tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"CHURN_RISK_STUDY_URL: .* cannot be opened"):
        tune(slices, SETTINGS, Environment(home=tmp_path, study_url=url), trials=1)


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


# What is taken


def trial_of(number: int, profit: float, ranking: float, noise: float = 0.0, state: Any = "finished") -> Trial:
    draws = tuple(profit + noise * np.random.default_rng(number).normal(size=200))
    return Trial(number, state, starting_point(SETTINGS), (Reached(profit, ranking),), draws, "", 0.0, 1.0)


def test_money_decides_where_it_can_tell_and_ranking_elsewhere() -> None:
    clear = [trial_of(0, 1.0, 0.9), trial_of(1, 5.0, 0.6), trial_of(2, 9.0, 0.8, state="pruned")]
    noisy = [trial_of(0, 1.0, 0.9, noise=9.0), trial_of(1, 5.0, 0.6, noise=9.0)]
    assert best_of(clear, "profit").number == best_of(clear, "both").number == 1 and best_of(clear, "auc").number == 0
    assert best_of(noisy, "profit").number == 0
    with pytest.raises(NotEnoughData, match="none of 1 trials finished"):
        best_of(clear[2:], "profit")


def held_out(profit: Interval, auc: Interval) -> HeldOut:
    figures = {name: Paired(0.0, gain.value, gain) for name, gain in (("profit_at_capacity", profit), ("roc_auc", auc))}
    return HeldOut(("2025-01-01",), 100, FORWARD, figures)


@pytest.mark.parametrize(
    ("profit", "auc", "won"),
    [
        (Interval(2.0, -1.0, 4.0), Interval(0.01, -0.01, 0.02), True),
        (Interval(2.0, -1.0, 4.0), Interval(-0.01, -0.02, 0.01), False),
        (Interval(2.0, 1.0, 4.0), Interval(-0.01, -0.02, 0.01), True),
        (Interval(2.0, 1.0, 4.0), Interval(-0.03, -0.04, -0.01), False),
        (Interval(-0.1, -1.0, 4.0), Interval(0.03, 0.01, 0.04), False),
        (Interval(0.0, 0.0, 0.0), Interval(0.0, 0.0, 0.0), False),
        (Interval(float("nan"), 0.0, 0.0), Interval(0.01, 0.0, 0.02), False),
    ],
)
def test_tuned_settings_are_taken_when_they_earn_more_and_rank_no_worse(
    tuning: Tuning, profit: Interval, auc: Interval, won: bool
) -> None:
    found = replace(tuning, held_out=held_out(profit, auc))
    assert found.adopted is won and found.settings == (tuning.tuned if won else SETTINGS)
    assert ("the best beat the defaults" in found.why) is won
    assert ("the best did not beat the defaults" in found.why) is not won
    assert ("not beyond chance" in found.why) is (won and not profit.above)


def test_both_settings_are_judged_on_the_rows_held_out(tuning: Tuning, slices: Dataset) -> None:
    from training.judge.verdict import judge_all

    origin = latest_origin(slices, SETTINGS)
    assert tuning.held_out is not None and tuning.held_out.rows == len(origin.test)
    given = {
        name: fit_model(origin.learnt, settings).probability(origin.test.matrix)
        for name, settings in (("model", tuning.tuned), ("defaults", SETTINGS))
    }
    expected = judge_all(origin.test, given, SETTINGS).intervals
    for measure_of, paired in tuning.held_out.figures.items():
        assert paired.second == pytest.approx(expected[measure_of].value)
        assert paired.difference == expected[f"{measure_of} - defaults"]
    assert tuning.adopted == tuning.held_out.won


def test_where_nothing_is_better_the_defaults_stay(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    reaching(lambda settings: float(settings.fit == SETTINGS.fit))
    found = tune(slices, SETTINGS, Environment(home=tmp_path), trials=3)
    assert found.held_out is None and not found.adopted and found.settings == SETTINGS
    assert "no trial was better than the defaults" in found.why and found.as_dict()["held_out"] is None


def test_the_record_is_plain(tuning: Tuning) -> None:
    record = json.loads(json.dumps(tuning.as_dict(), allow_nan=False))
    assert record["trials"] == 8 == record["finished"] + record["pruned"] + record["failed"] == len(record["all"])
    assert record["best"]["profit"] == tuning.best.reached.profit and record["adopted"] is tuning.adopted
    assert record["study"].startswith("tuning-") and record["kept_in"].endswith(f"{record['study']}.log")
    assert set(record["held_out"]) >= {"roc_auc", "profit_at_capacity", "as_of", "rows", "how"}
    assert tuning.why in str(tuning) and "8 trials" in str(tuning)


# Kept and asked for


def test_trials_are_nested_in_the_run(tuning: Tuning, environment: Environment) -> None:
    import mlflow

    from training.registry.run_records import log_tuning
    from training.registry.tracking import connected

    pruned = replace(tuning.trials[1], state="pruned", folds=tuning.trials[1].folds[:2])
    failed = replace(tuning.trials[2], state="failed", folds=(), why="RuntimeError: no such trees")
    some = replace(tuning, trials=(tuning.trials[0], pruned, failed))
    with connected(environment) as client:
        experiment = client.create_experiment("tuning", artifact_location=(environment.home / "runs").as_uri())
        with mlflow.start_run(experiment_id=experiment) as active:
            log_tuning(client, active, some)
        runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{active.info.run_id}'")
        named = {run.info.run_name: run for run in runs}
        assert {name: run.info.status for name, run in named.items()} == {
            "trial 0": "FINISHED", "trial 1": "KILLED", "trial 2": "FAILED"
        }  # fmt: skip
        first = named["trial 0"]
        assert first.data.params == {name: str(value) for name, value in starting_point(SETTINGS).items()}
        profits = client.get_metric_history(first.info.run_id, "profit")
        assert [metric.value for metric in profits] == [fold.profit for fold in tuning.trials[0].folds]
        assert named["trial 2"].data.tags["why"] == "RuntimeError: no such trees"
        assert client.get_run(active.info.run_id).data.tags["tuning"] == some.why


@pytest.mark.parametrize("adopted", [True, False])
def test_train_uses_what_was_adopted_and_says_so(
    tuning: Tuning, book_folder: Path, monkeypatch: Any, capfd: Any, adopted: bool
) -> None:
    """With what is done before and after tuning left out."""
    gain = Interval(2.0, -1.0, 4.0) if adopted else Interval(-2.0, -4.0, 1.0)
    found = replace(tuning, held_out=held_out(gain, Interval(0.0, 0.0, 0.0)))
    asked: dict[str, Any] = {}
    used: list[Any] = []

    def tuned(data: object, settings: TrainingSettings, environment: Environment, **given: Any) -> Tuning:
        asked.update(given, seed=settings.seed)
        return found

    def train(tables: object, settings: TrainingSettings, *others: object, **more: object) -> Any:
        used.append(settings)
        verdict = {"grade": "A", "metrics": {"model": {}}}
        return SimpleNamespace(gate=Gate("first", ""), verdict=SimpleNamespace(as_dict=lambda: verdict, grade="A"))

    def register(*given: object, tuning: Tuning | None, **more: object) -> Any:
        used.append(tuning)
        return Registered("1", "run", True, "nowhere"), MagicMock(slices=[])

    monkeypatch.setattr("training.tuning.workers.tune", tuned)
    monkeypatch.setattr("training.making.pipeline.train", train)
    monkeypatch.setattr("training.making.pipeline.prepare", lambda tables, settings: (None, {}))
    monkeypatch.setattr("training.registry.tracking.register", register)
    monkeypatch.setattr("training.cli.model_commands._champion", lambda environment: (None, None))
    options = ("--trials", 7, "--tune-minutes", 2.5, "--study", "spring", "--workers", 3, "--objectives", "both")
    done = run_command(monkeypatch, capfd, "train", book_folder, "--seed", 5, *options, "--json")
    assert done.code == 0, done.err
    assert done.result["tuning"]["adopted"] is adopted and done.result["tuning"]["why"] == found.why
    assert used == [found.tuned if adopted else SETTINGS, found]
    assert asked.pop("progress") is not None and asked == {
        "trials": 7, "minutes": 2.5, "study": "spring", "workers": 3, "objectives": "both", "seed": 5
    }  # fmt: skip


@pytest.mark.parametrize(
    "options", [("--study", "spring"), ("--workers", 2), ("--objectives", "auc"), ("--trials", 0), ("--trials", "many")]
)
def test_how_to_tune_without_how_long_is_bad_usage(
    monkeypatch: Any, capfd: Any, book_folder: Path, options: tuple[Any, ...]
) -> None:
    done = run_command(monkeypatch, capfd, "train", book_folder, *options)
    assert done.code == 2 and "Usage" in done.err and done.out == ""


def test_a_signal_of_the_panel_tells_who_churns(slices: Dataset) -> None:
    """Otherwise trials would differ by chance alone."""
    assert pd.Series(slices.matrix.signals.notna().sum()).gt(0).sum() == 2
    measured = measure(slices, SETTINGS)
    assert measured is not None and measured.reached.ranking > 0.7
