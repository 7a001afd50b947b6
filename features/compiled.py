"""The matrix for requests: the same query as in batch, compiled once, run on a few accounts at a time.

Tables of the contract's form stand in an in-memory DuckDB; a request fills them, runs the prepared query and empties
them again. One request runs at a time; the caller may merge several into one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from threading import Lock

import ibis
import pyarrow as pa

from features.as_of import AsOf, customers
from features.matrix import Matrix, assemble, matrix_expression
from features.sources import connect
from features.tables import TABLES, Tables

ARROW = {name: table.schema.to_pyarrow() for name, table in TABLES.items()}
DATES = "request_dates"


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
        self._connection = connect()
        for name, table in TABLES.items():
            self._connection.create_table(name, schema=table.schema)
        self._connection.create_table(DATES, schema=ibis.schema({"as_of": "date"}))
        self._raw = self._connection.con
        self._raw.execute("SET threads = 1")
        frames = {name: self._connection.table(name) for name in TABLES}
        tables = Tables(frames, frozenset())
        spine = customers(tables, self._connection.table(DATES), by_silence)
        query = ibis.to_sql(matrix_expression(AsOf(tables, spine)), dialect="duckdb")
        self._raw.execute(f"PREPARE matrix AS {query}")

    def compute(self, tables: Mapping[str, pa.Table], as_of: date, missing: Mapping[str, Sequence[str]]) -> Matrix:
        """Compute the rows of those accounts that are customers at `as_of`.

        Parameters
        ----------
        tables : mapping of table name to Arrow table
            With the declared columns and types (`ARROW`); tables without rows may be left out.
        missing : mapping of account id to table names
            The tables that are not known of an account, as opposed to empty.
        """
        with self._lock:
            try:
                self._fill(tables, as_of)
                frame = self._raw.execute("EXECUTE matrix").df()
            finally:
                self._empty(tables)
        matrix = assemble(frame, frozenset(), self._recorded_since)
        return matrix.without_tables([missing.get(account, ()) for account in matrix.keys["account_id"]])

    def _fill(self, tables: Mapping[str, pa.Table], as_of: date) -> None:
        self._raw.execute(f"INSERT INTO {DATES} VALUES (?)", [as_of])
        for name, rows in tables.items():
            if len(rows):
                self._raw.register("request_rows", rows)
                self._raw.execute(f'INSERT INTO "{name}" SELECT * FROM request_rows')
                self._raw.unregister("request_rows")

    def _empty(self, tables: Mapping[str, pa.Table]) -> None:
        for name in (DATES, *tables):
            self._raw.execute(f'DELETE FROM "{name}"')
