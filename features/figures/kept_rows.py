"""Rows that several figures stand on, kept as temporary tables: computed once, compiled once for all dates.

In: queries by name. Out: tables by name. Ibis takes longer to compile most queries of figures than DuckDB to run them,
and a series of many dates is computed in parts of a few dates, so that it takes bounded memory. So no query names a
date: dates stand in tables, and each part runs the queries of the first one again, in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

#: Before the name of each temporary table.
PREFIX = "figures_"
#: The table of the rows that are added up at the moment.
ROWS = f"{PREFIX}rows"
Build = Callable[[], ir.Table]
Store = Callable[[Backend, str], None]


class KeptRows:
    """The temporary tables of the figures of one book.

    Parameters
    ----------
    connection : Backend
        The book's.
    """

    def __init__(self, connection: Backend) -> None:
        self.connection = connection
        self._queries: dict[str, str] = {}
        self._tables: dict[str, ir.Table] = {}
        self._of_rows: dict[str, tuple[str, int]] = {}
        self._of_book: set[str] = set()
        self._done: set[str] = set()
        self._given: set[str] = set()

    def begin(self) -> None:
        """Begin another part of the dates: what depends on dates is to be made anew."""
        self._done = set(self._of_book)

    def table(self, name: str, build: Build, of_book: bool = False) -> ir.Table:
        """Return the rows of a query as a table; `of_book`: they are the same for all dates."""
        if name not in self._queries:
            query = self.connection.compile(build())
            self._queries[name] = query  # After what it stands on, which building it has kept.
            if of_book:
                self._of_book.add(name)
        self._make(list(self._queries).index(name) + 1)
        return self._table(name)

    def dates(self, name: str, columns: tuple[str, ...], days: Sequence[tuple[date, ...]]) -> ir.Table:
        """Store dates of a part as a table; returns it."""
        rows = ", ".join("(" + ", ".join(f"DATE '{day}'" for day in row) + ")" for row in days)
        self._store(f"{PREFIX}{name}", f"SELECT * FROM (VALUES {rows}) AS given({', '.join(columns)})")
        return self._table(name)

    def given(self, name: str, store: Store) -> ir.Table:
        """Return a table that is stored once for all dates by what takes the connection and its whole name."""
        if name not in self._given:
            store(self.connection, f"{PREFIX}{name}")
            self._given.add(name)
        return self._table(name)

    def rows(self, name: str, build: Build) -> None:
        """Store the rows of a query in `ROWS`, in the place of those before."""
        if name not in self._of_rows:
            query = self.connection.compile(build())
            self._of_rows[name] = query, len(self._queries)
        query, needed = self._of_rows[name]
        self._make(needed)
        self._store(ROWS, query)

    def _table(self, name: str) -> ir.Table:
        if name not in self._tables:
            self._tables[name] = self.connection.table(f"{PREFIX}{name}")
        return self._tables[name]

    def _make(self, count: int) -> None:
        """Make the first tables that are not made yet."""
        for name, query in list(self._queries.items())[:count]:
            if name not in self._done:
                self._store(f"{PREFIX}{name}", query)
                self._done.add(name)

    def _store(self, name: str, query: str) -> None:
        self.connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
