"""The state of an endpoint's deliveries, and the redelivery of those that wait or were given up."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from features.errors import InputError
from serving.webhooks.endpoints import endpoint_of
from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS, EVENTS, State
from serving.webhooks.row_locks import lock_deliveries

EVENT_PREFIX = "evt_"
#: What an endpoint has not got: what waits for another attempt, perhaps for a day, and what was given up.
MISSED: tuple[State, ...] = ("pending", "failed", "disabled")


def standing_of(connection: Connection, endpoint_id: str) -> dict[str, Any]:
    """Return the state of an endpoint's deliveries: their number by state, and the newest attempt.

    Returns
    -------
    dict
        `deliveries` (number by state), `last_attempt_at`, `last_status`, `last_error`.
    """
    mine = DELIVERIES.c.endpoint_id == endpoint_id
    counted = sa.select(DELIVERIES.c.state, sa.func.count()).where(mine).group_by(DELIVERIES.c.state)
    counts = {state: number for state, number in connection.execute(counted)}
    names = ("last_attempt_at", "last_status", "last_error")
    tried = sa.select(*(DELIVERIES.c[name] for name in names)).where(mine, DELIVERIES.c.last_attempt_at.is_not(None))
    order = (DELIVERIES.c.last_attempt_at.desc(), DELIVERIES.c.delivery_id.desc())
    last = connection.execute(tried.order_by(*order).limit(1)).mappings().first()
    newest = dict(last) if last else dict.fromkeys(names)
    return {"deliveries": {state: counts.get(state, 0) for state in get_args(State)}} | newest


def redeliver(connection: Connection, target_id: str, now: datetime) -> int:
    """Make deliveries due again, as if they were new; return how many.

    Parameters
    ----------
    target_id : str
        An event's id selects its deliveries to enabled endpoints, in any state. An endpoint's id selects those of its
        deliveries that wait or were given up.

    Raises
    ------
    InputError
        When there is no such event or endpoint, or the endpoint is disabled.
    """
    if target_id.startswith(EVENT_PREFIX):
        which = DELIVERIES.c.event_id == target_id
        if connection.execute(sa.select(EVENTS.c.event_id).where(EVENTS.c.event_id == target_id)).first() is None:
            raise InputError(f"there is no event {target_id!r}; events are kept for CHURN_RISK_WEBHOOK_RETENTION_DAYS")
    else:
        which = (DELIVERIES.c.endpoint_id == target_id) & DELIVERIES.c.state.in_(MISSED)
        if endpoint_of(connection, target_id).disabled_at is not None:
            raise InputError(f"endpoint {target_id} is disabled: `churn-risk webhooks enable {target_id}` first")
    lock_deliveries(connection, which)
    enabled = DELIVERIES.c.endpoint_id.in_(sa.select(ENDPOINTS.c.endpoint_id).where(ENDPOINTS.c.disabled_at.is_(None)))
    anew = {"state": "pending", "attempts": 0, "next_attempt_at": now, "last_status": None, "last_error": None}
    return connection.execute(sa.update(DELIVERIES).where(which, enabled).values(anew)).rowcount
