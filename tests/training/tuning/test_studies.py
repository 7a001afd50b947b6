"""A study outlives its workers: resumed after a kill, shared by processes, refused where it is about something else."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from support.tuning import SETTINGS, Reaching, job_of, nearest_the_start, panel, sequence

from features.errors import InputError
from training.judge.origins import latest_origin
from training.settings import ChurnRule, Environment
from training.slices.dataset import Dataset
from training.tuning.search import SLOT, WORKER, claim, ended, open_study
from training.tuning.search_space import search_space
from training.tuning.studies import Budget, Job, Place, about
from training.tuning.tuning import Tuning
from training.tuning.workers import tune

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
