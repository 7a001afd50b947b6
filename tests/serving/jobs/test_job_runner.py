"""Jobs are scored chunk by chunk, every account once, whoever is stopped, slow or cancelled meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.bulk import COUNT, START, WEEK, Clock, Quick, found, job_of, names, run_to_the_end, runner_of, sent

from serving.database.engine import reading
from serving.errors import Refusal, StoreUnavailable
from serving.faults import Fault
from serving.jobs.claims import claim_chunk, finish_claim, waiting_accounts
from serving.jobs.job_tables import ACCOUNTS, CHUNKS
from serving.jobs.ledger import CHUNK, cancel_job, find_job
from serving.jobs.runner import PACE, JobRunner
from serving.predict.predictor import Call


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
        "code": "refused",
        "detail": "only customers can be scored",
        "errors": [{"pointer": "/accounts/3/churns", "detail": "no longer a customer"}],
    }  # fmt: skip


def test_a_problem_that_is_not_the_accounts_own_is_none_of_its(engine: Engine) -> None:
    """The clock went back by a day: as_of, which was right when the job was made, lies in the future for a while."""
    job, clock = job_of(engine, [sent("A")]), Clock()

    class Yesterday(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            return [Refusal("too late", [Fault(None, ("as_of",), "later than today")])]

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
    assert bad.account_id == "A0003" and bad.found["problem"]["code"] == "internal"
    assert "bug" not in str(bad.found)


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
