"""Claims on chunks: a claim has a lease, and another worker takes the chunk over when the lease has run out.

One transaction writes the outcomes of a chunk and ends its claim. So a worker that is killed before it has done
nothing, and a worker that is killed after it has done everything. A claim that another worker took over, or whose job
was cancelled, writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import reading, writing
from serving.database.leases import has_passed
from serving.jobs.job_tables import ACCOUNTS, CHUNKS, JOBS, AccountState, packed, unpacked
from serving.jobs.turns import Candidate, Turns
from serving.predict.doubtful_records import Doubts
from serving.predict.readings import Reading
from serving.scoring.cautions import ENOUGH, Caution, Code, added, cut_dates, doubtful

LEASE = timedelta(seconds=60)
#: Cautions that are told once of all chunks of a job.
ADDED: tuple[Code, ...] = ("categories", "later", "early", "returned")
SUMMED: tuple[Code, ...] = ("dates", "names", "endless", *ADDED)


@dataclass(frozen=True)
class Waiting:
    """One account that waits for its score.

    Attributes
    ----------
    number : int
        Its place in the job, from 0.
    sent : object
        The account as the caller sent it; it may be any JSON value.
    twice : bool
        Whether an earlier account of the job has the same id.
    """

    number: int
    sent: Any
    twice: bool


@dataclass(frozen=True)
class Claim:
    """A worker's temporary right to a chunk.

    Attributes
    ----------
    first, last : int
        The numbers of the chunk's first and last account.
    attempts : int
        How often the chunk was claimed, including this time.
    """

    chunk_id: int
    token: str
    job_id: str
    as_of: date
    first: int
    last: int
    attempts: int


@dataclass(frozen=True)
class Outcome:
    """The outcome of one account; `found` has the fields of a score, or a `problem`; the rest is of its records."""

    number: int
    state: AccountState
    found: dict[str, Any]
    cut: Mapping[str, int] = field(default_factory=dict)
    doubts: Doubts = field(default_factory=Doubts)
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class Scorer:
    """The model that scored a chunk: its version, its grade, and what it warns of.

    `invoiced` says whether an account of the chunk has an invoice, `ended` that the last of them is long ago; whether
    the invoices of the job ended, all its chunks say together.
    """

    version: str
    grade: str | None = None
    cautions: Sequence[Caution] = ()
    invoiced: bool = False
    ended: Caution | None = None


def claim_chunk(engine: Engine, now: datetime, lease: timedelta = LEASE, turns: Turns | None = None) -> Claim | None:
    """Claim the oldest free chunk of the job whose turn it is; returns None and writes nothing when there is none.

    Parameters
    ----------
    turns : Turns, optional
        Whom this worker served before; by default nobody, so that the oldest chunk of all is claimed.
    """
    turns = turns or Turns()
    while True:
        with reading(engine) as connection:
            chosen = turns.next_of(_candidates(connection, now, lease))
            if chosen is None:
                return None
            chunk = sa.select(CHUNKS).where(CHUNKS.c.chunk_id == chosen.chunk_id)
            row = connection.execute(chunk).one_or_none()
        claim = None if row is None else _claimed(engine, row, now, lease)
        if claim is not None:
            turns.took(chosen)
            return claim


def _candidates(connection: Connection, now: datetime, lease: timedelta) -> list[Candidate]:
    oldest = sa.func.min(CHUNKS.c.chunk_id)
    query = sa.select(JOBS.c.principal, CHUNKS.c.job_id, oldest).join(JOBS, JOBS.c.job_id == CHUNKS.c.job_id)
    rows = connection.execute(query.where(_free(now, lease)).group_by(JOBS.c.principal, CHUNKS.c.job_id)).all()
    return [Candidate(*row) for row in rows]


def waiting_accounts(engine: Engine, claim: Claim) -> list[Waiting]:
    """Return the accounts of a claimed chunk that have no outcome yet."""
    earlier = ACCOUNTS.alias()
    same = (earlier.c.account_key == ACCOUNTS.c.account_key) & (earlier.c.job_id == claim.job_id)
    twice = sa.exists().where(same & (earlier.c.number < ACCOUNTS.c.number))
    unscored = (
        (ACCOUNTS.c.job_id == claim.job_id)
        & ACCOUNTS.c.number.between(claim.first, claim.last)
        & (ACCOUNTS.c.state == "queued")
    )
    query = sa.select(ACCOUNTS.c.number, ACCOUNTS.c.payload, twice.label("twice")).where(unscored)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(ACCOUNTS.c.number)).all()
    return [Waiting(row.number, unpacked(row.payload), row.twice) for row in rows]


def renew_claim(engine: Engine, claim: Claim, now: datetime, lease: timedelta = LEASE) -> bool:
    """Extend a claim by another lease; False when another worker has the chunk or it is gone."""
    return _change(engine, claim, {"claimed_until": now + lease})


def release_claim(engine: Engine, claim: Claim) -> bool:
    """Give a claim back as if it had never been made; False when it is no longer valid."""
    return _change(engine, claim, {"claim": None, "claimed_until": None, "attempts": claim.attempts - 1})


def postpone_claim(engine: Engine, claim: Claim, until: datetime, counted: bool = True) -> bool:
    """Give a claim back after a failure: no worker claims the chunk before `until`.

    Parameters
    ----------
    until : datetime
        At most `serving.database.leases.SLACK` ahead.
    counted : bool
        Whether the claim counts as an attempt.
    """
    attempts = claim.attempts if counted else claim.attempts - 1
    return _change(engine, claim, {"claim": None, "claimed_until": until, "attempts": attempts})


def finish_claim(
    engine: Engine,
    claim: Claim,
    outcomes: Sequence[Outcome],
    scorer: Scorer | None,
    now: datetime,
    keep: timedelta,
    given_up: bool = False,
) -> bool:
    """Write the outcomes of a chunk and end its claim, in one transaction.

    Returns False and writes nothing when the claim is no longer valid.

    Parameters
    ----------
    outcomes : sequence of Outcome
        The outcomes of the chunk's accounts.
    scorer : Scorer or None
        The model that scored some of them; None when it scored none.
    keep : timedelta
        How long the results stay once the last chunk is written.
    given_up : bool
        Whether an account failed unexpectedly: the job then ends as failed.
    """
    with writing(engine) as connection:
        job = connection.execute(sa.select(JOBS).where(JOBS.c.job_id == claim.job_id).with_for_update()).one_or_none()
        if job is None or not connection.execute(sa.delete(CHUNKS).where(_mine(claim))).rowcount:
            return False
        there = _still_there(connection, claim, outcomes)
        _write(connection, claim.job_id, there)
        _count(connection, job, there, scorer, given_up)
        _end(connection, claim.job_id, now, keep)
    return True


def _claimed(engine: Engine, row: sa.Row[Any], now: datetime, lease: timedelta) -> Claim | None:
    """Claim one chunk; None when another worker was faster. Like all code that changes both, it locks the job first."""
    token = str(uuid4())
    job = JOBS.c.job_id == row.job_id
    with writing(engine) as connection:
        as_of = connection.execute(sa.select(JOBS.c.as_of).where(job).with_for_update()).scalar_one_or_none()
        taken = {"claim": token, "claimed_until": now + lease, "attempts": CHUNKS.c.attempts + 1}
        free = (CHUNKS.c.chunk_id == row.chunk_id) & (CHUNKS.c.job_id == row.job_id) & _free(now, lease)
        chunk = connection.execute(
            sa.update(CHUNKS).where(free).values(**taken).returning(CHUNKS.c.attempts)
        ).scalar_one_or_none()
        if as_of is None or chunk is None:
            return None
        started = {"status": "running", "started_at": now}
        connection.execute(sa.update(JOBS).where(job & (JOBS.c.status == "queued")).values(**started))
    return Claim(row.chunk_id, token, row.job_id, as_of, row.first, row.last, chunk)


def _still_there(connection: Connection, claim: Claim, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes without those of accounts that were erased during the scoring."""
    in_chunk = (ACCOUNTS.c.job_id == claim.job_id) & ACCOUNTS.c.number.between(claim.first, claim.last)
    numbers = set(connection.execute(sa.select(ACCOUNTS.c.number).where(in_chunk)).scalars())
    return [outcome for outcome in outcomes if outcome.number in numbers]


