"""Whether a database takes writes now: tried at a limited rate, and told from the last try in between.

A database may answer readers and refuse writers: its disk is full or mounted read-only, or its server is a standby. The
try also heals the pool: connections that were opened during such a spell stay read-only for good, and a write that
fails for that reason drops them all (see `serving.database.engine`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from time import monotonic

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from serving.database.engine import BUSY_SECONDS, read_only, reading, reported
from serving.errors import StoreUnavailable

#: Seconds until a database that could be written is tried again, and one that could not.
GOOD_SECONDS, BAD_SECONDS = 5.0, 1.0
#: Milliseconds that a try waits for another writer of SQLite.
PATIENCE = 200
UNCHANGED = sa.text("UPDATE alembic_version SET version_num = version_num")
REFUSES = sa.text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'")


class WriteCheck:
    """The cached answer for one engine.

    Parameters
    ----------
    engine : Engine
    tick : callable
        A clock that only goes forward, in seconds.
    """

    def __init__(self, engine: Engine, tick: Callable[[], float] = monotonic) -> None:
        self._engine, self._tick = engine, tick
        self._trying = Lock()
        self._tried_at: float | None = None
        self._failure: str | None = None

    def demand(self) -> None:
        """Raise StoreUnavailable if the database did not take the last write that was tried.

        One caller tries; others that come meanwhile get the answer before. Only the very first wait.
        """
        if self._due() and self._trying.acquire(blocking=self._tried_at is None):
            try:
                if self._due():
                    self._failure = _failure(self._engine)
                    self._tried_at = self._tick()
            finally:
                self._trying.release()
        if self._failure is not None:
            raise StoreUnavailable(self._failure)

    def _due(self) -> bool:
        lasts = GOOD_SECONDS if self._failure is None else BAD_SECONDS
        return self._tried_at is None or self._tick() - self._tried_at >= lasts


def try_write(engine: Engine) -> None:
    """Write a row of the database as it stands; raises StoreUnavailable."""
    if engine.dialect.name == "sqlite":
        with reported(engine):
            _write_unchanged(engine)
        return
    with reading(engine) as connection:
        refuses = connection.execute(REFUSES).scalar_one()
    if refuses:
        engine.dispose()  # Later connections may lead to another server, or begin in another mode.
        raise read_only(engine)


def _failure(engine: Engine) -> str | None:
    try:
        try_write(engine)
    except StoreUnavailable as error:
        return str(error)
    return None


def _write_unchanged(engine: Engine) -> None:
    """Write, for SQLite: `BEGIN IMMEDIATE` alone succeeds on a read-only file. A file that is locked is written."""
    with engine.execution_options(begin="BEGIN IMMEDIATE").connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute(f"PRAGMA busy_timeout={PATIENCE}")
        try:
            with connection.begin():
                connection.execute(UNCHANGED)
        except OperationalError as error:
            if not str(getattr(error.orig, "sqlite_errorname", "")).startswith("SQLITE_BUSY"):
                raise
        finally:
            with suppress(sqlite3.ProgrammingError):  # The failure has closed the connection.
                driver.execute(f"PRAGMA busy_timeout={1000 * BUSY_SECONDS}")
