"""The request's matrix on DuckDB: what costs least where a request has thousands of records.

Two queries are prepared over sources that are Arrow tables: the stack of all aggregates, over tables of the contract's
form, and the finished row, over what is gathered of the stack. A request puts its own tables there and takes them away
again.

With so few rows a query costs what its operators cost to set up. So accounts are told apart by a number of one byte
(DuckDB then groups by index instead of by hash, a quarter of the cost), and the parts are stacked instead of joined
(see `features.requests.stacking`). The queries are optimised once, when they are prepared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from features.requests.reversing import with_reversed_on
from features.requests.stacking import Layout, stacked
from features.requests.stamped import GATHERED, STAMP, Records, RequestQuery, stamped_schema
from features.sources import connect
from features.tables import TABLES


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


class DuckDbEngine:
    """The queries of a request, prepared in an in-memory DuckDB.

    Parameters
    ----------
    by_silence : bool
        Whether customers are told by the rule of silence (see `features.as_of.customers`).
    """

    def __init__(self, by_silence: bool) -> None:
        self._sources = {name: Source(stamped_schema(name).to_pyarrow()) for name in TABLES}
        queries = _queries(by_silence)
        self._layout = queries.layout
        self._gathered = Source(queries.layout.gathered_schema("uint8").to_pyarrow())
        self._raw = connect().con
        self._raw.execute("SET threads = 1")
        for name, source in {**self._sources, GATHERED: self._gathered}.items():
            self._raw.register(name, source)
        self._raw.execute(f"PREPARE stack AS {queries.stack}")
        self._raw.execute(f"PREPARE matrix AS {queries.row}")

    def rows(self, records: Records, as_of: date) -> dict[str, np.ndarray]:
        """Return the columns of the finished rows: numbers with NaN, texts with None, where there is none."""
        try:
            for name, rows in with_reversed_on(records).items():
                self._sources[name].table = _arrow(name, rows, as_of)
            self._gathered.table = self._layout.gathered(self._run("stack"))
            return self._run("matrix")
        finally:
            for source in (*self._sources.values(), self._gathered):
                source.clear()

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


@cache
def _arrow_schema(name: str) -> pa.Schema:
    return stamped_schema(name).to_pyarrow()


def _arrow(name: str, rows: Sequence[tuple[Any, ...]], as_of: date) -> pa.Table:
    """Return a table's rows in columns, each row stamped with the date."""
    schema = _arrow_schema(name)
    if not rows:
        return schema.empty_table()
    instant = datetime.combine(as_of, time())
    stamp = (as_of, instant, int(instant.replace(tzinfo=UTC).timestamp()))
    fields = list(schema)
    columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), fields, strict=False)]
    columns += [
        pa.repeat(pa.scalar(value, field.type), len(rows))
        for value, field in zip(stamp, fields[-len(STAMP) :], strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


@dataclass(frozen=True)
class Queries:
    """The text of both queries, and how what the first gives becomes what the second takes."""

    stack: str
    layout: Layout
    row: str


@cache
def _queries(by_silence: bool) -> Queries:
    """Return the queries; to write them takes a second, which a change of the model need not cost again."""
    query = RequestQuery.of(by_silence)
    stack = stacked(query.layout, (query.accounts, *query.parts))
    return Queries(_sql(stack), query.layout, _sql(query.row))


def _sql(expression: ir.Table) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))