def _write(connection: Connection, job_id: str, outcomes: Sequence[Outcome]) -> None:
    mine = (ACCOUNTS.c.job_id == job_id) & (ACCOUNTS.c.number == sa.bindparam("of"))
    change: dict[str, Any] = {"state": sa.bindparam("to"), "outcome": sa.bindparam("what"), "payload": None}
    rows = [{"of": outcome.number, "to": outcome.state, "what": packed(outcome.found)} for outcome in outcomes]
    if rows:
        connection.execute(sa.update(ACCOUNTS).where(mine).values(**change), rows)


def _count(
    connection: Connection, job: sa.Row[Any], outcomes: Sequence[Outcome], scorer: Scorer | None, given_up: bool
) -> None:
    new = [scorer.version] if scorer is not None and scorer.version not in job.model_versions else []
    done = job.done + sum(outcome.state == "done" for outcome in outcomes)
    change = {
        "done": done,
        "failed": job.failed + sum(outcome.state == "failed" for outcome in outcomes),
        "model_versions": [*job.model_versions, *new],
        "given_up": job.given_up or given_up,
        "notes": job.notes if scorer is None else _noted(job.notes or {}, scorer, done),
    }
    connection.execute(sa.update(JOBS).where(JOBS.c.job_id == job.job_id).values(**change))


