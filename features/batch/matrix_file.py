"""The matrix as a Parquet file, written part by part; a run that is broken off goes on from its finished parts.

In: a book, as-of dates and the file. Out: the file, all at once at the end. Until then finished parts stand in a hidden
folder beside it, each under the rows that it holds, and with them a fingerprint of all that they were made of: the
records, the dates, the code and its libraries. Parts of another fingerprint, and broken ones, are made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import features
from features.as_of import KEYS, customers
from features.batch.computing import Batch
from features.console import written_at_once
from features.errors import InputError
from features.matrix import Matrix, first_records
from features.signal import all_signals
from features.tables import TABLES, Tables

LIBRARIES = ("duckdb", "ibis-framework", "numpy", "pandas", "pyarrow")
FINGERPRINT, LOCK = "fingerprint", "lock"
Progress = Callable[[int, int], None]


def write_matrix(tables: Tables, as_of: Sequence[date], out: Path, progress: Progress | None = None) -> int:
    """Write account_id, as_of and every signal of all customers at some dates; return the number of rows.

    Parameters
    ----------
    out : Path
        The Parquet file. Its rows are ordered by account_id and as_of.
    progress : callable, optional
        Called with the rows that are done and those of the whole, finished parts of an earlier run included.

    Raises
    ------
    InputError
        When another run writes the same file.
    """
    report = progress or (lambda done, rows: None)
    recorded_since = first_records(tables)
    with (
        _folder_of_parts(out) as folder,
        Batch(tables, customers(tables, as_of), recorded_since) as batch,
    ):
        _demand_fingerprint(folder, fingerprint(tables, as_of, recorded_since))
        parts = list(_finished(folder))
        start = parts[-1][0].stop if parts else 0
        report(start, len(batch))
        for rows, matrix in batch.parts(start) if start < len(batch) or not parts else ():
            path = folder / f"{rows.start:012d}-{rows.stop:012d}.parquet"
            with written_at_once(path) as scratch:
                pq.write_table(_rows_of(matrix), scratch)
            parts.append((rows, path))
            report(rows.stop, len(batch))
        _publish([path for _, path in parts], out)
        shutil.rmtree(folder)
        return len(batch)


def fingerprint(tables: Tables, as_of: Sequence[date], recorded_since: dict[str, date]) -> str:
    """Return a checksum of all that a matrix is made of: records in any order, what is known of them, dates, code."""
    connection = tables["accounts"].get_backend()
    told = [str(sorted(set(as_of))), str(recorded_since), str(sorted(tables.missing)), str(tables.known), _code()]
    for name in TABLES:
        rows = connection.compile(tables[name])
        summed = f"SELECT count(*), coalesce(sum(hash(t)), 0), coalesce(bit_xor(hash(t)), 0) FROM ({rows}) AS t"
        told.append(f"{name} {connection.con.execute(summed).fetchall()}")
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


@cache
def _code() -> str:
    """Return a checksum of this layer's sources and the versions of what they stand on."""
    digest = hashlib.sha256()
    folder = Path(features.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest() + str([version(name) for name in LIBRARIES])


@contextmanager
def _folder_of_parts(out: Path) -> Iterator[Path]:
    """Yield the folder for the parts of a file, which no other run has meanwhile. It stays if the block fails."""
    folder = out.with_name(f".{out.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"--out {out}: another run is writing it; wait, or name another file") from error
        yield folder


def _demand_fingerprint(folder: Path, wanted: str) -> None:
    """Remove what an earlier run left, unless it was made of the same."""
    kept = folder / FINGERPRINT
    if kept.is_file() and kept.read_text(encoding="utf-8") == wanted:
        return
    for path in folder.glob("*.parquet"):
        path.unlink()
    with written_at_once(kept) as scratch:
        scratch.write_text(wanted, encoding="utf-8")


def _finished(folder: Path) -> Iterator[tuple[range, Path]]:
    """Yield the finished parts that follow one another from the first row on, up to one that is missing or broken."""
    start = 0
    for path in sorted(folder.glob("[0-9]*.parquet")):
        first, stop = map(int, path.stem.split("-"))
        try:
            rows = pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException):
            return
        if first != start or rows != stop - first:
            return
        yield range(first, stop), path
        start = stop


def _publish(parts: Sequence[Path], out: Path) -> None:
    """Put the parts into one file, piece by piece, which appears when it is whole."""
    with written_at_once(out) as scratch, pq.ParquetWriter(scratch, pq.read_schema(parts[0])) as writer:
        for part in parts:
            with pq.ParquetFile(part) as file:
                for group in range(file.num_row_groups):
                    writer.write_table(file.read_row_group(group))


def _rows_of(matrix: Matrix) -> pa.Table:
    """Return keys and signals with the same types in every part, also where all values of a column are null."""
    kinds = {signal.name: pa.string() if signal.is_text else pa.float64() for signal in all_signals()}
    schema = pa.schema({"account_id": pa.large_string(), "as_of": pa.date32()} | kinds)
    frame = matrix.signals.copy(deep=False)
    for place, key in enumerate(KEYS):
        frame.insert(place, key, matrix.keys[key])
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
