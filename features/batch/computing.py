"""The matrix of a spine in bounded memory: by parts of its rows, each computed alone.

In: a book and a spine of any length. Out: a `Matrix` for each part, in the order of the whole.

Every signal is made of records of its own account alone, as known at its own date, so a row is the same in any company.
What holds for the whole book, as the day from which a table is recorded, is worked out before and handed over. The rows
are ordered by account and date and cut where their accounts' records come to what memory holds; an account with very
many records is cut between its dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from uuid import uuid4

import duckdb
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa

from features.as_of import KEYS
from features.batch.queries import GATHERED, READ, ROW, ROWS, Aggregate, queries
from features.formulas.reversals import with_reversals
from features.machine.memory import memory_limit
from features.matrix import Matrix, made_of, put_together, unknown_by, unknown_without
from features.tables import TABLES, Tables

#: Records seen by the rows of a part, at most: a larger part is no cheaper.
MOST_RECORDS = 4_000_000
#: Bytes of DuckDB's memory that a record may take, everything that is made of it included.
RECORD_BYTES = 512
#: A row costs something even where its account has few records.
ROW_RECORDS = 10


def compute(tables: Tables, spine: ir.Table, recorded_since: Mapping[str, date]) -> Matrix:
    """Compute the matrix of a spine as one; it takes the memory of its result and of one part.

    Parameters
    ----------
    tables : Tables
        The book.
    spine : Ibis table
        account_id and as_of, one row per pair (see `features.as_of.customers`).
    recorded_since : mapping of table name to date
        First day of each table's records. A signal that looks back further is null. See `first_records`.
    """
    with Batch(tables, spine, recorded_since) as batch:
        return put_together((matrix for _, matrix in batch.parts()), len(batch), with_money=True)


class Batch:
    """A spine whose matrix is computed part by part. Parameters are those of `compute`; a context manager.

    Parameters
    ----------
    most_records : int, optional
        Records that the rows of a part may see; by default as many as `CHURN_RISK_MEMORY` allows.
    """

    def __init__(
        self, tables: Tables, spine: ir.Table, recorded_since: Mapping[str, date], most_records: int | None = None
    ) -> None:
        invoices = with_reversals(tables["invoices"])
        self._tables = replace(tables, frames={**tables.frames, "invoices": invoices})
        self._recorded_since = recorded_since
        self._connection = tables["accounts"].get_backend()
        self._raw: duckdb.DuckDBPyConnection = self._connection.con
        self._sources = {name: self._connection.compile(self._tables[name]) for name in TABLES}
        self._most = most_records or max(1, min(MOST_RECORDS, memory_limit() // RECORD_BYTES))
        self._queries = queries()
        self._numbered = f"numbered_{uuid4().hex}"
        self._records = self._number(spine)

    def __enter__(self) -> Batch:
        """Return the batch."""
        return self

    def __exit__(self, *reason: object) -> None:
        """Let the numbered spine go."""
        with suppress(duckdb.Error):
            self._raw.execute(f"DROP TABLE IF EXISTS {self._numbered}")

    def __len__(self) -> int:
        """Return the rows of the spine."""
        return len(self._records)

    def parts(self, start: int = 0) -> Iterator[tuple[range, Matrix]]:
        """Yield the rows of each part, as places in the whole matrix, and its matrix; from row `start` on."""
        while True:
            rows = range(start, self._end_of_part(start))
            yield rows, self._part(rows)
            start = rows.stop
            if start >= len(self):
                return

    def _number(self, spine: ir.Table) -> np.ndarray:
        """Store the spine in its order; return how many records each row's account has, of shape (rows,)."""
        self._bind()
        given = f"{self._numbered}_given"
        self._connection.create_table(given, spine.select(*KEYS), temp=True)
        records = " UNION ALL ".join(f"SELECT account_id FROM {READ}{name}" for name in TABLES)
        self._raw.execute(
            f"CREATE TEMP TABLE {self._numbered} AS WITH "
            f"counted AS (SELECT account_id, count(*) AS records FROM ({records}) GROUP BY account_id) "
            f"SELECT row_number() OVER (ORDER BY account_id, as_of) - 1 AS place, account_id, as_of, "
            f"coalesce(records, 0) + {ROW_RECORDS} AS records FROM {given} LEFT JOIN counted USING (account_id)"
        )
        self._raw.execute(f"DROP TABLE {given}")
        ordered = self._raw.execute(f"SELECT records FROM {self._numbered} ORDER BY place").fetchnumpy()
        return np.asarray(ordered["records"], dtype=np.int64)

    def _end_of_part(self, start: int) -> int:
        within = np.cumsum(self._records[start : start + self._most]) <= self._most
        return min(len(self), start + max(1, int(within.sum())))

    def _bind(self, accounts: str = "TRUE") -> None:
        """Lead the names that the queries read to the records of some accounts, a condition in SQL."""
        for name, rows in self._sources.items():
            self._raw.execute(f"CREATE OR REPLACE TEMP VIEW {READ}{name} AS SELECT * FROM ({rows}) WHERE {accounts}")

    def _part(self, rows: range) -> Matrix:
        keys = self._keys(rows)
        if len(keys):
            self._bind_part(str(keys[KEYS[0]].iloc[0]), str(keys[KEYS[0]].iloc[-1]))
        finished = self._finished(len(rows))
        dates = keys["as_of"].to_numpy("datetime64[D]")
        unknown = unknown_without([self._tables.missing]) | unknown_by(self._tables.known, self._recorded_since, dates)
        return made_of(keys, lambda name: _values(finished[name]), unknown)

    def _bind_part(self, first: str, last: str) -> None:
        """Lead the queries to the records of the accounts from one to another, both included."""
        self._bind(f"account_id BETWEEN {_quoted(first)} AND {_quoted(last)}")

    def _finished(self, rows: int) -> pa.Table:
        """Return the finished rows of the part that is bound, in their order; `rows` is how many they are."""
        for cut in self._queries.cuts:
            self._raw.execute(cut)
        self._raw.register(GATHERED, self._gathered(rows))
        finished = self._raw.sql(self._queries.row).to_arrow_table()
        self._raw.unregister(GATHERED)
        return finished

    def _keys(self, rows: range) -> pd.DataFrame:
        """Store the rows of a part; return account_id and as_of of each."""
        self._raw.execute(
            f"CREATE OR REPLACE TEMP TABLE {ROWS} AS SELECT (place - {rows.start})::INTEGER AS {ROW}, account_id, "
            f"as_of FROM {self._numbered} WHERE place >= {rows.start} AND place < {rows.stop} ORDER BY place"
        )
        keys = self._raw.sql(f"SELECT account_id, as_of FROM {ROWS} ORDER BY {ROW}").to_arrow_table()
        return keys.to_pandas().astype({"as_of": "datetime64[s]"})

    def _gathered(self, rows: int) -> pa.Table:
        """Return the aggregates of all relations side by side, a row for each of the part."""
        columns: dict[str, pa.Array] = {ROW: pa.array(np.arange(rows, dtype=np.int32))}
        for aggregate in self._queries.aggregates:
            columns |= self._aggregated(aggregate, rows)
        return pa.table(columns)

    def _aggregated(self, aggregate: Aggregate, rows: int) -> dict[str, pa.Array]:
        found = self._raw.sql(aggregate.sql).to_arrow_table()
        places = found[ROW].to_numpy()
        columns: dict[str, pa.Array] = {}
        for name in aggregate.numbers:
            numbers = np.full(rows, np.nan)
            numbers[places] = found[name].to_numpy()
            columns[name] = pa.array(numbers, from_pandas=True)
        for name in aggregate.texts:
            texts = np.full(rows, None, dtype=object)
            texts[places] = found[name].to_numpy()
            columns[name] = pa.array(texts, pa.string())
        return columns


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers as floats, NaN where there is none, and texts as objects."""
    values: np.ndarray = column.to_numpy()
    return values if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) else values.astype(float)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
