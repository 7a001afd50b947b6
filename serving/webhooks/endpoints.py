"""Endpoints: subscriptions of receivers to types of events, with the form of the messages; stored in SQL.

A URL may carry a secret in its path or query (Slack's URLs do), so all output shows it masked.
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
from serving.webhooks.changes import SUBSCRIBED
from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS
from serving.webhooks.row_locks import lock_deliveries, lock_endpoint
from serving.words.formats import Lang

Format = Literal["standard", "slack"]
FORMATS: tuple[Format, ...] = get_args(Format)
Signature = Literal["standard", "hubspot-v3"]
SIGNATURES: tuple[Signature, ...] = get_args(Signature)
#: How long the previous secret still signs together with the new one after a rotation.
ROTATION = timedelta(hours=24)


@dataclass(frozen=True)
class Endpoint:
    """One subscription.

    Attributes
    ----------
    events : tuple of str
        The types of events that it gets.
    account_manager : str or None
        It gets only events about the accounts of this account manager; None: about all accounts.
    generation : int
        Generation of its signing secret; each rotation adds 1.
    previous_until : datetime or None
        Until when the secret of the previous generation still signs too.
    disabled_at, disabled_because : datetime, str or None
        Since when and why the service sends nothing to it.
    paused_until : datetime or None
        Until when the receiver asked for a pause (Retry-After).
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
        """The URL without the parts that may be secret."""
        url = httpx.URL(self.url)
        port = f":{url.port}" if url.port else ""
        return f"{url.scheme}://{url.host}{port}/…"

    def wants(self, account_manager: str | None) -> bool:
        """Whether it wants events about an account manager's accounts."""
        return self.account_manager is None or self.account_manager == account_manager

    def generations(self, now: datetime) -> tuple[int, ...]:
        """Return the generations of its secret that sign now, the current one first.

        After the clock has been set back, a rotation seems to lie in the future: the earlier secret then still signs.
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
    """Return a subscription with a new id; raises InputError for unknown types and for settings that do not fit.

    Parameters
    ----------
    events : sequence of str
        The types of events that it gets.
    now : datetime
        When it is made.
    account_manager : str or None
        It gets only events about the accounts of this account manager; None: about all accounts.
    style : str
        The format of the messages, one of `FORMATS`.
    lang : str
        The language of the sentences in the messages.
    signature : str
        One of `SIGNATURES`.
    """
    unknown = sorted(set(events) - set(SUBSCRIBED))
    if unknown:
        raise InputError(f"--event {unknown[0]}: the types of events are {', '.join(SUBSCRIBED)}")
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
    """Delete a subscription with all of its deliveries; raises EndpointUnknown."""
    endpoint_of(connection, endpoint_id)
    lock_endpoint(connection, endpoint_id)
    lock_deliveries(connection, DELIVERIES.c.endpoint_id == endpoint_id)
    connection.execute(sa.delete(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint_id))


def enable_endpoint(connection: Connection, endpoint_id: str) -> Endpoint:
    """Send events to a subscription again; events of the time in between stay unsent until they are redelivered."""
    lock_endpoint(connection, endpoint_id)
    endpoint = endpoint_of(connection, endpoint_id)
    return _change(connection, replace(endpoint, disabled_at=None, disabled_because=None, paused_until=None))


def rotate_endpoint(connection: Connection, endpoint_id: str, now: datetime) -> Endpoint:
    """Give a subscription a new signing secret; the previous one still signs for `ROTATION`."""
    lock_endpoint(connection, endpoint_id)
    endpoint = endpoint_of(connection, endpoint_id)
    return _change(connection, replace(endpoint, generation=endpoint.generation + 1, previous_until=now + ROTATION))


def disable_endpoint(connection: Connection, endpoint_id: str, now: datetime, because: str) -> None:
    """Disable a subscription and its pending deliveries.

    Parameters
    ----------
    because : str
        The reason, for the list of endpoints.
    """
    endpoint, pending = ENDPOINTS.c.endpoint_id == endpoint_id, pending_of(endpoint_id)
    lock_endpoint(connection, endpoint_id)
    lock_deliveries(connection, pending)
    connection.execute(sa.update(ENDPOINTS).where(endpoint).values(disabled_at=now, disabled_because=because))
    connection.execute(sa.update(DELIVERIES).where(pending).values(state="disabled", claim=None, claimed_until=None))


def pending_of(endpoint_id: str) -> sa.ColumnElement[bool]:
    """Return the SQL condition for an endpoint's pending deliveries."""
    return (DELIVERIES.c.endpoint_id == endpoint_id) & (DELIVERIES.c.state == "pending")


def pause_endpoint(connection: Connection, endpoint_id: str, until: datetime) -> None:
    """Send nothing to a receiver before `until`, as it asked."""
    connection.execute(sa.update(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint_id).values(paused_until=until))


def _change(connection: Connection, endpoint: Endpoint) -> Endpoint:
    names = ("generation", "previous_until", "disabled_at", "disabled_because", "paused_until")
    values = {name: getattr(endpoint, name) for name in names}
    connection.execute(sa.update(ENDPOINTS).where(ENDPOINTS.c.endpoint_id == endpoint.endpoint_id).values(values))
    return endpoint


def _endpoint(row: sa.RowMapping) -> Endpoint:
    record: dict[str, Any] = dict(row)
    return Endpoint(**record | {"events": tuple(record["events"])})
