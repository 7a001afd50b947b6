"""The matrix for requests: the same signals as in batch, compiled once, run on a few accounts at a time.

The query of an in-memory DuckDB is prepared over sources that are Arrow tables of the contract's form; a request puts
its own tables there, each record stamped with the as-of date, and takes them away again. One request runs at a time;
the caller may merge several into one, which costs little more than one.

With so few rows a query costs what its operators cost to set up, and DuckDB would plan a prepared query anew each time
it is run. So nothing is joined to the dates, accounts are told apart by a number of one byte (DuckDB then groups by
index instead of by hash, a quarter of the cost), the parts are stacked instead of joined, and the optimiser is
switched off: it takes four times as long as the query, and has nothing to gain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from features.assembly import by_stacking
from features.matrix import Matrix, made_of, matrix_expression
from features.sources import connect
from features.tables import TABLES, Table, Tables

ARROW = {name: table.schema.to_pyarrow() for name, table in TABLES.items()}
#: What every record of a request is stamped with.
STAMP = pa.schema([("as_of", pa.date32()), ("as_of_instant", pa.timestamp("us")), ("as_of_seconds", pa.int64())])
#: Greatest number of accounts at a time: what one byte can tell apart.
MOST_ACCOUNTS = 256


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
        for name, source in self._sources.items():
            self._raw.register(name, source)
        self._raw.execute(f"PREPARE matrix AS {_query(by_silence)}")

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
                found = self._raw.execute("EXECUTE matrix").fetchnumpy()
            finally:
                for source in self._sources.values():
                    source.clear()
        order = np.argsort(found["account_id"])
        ids = names.take(pa.array(found["account_id"][order])).to_pylist()
        keys = pd.DataFrame({"account_id": pd.Series(ids, dtype="str"), "as_of": np.datetime64(as_of, "s")})
        matrix = made_of(keys, lambda name: _nulls_told(found[name])[order], self._recorded_since)
        return matrix.without_tables([missing.get(account, ()) for account in ids])


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


@cache
def _query(by_silence: bool) -> str:
    """Return the query's text; to write it takes a second, which a change of the model need not cost again."""
    connection = connect()
    for name, schema in ARROW.items():
        connection.con.register(name, Source(_numbered_schema(schema)))
    tables = Tables({name: connection.table(name) for name in TABLES}, frozenset())
    return str(ibis.to_sql(_request_matrix(tables, by_silence), dialect="duckdb"))


def _request_matrix(tables: Tables, by_silence: bool) -> ir.Table:
    accounts = tables["accounts"]
    everyone = accounts.filter(accounts.customer_since < accounts.as_of).select("account_id")
    spine = still_customers(StampedAsOf(tables, everyone), by_silence)
    return matrix_expression(StampedAsOf(tables, spine), by_stacking)
