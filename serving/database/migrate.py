"""Bring a database up to the newest migration (Alembic), one process at a time, all or nothing.

A database from the time before migrations starts at the baseline.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine

from serving.errors import DatabaseTooNew

MIGRATIONS = Path(__file__).parent / "migrations"
#: Folders of migrations, in order; a full one is followed by another.
FOLDERS = ("versions", "from_16/versions")
#: The migration with the tables from the time before migrations.
BASELINE = "0001"
#: Key of PostgreSQL's advisory lock: any number that no other code uses.
LOCK = 4_827_301


def migrate(engine: Engine) -> str:
    """Bring the database up to date and return its revision; raises DatabaseTooNew."""
    newest = scripts().get_current_head()
    with engine.connect() as connection:
        if current(connection) == newest:
            return str(newest)
    options = {"begin": "BEGIN IMMEDIATE"}
    if engine.dialect.name == "postgresql":  # A process that waited for the lock sees the other's work.
        options["isolation_level"] = "READ COMMITTED"
    with engine.execution_options(**options).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        _upgrade(connection)
        return str(current(connection))


def current(connection: Connection) -> str | None:
    """Return the revision of a database; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


@cache
def scripts() -> ScriptDirectory:
    """Return the migrations: read once in a process, for each opening of a database asks for the newest."""
    return ScriptDirectory.from_config(_config())


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    revision = current(connection)
    if revision is None and sa.inspect(connection).has_table("scores"):
        command.stamp(config, BASELINE)
    elif revision is not None and revision not in {script.revision for script in scripts().walk_revisions()}:
        raise DatabaseTooNew(
            f"the database stands at migration {revision}, which this version of churn-risk does not know"
        )
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(str(MIGRATIONS / name) for name in FOLDERS))
    return config
