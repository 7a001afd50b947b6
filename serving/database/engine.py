"""Open and migrate the database: SQLite in write-ahead mode by default, PostgreSQL by its address.

Other code accesses it only through `reading` and `writing`. Each is one transaction: a reader sees one state
throughout, and a writer's changes appear all at once or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from features.postgres.address import PATIENCE
from serving.database.migrate import migrate
from serving.database.sqlite_file import follow, leave
from serving.errors import StoreUnavailable
from training.database_address import shown

BUSY_SECONDS = 30
#: Class of the SQLSTATEs of a read-only server and of a timed-out idle transaction; psycopg raises them as internal.
TRANSACTION_STATE = "25"
#: The SQLSTATE of a write to a server that takes none: a standby, or one that is set so.
READ_ONLY_STATE = "25006"
#: SQLite's names of errors that last as long as the connection: opened while the file was read-only, or it was damaged.
LASTING = ("SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_NOTADB")
#: Seconds between two tries to empty SQLite's log, or to begin it.
MOMENT = 0.05


class WrittenJson(str):
    """A value of a JSON column as text already: a large one is written before a transaction takes the write lock."""

    __slots__ = ()


def written_json(value: Any) -> WrittenJson:
    """Return a value as a JSON column holds it."""
    return WrittenJson(json.dumps(value))


def _as_json(value: Any) -> str:
    return str(value) if isinstance(value, WrittenJson) else json.dumps(value)


def open_database(url: str) -> Engine:
    """Return an engine on the database at a SQLAlchemy address, brought up to the newest migration.

    Makes the folder of an SQLite file if it does not exist. Raises StoreUnavailable.
    """
    engine = connect(url)
    try:
        with reported(engine):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect(url: str) -> Engine:
    """Return an engine on the database without migrating it."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    patience = {name: value for name, value in PATIENCE.items() if name not in parsed.query}
    options: dict[str, Any] = {
        "isolation_level": "REPEATABLE READ",
        "hide_parameters": True,
        "json_serializer": _as_json,
    }
    return _dropping_stuck(sa.create_engine(parsed, connect_args=patience, pool_pre_ping=True, **options))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read in one transaction: every statement sees the same state. Raises StoreUnavailable."""
    with reported(engine), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write in one transaction; it takes SQLite's write lock at its start, so that nothing has to be retried.

    Raises StoreUnavailable.
    """
    options: dict[str, Any] = {"begin": "BEGIN IMMEDIATE"}
    if engine.dialect.name != "sqlite":
        options["isolation_level"] = "READ COMMITTED"
    with reported(engine), engine.execution_options(**options).begin() as connection:
        yield connection


def empty_log(engine: Engine, seconds: float = BUSY_SECONDS) -> bool:
    """Empty SQLite's write-ahead log, which still holds deleted rows; return whether it is empty.

    Waits up to `seconds` for readers. PostgreSQL's administrator manages PostgreSQL's log. Raises StoreUnavailable.
    """
    if engine.dialect.name != "sqlite":
        return True
    until = monotonic() + seconds
    with reported(engine), closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(1000 * min(seconds, 1))}")
        try:
            # SQLite reports a log in use as a row, not as an error.
            while cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if monotonic() >= until:
                    return False
                sleep(MOMENT)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={1000 * BUSY_SECONDS}")
    return True


@contextmanager
def reported(engine: Engine) -> Iterator[None]:
    """Raise StoreUnavailable for errors of the database, with its address but without its password."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, sqlite3.OperationalError) as error:
        raise _unavailable(engine, error) from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(TRANSACTION_STATE):
            raise _unavailable(engine, error) from error
        raise


def read_only(engine: Engine) -> StoreUnavailable:
    """Return the error for a database that answers readers and takes no writes."""
    return StoreUnavailable(f"the database {shown(engine.url)} is read-only now")


def _dropping_stuck(engine: Engine) -> Engine:
    """Let a write that fails on a read-only connection drop it, and all that the pool has opened until then.

    What was opened during a read-only spell stays read-only after it: SQLite's connection keeps the file as it was
    opened, PostgreSQL's keeps its server and its default.
    """

    @sa.event.listens_for(engine, "handle_error")
    def _drop(context: sa.engine.ExceptionContext) -> None:
        error = context.original_exception
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(LASTING):
            leave(engine)
        if name.startswith(LASTING) or getattr(error, "sqlstate", None) == READ_ONLY_STATE:
            context.is_disconnect = True

    return engine


def _unavailable(engine: Engine, error: Exception) -> StoreUnavailable:
    cause = getattr(error, "orig", None) or error
    return StoreUnavailable(f"the database {shown(engine.url)} cannot be used now: {cause}")


def sqlite_path(url: sa.URL) -> Path | None:
    """Return the file of an SQLite database; None for PostgreSQL, and for a database in memory."""
    named = url.get_backend_name() == "sqlite" and url.database and not url.database.startswith((":memory:", "file:"))
    return Path(str(url.database)) if named else None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"the folder {folder} of the database cannot be made: {error.strerror}") from error


def _to_write_ahead(connection: sqlite3.Connection) -> None:
    """Switch a database to write-ahead mode; SQLite does not wait by itself while another process does the same."""
    until = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:  # its kinds stand above
                raise
            sleep(MOMENT)


def _sqlite(url: sa.URL) -> Engine:
    options: dict[str, Any] = {}
    path = sqlite_path(url)
    if url.database and url.database != ":memory:":
        _make_folder(Path(url.database).parent)
    else:  # A memory database disappears with its connection, so all threads share one connection in turn.
        options = {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=arguments, hide_parameters=True, json_serializer=_as_json, **options)
    if path is not None:
        follow(_dropping_stuck(engine), path)

    @sa.event.listens_for(engine, "connect")
    def _write_ahead(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        _to_write_ahead(connection)
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # SQLite overwrites deleted rows, as privacy requests demand.

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        """Begin a transaction: Python's driver begins one only before a write, so reads would see different states."""
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine
