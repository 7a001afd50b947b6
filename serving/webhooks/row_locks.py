"""The order in which rows are locked: an endpoint before its deliveries, deliveries by rising id.

PostgreSQL ends one of two transactions that wait for each other in a ring. Whoever changes several deliveries, or an
endpoint and deliveries, locks them here first. SQLite has one writer at a time, so there is nothing to lock.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS


def keep_endpoints(connection: Connection) -> None:
    """Let no endpoint be removed or disabled while the transaction lasts; what is read of them next stays true."""
    kept = sa.select(ENDPOINTS.c.endpoint_id).order_by(ENDPOINTS.c.endpoint_id)
    _lock(connection, kept.with_for_update(read=True, key_share=True))


def lock_endpoint(connection: Connection, endpoint_id: str) -> None:
    """Be the only one to change an endpoint, or to add deliveries to it."""
    own = sa.select(ENDPOINTS.c.endpoint_id).where(ENDPOINTS.c.endpoint_id == endpoint_id)
    _lock(connection, own.with_for_update())


def lock_deliveries(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    """Be the only one to change some deliveries."""
    deliveries = sa.select(DELIVERIES.c.delivery_id).where(which).order_by(DELIVERIES.c.delivery_id)
    _lock(connection, deliveries.with_for_update())


def _lock(connection: Connection, rows: sa.Select[Any]) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(rows).all()
