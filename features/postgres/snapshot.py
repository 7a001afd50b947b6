"""One state of a database, read only: its tables, their columns, and copies of their rows as CSV.

In: an `Address`. Out: a `Snapshot`, in which all tables are of one moment whatever is written meanwhile. libpq streams
the rows of a table into a file; memory holds one of them.

What the user can put right is a `ValueError` (an address, a password, a schema, a right), a server that goes away a
`ConnectionError`; both say it in one line without a password.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from features.postgres.address import PATIENCE, Address
from features.postgres.column_types import Column

#: Settings of the transaction, as far as the server has them: how values are written, and the patience of a backup.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "synchronize_seqscans": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
#: A null in a copy; a text of these signs is quoted, and so told from it.
NULL = "\\N"
#: Classes of SQLSTATEs that say nothing of the table: lost connections, rolled back, out of resources, locked, stopped,
#: broken, a foreign server.
GIVEN_UP = ("08", "40", "53", "55P03", "57", "58", "XX", "HV")
BUFFER = 1 << 20
MOST_SCHEMAS = 12
_RELATIONS: LiteralString = """
    SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY n.nspname, c.relname"""
#: A domain has the type beneath it; a domain may stand on another.
_COLUMNS: LiteralString = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END, t.typcategory
    FROM pg_attribute a CROSS JOIN LATERAL (
        WITH RECURSIVE below(oid, beneath) AS (
            SELECT oid, typbasetype FROM pg_type WHERE oid = a.atttypid
            UNION ALL SELECT p.oid, p.typbasetype FROM below JOIN pg_type p ON p.oid = below.beneath)
        SELECT oid FROM below WHERE beneath = 0) AS bottom
    JOIN pg_type t ON t.oid = bottom.oid
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""


@dataclass(frozen=True)
class Relation:
    """A table, view, materialized view or foreign table; a part of a partitioned table is none of its own."""

    schema: str
    name: str
    number: int


class Snapshot:
    """One state of a database. See `open_snapshot`.

    Attributes
    ----------
    schema : str
        The schema that the address names, by default the first of the search path that is there.
    relations : sequence of Relation
        Those of all schemas but the server's own.
    """

    def __init__(self, connection: psycopg.Connection, address: Address) -> None:
        self._connection, self._address = connection, address
        with told(address):
            for name, value in SETTINGS.items():
                connection.execute("SELECT set_config(name, %s, true) FROM pg_settings WHERE name = %s", (value, name))
            self.relations = [Relation(*row) for row in connection.execute(_RELATIONS).fetchall()]
            self.schema = self._schema()

    def columns(self, relation: Relation) -> list[Column]:
        """Return the columns of a relation, in their order."""
        with told(self._address):
            return [Column(*row) for row in self._connection.execute(_COLUMNS, (relation.number,)).fetchall()]

    def copy(
        self,
        relation: Relation,
        columns: Sequence[tuple[str, LiteralString]],
        target: Path,
        only: tuple[str, str] | None = None,
    ) -> None:
        """Write the rows of a relation as CSV without a header.

        Parameters
        ----------
        columns : sequence of (str, str)
            Name of each column, and the expression that is written of it.
        only : (str, str), optional
            A column and the text that it has in the rows that are written.

        Raises
        ------
        ValueError
            When the server refuses to read it; the snapshot goes on.
        ConnectionError
        """
        listed = sql.SQL(", ").join(sql.SQL(written).format(sql.Identifier(name)) for name, written in columns)
        rows = sql.SQL("SELECT {} FROM {}").format(listed, sql.Identifier(relation.schema, relation.name))
        if only is not None:
            rows += sql.SQL(" WHERE {}::text = {}").format(sql.Identifier(only[0]), sql.Literal(only[1]))
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, NULL {})").format(rows, sql.Literal(NULL))
        with (
            told(self._address),
            self._connection.transaction(),
            self._connection.cursor() as cursor,
            target.open("wb", buffering=BUFFER) as file,
            cursor.copy(statement) as copied,
        ):
            for block in copied:
                file.write(block)

    def close(self) -> None:
        """Leave the server."""
        self._connection.close()

    def _schema(self) -> str:
        wanted = self._address.schema
        query = "SELECT nspname FROM pg_namespace WHERE nspname = coalesce(%s::text, current_schema()::text)"
        found = self._connection.execute(query, (wanted,)).fetchone()
        if found is not None:
            return str(found[0])
        names = sorted({relation.schema for relation in self.relations})
        there = f"; those with tables: {', '.join(names[:MOST_SCHEMAS])}" if names else ""
        missing = f"there is no schema {wanted!r}" if wanted else "the search path names no schema that is there"
        raise ValueError(f"{self._address.shown}: {missing}; ?schema=NAME says which{there}")


def open_snapshot(address: Address) -> Snapshot:
    """Connect and begin a read-only transaction that sees one state; `Snapshot.close` ends it.

    Raises
    ------
    ValueError
        When the database cannot be opened, or has no such schema.
    ConnectionError
        When the server goes away at once.
    """
    given = conninfo_to_dict(address.conninfo)
    patience = {name: value for name, value in PATIENCE.items() if name not in given}
    if "PGCONNECT_TIMEOUT" in os.environ:
        patience.pop("connect_timeout", None)
    ours = {"client_encoding": "utf8", "fallback_application_name": "churn-risk"}
    try:
        # Statements are not prepared: a pool of connections before the server may not know them.
        connection = psycopg.connect(make_conninfo(address.conninfo, **patience, **ours), prepare_threshold=None)
    except psycopg.Error as error:
        raise ValueError(f"{address.shown}: the database cannot be opened: {_line(error)}") from None
    try:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return Snapshot(connection, address)
    except BaseException:
        connection.close()
        raise


@contextmanager
def told(address: Address) -> Iterator[None]:
    """Raise the errors of psycopg as those of this package."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(GIVEN_UP):
            raise ConnectionError(f"{address.shown}: the server went away or gave up: {_line(error)}") from None
        raise ValueError(_line(error)) from None


def _line(error: psycopg.Error) -> str:
    """Return the first line of a message, without the places in it that only its next lines show."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[0].removeprefix("connection failed: ").split())
