"""Trouble that is no account's fault: jobs wait until it has passed, whether model, memory, disk or clock has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.bulk import START, Clock, Quick, found, job_of, names, sent
from support.bulk_client import Bulk
from support.served import assert_problem

from serving.database.engine import reading
from serving.database.leases import SLACK
from serving.errors import Refusal
from serving.faults import Fault
from serving.jobs.claims import LEASE, Outcome, claim_chunk, finish_claim, postpone_claim, renew_claim
from serving.jobs.job_tables import CHUNKS
from serving.jobs.ledger import delete_expired_jobs, find_job, outcomes
from serving.jobs.runner import PACE, JobRunner
from serving.predict.predictor import Call
from training.bundle.bundle import Bundle

WEEK = timedelta(days=7)


@pytest.fixture
def bulk(bundle: Bundle, database_url: str) -> Iterator[Bulk]:
    made = Bulk(bundle, database_url)
    yield made
    made.store.close()


def runner_of(engine: Engine, predictor: Any, now: Clock) -> JobRunner:
    return JobRunner(engine, lambda: predictor, now=now)


class Troubled(Quick):
    """Cannot score until its trouble has passed; one that bad accounts have, it always has with them."""

    def __init__(self, trouble: Exception, bad: str = "") -> None:
        super().__init__()
        self.trouble: Exception | None = trouble
        self._bad = bad

    def predict_each(self, calls: Sequence[Call]) -> list[Any]:
        answers: list[Any] = super().predict_each(calls)
        if self._bad in self.calls[-1]:
            raise ZeroDivisionError("a bug")
        if isinstance(self.trouble, Refusal):
            return [self.trouble for _ in calls]
        if self.trouble is not None:
            raise self.trouble
        return answers


OURS = (
    OSError(28, "No space left on device"),
    MemoryError(),
    Refusal("as_of lies in the future", [Fault(None, ("as_of",), "later than today")]),
)


@pytest.mark.parametrize("trouble", OURS, ids=["disk", "memory", "clock"])
def test_trouble_of_our_own_is_waited_out(engine: Engine, trouble: Exception) -> None:
    job, clock, predictor = job_of(engine, map(sent, names(3))), Clock(), Troubled(trouble, bad="A0002")
    runner = runner_of(engine, predictor, clock)
    for _ in range(4 * PACE.attempts):
        assert runner.step() and not runner.step()
        clock.move(seconds=PACE.longest_pause.total_seconds())
    waiting = find_job(engine, job.job_id, None, clock())
    assert (waiting.status, waiting.done, waiting.failed) == ("running", 0, 0)
    predictor.trouble = None
    assert runner.step()
    done = find_job(engine, job.job_id, None, clock())
    assert (done.status, done.done, done.failed) == ("failed", 2, 1)
    assert [account.state for account in found(engine, job)] == ["done", "done", "failed"]


def test_a_model_that_cannot_be_had_is_waited_for(engine: Engine) -> None:
    job, clock = job_of(engine, [sent("A")]), Clock()

    def away() -> Any:
        raise ZeroDivisionError("no model")

    runner = JobRunner(engine, away, now=clock)
    for _ in range(4 * PACE.attempts):
        assert runner.step()
        clock.move(seconds=PACE.longest_pause.total_seconds())
    assert runner_of(engine, Quick(), clock).step()
    assert find_job(engine, job.job_id, None, clock()).status == "done"


def test_pauses_grow_to_some_minutes(engine: Engine) -> None:
    job_of(engine, [sent("A")])
    clock, pauses = Clock(), []
    runner = runner_of(engine, Troubled(MemoryError()), clock)
    for _ in range(PACE.attempts + 2):
        assert runner.step()
        with reading(engine) as connection:
            until = connection.execute(sa.select(CHUNKS.c.claimed_until)).scalar_one()
        pauses.append((until - clock()).total_seconds())
        clock.at = until
    assert pauses == [5, 20, 80, 240, 240, 240, 240]
    assert PACE.longest_pause < SLACK


def test_a_postponed_attempt_counts_unless_it_is_none(engine: Engine) -> None:
    job_of(engine, [sent("A")])
    for counted, attempts in ((True, 1), (False, 2), (True, 2), (True, 3)):
        claim = claim_chunk(engine, START)
        assert claim is not None and claim.attempts == attempts
        assert postpone_claim(engine, claim, START, counted)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_a_claim_of_a_clock_that_was_far_ahead_is_taken_over(engine: Engine, ahead: timedelta) -> None:
    job, clock = job_of(engine, map(sent, names(3))), Clock()
    wrong = claim_chunk(engine, START + ahead)
    assert wrong is not None
    assert runner_of(engine, Quick("2"), clock).step()
    late = [Outcome(number, "failed", {"problem": {}}) for number in range(3)]
    assert not finish_claim(engine, wrong, late, "1", START + ahead, WEEK)
    done = find_job(engine, job.job_id, None, clock())
    assert (done.status, done.done, done.model_versions) == ("done", 3, ("2",))


def test_a_claim_of_a_clock_that_is_a_little_ahead_is_respected(engine: Engine) -> None:
    job_of(engine, [sent("A")])
    held = claim_chunk(engine, START + SLACK)
    assert held is not None
    assert claim_chunk(engine, START) is None
    assert renew_claim(engine, held, START + SLACK)
    assert claim_chunk(engine, START + SLACK + LEASE - timedelta(seconds=1)) is None
    assert claim_chunk(engine, START + SLACK + LEASE) is not None


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_results_of_a_job_that_goes_while_they_are_read_are_no_short_file(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    job = bulk.made([sent(name) for name in names(3)])
    bulk.run(Quick())

    def expiring(engine: Engine, job_id: str) -> Iterator[Any]:
        for chunk in outcomes(engine, job_id, size=1):
            yield chunk
            delete_expired_jobs(engine, bulk.clock() + 2 * WEEK)

    path = f"/v1/jobs/{job['job_id']}/results?format={form}"
    assert bulk.client.get(path).status_code == 200
    monkeypatch.setattr("serving.api.routes.job_routes.outcomes", expiring)
    assert_problem(bulk.client.get(path), 404, "/path/job_id")
