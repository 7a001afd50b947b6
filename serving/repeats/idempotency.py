"""Requests that may be repeated: the first with an Idempotency-Key is worked on, its answer is given to the others.

A key belongs to who asks and to what is asked for. While the first request is worked on, its record is claimed for a
lease, so that a crash does not keep the key for ever; an answer is kept for a day, compressed. Answers hold data of
accounts: the accounts they name are noted from the beginning, so that an account can be forgotten, also while it is
worked on: the claim goes then, and the answer is not kept.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import reading, writing
from serving.database.leases import is_ahead
from serving.database.metadata import Instant, metadata
from serving.errors import InProgress, KeyReused, TakenOver
from serving.privacy import account_key

KEPT = timedelta(hours=24)
DELETED_AT_ONCE = 500

RECORDS = sa.Table(
    "idempotency",
    metadata,
    sa.Column("record_id", sa.String(36), primary_key=True),
    sa.Column("principal", sa.String(256), nullable=False),
    sa.Column("operation", sa.String(64), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("claimed_until", Instant),
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.JSON),
    sa.Column("body", sa.LargeBinary),
    sa.Column("expires_at", Instant, nullable=False),
    sa.UniqueConstraint("principal", "operation", "key", name="idempotency_once"),
    sa.Index("idempotency_by_expiry", "expires_at"),
)
NAMED = sa.Table(
    "idempotency_accounts",
    metadata,
    sa.Column("record_id", sa.String(36), sa.ForeignKey("idempotency.record_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("account_key", sa.String(64), primary_key=True),
    sa.Index("idempotency_by_account", "account_key"),
)


@dataclass(frozen=True)
class Asked:
    """A request that may be repeated.

    Attributes
    ----------
    principal : str
        Who asks.
    operation : str
        What for, as "POST /v1/jobs".
    key : str
        The Idempotency-Key.
    fingerprint : str
        A digest of the whole request.
    """

    principal: str
    operation: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Claimed:
    """The right to answer a request: the record that the answer goes into."""

    record_id: str


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def begin(
    engine: Engine, asked: Asked, now: datetime, lease: timedelta, accounts: Collection[str] = ()
) -> Claimed | Answer:
    """Return the right to answer, or the answer that was given.

    Parameters
    ----------
    accounts : collection of str
        Ids of the accounts whose data will stand in the answer.

    Raises
    ------
    KeyReused
        When the key came with another request.
    InProgress
        While another one with the key is worked on.
    """
    own = Claimed(str(uuid4()))
    row = {
        "record_id": own.record_id,
        "principal": asked.principal,
        "operation": asked.operation,
        "key": asked.key,
        "fingerprint": asked.fingerprint,
        "claimed_until": now + lease,
        "expires_at": now + KEPT,
    }
    with writing(engine) as connection:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        inserted = dialect.insert(RECORDS).values(**row).on_conflict_do_nothing().returning(RECORDS.c.record_id)
        while connection.execute(inserted).one_or_none() is None:
            record = connection.execute(sa.select(RECORDS).where(_same(asked)).with_for_update()).one_or_none()
            if record is None:  # It went just now: whoever comes first has the key.
                continue
            answer = _still_holds(record, asked, now, lease)
            if answer is not None:
                return answer
            connection.execute(sa.delete(RECORDS).where(RECORDS.c.record_id == record.record_id))
        named = [{"record_id": own.record_id, "account_key": key} for key in sorted(set(map(account_key, accounts)))]
        if named:
            connection.execute(sa.insert(NAMED), named)
    return own


def finish(connection: Connection, claimed: Claimed, answer: Answer, now: datetime) -> None:
    """Keep the answer, in the transaction of what it tells of; raises TakenOver, upon which nothing may be kept."""
    kept = {
        "claimed_until": None,
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": zlib.compress(answer.body, 1),
        "expires_at": now + KEPT,
    }
    if not connection.execute(sa.update(RECORDS).where(_open(claimed)).values(**kept)).rowcount:
        raise TakenOver("the request took too long, or an account that it names was forgotten meanwhile")


def give_up(engine: Engine, claimed: Claimed) -> None:
    """Free the key: the request came to nothing, and may be sent again or in another form."""
    with writing(engine) as connection:
        connection.execute(sa.delete(RECORDS).where(_open(claimed)))


def delete_expired_records(engine: Engine, now: datetime) -> int:
    """Delete answers that have expired, some at a time; return how many there were."""
    batch = sa.select(RECORDS.c.record_id).where(RECORDS.c.expires_at <= now).limit(DELETED_AT_ONCE)
    count = 0
    while True:
        with reading(engine) as connection:
            expired = connection.execute(batch).scalars().all()
        if not expired:
            return count
        with writing(engine) as connection:
            still = RECORDS.c.record_id.in_(expired) & (RECORDS.c.expires_at <= now)
            count += connection.execute(sa.delete(RECORDS).where(still)).rowcount


def forget_answers(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Delete every answer in which an account stands, also those that are still being worked on."""
    naming = sa.select(NAMED.c.record_id).where(NAMED.c.account_key == account_key(account_id))
    gone = connection.execute(sa.delete(RECORDS).where(RECORDS.c.record_id.in_(naming)))
    return {"repeated_answers": gone.rowcount}


def _same(asked: Asked) -> sa.ColumnElement[bool]:
    return sa.and_(*(RECORDS.c[name] == getattr(asked, name) for name in ("principal", "operation", "key")))


def _still_holds(record: sa.Row[Any], asked: Asked, now: datetime, lease: timedelta) -> Answer | None:
    """Return the answer of a record; None where it has expired or its claim has."""
    if record.expires_at <= now:
        return None
    if record.fingerprint != asked.fingerprint:
        raise KeyReused("this Idempotency-Key was sent before with another request")
    if record.status is not None:
        return Answer(record.status, record.headers, zlib.decompress(record.body))
    if is_ahead(record.claimed_until, now, lease):
        raise InProgress(max(1, math.ceil((record.claimed_until - now).total_seconds())))
    return None


def _open(claimed: Claimed) -> sa.ColumnElement[bool]:
    return (RECORDS.c.record_id == claimed.record_id) & RECORDS.c.status.is_(None)
