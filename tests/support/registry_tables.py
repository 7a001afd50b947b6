"""The tables of MLflow's database: its migrations, which take seconds, are run once a test process and then copied."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine


class Remembered:
    """The making of all tables in an empty SQLite database, from the second time on as a copy of the first."""

    def __init__(self, make: Callable[[Engine], None]) -> None:
        self._make = make
        self._made: sqlite3.Connection | None = None

    def __call__(self, engine: Engine) -> None:
        if engine.dialect.name != "sqlite" or sa.inspect(engine).get_table_names():
            self._make(engine)
        elif self._made is not None:
            with _connected(engine) as connection:
                self._made.backup(connection)
        else:
            self._make(engine)
            self._made = sqlite3.connect(":memory:", check_same_thread=False)
            with _connected(engine) as connection:
                connection.backup(self._made)


@contextmanager
def _connected(engine: Engine) -> Iterator[sqlite3.Connection]:
    pooled = engine.raw_connection()
    try:
        assert isinstance(pooled.driver_connection, sqlite3.Connection)
        yield pooled.driver_connection
    finally:
        pooled.close()


@pytest.fixture(scope="session", autouse=True)
def _registry_tables_remembered() -> Iterator[None]:
    """Copy them wherever this process has loaded MLflow, as it has when it has collected the tests of the registry."""
    if "mlflow" not in sys.modules:
        yield
        return
    from mlflow.store.db import utils

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", Remembered(utils._initialize_tables))
        yield
