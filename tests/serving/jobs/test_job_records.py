"""What is kept of jobs and for how long: compressed, expired, forgotten account by account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.bulk import COUNT, START, Clock, Quick, found, job_of, names, run_to_the_end, runner_of, sent

from serving.database.engine import reading, writing
from serving.errors import JobUnknown
from serving.jobs.job_erasure import forget_in_jobs
from serving.jobs.job_tables import ACCOUNTS, unpacked
from serving.jobs.ledger import CHUNK, delete_expired_jobs, find_job
from serving.predict.predictor import Call


def test_what_was_sent_goes_once_it_is_scored(engine: Engine) -> None:
    job_of(engine, map(sent, names(COUNT)))
    runner_of(engine, Quick()).step()
    with reading(engine) as connection:
        left = connection.execute(sa.select(ACCOUNTS.c.number).where(ACCOUNTS.c.payload.is_not(None))).scalars().all()
    assert sorted(left) == list(range(CHUNK, COUNT))


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
