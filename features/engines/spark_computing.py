"""The matrix of a spine computed by Spark, part by part: the rows that DuckDB gives.

In: a book whose tables DuckDB holds, as validation leaves them, and a spine. Out: as `features.batch.computing`. The
tables are written once as Parquet files, ordered by account, into the folder for temporary files (`TMPDIR`), which all
workers of a cluster must see. The spine is stored and cut into parts as there: the whole as one query would need more
memory than a worker has. Masks and rounding are those of every matrix.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa

from features.batch.computing import Batch
from features.batch.queries import READ, ROW, ROWS, SEEN
from features.engines.spark_queries import spark_queries
from features.errors import EngineGone, EngineMissing
from features.formulas.reversals import with_reversals
from features.machine.memory import memory_limit
from features.machine.spilling import spill_folder
from features.spark.session import demand_spark, spark_session, told
from features.tables import TABLES, Tables


def spark_engine() -> tuple[str, type[Batch]]:
    """Return the engine for `features.batch.matrix_file.write_matrix`.

    Raises
    ------
    EngineMissing
        When PySpark or Java is missing.
    """
    try:
        return f"spark {demand_spark()}", SparkBatch
    except ImportError as error:
        raise EngineMissing(str(error)) from error


class SparkBatch(Batch):
    """A spine whose matrix Spark computes part by part. See `Batch`.

    Raises
    ------
    EngineMissing
        When PySpark or Java is missing.
    EngineGone
        When Spark cannot be started, or gives up.
    """

    def __init__(
        self, tables: Tables, spine: ir.Table, recorded_since: Mapping[str, date], most_records: int | None = None
    ) -> None:
        try:
            self._session = spark_session(memory_limit())
        except ImportError as error:
            raise EngineMissing(str(error)) from error
        except ConnectionError as error:
            raise EngineGone(str(error)) from error
        super().__init__(tables, spine, recorded_since, most_records)
        self._folder = spill_folder()

    def __exit__(self, *reason: object) -> None:
        """Let the numbered spine and the files go."""
        super().__exit__(*reason)
        shutil.rmtree(self._folder, ignore_errors=True)

    @cached_property
    def _files(self) -> Path:
        """The folder of the tables, written when the first part is asked for."""
        self._folder.mkdir(parents=True)
        for name, table in TABLES.items():
            rows = self._tables[name]
            rows = with_reversals(rows) if name == "invoices" else rows
            nothing = ", ".join(f"NULL::VARCHAR AS {column.name}" for column in table.columns if column.personal)
            kept = f"* REPLACE ({nothing})" if nothing else "*"
            query = f"SELECT {kept} FROM ({self._connection.compile(rows)}) ORDER BY account_id"
            self._write(name, query)
        return self._folder

    def _write(self, name: str, query: str) -> Path:
        path = self._folder / f"{name}.parquet"
        self._raw.execute(f"COPY ({query}) TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
        return path

    def _bind_part(self, first: str, last: str) -> None:
        from pyspark.sql import functions as f

        with _computing():
            for name in TABLES:
                rows = self._session.read.parquet(str(self._files / f"{name}.parquet"))
                within = rows.where(f.col("account_id").between(f.lit(first), f.lit(last)))
                within.createOrReplaceTempView(f"{READ}{name}")
            rows = self._session.read.parquet(str(self._write(ROWS, f"SELECT * FROM {ROWS}")))
            rows.createOrReplaceTempView(ROWS)
            for name, cut in spark_queries().cuts.items():
                self._session.sql(cut).cache().createOrReplaceTempView(f"{SEEN}{name}")

    def _finished(self, rows: int) -> pa.Table:
        if not rows:
            return super()._finished(rows)
        with _computing():
            try:
                finished = self._session.sql(spark_queries().row).toArrow()
            finally:
                for name in TABLES:
                    self._session.catalog.uncacheTable(f"{SEEN}{name}")
        return finished.sort_by(ROW)


@contextmanager
def _computing() -> Iterator[None]:
    try:
        with told("features"):
            yield
    except ConnectionError as error:
        raise EngineGone(f"{error}; finished parts are kept") from error