def _noted(notes: dict[str, Any], scorer: Scorer, accounts: int) -> dict[str, Any]:
    """Return a job's notes with a model's grade and those of its cautions that say something new."""
    before = notes.get("cautions", [])
    kept = [caution for caution in before if caution["code"] not in ("stale", *SUMMED)]
    codes = {caution["code"] for caution in kept}
    new = [caution.as_dict() for caution in scorer.cautions if caution.code not in (*codes, *SUMMED)]
    every = (*before, *(caution.as_dict() for caution in scorer.cautions))
    summed = {code: [each["figures"] for each in every if each["code"] == code] for code in SUMMED}
    found = cut_dates(figures["columns"] for figures in summed["dates"])
    endless = sum(figures["accounts"] for figures in summed["endless"])
    found += doubtful((figures["names"] for figures in summed["names"]), endless)
    found += [Caution(code, added(summed[code])) for code in ADDED if summed[code]]
    new += [caution.as_dict() for caution in found]
    last = _last_invoice(notes.get("invoices"), scorer)
    ended = [last["ended"]] if accounts >= ENOUGH and last is not None and last["ended"] else []
    grades = notes.get("grades", {}) | {scorer.version: scorer.grade}
    return {"grades": grades, "cautions": kept + new + ended, "invoices": last}


def _last_invoice(before: dict[str, Any] | None, scorer: Scorer) -> dict[str, Any] | None:
    """Return whether the invoices of all chunks so far ended; None: none has an invoice."""
    if not scorer.invoiced:
        return before
    ended = scorer.ended and scorer.ended.as_dict()
    if before is None or before["ended"] is None or ended is None:
        return {"ended": ended if before is None else None}
    return {"ended": min(before["ended"], ended, key=lambda caution: caution["figures"]["age_days"])}


def _end(connection: Connection, job_id: str, now: datetime, keep: timedelta) -> None:
    if connection.execute(sa.select(CHUNKS.c.chunk_id).where(CHUNKS.c.job_id == job_id).limit(1)).first() is None:
        status = sa.case((JOBS.c.given_up, "failed"), else_="done")
        ended = {"status": status, "finished_at": now, "expires_at": now + keep}
        connection.execute(sa.update(JOBS).where(JOBS.c.job_id == job_id).values(**ended))


def _change(engine: Engine, claim: Claim, values: dict[str, Any]) -> bool:
    with writing(engine) as connection:
        return bool(connection.execute(sa.update(CHUNKS).where(_mine(claim)).values(**values)).rowcount)


def _mine(claim: Claim) -> sa.ColumnElement[bool]:
    return (CHUNKS.c.chunk_id == claim.chunk_id) & (CHUNKS.c.claim == claim.token)


def _free(now: datetime, lease: timedelta) -> sa.ColumnElement[bool]:
    return has_passed(CHUNKS.c.claimed_until, now, lease)
