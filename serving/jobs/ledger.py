"""The stored jobs: make, find, list and cancel them, and delete them once they have expired.

A job exists with all of its accounts or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import reading, writing
from serving.errors import JobUnknown
from serving.jobs.job_tables import ACCOUNTS, CHUNKS, FINISHED, JOBS, AccountState, JobStatus, unpacked
from serving.privacy import account_key
from serving.scoring.cautions import Caution

#: Accounts that are scored together: few enough that a request for predictions never waits long.
CHUNK = 50
INSERTED = 1000
#: Outcomes that are read together: a thousand have ninety thousand reasons.
READ = 250
ID = re.compile(r"[0-9a-f-]{36}")


@dataclass(frozen=True)
class Submitted:
    """One account as the caller sent it.

    Attributes
    ----------
    account_id : str or None
        None when the account has no readable id.
    payload : bytes
        Its JSON text, compressed.
    """

    account_id: str | None
    payload: bytes


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes
    ----------
    principal : str
        Id of the principal that made it.
    accounts, done, failed : int
        Number of its accounts, of those with a score, and of those with a problem instead.
    model_versions : tuple of str
        Every version that scored some of its accounts, in the order of their first use.
    expires_at : datetime or None
        When the job is deleted with its results; None while it is not finished.
    notes : mapping
        `grades`: the grade of each version, where it is known; `cautions`: see `serving.scoring.cautions`.
    """

    job_id: str
    principal: str
    status: JobStatus
    as_of: date
    accounts: int
    done: int
    failed: int
    model_versions: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the job has reached its final state."""
        return self.status in FINISHED


@dataclass(frozen=True)
class Finished:
    """One account of a finished job; `found` has the fields of a score or a `problem`, and is empty when cancelled."""

    account_id: str | None
    state: AccountState
    found: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """The place at which a list of jobs continues: after the job with this time of creation and this id."""

    created_at: datetime
    job_id: str


def make_job(
    connection: Connection,
    accounts: Sequence[Submitted],
    principal: str,
    as_of: date,
    now: datetime,
    cautions: Sequence[Caution] = (),
) -> Job:
    """Store a job with its accounts, in the transaction of `connection`, and return it.

    Parameters
    ----------
    principal : str
        Id of the principal that makes the job.
    as_of : date
        The as-of date of its scores.
    cautions : sequence of Caution
        What its answers warn of from the first on.
    """
    record = {
        "job_id": str(uuid4()),
        "principal": principal,
        "status": "queued",
        "as_of": as_of,
        "accounts": len(accounts),
        "done": 0,
        "failed": 0,
        "model_versions": [],
        "given_up": False,
        "created_at": now,
    }
    if cautions:
        record["notes"] = {"cautions": [caution.as_dict() for caution in cautions]}
    connection.execute(sa.insert(JOBS), record)
    rows = _rows(str(record["job_id"]), accounts)
    while batch := list(islice(rows, INSERTED)):
        connection.execute(sa.insert(ACCOUNTS), batch)
    starts = range(0, len(accounts), CHUNK)
    chunks = [{"job_id": record["job_id"], "first": at, "last": at + CHUNK - 1, "attempts": 0} for at in starts]
    connection.execute(sa.insert(CHUNKS), chunks)
    return _jobs_where(connection, JOBS.c.job_id == record["job_id"])[0]


def find_job(engine: Engine, job_id: str, principal: str | None, now: datetime) -> Job:
    """Return a job; raises JobUnknown.

    Parameters
    ----------
    principal : str or None
        Only this principal's jobs are found; None: all jobs.
    now : datetime
        Jobs that have expired by now are not found.
    """
    with reading(engine) as connection:
        jobs = _jobs_where(connection, _seen(principal, now) & _is(job_id))
    if not jobs:
        raise JobUnknown(f"there is no job {job_id!r}")
    return jobs[0]


def list_jobs(engine: Engine, principal: str | None, now: datetime, limit: int, after: Page | None = None) -> list[Job]:
    """Return jobs, newest first.

    Parameters
    ----------
    principal : str or None
        Only this principal's jobs are listed; None: all jobs.
    now : datetime
        Jobs that have expired by now are not listed.
    after : Page, optional
        The place at which the list continues.
    """
    condition = _seen(principal, now)
    if after is not None:
        condition &= sa.tuple_(JOBS.c.created_at, JOBS.c.job_id) < sa.tuple_(
            sa.literal(after.created_at, JOBS.c.created_at.type), after.job_id
        )
    with reading(engine) as connection:
        return _jobs_where(connection, condition, limit)


def cancel_job(engine: Engine, job_id: str, principal: str | None, now: datetime, keep: timedelta) -> Job:
    """Cancel a job unless it is finished, and return it; its finished accounts stay. Raises JobUnknown.

    A worker that scores a chunk of it at this moment loses its claim and writes nothing, as the chunk is deleted.

    Parameters
    ----------
    principal : str or None
        Only this principal's jobs are found; None: all jobs.
    keep : timedelta
        How long the results stay.
    """
    with writing(engine) as connection:
        mine = _is(job_id)
        jobs = _jobs_where(connection, _seen(principal, now) & mine, lock=True)
        if not jobs:
            raise JobUnknown(f"there is no job {job_id!r}")
        if not jobs[0].finished:
            connection.execute(sa.delete(CHUNKS).where(CHUNKS.c.job_id == job_id))
            waiting = (ACCOUNTS.c.job_id == job_id) & (ACCOUNTS.c.state == "queued")
            connection.execute(sa.update(ACCOUNTS).where(waiting).values(state="cancelled", payload=None))
            ended = {"status": "cancelled", "finished_at": now, "expires_at": now + keep}
            connection.execute(sa.update(JOBS).where(mine).values(**ended))
        return _jobs_where(connection, mine)[0]


def delete_expired_jobs(engine: Engine, now: datetime) -> int:
    """Delete expired jobs with all of their accounts, one job per transaction; return how many there were."""
    with reading(engine) as connection:
        expired = connection.execute(sa.select(JOBS.c.job_id).where(JOBS.c.expires_at <= now)).scalars().all()
    for job_id in expired:
        with writing(engine) as connection:
            connection.execute(sa.delete(JOBS).where(JOBS.c.job_id == job_id))
    return len(expired)


def outcomes(engine: Engine, job_id: str, size: int = READ) -> Iterator[list[Finished]]:
    """Yield the outcomes of a job's accounts in the order of the request, at most `size` at a time."""
    columns = (ACCOUNTS.c.number, ACCOUNTS.c.account_id, ACCOUNTS.c.state, ACCOUNTS.c.outcome)
    last = -1
    while True:
        condition = (ACCOUNTS.c.job_id == job_id) & (ACCOUNTS.c.number > last)
        with reading(engine) as connection:
            rows = connection.execute(
                sa.select(*columns).where(condition).order_by(ACCOUNTS.c.number).limit(size)
            ).all()
        if not rows:
            return
        last = rows[-1].number
        yield [Finished(row.account_id, row.state, unpacked(row.outcome) if row.outcome else {}) for row in rows]


