"""The order of row locks: an endpoint before its deliveries, deliveries by rising id.

PostgreSQL ends one of several transactions that wait for one another in a ring. So code that changes several
deliveries, or an endpoint and deliveries, first locks them here. SQLite has one writer at a time and needs no locks.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS


def keep_endpoints(connection: Connection) -> None:
    """Keep all endpoints from being removed or disabled until the transaction ends, so that reads of them stay true."""
    kept = sa.select(ENDPOINTS.c.endpoint_id).order_by(ENDPOINTS.c.endpoint_id)
    _lock(connection, kept.with_for_update(read=True, key_share=True))


def lock_endpoint(connection: Connection, endpoint_id: str) -> None:
    """Lock an endpoint: only this transaction may change it or add deliveries to it."""
    own = sa.select(ENDPOINTS.c.endpoint_id).where(ENDPOINTS.c.endpoint_id == endpoint_id)
    _lock(connection, own.with_for_update())


def lock_deliveries(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    """Lock some deliveries: only this transaction may change them."""
    deliveries = sa.select(DELIVERIES.c.delivery_id).where(which).order_by(DELIVERIES.c.delivery_id)
    _lock(connection, deliveries.with_for_update())


def _lock(connection: Connection, rows: sa.Select[Any]) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(rows).all()
