"""SOURCE -> raw tables: a folder of CSV and Parquet files, or a DuckDB file (`duckdb:///path`).

In: the SOURCE that the user typed. Out: one Ibis table for each contract table that the source holds, unchanged (CSV as
text), on one DuckDB connection. This module checks only that the source can be opened and read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.book_facts import read_book_facts
from features.errors import Problem, UnusableSource
from features.tables import TABLES, BookKnown

DUCKDB = "duckdb:///"
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Source:
    """Raw tables by contract name, their connection, a problem for each that could not be read, and `book.toml`."""

    name: str
    connection: Backend
    frames: Mapping[str, ir.Table]
    problems: tuple[Problem, ...] = ()
    known: BookKnown = field(default_factory=BookKnown)


def connect() -> Backend:
    """Return a new in-memory DuckDB connection. Its time zone is UTC, and it installs no extensions by itself."""
    connection = ibis.duckdb.connect()
    for setting in ("TimeZone = 'UTC'", "autoinstall_known_extensions = false"):
        connection.raw_sql(f"SET {setting}")
    # In a notebook without ipywidgets DuckDB has no progress bar, and raises when one turns it off (its issue 7590).
    with suppress(duckdb.InvalidInputException):
        connection.raw_sql("SET enable_progress_bar = false")
    return connection


def open_source(source: str | Path) -> Source:
    """Open a folder or a DuckDB file.

    Parameters
    ----------
    source : str or Path
        A folder with `accounts.parquet` or `accounts.csv` and the other tables, or `duckdb:///file`.

    Raises
    ------
    UnusableSource
        When the folder or file does not exist, or is of another kind.
    """
    text = str(source)
    if text.startswith(DUCKDB):
        return _open_duckdb(text)
    if "://" in text:
        raise UnusableSource(f"{text}: a source is a folder of CSV and Parquet files or {DUCKDB}FILE")
    folder = Path(text)
    if not folder.is_dir():
        raise UnusableSource(
            f"{text}: there is no such folder; a source is a folder of CSV and Parquet files or {DUCKDB}FILE"
        )
    return _open_folder(folder)


def _open_folder(folder: Path) -> Source:
    connection = connect()
    frames: dict[str, ir.Table] = {}
    problems: list[Problem] = []
    for name in TABLES:
        files = [path for path in (folder / f"{name}.parquet", folder / f"{name}.csv") if path.is_file()]
        if len(files) > 1:
            problems.append(Problem(name, "", "stands there twice, as Parquet and as CSV; leave one"))
        for path in files[:1]:
            try:
                frames[name] = _read_file(connection, path)
            except Exception as error:
                problems.append(unreadable(name, path.name, error))
    known, wrong = read_book_facts(folder)
    return Source(str(folder), connection, frames, (*problems, *wrong), known)


def _read_file(connection: Backend, path: Path) -> ir.Table:
    """Read Parquet with its types, and CSV as text, so that a message can quote a value that cannot be converted."""
    if path.suffix == ".parquet":
        return connection.read_parquet(path)
    delimiter, names = _header(path)
    columns = dict.fromkeys(names, "string")
    text = connection.read_csv(path, columns=columns, delim=delimiter, quote='"', escape='"', header=True, nullstr="")
    return connection.create_table(f"csv_{path.stem}", text, temp=True)


def _header(path: Path) -> tuple[str, list[str]]:
    """Return delimiter and column names, read from the first line only; the rows play no part."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline()
    if not line.strip():
        raise ValueError("the file is empty; a line of column names is expected")
    delimiter = max(DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter))
    lower = [name.strip().lower() for name in names]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        raise ValueError(f"two columns have the same name: {', '.join(twice)}")
    return delimiter, names


def _open_duckdb(source: str) -> Source:
    path = Path(source.removeprefix(DUCKDB))
    if not path.is_file():
        path = Path("/") / path
    if not path.is_file():
        raise UnusableSource(f"{source}: there is no such file")
    connection = connect()
    try:
        connection.attach(path, name="source", read_only=True)
    except Exception as error:
        raise UnusableSource(f"{source}: not a DuckDB file ({_first_line(error)})") from error
    frames: dict[str, ir.Table] = {}
    problems: list[Problem] = []
    held = connection.con.execute("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'source'")
    for name in sorted({row[0] for row in held.fetchall()} & set(TABLES)):
        try:
            frames[name] = connection.table(name, database=("source", "main"))
        except Exception as error:
            problems.append(unreadable(name, "the table", error))
    known, wrong = read_book_facts(path.parent)
    return Source(source, connection, frames, (*problems, *wrong), known)


def unreadable(table: str, what: str, error: Exception) -> Problem:
    """Return the problem that a table cannot be read, with the engine's message in one line.

    Parameters
    ----------
    table : str
        Contract name.
    what : str
        The thing that cannot be read: a file name, or 'the table'.
    """
    return Problem(table, "", f"{what} cannot be read: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    """Return the first line of a message, and for a CSV error also the fault in the line, but no engine options."""
    lines = [line.strip() for line in str(error).split("\n") if line.strip()] or [type(error).__name__]
    wrong = [line for line in lines[1:] if re.match(r"Expected Number|Value with|Invalid unicode", line)]
    return "; ".join([lines[0], *wrong[:1]])
