"""Books in a PostgreSQL database of a test module's own: a schema each, of texts or with types of a grown database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import duckdb
import psycopg

from features.schema import Kind
from features.tables import TABLES

#: What a database may hold of each kind.
GROWN = {
    Kind.TEXT: "varchar(80)",
    Kind.NUMBER: "numeric",
    Kind.INTEGER: "smallint",
    Kind.FLAG: "boolean",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamptz",
}


class Schemas:
    """A database in which each book is a schema.

    Attributes
    ----------
    connection : psycopg.Connection
        One that commits each statement.
    """

    def __init__(self, url: str) -> None:
        self._url, self._numbers = url, count()
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("SET timezone = 'UTC'")

    def source(self, schema: str, **parameters: str) -> str:
        """Return the SOURCE of a schema, with parameters."""
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"{self._url}&schema={schema}{more}"

    def empty(self) -> str:
        """Make a schema without tables, in which this connection works from then on; return its name."""
        schema = f"book_{next(self._numbers)}"
        self.connection.execute(f"CREATE SCHEMA {schema}")
        self.connection.execute(f"SET search_path = {schema}")
        return schema

    def made(self, tables: Mapping[str, str], kind_of: Callable[[str, str], str]) -> str:
        """Make a schema of tables that are written as CSV; return its name.

        Parameters
        ----------
        kind_of : callable
            The type of a column, by table and column.
        """
        schema = self.empty()
        for name, content in tables.items():
            columns = content.splitlines()[0].split(",")
            listed = ", ".join(f'"{column}" {kind_of(name, column)}' for column in columns)
            self.connection.execute(f"CREATE TABLE {name} ({listed})")
            with self.connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv, HEADER)") as copy:
                copy.write(content)
        return schema


def as_text(table: str, column: str) -> str:
    return "text"


def grown(table: str, column: str) -> str:
    return GROWN[TABLES[table].column(column).kind]


def csv_of(paths: Mapping[str, Path], scratch: Path) -> dict[str, str]:
    """Return Parquet files as texts of CSV, by name."""
    texts = {}
    with duckdb.connect() as connection:
        for name, path in paths.items():
            connection.execute(f"COPY (FROM '{path}') TO '{scratch / name}.csv' (HEADER)")
            texts[name] = (scratch / f"{name}.csv").read_text(encoding="utf-8")
    return texts
