"""Endpoints of webhooks, events, and the outbox: one row an event and endpoint until it is delivered or given up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the three tables."""
    _endpoints()
    _events()
    _deliveries()


def _endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint_id", sa.String(40), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("account_manager", sa.Text),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("lang", sa.String(2), nullable=False),
        sa.Column("signature", sa.String(16), nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("previous_until", sa.String(40)),
        sa.Column("disabled_at", sa.String(40)),
        sa.Column("disabled_because", sa.Text),
        sa.Column("paused_until", sa.String(40)),
        sa.Column("created_at", sa.String(40), nullable=False),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.String(40), primary_key=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("occurred_at", sa.String(40), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_index("events_by_account", "events", ["account_id"])
    op.create_index("events_by_time", "events", ["occurred_at"])


def _deliveries() -> None:
    event = sa.ForeignKey("events.event_id", ondelete="CASCADE")
    endpoint = sa.ForeignKey("webhook_endpoints.endpoint_id", ondelete="CASCADE")
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Integer, autoincrement=True, primary_key=True),
        sa.Column("event_id", sa.String(40), event, nullable=False),
        sa.Column("endpoint_id", sa.String(40), endpoint, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.String(40), nullable=False),
        sa.Column("claim", sa.String(40)),
        sa.Column("claimed_until", sa.String(40)),
        sa.Column("last_attempt_at", sa.String(40)),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sa.UniqueConstraint("event_id", "endpoint_id", name="deliveries_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_due", "deliveries", ["state", "endpoint_id", "next_attempt_at"])
    op.create_index("deliveries_by_account", "deliveries", ["account_id", "endpoint_id"])
    op.create_index("deliveries_by_endpoint", "deliveries", ["endpoint_id", "last_attempt_at"])
