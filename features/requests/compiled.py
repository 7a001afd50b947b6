"""The matrix for requests: the same signals as in batch, compiled once, run on a few accounts at a time.

Two queries of an in-memory DuckDB are prepared over sources that are Arrow tables: the stack of all aggregates, over
tables of the contract's form, and the finished row, over what is gathered of the stack. A request puts its own tables
there, each record stamped with the as-of date, and takes them away again. One request runs at a time; the caller may
merge several into one, which costs little more than one.

With so few rows a query costs what its operators cost to set up. So nothing is joined to the dates, accounts are told
apart by a number of one byte (DuckDB then groups by index instead of by hash, a quarter of the cost), the parts are
stacked instead of joined (see `features.requests.stacking`), and the optimiser is switched off: it takes four times as
long as the queries, and has nothing to gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from threading import Lock
from typing import ClassVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.as_of import AsOf, still_customers
from features.matrix import Matrix, finished_row, made_of, parts
from features.requests.stacking import Layout, stacked
from features.sources import connect
from features.tables import TABLES, Table, Tables

ARROW = {name: table.schema.to_pyarrow() for name, table in TABLES.items()}
#: What every record of a request is stamped with.
STAMP = pa.schema([("as_of", pa.date32()), ("as_of_instant", pa.timestamp("us")), ("as_of_seconds", pa.int64())])
#: Greatest number of accounts at a time: what one byte can tell apart.
MOST_ACCOUNTS = 256
GATHERED = "gathered"


class Source:
    """An Arrow table that can be exchanged under a prepared query (the Arrow PyCapsule interface)."""

    def __init__(self, schema: pa.Schema) -> None:
        self._empty = schema.empty_table()
        self.table = self._empty

    def clear(self) -> None:
        """Take the rows away."""
        self.table = self._empty

    def __arrow_c_schema__(self) -> object:
        """Return the schema."""
        return self._empty.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a stream of the rows that stand there now."""
        return self.table.__arrow_c_stream__(requested_schema)


class StampedAsOf(AsOf):
    """A book in which every record carries the one as-of date it is looked at: nothing is joined or grouped by it."""

    keys: ClassVar[list[str]] = ["account_id"]

    def _dated(self, table: Table) -> ir.Table:
        return self.tables[table.name]


class CompiledMatrix:
    """The matrix query, ready to run.

    Parameters
    ----------
    by_silence : bool
        Whether customers are told by the rule of silence (see `features.as_of.customers`).
    recorded_since : mapping of table name to date
        As for `features.matrix.compute`.
    """

    def __init__(self, by_silence: bool, recorded_since: Mapping[str, date]) -> None:
        self._recorded_since = recorded_since
        self._lock = Lock()
        self._sources = {name: Source(_numbered_schema(schema)) for name, schema in ARROW.items()}
        connection = connect()
        self._raw = connection.con
        for setting in ("SET threads = 1", "PRAGMA disable_optimizer"):
            self._raw.execute(setting)
        queries = _queries(by_silence)
        self._layout = queries.layout
        self._gathered = Source(queries.layout.gathered_schema(pa.uint8()))
        for name, source in {**self._sources, GATHERED: self._gathered}.items():
            self._raw.register(name, source)
        self._raw.execute(f"PREPARE stack AS {queries.stack}")
        self._raw.execute(f"PREPARE matrix AS {queries.row}")

    def compute(self, tables: Mapping[str, pa.Table], as_of: date, missing: Mapping[str, Sequence[str]]) -> Matrix:
        """Compute the rows of those accounts that are customers at `as_of`.

        Parameters
        ----------
        tables : mapping of table name to Arrow table
            With the declared columns and types (`ARROW`); tables without rows may be left out.
        missing : mapping of account id to table names
            The tables that are not known of an account, as opposed to empty.

        Raises
        ------
        ValueError
            With more than 256 accounts.
        """
        names = (
            pc.unique(tables["accounts"]["account_id"]).sort() if "accounts" in tables else pa.array([], pa.string())
        )
        if len(names) > MOST_ACCOUNTS:
            raise ValueError(f"{len(names)} accounts at once, {MOST_ACCOUNTS} at most")
        with self._lock:
            try:
                for name, rows in tables.items():
                    self._sources[name].table = _numbered(rows, ARROW[name], names, as_of)
                self._gathered.table = self._layout.gathered(self._run("stack"))
                found = self._run("matrix")
            finally:
                for source in (*self._sources.values(), self._gathered):
                    source.clear()
        order = np.argsort(found["account_id"])
        ids = names.take(pa.array(found["account_id"][order])).to_pylist()
        keys = pd.DataFrame({"account_id": pd.Series(ids, dtype="str"), "as_of": np.datetime64(as_of, "s")})
        matrix = made_of(keys, lambda name: found[name][order], self._recorded_since)
        return matrix.without_tables([missing.get(account, ()) for account in ids])

    def _run(self, query: str) -> dict[str, np.ndarray]:
        return {
            name: _nulls_told(column) for name, column in self._raw.execute(f"EXECUTE {query}").fetchnumpy().items()
        }


def _nulls_told(column: np.ndarray) -> np.ndarray:
    """Return DuckDB's array, masked where something is null, with NaN or None there."""
    if not isinstance(column, np.ma.MaskedArray):
        return column
    plain = column.data.astype(object if column.dtype == object else np.float64)
    plain[column.mask] = None if column.dtype == object else np.nan
    return plain


def _numbered_schema(schema: pa.Schema) -> pa.Schema:
    fields = [field.with_type(pa.uint8()) if field.name == "account_id" else field for field in schema]
    return pa.schema([*fields, *STAMP])


def _numbered(rows: pa.Table, schema: pa.Schema, names: pa.Array, as_of: date) -> pa.Table:
    """Put the account's number in place of its id, and stamp every row with the date."""
    instant = datetime.combine(as_of, time())
    seconds = int(instant.replace(tzinfo=UTC).timestamp())
    stamps = [
        pa.repeat(pa.scalar(value, field.type), len(rows))
        for value, field in zip((as_of, instant, seconds), STAMP, strict=True)
    ]
    numbers = pc.index_in(rows["account_id"], names).cast(pa.uint8())
    columns = [numbers if name == "account_id" else rows[name] for name in schema.names]
    return pa.Table.from_arrays([*columns, *stamps], schema=_numbered_schema(schema))


@dataclass(frozen=True)
class Queries:
    """The text of both queries, and how what the first gives becomes what the second takes."""

    stack: str
    layout: Layout
    row: str


@cache
def _queries(by_silence: bool) -> Queries:
    """Return the queries; to write them takes a second, which a change of the model need not cost again."""
    connection = connect()
    for name, schema in ARROW.items():
        connection.con.register(name, Source(_numbered_schema(schema)))
    tables = Tables({name: connection.table(name) for name in TABLES}, frozenset())
    accounts = tables["accounts"]
    everyone = accounts.filter(accounts.customer_since < accounts.as_of).select("account_id")
    spine = still_customers(StampedAsOf(tables, everyone), by_silence)
    layout, stack = stacked(spine, parts(StampedAsOf(tables, spine)))
    row = finished_row(ibis.table(layout.gathered_schema(pa.uint8()), name=GATHERED))
    return Queries(_sql(stack), layout, _sql(row))


def _sql(expression: ir.Table) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))
