"""A file that is made part by part: a run that is broken off goes on from its finished parts.

In: the file and a fingerprint of all that it is made of. Out: the parts of the file, then the file, all at once at the
end. Until then finished parts stand in a hidden folder beside it, each under the rows that it holds, and with them the
fingerprint. Parts of another fingerprint, and broken ones, are made anew. Parts that nobody goes on from within two
days are removed by the next run that writes into the same folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.console import written_at_once
from features.errors import InputError

LIBRARIES = ("duckdb", "ibis-framework", "numpy", "pandas", "pyarrow")
FINGERPRINT, LOCK = "fingerprint", "lock"
#: Parts of a run are kept for so long without a new one.
KEPT_SECONDS = 2 * 86_400


class PartFiles:
    """The parts of one file, in the order of their rows.

    Attributes
    ----------
    done : int
        Rows of the finished parts.
    """

    def __init__(self, folder: Path, out: Path) -> None:
        self._folder, self._out = folder, out
        self._parts = list(_finished(folder))
        self.done = self._parts[-1][0].stop if self._parts else 0

    def __bool__(self) -> bool:
        """Whether some part is finished; one of no rows counts."""
        return bool(self._parts)

    def add(self, table: pa.Table) -> None:
        """Write the next part."""
        rows = range(self.done, self.done + len(table))
        path = self._folder / f"{rows.start:012d}-{rows.stop:012d}.parquet"
        with written_at_once(path) as scratch:
            # Read once more and never by a user: what is quick to write will do.
            kinds = {"compression": "lz4", "write_statistics": False}
            pq.write_table(table, scratch, use_dictionary=_repeating(table.schema), **kinds)
        self._parts.append((rows, path))
        self.done = rows.stop

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the finished rows in their order, a row group at a time; all columns or some."""
        for _, path in self._parts:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    yield file.read_row_group(group, columns=columns)

    def publish(self, columns: list[str] | None = None) -> None:
        """Put the parts, all columns or some, into one Parquet file, which appears when it is whole."""
        schema = pq.read_schema(self._parts[0][1])
        schema = schema if columns is None else pa.schema([schema.field(name) for name in columns])
        kinds = {"use_dictionary": _repeating(schema)}
        with written_at_once(self._out) as scratch, pq.ParquetWriter(scratch, schema, **kinds) as writer:
            for table in self.tables(columns):
                writer.write_table(table)
        self.remove()

    def remove(self) -> None:
        """Remove the parts, once the file is there."""
        shutil.rmtree(self._folder)


def _repeating(schema: pa.Schema) -> bool | list[str]:
    """Return the columns that a dictionary makes smaller: measures hardly repeat, and it takes as long as the rest.

    All of a schema with columns in columns, whose inner names Parquet would ask for.
    """
    if any(pa.types.is_nested(field.type) for field in schema):
        return True
    return [field.name for field in schema if not pa.types.is_floating(field.type)]


@contextmanager
def part_files(out: Path, fingerprint: str) -> Iterator[PartFiles]:
    """Yield the parts of a file, those of an earlier run with the same fingerprint first; they stay if the block fails.

    Parameters
    ----------
    out : Path
        The file that is made of them.

    Raises
    ------
    InputError
        When another run writes the same file.
    """
    folder = folder_of(out)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"--out {out}: another run is writing it; wait, or name another file") from error
        _remove_left_over(folder)
        _demand_fingerprint(folder, fingerprint)
        yield PartFiles(folder, out)


def folder_of(out: Path) -> Path:
    """Return the folder of a file's parts."""
    return out.with_name(f".{out.name}.parts")


@cache
def code_of(*packages: ModuleType) -> str:
    """Return a checksum of the sources of some packages and the versions of what they stand on."""
    digest = hashlib.sha256()
    for package in packages:
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder.parent).as_posix().encode() + path.read_bytes())
    return digest.hexdigest() + str([version(name) for name in LIBRARIES])


def _demand_fingerprint(folder: Path, wanted: str) -> None:
    """Remove what an earlier run left, unless it was made of the same."""
    kept = folder / FINGERPRINT
    if kept.is_file() and kept.read_text(encoding="utf-8") == wanted:
        return
    for path in folder.glob("*.parquet"):
        path.unlink()
    with written_at_once(kept) as scratch:
        scratch.write_text(wanted, encoding="utf-8")


def _remove_left_over(own: Path) -> None:
    """Remove the parts of other files in the same folder that no run writes and none has gone on from for long."""
    for folder in own.parent.glob(".*.parts"):
        lock = folder / LOCK
        with suppress(OSError):  # Another process removes the same, or writes it: BlockingIOError is one.
            if folder == own or not lock.is_file() or time.time() - folder.stat().st_mtime < KEPT_SECONDS:
                continue
            with lock.open("a") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)


def _finished(folder: Path) -> Iterator[tuple[range, Path]]:
    """Yield the finished parts that follow one another from the first row on, up to one that is missing or broken."""
    start = 0
    for path in sorted(folder.glob("[0-9]*.parquet")):
        first, stop = map(int, path.stem.split("-"))
        try:
            rows: Any = pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException):
            return
        if first != start or rows != stop - first:
            return
        yield range(first, stop), path
        start = stop