def _rows(job_id: str, accounts: Sequence[Submitted]) -> Iterator[dict[str, Any]]:
    for number, account in enumerate(accounts):
        yield {
            "job_id": job_id,
            "number": number,
            "account_id": account.account_id,
            "account_key": None if account.account_id is None else account_key(account.account_id),
            "state": "queued",
            "payload": account.payload,
        }


def _is(job_id: str) -> sa.ColumnElement[bool]:
    """Return the condition for a job's id, false for other text: PostgreSQL takes no text with a NUL in it."""
    return JOBS.c.job_id == job_id if ID.fullmatch(job_id) else sa.false()


def _seen(principal: str | None, now: datetime) -> sa.ColumnElement[bool]:
    kept = JOBS.c.expires_at.is_(None) | (JOBS.c.expires_at > now)
    return kept if principal is None else kept & (JOBS.c.principal == principal)


def _jobs_where(
    connection: Connection, condition: sa.ColumnElement[bool], limit: int | None = None, lock: bool = False
) -> list[Job]:
    columns = [JOBS.c[name] for name in Job.__dataclass_fields__]
    query = sa.select(*columns).where(condition).order_by(JOBS.c.created_at.desc(), JOBS.c.job_id.desc()).limit(limit)
    rows = connection.execute(query.with_for_update() if lock else query).mappings()
    return [Job(**{**row, "model_versions": tuple(row["model_versions"]), "notes": row["notes"] or {}}) for row in rows]
