"""Jobs are scored chunk by chunk, every account once, whoever is killed, stopped, slow or cancelled meanwhile."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.bulk import START, Clock, Quick, found, job_of, names, sent
from support.served import process

from serving.api.edge.problems import FieldError, RequestProblem
from serving.database.engine import StoreUnavailable, open_database, reading, writing
from serving.jobs.claims import LEASE, Outcome, claim_chunk, finish_claim, release_claim, renew_claim, waiting_accounts
from serving.jobs.job_erasure import forget_in_jobs
from serving.jobs.job_tables import ACCOUNTS, CHUNKS, unpacked
from serving.jobs.ledger import CHUNK, JobUnknown, cancel_job, delete_expired_jobs, find_job
from serving.jobs.runner import PACE, JobRunner
from serving.predict.predictor import Call

WEEK = timedelta(days=7)
COUNT = 2 * CHUNK + 7


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_database(database_url)
    yield made
    made.dispose()


def runner_of(engine: Engine, predictor: Any, now: Callable[[], datetime] | None = None, **settings: Any) -> JobRunner:
    return JobRunner(engine, lambda: predictor, now=now or Clock(), **settings)


def run_to_the_end(runner: JobRunner) -> int:
    steps = 0
    while runner.step():
        steps += 1
    return steps


def test_a_job_is_scored_in_chunks_in_the_order_sent(engine: Engine) -> None:
    job, predictor = job_of(engine, map(sent, names(COUNT))), Quick()
    assert (job.status, job.accounts, job.done, job.failed) == ("queued", COUNT, 0, 0)
    assert run_to_the_end(runner_of(engine, predictor)) == 3
    assert predictor.calls == [names(COUNT)[:CHUNK], names(COUNT)[CHUNK : 2 * CHUNK], names(COUNT)[2 * CHUNK :]]
    done = find_job(engine, job.job_id, None, START)
    assert (done.status, done.done, done.failed, done.model_versions) == ("done", COUNT, 0, ("1",))
    assert (done.created_at, done.started_at, done.finished_at, done.expires_at) == (START, START, START, START + WEEK)
    assert [account.account_id for account in found(engine, job)] == names(COUNT)
    assert {account.state for account in found(engine, job)} == {"done"}


def test_what_was_sent_goes_once_it_is_scored(engine: Engine) -> None:
    job_of(engine, map(sent, names(COUNT)))
    runner_of(engine, Quick()).step()
    with reading(engine) as connection:
        left = connection.execute(sa.select(ACCOUNTS.c.number).where(ACCOUNTS.c.payload.is_not(None))).scalars().all()
    assert sorted(left) == list(range(CHUNK, COUNT))


def test_jobs_take_their_turn_in_the_order_made(engine: Engine) -> None:
    predictor = Quick()
    for account_id in ("B", "A", "C"):
        job_of(engine, [sent(account_id)])
    run_to_the_end(runner_of(engine, predictor))
    assert predictor.calls == [["B"], ["A"], ["C"]]


def test_the_predictor_of_the_moment_scores_each_chunk(engine: Engine) -> None:
    job = job_of(engine, map(sent, names(3 * CHUNK)))
    versions = iter(["1", "2", "1"])
    runner = JobRunner(engine, lambda: Quick(next(versions)), now=Clock())  # type: ignore[arg-type, return-value]
    run_to_the_end(runner)
    assert find_job(engine, job.job_id, None, START).model_versions == ("1", "2")
    scored_by = [account.found["model_version"] for account in found(engine, job)]
    assert scored_by == ["1"] * CHUNK + ["2"] * CHUNK + ["1"] * CHUNK


def test_every_account_is_judged_on_its_own(engine: Engine) -> None:
    """Bad ones get their problem, with their place in the job."""
    accounts: list[Any] = [
        sent("A"), {"invoices": []}, sent("B") | {"invoices": None}, sent("left"), sent("A"), sent("Z"),
    ]  # fmt: skip
    job, predictor = job_of(engine, accounts), Quick(strangers=["left"])
    run_to_the_end(runner_of(engine, predictor))
    assert predictor.calls == [["A", "left", "Z"]]
    outcomes = found(engine, job)
    faults = {
        number: [fault["pointer"] for fault in account.found["problem"]["errors"]]
        for number, account in enumerate(outcomes)
        if account.state == "failed"
    }
    assert faults == {
        1: ["/accounts/1/account"],
        2: ["/accounts/2/invoices"],
        3: ["/accounts/3/churns"],
        4: ["/accounts/4/account/account_id"],
    }
    done = find_job(engine, job.job_id, None, START)
    assert (done.status, done.done, done.failed) == ("done", 2, 4)
    assert outcomes[3].found["problem"] == {
        "type": "urn:churn-risk:problem:refused", "title": "Unprocessable Entity", "status": 422,
        "detail": "only customers can be scored",
        "errors": [{"pointer": "/accounts/3/churns", "detail": "no longer a customer"}],
    }  # fmt: skip


def test_a_problem_that_is_not_the_accounts_own_is_none_of_its(engine: Engine) -> None:
    """The clock went back by a day: as_of, which was right when the job was made, lies in the future for a while."""
    job, clock = job_of(engine, [sent("A")]), Clock()

    class Yesterday(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            return [RequestProblem("too late", [FieldError(pointer="/as_of", detail="later than today")])]

    assert runner_of(engine, Yesterday(), clock).step()
    assert find_job(engine, job.job_id, None, START).status == "running"
    clock.move(minutes=1)
    assert runner_of(engine, Quick(), clock).step()
    assert find_job(engine, job.job_id, None, START).done == 1


def test_cancelling_leaves_what_is_done(engine: Engine) -> None:
    job, runner = job_of(engine, map(sent, names(COUNT))), runner_of(engine, Quick())
    assert runner.step()
    for _ in range(2):
        cancelled = cancel_job(engine, job.job_id, None, START, WEEK)
        assert (cancelled.status, cancelled.done, cancelled.finished_at) == ("cancelled", CHUNK, START)
    assert not runner.step()
    states = Counter(account.state for account in found(engine, job))
    assert states == {"done": CHUNK, "cancelled": COUNT - CHUNK}
    with reading(engine) as connection:
        assert connection.execute(sa.select(ACCOUNTS.c.number).where(ACCOUNTS.c.payload.is_not(None))).all() == []


def test_what_is_scored_when_a_job_is_cancelled_is_thrown_away(engine: Engine) -> None:
    job = job_of(engine, map(sent, names(3)))

    class Cancelling(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            cancel_job(engine, job.job_id, None, START, WEEK)
            return super().predict_each(calls)

    assert runner_of(engine, Cancelling()).step()
    cancelled = find_job(engine, job.job_id, None, START)
    assert (cancelled.status, cancelled.done) == ("cancelled", 0)
    assert {account.state for account in found(engine, job)} == {"cancelled"}


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


def test_stopping_finishes_the_chunk_and_claims_no_other(engine: Engine) -> None:
    job = job_of(engine, map(sent, names(COUNT)))
    scoring, go_on = Event(), Event()

    class Waiting(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            scoring.set()
            assert go_on.wait(60)
            return super().predict_each(calls)

    runner = runner_of(engine, Waiting())
    runner.start()
    assert scoring.wait(60)
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(runner.stop)
        go_on.set()
        stopped.result(60)
    assert find_job(engine, job.job_id, None, START).done == CHUNK
    with reading(engine) as connection:
        assert connection.execute(sa.select(CHUNKS.c.claim, CHUNKS.c.attempts)).all() == [(None, 0), (None, 0)]
    assert run_to_the_end(runner_of(engine, Quick())) == 2
    assert find_job(engine, job.job_id, None, START).status == "done"


def test_stopping_gives_back_what_is_not_finished_in_time(engine: Engine) -> None:
    job = job_of(engine, map(sent, names(3)))
    scoring, go_on, ended = Event(), Event(), Event()

    class Stuck(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            scoring.set()
            assert go_on.wait(60)
            ended.set()
            return super().predict_each(calls)

    runner = runner_of(engine, Stuck())
    runner.start()
    assert scoring.wait(60)
    runner.stop(0)
    assert run_to_the_end(runner_of(engine, Quick("2"))) == 1
    go_on.set()
    runner.stop()
    assert ended.is_set()
    done = find_job(engine, job.job_id, None, START)
    assert (done.done, done.model_versions) == (3, ("2",))


def test_a_chunk_waits_while_predictions_wait(engine: Engine) -> None:
    job_of(engine, [sent("A")])
    asked: list[bool] = []

    def busy() -> bool:
        asked.append(len(asked) < 3)
        return asked[-1]

    predictor = Quick()
    assert runner_of(engine, predictor, busy=busy).step()
    assert asked == [True, True, True, False] and predictor.calls == [["A"]]
    job_of(engine, [sent("B")])
    patient = replace(PACE, patience=timedelta(seconds=0.1))
    assert runner_of(engine, predictor, busy=lambda: True, pace=patient).step()


def test_a_failing_chunk_is_tried_again_later_and_at_last_one_by_one(engine: Engine) -> None:
    job, clock = job_of(engine, map(sent, names(5))), Clock()

    class Broken(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            scores = super().predict_each(calls)
            if "A0003" in self.calls[-1]:
                raise ZeroDivisionError("a bug")
            return scores

    predictor = Broken()
    runner = runner_of(engine, predictor, clock)
    for attempt in range(PACE.attempts - 1):
        assert runner.step()
        assert not runner.step()  # Not at once.
        clock.move(seconds=min(PACE.pause * 4**attempt, PACE.longest_pause).total_seconds())
    assert predictor.calls == [names(5)] * (PACE.attempts - 1)
    assert runner.step()
    done = find_job(engine, job.job_id, None, clock())
    assert (done.status, done.done, done.failed) == ("failed", 4, 1)
    (bad,) = (account for account in found(engine, job) if account.state == "failed")
    assert bad.account_id == "A0003" and bad.found["problem"]["status"] == 500
    assert "bug" not in str(bad.found)


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


def test_a_store_that_cannot_take_the_outcome_counts_as_no_attempt(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_of(engine, map(sent, names(3)))

    def full(*_: Any, **__: Any) -> bool:
        raise StoreUnavailable("the disk is full")

    runner = runner_of(engine, Quick())
    with monkeypatch.context() as patch:
        patch.setattr("serving.jobs.runner.finish_claim", full)
        for _ in range(2 * PACE.attempts):
            with pytest.raises(StoreUnavailable):
                runner.step()
    claim = claim_chunk(engine, START)
    assert claim is not None and claim.attempts == 1 and len(waiting_accounts(engine, claim)) == 3


def test_the_thread_goes_on_when_the_store_is_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(engine, map(sent, names(3)))
    away = iter([True, True])
    finished = Event()

    def now_and_then(*arguments: Any, **named: Any) -> bool:
        if next(away, False):
            raise StoreUnavailable("the database is away")
        kept = finish_claim(*arguments, **named)
        finished.set()
        return kept

    monkeypatch.setattr("serving.jobs.runner.finish_claim", now_and_then)
    runner = runner_of(engine, Quick(), pace=replace(PACE, idle=timedelta(milliseconds=1)))
    runner.start()
    assert finished.wait(60)
    runner.stop()
    assert find_job(engine, job.job_id, None, START).status == "done"


def test_finished_jobs_expire_and_others_do_not(engine: Engine) -> None:
    old, clock = job_of(engine, [sent("A")]), Clock()
    runner = runner_of(engine, Quick(), clock)
    runner.step()
    clock.move(days=6, hours=23)
    waiting = job_of(engine, [sent("B")], now=START)
    assert delete_expired_jobs(engine, clock()) == 0
    clock.move(hours=1)
    with pytest.raises(JobUnknown):
        find_job(engine, old.job_id, None, clock())
    runner.step()
    with reading(engine) as connection:
        rows = connection.execute(sa.select(ACCOUNTS.c.account_id)).scalars().all()
    assert rows == ["B"]
    assert find_job(engine, waiting.job_id, None, clock()).status == "done"


def test_an_account_is_forgotten_in_every_job(engine: Engine) -> None:
    scored = job_of(engine, map(sent, "ABC"))
    runner = runner_of(engine, Quick())
    runner.step()
    waiting = job_of(engine, map(sent, "BD"))
    with writing(engine) as connection:
        assert forget_in_jobs(connection, "B") == {"job_accounts": 2}
    assert [account.account_id for account in found(engine, scored)] == ["A", "C"]
    runner.step()
    for job, left in ((scored, 2), (waiting, 1)):
        job = find_job(engine, job.job_id, None, START)
        assert (job.status, job.accounts, job.done) == ("done", left, left)


def test_an_account_forgotten_while_it_is_scored_is_not_written(engine: Engine) -> None:
    job = job_of(engine, map(sent, "AB"))

    class Forgetting(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            with writing(engine) as connection:
                forget_in_jobs(connection, "B")
            return super().predict_each(calls)

    runner_of(engine, Forgetting()).step()
    assert [account.account_id for account in found(engine, job)] == ["A"]
    done = find_job(engine, job.job_id, None, START)
    assert (done.status, done.accounts, done.done) == ("done", 1, 1)


@pytest.mark.parametrize("account_id", ["a\x00b", "x" * 5000, "Ä€😀", "'; DROP TABLE jobs", ""])
def test_any_text_is_an_id(engine: Engine, account_id: str) -> None:
    job = job_of(engine, [sent(account_id), sent("B")])
    run_to_the_end(runner_of(engine, Quick()))
    assert [account.account_id for account in found(engine, job)] == [account_id, "B"]
    with writing(engine) as connection:
        assert forget_in_jobs(connection, account_id) == {"job_accounts": 1}


def test_what_is_kept_is_compressed_and_whole(engine: Engine) -> None:
    account = sent("A", *[0.1 + 0.2] * 200)
    job_of(engine, [account])
    with reading(engine) as connection:
        payload = connection.execute(sa.select(ACCOUNTS.c.payload)).scalar_one()
    assert unpacked(payload) == account and len(payload) < 3000
