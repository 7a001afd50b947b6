"""The tables of events: endpoints, events, and the outbox with one row per event and endpoint.

The order of `delivery_id` is the order in which the events were written.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from serving.database.metadata import AnyText, Instant, metadata

State = Literal["pending", "delivered", "failed", "disabled"]

ENDPOINTS = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("endpoint_id", sa.String(40), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("account_manager", AnyText),
    sa.Column("format", sa.String(16), nullable=False),
    sa.Column("lang", sa.String(2), nullable=False),
    sa.Column("signature", sa.String(16), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("previous_until", Instant),
    sa.Column("disabled_at", Instant),
    sa.Column("disabled_because", sa.Text),
    sa.Column("paused_until", Instant),
    sa.Column("created_at", Instant, nullable=False),
)
EVENTS = sa.Table(
    "events",
    metadata,
    sa.Column("event_id", sa.String(40), primary_key=True),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("account_id", AnyText, nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("occurred_at", Instant, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Index("events_by_account", "account_id"),
    sa.Index("events_by_time", "occurred_at"),
)
#: What was told of an account and cause; `records` are ids.
ALERT_CASES = sa.Table(
    "alert_cases",
    metadata,
    sa.Column("account_id", AnyText, primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("records", sa.JSON, nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
)
DELIVERIES = sa.Table(
    "deliveries",
    metadata,
    sa.Column("delivery_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.ForeignKey(EVENTS.c.event_id, ondelete="CASCADE"), nullable=False),
    sa.Column("endpoint_id", sa.ForeignKey(ENDPOINTS.c.endpoint_id, ondelete="CASCADE"), nullable=False),
    sa.Column("account_id", AnyText, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", Instant, nullable=False),
    sa.Column("claim", sa.String(40)),
    sa.Column("claimed_until", Instant),
    sa.Column("last_attempt_at", Instant),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    sa.UniqueConstraint("event_id", "endpoint_id", name="deliveries_once"),
    sa.Index("deliveries_due", "state", "endpoint_id", "next_attempt_at"),
    sa.Index("deliveries_by_account", "account_id", "endpoint_id"),
    sa.Index("deliveries_by_endpoint", "endpoint_id", "last_attempt_at"),
    sqlite_autoincrement=True,
)
