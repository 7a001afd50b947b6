"""A hold shows that a process works on something; it ends with its process, even when that crashes.

With PostgreSQL, a hold is an advisory lock of its own connection, so a connection pooler must keep sessions. With
SQLite, it is a locked file next to the database. A memory database has only one process, so no other process can check
its holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from serving.database.engine import reported


@contextmanager
def holding(engine: Engine, name: str) -> Iterator[None]:
    """Hold a name that nobody else holds, for as long as the block runs. Raises StoreUnavailable."""
    taking = _advisory if engine.dialect.name == "postgresql" else _file
    with ExitStack() as held:
        with reported(engine):
            held.enter_context(taking(engine, name))
        yield


def is_held(connection: Connection, name: str) -> bool:
    """Whether a live process holds a name; removes the file that a dead process left of its hold."""
    if connection.dialect.name == "postgresql":
        free = sa.select(sa.func.pg_try_advisory_xact_lock(_number(name)))
        return not connection.execute(free).scalar_one()
    path = _path(connection, name)
    if path is None or not path.exists():
        return path is None
    try:
        _locked(path).close()
    except sqlite3.OperationalError:
        return True
    path.unlink(missing_ok=True)
    return False


@contextmanager
def _advisory(engine: Engine, name: str) -> Iterator[None]:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(_number(name))))
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):  # The server is gone, and the lock with it.
                connection.execute(sa.select(sa.func.pg_advisory_unlock(_number(name))))


@contextmanager
def _file(engine: Engine, name: str) -> Iterator[None]:
    with engine.connect() as connection:
        path = _path(connection, name)
    if path is None:
        yield
        return
    held = _locked(path)
    try:
        yield
    finally:
        held.close()
        path.unlink(missing_ok=True)


def _number(name: str) -> int:
    return int.from_bytes(sha256(name.encode()).digest()[:8], signed=True)


def _path(connection: Connection, name: str) -> Path | None:
    """Return the file of a hold; None for a database in memory."""
    database = connection.exec_driver_sql("PRAGMA database_list").first()
    return Path(f"{database[2]}-held-{name}") if database is not None and database[2] else None


def _locked(path: Path) -> sqlite3.Connection:
    """Lock a file with SQLite's own locking, which works on every system; nothing is ever written to it."""
    held = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        held.close()
        raise
    return held
