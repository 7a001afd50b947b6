"""Claims on deliveries: a worker claims some for a limited time and records the result of each.

A claim has a lease. When its worker dies, the lease runs out and another worker takes the delivery. It may then be sent
twice, with the same id, but it is not lost. Two workers never hold one delivery at the same time.

An endpoint gets the events of one account in their order: a later one waits while an earlier one is pending, unless the
receiver has refused the earlier one itself (see `Answer.trouble`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.database.leases import has_passed
from serving.webhooks.delivery.messages import Message
from serving.webhooks.delivery.schedule import HORIZON, LONGEST_PAUSE, asked_pause, next_attempt
from serving.webhooks.delivery.sending import LATER, Answer
from serving.webhooks.endpoints import disable_endpoint, pause_endpoint, pending_of
from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS, EVENTS, State
from serving.webhooks.row_locks import lock_deliveries, lock_endpoint

LEASE = timedelta(minutes=5)
BATCH = 20
GONE = 410


@dataclass(frozen=True)
class Claimed:
    """A delivery that only this worker may send until the lease runs out."""

    delivery_id: int
    endpoint_id: str
    claim: str
    claimed_until: datetime
    message: Message


def waiting_endpoints(connection: Connection, now: datetime) -> list[str]:
    """Return the ids of the endpoints with due deliveries, the endpoint that waits longest first."""
    oldest = sa.func.min(DELIVERIES.c.next_attempt_at)
    due = sa.select(DELIVERIES.c.endpoint_id).where(_due(now)).group_by(DELIVERIES.c.endpoint_id).order_by(oldest)
    return list(connection.execute(due).scalars())


def claim(connection: Connection, endpoint_id: str, now: datetime) -> list[Claimed]:
    """Claim the next deliveries to an endpoint, the oldest event first; empty when none is due or all are claimed."""
    due = (
        sa.select(DELIVERIES.c.delivery_id)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, _due(now))
        .order_by(DELIVERIES.c.delivery_id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=DELIVERIES)
    )
    taken = list(connection.execute(due).scalars())
    if not taken:
        return []
    mark, until = uuid4().hex, now + LEASE
    own = DELIVERIES.c.delivery_id.in_(taken)
    connection.execute(sa.update(DELIVERIES).where(own).values(claim=mark, claimed_until=until))
    columns = (EVENTS.c[name] for name in ("event_id", "type", "occurred_at", "data", "run_id"))
    query = sa.select(DELIVERIES.c.delivery_id, *columns).join(EVENTS).where(own).order_by(DELIVERIES.c.delivery_id)
    return [
        Claimed(delivery_id, endpoint_id, mark, until, Message(*message))
        for delivery_id, *message in connection.execute(query)
    ]


def is_held(connection: Connection, delivery: Claimed) -> bool:
    """Whether this worker may still send a delivery: it was not erased, disabled or taken over in the meantime."""
    enabled = sa.select(ENDPOINTS.c.endpoint_id).where(ENDPOINTS.c.disabled_at.is_(None))
    mine = sa.select(DELIVERIES.c.delivery_id).where(_held(delivery), DELIVERIES.c.endpoint_id.in_(enabled))
    return connection.execute(mine).first() is not None


def release(connection: Connection, claimed: Sequence[Claimed]) -> None:
    """Give back claimed deliveries that were not tried."""
    for delivery in sorted(
        claimed, key=lambda delivery: delivery.delivery_id
    ):  # The order of `serving.webhooks.row_locks`.
        connection.execute(sa.update(DELIVERIES).where(_held(delivery)).values(claim=None, claimed_until=None))


def settle(connection: Connection, delivery: Claimed, answer: Answer, now: datetime, chance: float) -> State | None:
    """Record the result of a delivery and return its state; None when this worker no longer held it.

    Parameters
    ----------
    answer : Answer
        The receiver's answer.
    chance : float
        A random number from 0 to 1 (exclusive), for the jitter.
    """
    pause = asked_pause(answer.retry_after, now) if answer.trouble else None
    _lock(connection, delivery, answer.status == GONE, pause is not None)
    own_attempts = sa.select(DELIVERIES.c.attempts).where(_held(delivery))
    attempts = connection.execute(own_attempts).scalar_one_or_none()
    if attempts is None:
        return _late(connection, delivery, answer)
    if answer.status == GONE:
        disable_endpoint(connection, delivery.endpoint_id, now, "the receiver answered 410 Gone")
    if pause:
        pause_endpoint(connection, delivery.endpoint_id, now + pause)
    state, again = _outcome(answer, attempts + 1, now, chance, pause)
    values = _values(answer, now) | {"state": state, "attempts": attempts + 1, "claim": None, "claimed_until": None}
    values |= {"next_attempt_at": again} if again else {}
    own = DELIVERIES.c.delivery_id == delivery.delivery_id
    connection.execute(sa.update(DELIVERIES).where(own).values(values))
    return state


def _lock(connection: Connection, delivery: Claimed, gone: bool, paused: bool) -> None:
    """Lock the rows that an answer changes, so that a claim that is valid now stays so until the result is recorded."""
    if gone or paused:
        lock_endpoint(connection, delivery.endpoint_id)
    lock_deliveries(
        connection, pending_of(delivery.endpoint_id) if gone else DELIVERIES.c.delivery_id == delivery.delivery_id
    )


def _outcome(
    answer: Answer, attempts: int, now: datetime, chance: float, pause: timedelta | None
) -> tuple[State, datetime | None]:
    if answer.taken:
        return "delivered", None
    if answer.status == GONE:
        return "disabled", None
    again = next_attempt(attempts, now, chance, pause)
    return ("pending", again) if again else ("failed", None)


def _late(connection: Connection, delivery: Claimed, answer: Answer) -> State | None:
    """Record a delivery that arrived after its lease had run out; leave other results to the worker that has it now."""
    if not answer.taken:
        return None
    open_still = (DELIVERIES.c.delivery_id == delivery.delivery_id) & (DELIVERIES.c.state != "delivered")
    values = {"state": "delivered", "last_status": answer.status, "last_error": None, "claim": None}
    done = connection.execute(sa.update(DELIVERIES).where(open_still).values(values | {"claimed_until": None}))
    return "delivered" if done.rowcount else None


def _values(answer: Answer, now: datetime) -> dict[str, Any]:
    return {"last_attempt_at": now, "last_status": answer.status, "last_error": answer.error}


def _held(delivery: Claimed) -> sa.ColumnElement[bool]:
    return (DELIVERIES.c.delivery_id == delivery.delivery_id) & (DELIVERIES.c.claim == delivery.claim)


def _due(now: datetime) -> sa.ColumnElement[bool]:
    """Return the SQL condition for due deliveries.

    A due delivery is pending, its time has come, no worker holds it, its endpoint is neither disabled nor paused, and
    no earlier event of the account has to arrive first. A delivery without attempts is due at any time, so that the
    clock of the machine that wrote it does not matter.
    """
    closed = ENDPOINTS.c.disabled_at.is_not(None) | ~has_passed(ENDPOINTS.c.paused_until, now, LONGEST_PAUSE)
    return (
        (DELIVERIES.c.state == "pending")
        & ((DELIVERIES.c.attempts == 0) | has_passed(DELIVERIES.c.next_attempt_at, now, HORIZON))
        & has_passed(DELIVERIES.c.claimed_until, now, LEASE)
        & DELIVERIES.c.endpoint_id.not_in(sa.select(ENDPOINTS.c.endpoint_id).where(closed))
        & ~_preceded()
    )


def _preceded() -> sa.ColumnElement[bool]:
    """Return the SQL condition that an earlier event of the account is pending and was not itself refused."""
    earlier = DELIVERIES.alias("earlier")
    refused = earlier.c.last_status.between(300, 499) & earlier.c.last_status.not_in(LATER)
    return (
        sa.select(sa.literal(1))
        .where(earlier.c.endpoint_id == DELIVERIES.c.endpoint_id, earlier.c.account_id == DELIVERIES.c.account_id)
        .where(earlier.c.delivery_id < DELIVERIES.c.delivery_id, earlier.c.state == "pending")
        .where(earlier.c.last_status.is_(None) | ~refused)
        .correlate(DELIVERIES)
        .exists()
    )
