"""Removal of events and deliveries: after a time, and when an account is forgotten; a contact's removal from events."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.privacy import without_contact
from serving.webhooks.event_tables import DELIVERIES, EVENTS
from serving.webhooks.row_locks import lock_deliveries


def purge_events(connection: Connection, before: datetime) -> int:
    """Delete events from before an instant with their deliveries, except events with pending ones; return how many."""
    aged = sa.select(EVENTS.c.event_id).where(EVENTS.c.occurred_at < before)
    lock_deliveries(connection, DELIVERIES.c.event_id.in_(aged) & (DELIVERIES.c.state != "pending"))
    pending = sa.select(DELIVERIES.c.event_id).where(DELIVERIES.c.state == "pending")
    old = (EVENTS.c.occurred_at < before) & EVENTS.c.event_id.not_in(pending)
    return connection.execute(sa.delete(EVENTS).where(old)).rowcount


def erase_events(connection: Connection, account_id: str) -> int:
    """Delete all events of an account, delivered or not; return how many."""
    lock_deliveries(connection, DELIVERIES.c.account_id == account_id)
    return connection.execute(sa.delete(EVENTS).where(EVENTS.c.account_id == account_id)).rowcount


def erase_contact(connection: Connection, contact_id: str) -> int:
    """Remove a contact's name, e-mail and phone from all events; return how many had them."""
    holding = sa.cast(EVENTS.c.data, sa.Text).contains(json.dumps(contact_id), autoescape=True)
    count = 0
    for event_id, data in connection.execute(sa.select(EVENTS.c.event_id, EVENTS.c.data).where(holding)).all():
        cleaned, changed = without_contact(data, contact_id)
        if changed:
            connection.execute(sa.update(EVENTS).where(EVENTS.c.event_id == event_id).values(data=cleaned))
            count += 1
    return count
