"""Rows of the outbox: an event of a run, and its delivery to an endpoint."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from serving.store.runs import PublishedRun
from serving.webhooks.endpoints import Endpoint

Row = dict[str, Any]


def event_row(run: PublishedRun, kind: str, account_id: str, data: Row) -> Row:
    """Return a new event."""
    return {
        "event_id": f"evt_{uuid4().hex}",
        "type": kind,
        "account_id": account_id,
        "run_id": run.run_id,
        "occurred_at": run.scored_at,
        "data": data,
    }


def delivery_row(event: Row, endpoint: Endpoint) -> Row:
    """Return the delivery of an event to an endpoint; a disabled one gets it once it is enabled."""
    return {
        "event_id": event["event_id"],
        "endpoint_id": endpoint.endpoint_id,
        "account_id": event["account_id"],
        "state": "pending" if endpoint.disabled_at is None else "disabled",
        "attempts": 0,
        "next_attempt_at": event["occurred_at"],
    }
