"""The matrix as a Parquet file, written part by part; a run that is broken off goes on from its finished parts.

In: a book, as-of dates and the file. Out: the file, all at once at the end (see `features.batch.part_files`). Its
parts stand under a fingerprint of all that they were made of: the records, the dates, the code and its libraries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa

import features
from features.as_of import KEYS, stored_customers
from features.batch.account_order import ordered_batch
from features.batch.computing import Batch
from features.batch.part_files import code_of, part_files
from features.matrix import Matrix, first_records
from features.signal import all_signals
from features.tables import TABLES, Tables

Progress = Callable[[int, int], None]
#: The name of an engine, with its release where that is not one of the libraries, and what computes a spine on it.
Engine = tuple[str, Callable[[Tables, ir.Table, Mapping[str, date]], Batch]]
DUCKDB: Engine = ("duckdb", ordered_batch)


def write_matrix(
    tables: Tables,
    as_of: Sequence[date],
    out: Path,
    progress: Progress | None = None,
    engine: Engine = DUCKDB,
    by_silence: bool = False,
) -> int:
    """Write account_id, as_of and every signal of all customers at some dates; return the number of rows.

    Parameters
    ----------
    out : Path
        The Parquet file. Its rows are ordered by account_id and as_of.
    progress : callable, optional
        Called with the rows that are done and those of the whole, finished parts of an earlier run included.
    engine : (str, callable)
        What computes it. Finished parts of another engine are not gone on from.
    by_silence : bool
        Whether customers are told by the rule of silence (see `features.as_of.customers`).

    Raises
    ------
    InputError
        When another run writes the same file.
    """
    report = progress or (lambda done, rows: None)
    recorded_since = first_records(tables)
    name, batch_of = engine
    rule = "by silence " if by_silence else ""
    with (
        part_files(out, f"{name} {rule}{fingerprint(tables, as_of, recorded_since)}") as parts,
        batch_of(tables, stored_customers(tables, as_of, by_silence), recorded_since) as batch,
    ):
        report(parts.done, len(batch))
        for rows, matrix in batch.parts(parts.done) if parts.done < len(batch) or not parts else ():
            parts.add(_rows_of(matrix))
            report(rows.stop, len(batch))
        parts.publish()
        return len(batch)


def fingerprint(tables: Tables, as_of: Sequence[date], recorded_since: Mapping[str, date]) -> str:
    """Return a checksum of all that a matrix is made of: records in any order, what is known of them, dates, code."""
    connection = tables["accounts"].get_backend()
    told = [
        str(sorted(set(as_of))),
        str(recorded_since),
        str(sorted(tables.missing)),
        str(tables.known),
        code_of(features),
    ]
    for name in TABLES:
        rows = connection.compile(tables[name])
        summed = f"SELECT count(*), coalesce(sum(hash(t)), 0), coalesce(bit_xor(hash(t)), 0) FROM ({rows}) AS t"
        told.append(f"{name} {connection.con.execute(summed).fetchall()}")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _rows_of(matrix: Matrix) -> pa.Table:
    """Return keys and signals with the same types in every part, also where all values of a column are null."""
    kinds = {signal.name: pa.string() if signal.is_text else pa.float64() for signal in all_signals()}
    schema = pa.schema({"account_id": pa.large_string(), "as_of": pa.date32()} | kinds)
    frame = matrix.signals.copy(deep=False)
    for place, key in enumerate(KEYS):
        frame.insert(place, key, matrix.keys[key])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
