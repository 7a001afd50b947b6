"""Queries over a book whose SQL is kept: Ibis takes longer to compile a query than an engine to answer it.

In: a book, perhaps a spine (a row per account and as-of date), and a query over them. Out: its rows. The query is
compiled once in a process, over tables of fixed names, and run on any book by leading these names to its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from weakref import WeakValueDictionary

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from features.formulas.reversals import REVERSED_ON
from features.tables import TABLES, Tables

#: Begins the name under which a compiled query reads a table of a book; the name of the spine.
READ = "read_"
SPINE = f"{READ}spine"
#: Compiled queries that are kept: every query of the product, at a few dates.
QUERIES = 256
#: Over tables, or a view of them, and what else the query depends on, which must be hashable.
Query = Callable[..., ir.Table]
#: Connection, by its id -> the book to whose tables the fixed names lead, and the spine that is stored.
_books: WeakValueDictionary[int, Tables] = WeakValueDictionary()
_spines: WeakValueDictionary[int, ir.Table] = WeakValueDictionary()


def ask(tables: Tables, query: Query, *arguments: Hashable) -> pa.Table:
    """Run a query over the tables of a book; return its rows.

    Parameters
    ----------
    query : callable
        (tables, *arguments) -> Ibis table, over the rows of the tables alone: which of them are missing it cannot tell.
    arguments : hashable
        What the query depends on beside the tables.
    """
    return lead_to(tables).con.sql(sql_of(tables, query, *arguments)).to_arrow_table()


def ask_of(tables: Tables, spine: ir.Table, query: Query, *arguments: Hashable) -> pa.Table:
    """Run a query over the tables of a book and a spine; return its rows.

    Parameters
    ----------
    spine : Ibis table
        account_id and as_of, one row per pair.
    query : callable
        (tables, spine, *arguments) -> Ibis table; otherwise as for `ask`.
    """
    connection = lead_to(tables)
    if _spines.get(id(connection)) is not spine:
        connection.create_table(SPINE, spine.select("account_id", "as_of"), temp=True, overwrite=True)
        _spines[id(connection)] = spine
    return connection.con.sql(sql_of(tables, _of_spine, query, *arguments)).to_arrow_table()


def sql_of(tables: Tables, query: Query, *arguments: Hashable) -> str:
    """Return the SQL of a query as `ask` runs it, once the names lead to the tables."""
    return _compiled(query, arguments, REVERSED_ON in tables["invoices"].columns)


def count(tables: Tables, query: Query, *arguments: Hashable) -> int:
    """Return how many rows a query over the tables of a book has; parameters are those of `ask`."""
    return int(ask(tables, _counted, query, *arguments)["rows"][0].as_py())


def lead_to(tables: Tables) -> Backend:
    """Lead the names that compiled queries read to the tables of a book; return its connection."""
    connection = tables["accounts"].get_backend()
    if _books.get(id(connection)) is not tables:
        for name in TABLES:
            rows = connection.compile(tables[name])
            connection.con.execute(f"CREATE OR REPLACE TEMP VIEW {READ}{name} AS {rows}")
        _books[id(connection)] = tables
        _spines.pop(id(connection), None)  # It may be stored in an earlier connection that had this id.
    return connection


def _any_book(are_paired: bool) -> Tables:
    """Return the tables that compiled queries read; `are_paired` says whether the reversed invoices are known."""
    schemas = {name: dict(table.schema) for name, table in TABLES.items()}
    if are_paired:
        schemas["invoices"][REVERSED_ON] = ibis.dtype("date")
    return Tables({name: ibis.table(schema, name=f"{READ}{name}") for name, schema in schemas.items()}, frozenset())


def _of_spine(tables: Tables, query: Query, *arguments: Hashable) -> ir.Table:
    return query(tables, ibis.table({"account_id": "string", "as_of": "date"}, name=SPINE), *arguments)


def _counted(tables: Tables, query: Query, *arguments: Hashable) -> ir.Table:
    rows = query(tables, *arguments)
    return rows.aggregate(rows=rows.count())


@lru_cache(QUERIES)
def _compiled(query: Query, arguments: tuple[Hashable, ...], are_paired: bool) -> str:
    return str(ibis.to_sql(query(_any_book(are_paired), *arguments), dialect="duckdb"))
