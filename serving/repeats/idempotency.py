"""Repeatable requests: the service works on the first one with an Idempotency-Key and gives its answer to the others.

A key belongs to one principal and one operation. While the service works on the first request, the request's record is
claimed with a lease, so a crash does not block the key for ever. The record keeps the answer for a day, compressed.
Answers hold data of accounts, so the accounts of a request are stored at its beginning. That way an account can be
forgotten at any time, even during the request: the claim is deleted then, and the answer is not kept.
"""

from __future__ import annotations

import json
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
from serving.privacy import account_key, mentions, without_contact

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
    """A repeatable request.

    Attributes
    ----------
    principal : str
        Id of the caller.
    operation : str
        The method and route, such as "POST /v1/jobs".
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
    """The right to answer a request, and the id of the record for the answer."""

    record_id: str


@dataclass(frozen=True)
class Answer:
    """An answer: its status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def begin(
    engine: Engine, asked: Asked, now: datetime, lease: timedelta, accounts: Collection[str] = ()
) -> Claimed | Answer:
    """Return the right to answer, or the answer of an earlier request with the key.

    Parameters
    ----------
    lease : timedelta
        How long the right to answer is valid.
    accounts : collection of str
        Ids of the accounts whose data the answer will hold.

    Raises
    ------
    KeyReused
        When the key came with another request.
    InProgress
        While the service works on an earlier request with the key.
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
            if record is None:  # It was deleted just now: try to insert again.
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
    """Keep the answer, in the transaction that writes what it describes.

    Raises
    ------
    TakenOver
        When the claim is no longer valid; the caller must then undo the transaction.
    """
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
    """Free the key after a request without a result: it may come again with the same or another request."""
    with writing(engine) as connection:
        connection.execute(sa.delete(RECORDS).where(_open(claimed)))


def delete_expired_records(engine: Engine, now: datetime) -> int:
    """Delete expired answers in batches; return how many there were."""
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
    """Delete every answer that names an account, and every claim of a request that names it."""
    naming = sa.select(NAMED.c.record_id).where(NAMED.c.account_key == account_key(account_id))
    gone = connection.execute(sa.delete(RECORDS).where(RECORDS.c.record_id.in_(naming)))
    return {"repeated_answers": gone.rowcount}


def forget_contact_in_answers(connection: Connection, contact_id: str) -> Mapping[str, int]:
    """Delete every answer that holds a contact's name, e-mail or phone: it must not be given again."""
    kept = sa.select(RECORDS.c.record_id, RECORDS.c.body).where(RECORDS.c.body.is_not(None))
    naming = [row.record_id for row in connection.execute(kept) if _names(zlib.decompress(row.body), contact_id)]
    for record_id in naming:
        connection.execute(sa.delete(RECORDS).where(RECORDS.c.record_id == record_id))
    return {"repeated_answers": len(naming)}


def _names(body: bytes, contact_id: str) -> bool:
    text = body.decode("utf-8", "replace")
    if not mentions(text, contact_id):
        return False
    try:
        return without_contact(json.loads(text), contact_id)[1]
    except ValueError:  # What cannot be read may name the contact.
        return True


def _same(asked: Asked) -> sa.ColumnElement[bool]:
    return sa.and_(*(RECORDS.c[name] == getattr(asked, name) for name in ("principal", "operation", "key")))


def _still_holds(record: sa.Row[Any], asked: Asked, now: datetime, lease: timedelta) -> Answer | None:
    """Return the answer of a record; None when the record or its claim has expired. Raises KeyReused, InProgress."""
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
