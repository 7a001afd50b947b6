"""Endpoints: who wants to hear of which events, in which form; kept in SQL.

An address may carry a secret in its path or query (Slack's do), so it is shown masked everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import uuid4

import httpx
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from features.errors import InputError
from serving.errors import EndpointUnknown
from serving.webhooks.changes import TYPES
from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS
from serving.webhooks.row_locks import lock_deliveries, lock_endpoint
from serving.words.formats import Lang

Format = Literal["standard", "slack"]
FORMATS: tuple[Format, ...] = get_args(Format)
Signature = Literal["standard", "hubspot-v3"]
SIGNATURES: tuple[Signature, ...] = get_args(Signature)
#: How long the secret before a rotation still signs beside the new one.
ROTATION = timedelta(hours=24)


@dataclass(frozen=True)
class Endpoint:
    """One subscription.

    Attributes
    ----------
    events : tuple of str
        Types it wants.
    account_manager : str or None
        Wants events about the accounts of this account manager only; None: all.
    generation : int
        Of its signing secret: counts rotations.
    previous_until : datetime or None
        Until when the secret of the generation before still signs too.
    disabled_at, disabled_because : datetime, str or None
        Since when and why nothing is sent to it.
    paused_until : datetime or None
        It asked (Retry-After) to be left alone until then.
    """

    endpoint_id: str
    url: str
    events: tuple[str, ...]
    account_manager: str | None
    format: Format
    lang: Lang
    signature: Signature
    created_at: datetime
    generation: int = 1
    previous_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None
    paused_until: datetime | None = None

    @property
    def masked_url(self) -> str:
        """The address without what may be secret in it."""
        url = httpx.URL(self.url)
        port = f":{url.port}" if url.port else ""
        return f"{url.scheme}://{url.host}{port}/…"

    def wants(self, account_manager: str | None) -> bool:
        """Whether it wants events about an account manager's accounts."""
        return self.account_manager is None or self.account_manager == account_manager

    def generations(self, now: datetime) -> tuple[int, ...]:
        """Return the generations of its secret that sign now, the current one first.

        A rotation seems to lie in the future when the clock has been put back: the earlier secret then signs on.
        """
        if self.previous_until is not None and now < self.previous_until:
            return (self.generation, self.generation - 1)
        return (self.generation,)


def new_endpoint(
    url: str,
    events: Sequence[str],
    now: datetime,
    account_manager: str | None = None,
    style: Format = "standard",
    lang: Lang = "en",
    signature: Signature = "standard",
) -> Endpoint:
    """Return a subscription with an id of its own; raises InputError for one that nobody could use."""
    unknown = sorted(set(events) - set(TYPES))
    if unknown:
        raise InputError(f"--event {unknown[0]}: the types of events are {', '.join(TYPES)}")
    if style == "slack" and signature != "standard":
        raise InputError(f"--signature {signature}: a message in Slack's format goes to Slack, which verifies nothing")
    endpoint_id = f"ep_{uuid4().hex}"
    return Endpoint(endpoint_id, url, tuple(dict.fromkeys(events)), account_manager, style, lang, signature, now)


def add_endpoint(connection: Connection, endpoint: Endpoint) -> None:
    """Store a new subscription."""
    record = {field.name: getattr(endpoint, field.name) for field in fields(endpoint)}
    connection.execute(sa.insert(ENDPOINTS).values(record | {"events": list(endpoint.events)}))


def all_endpoints(connection: Connection) -> list[Endpoint]:
    """Return every subscription, the oldest first."""
    order = (ENDPOINTS.c.created_at, ENDPOINTS.c.endpoint_id)
    return [_endpoint(row) for row in connection.execute(sa.select(ENDPOINTS).order_by(*order)).mappings()]


def endpoint_of(connection: Connection, endpoint_id: str) -> Endpoint:
    """Return one subscription; raises EndpointUnknown."""
    query = sa.select(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise EndpointUnknown(f"there is no endpoint {endpoint_id!r}: `churn-risk webhooks list` shows them")
    return _endpoint(row)


def remove_endpoint(connection: Connection, endpoint_id: str) -> None:
    """Delete a subscription with all that was to be delivered to it; raises EndpointUnknown."""
    endpoint_of(connection, endpoint_id)
    lock_endpoint(connection, endpoint_id)
    lock_deliveries(connection, DELIVERIES.c.endpoint_id == endpoint_id)
    connection.execute(sa.delete(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint_id))


def enable_endpoint(connection: Connection, endpoint_id: str) -> Endpoint:
    """Let events go to a subscription again; what was not sent meanwhile stays so until it is redelivered."""
    lock_endpoint(connection, endpoint_id)
    endpoint = endpoint_of(connection, endpoint_id)
    return _change(connection, replace(endpoint, disabled_at=None, disabled_because=None, paused_until=None))


def rotate_endpoint(connection: Connection, endpoint_id: str, now: datetime) -> Endpoint:
    """Give a subscription a new signing secret; the one before signs on for `ROTATION`."""
    lock_endpoint(connection, endpoint_id)
    endpoint = endpoint_of(connection, endpoint_id)
    return _change(connection, replace(endpoint, generation=endpoint.generation + 1, previous_until=now + ROTATION))


def disable_endpoint(connection: Connection, endpoint_id: str, now: datetime, because: str) -> None:
    """Send nothing more to a subscription, and take what is pending for it out of the queue."""
    endpoint, pending = ENDPOINTS.c.endpoint_id == endpoint_id, pending_of(endpoint_id)
    lock_endpoint(connection, endpoint_id)
    lock_deliveries(connection, pending)
    connection.execute(sa.update(ENDPOINTS).where(endpoint).values(disabled_at=now, disabled_because=because))
    connection.execute(sa.update(DELIVERIES).where(pending).values(state="disabled", claim=None, claimed_until=None))


def pending_of(endpoint_id: str) -> sa.ColumnElement[bool]:
    """Return the condition on deliveries that they are an endpoint's and still to be made."""
    return (DELIVERIES.c.endpoint_id == endpoint_id) & (DELIVERIES.c.state == "pending")


def pause_endpoint(connection: Connection, endpoint_id: str, until: datetime) -> None:
    """Leave a receiver alone until then, as it asked."""
    connection.execute(sa.update(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint_id).values(paused_until=until))


def _change(connection: Connection, endpoint: Endpoint) -> Endpoint:
    names = ("generation", "previous_until", "disabled_at", "disabled_because", "paused_until")
    values = {name: getattr(endpoint, name) for name in names}
    connection.execute(sa.update(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint.endpoint_id).values(values))
    return endpoint


def _endpoint(row: sa.RowMapping) -> Endpoint:
    record: dict[str, Any] = dict(row)
    return Endpoint(**record | {"events": tuple(record["events"])})
