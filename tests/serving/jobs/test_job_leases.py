"""A chunk is one worker's while its lease runs: taken over, renewed, lost, and nothing scored twice."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from support.bulk import COUNT, START, WEEK, Clock, Quick, found, job_of, names, run_to_the_end, runner_of, sent
from support.served import process

from serving.jobs.claims import LEASE, Outcome, claim_chunk, finish_claim, release_claim, renew_claim
from serving.jobs.ledger import CHUNK, cancel_job, find_job
from serving.jobs.runner import PACE
from serving.predict.predictor import Call


def test_two_runners_score_every_account_once(engine: Engine) -> None:
    jobs = [job_of(engine, [sent(f"{name}-{batch}") for name in names(COUNT)]) for batch in range(2)]
    meeting = Barrier(2)

    class Meeting(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            if not self.calls:  # Both have claimed a chunk, at the same time, before either goes on.
                meeting.wait(60)
            return super().predict_each(calls)

    predictors = [Meeting(), Meeting()]
    with ThreadPoolExecutor(2) as pool:
        steps = list(pool.map(run_to_the_end, [runner_of(engine, one) for one in predictors]))
    assert sum(steps) == 6 and min(steps) >= 1
    scored = Counter(account_id for one in predictors for call in one.calls for account_id in call)
    assert len(scored) == 2 * COUNT and set(scored.values()) == {1}
    for job in jobs:
        assert (job := find_job(engine, job.job_id, None, START)).status == "done" and job.done == COUNT


def test_a_lease_is_taken_over_when_it_has_run_out_and_its_first_holder_writes_nothing(engine: Engine) -> None:
    job, clock = job_of(engine, map(sent, names(3))), Clock()
    dead = claim_chunk(engine, clock())
    assert dead is not None
    successor = runner_of(engine, Quick("2"), clock)
    clock.move(seconds=LEASE.total_seconds() - 1)
    assert not successor.step()
    assert renew_claim(engine, dead, clock())
    clock.move(seconds=LEASE.total_seconds() - 1)
    assert not successor.step()
    clock.move(seconds=1)
    assert successor.step()
    late = [Outcome(number, "failed", {"problem": {}}) for number in range(3)]
    assert not finish_claim(engine, dead, late, "1", clock(), WEEK)
    assert not renew_claim(engine, dead, clock()) and not release_claim(engine, dead)
    done = find_job(engine, job.job_id, None, clock())
    assert (done.status, done.done, done.failed, done.model_versions) == ("done", 3, 0, ("2",))
    assert {account.state for account in found(engine, job)} == {"done"}


def test_one_who_lost_the_lease_while_scoring_writes_nothing(engine: Engine) -> None:
    job, clock = job_of(engine, [sent("A")]), Clock()

    class Slow(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            clock.move(seconds=LEASE.total_seconds())
            assert runner_of(engine, Quick("2"), clock).step()
            return super().predict_each(calls)

    assert runner_of(engine, Slow(), clock).step()
    done = find_job(engine, job.job_id, None, clock())
    assert (done.status, done.done, done.model_versions) == ("done", 1, ("2",))


def test_the_lease_is_renewed_while_accounts_are_scored_one_by_one(engine: Engine) -> None:
    job, clock = job_of(engine, map(sent, "ABC")), Clock()
    for _ in range(PACE.attempts - 1):
        assert claim_chunk(engine, clock()) is not None
        clock.move(seconds=LEASE.total_seconds())

    class Slow(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            clock.move(seconds=LEASE.total_seconds() - 1)
            assert claim_chunk(engine, clock()) is None
            return super().predict_each(calls)

    slow = Slow()
    assert runner_of(engine, slow, clock).step()
    assert slow.calls == [["A"], ["B"], ["C"]]
    assert find_job(engine, job.job_id, None, clock()).status == "done"


def test_one_by_one_ends_when_the_claim_is_another_s(engine: Engine) -> None:
    job, clock = job_of(engine, map(sent, "ABC")), Clock()
    for _ in range(PACE.attempts - 1):
        assert claim_chunk(engine, clock()) is not None
        clock.move(seconds=LEASE.total_seconds())

    class Cancelling(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            cancel_job(engine, job.job_id, None, clock(), WEEK)
            return super().predict_each(calls)

    cancelling = Cancelling()
    assert runner_of(engine, cancelling, clock).step()
    assert cancelling.calls == [["A"]]
    assert find_job(engine, job.job_id, None, clock()).done == 0


def test_a_clock_set_back_delays_but_loses_nothing(engine: Engine) -> None:
    """A lease made before the clock went back a little runs out later; nothing is scored twice and nothing is lost."""
    job, clock = job_of(engine, map(sent, names(3))), Clock()
    assert claim_chunk(engine, clock()) is not None
    clock.move(minutes=-5)
    runner = runner_of(engine, Quick(), clock)
    assert not runner.step()
    clock.move(minutes=5, seconds=LEASE.total_seconds())
    assert runner.step()
    assert find_job(engine, job.job_id, None, clock()).done == 3


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from support.bulk import Quick
from serving.database.engine import open_database
from serving.jobs.runner import JobRunner

class Waiting(Quick):
    def predict_each(self, calls):
        if len(self.calls) == {calls}:
            print("scoring", flush=True)
            sys.stdin.readline()
        return super().predict_each(calls)

predictor = Waiting()
runner = JobRunner(open_database({url!r}), lambda: predictor)
runner.start()
sys.stdin.read()
"""


@pytest.mark.server
def test_a_killed_process_loses_and_doubles_nothing(engine: Engine, database_url: str, tmp_path: Path) -> None:
    job = job_of(engine, map(sent, names(COUNT)))
    code = KILLED.format(tests=str(Path(__file__).parents[2]), url=database_url, calls=1)
    with process([sys.executable, "-c", code], tmp_path, tmp_path / "log", piped=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"scoring\n", (tmp_path / "log").read_text()
        running.send_signal(signal.SIGKILL)
        assert running.wait(60) == -signal.SIGKILL
    half = find_job(engine, job.job_id, None, START)
    assert (half.status, half.done) == ("running", CHUNK)
    later = Clock(datetime.now(START.tzinfo) + 2 * LEASE)
    predictor = Quick()
    assert run_to_the_end(runner_of(engine, predictor, later)) == 2
    assert [name for call in predictor.calls for name in call] == names(COUNT)[CHUNK:]
    done = find_job(engine, job.job_id, None, later())
    assert (done.status, done.done, done.failed) == ("done", COUNT, 0)
    assert [account.account_id for account in found(engine, job)] == names(COUNT)


def test_a_chunk_that_kills_its_workers_is_given_up(engine: Engine) -> None:
    job, clock = job_of(engine, map(sent, names(CHUNK + 1))), Clock()
    for _ in range(PACE.attempts):
        assert claim_chunk(engine, clock()) is not None  # And the worker dies.
        clock.move(seconds=LEASE.total_seconds())
    predictor = Quick()
    run_to_the_end(runner_of(engine, predictor, clock))
    assert predictor.calls == [names(CHUNK + 1)[CHUNK:]]
    done = find_job(engine, job.job_id, None, clock())
    assert (done.status, done.done, done.failed) == ("failed", 1, CHUNK)
