"""Open the database: SQLite in write-ahead mode by default, PostgreSQL by its address; migrated when it is opened.

`reading` and `writing` are the only ways into it. Both are one transaction: a reader sees one state throughout, a
writer's changes appear at once or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from serving.database.migrate import migrate

BUSY_SECONDS = 30


def open_database(url: str) -> Engine:
    """Return an engine on the database at a SQLAlchemy address, brought up to the newest migration.

    The folder of an SQLite file is made when it is not there.
    """
    engine = connect(url)
    migrate(engine)
    return engine


def connect(url: str) -> Engine:
    """Return an engine on the database as it stands, without migrating it."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return sa.create_engine(parsed, pool_pre_ping=True, isolation_level="REPEATABLE READ")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read in one transaction: every statement sees the same state."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write in one transaction; SQLite's write lock is taken at its beginning, so that nothing has to be retried."""
    options: dict[str, Any] = {"begin": "BEGIN IMMEDIATE"}
    if engine.dialect.name != "sqlite":
        options["isolation_level"] = "READ COMMITTED"
    with engine.execution_options(**options).begin() as connection:
        yield connection


def _sqlite(url: sa.URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _write_ahead(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        """Python's driver begins before a write only: without this, each look-up of an answer sees another state."""
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine
