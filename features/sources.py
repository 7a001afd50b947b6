"""SOURCE -> raw tables: a folder of CSV and Parquet files, a DuckDB file, or a schema of PostgreSQL or of Spark.

In: the SOURCE that the user typed. Out: one Ibis table for each contract table that the source holds, unchanged (CSV as
text), on one DuckDB connection. This module checks only that the source can be opened and read.
"""

from __future__ import annotations

import os
import re
import shutil
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.book_facts import FILE, read_book_facts, read_book_file
from features.csv_files import header_of
from features.errors import EngineMissing, InputError, Problem, SourceGone, UnusableSource
from features.machine.memory import memory_limit
from features.machine.spilling import spill_folder
from features.postgres.address import FORM, is_postgres, read_address, shown
from features.spark.catalog_address import FORM as SPARK_FORM
from features.spark.catalog_address import Address as SparkAddress
from features.spark.catalog_address import is_spark
from features.spark.catalog_address import read_address as read_spark_address
from features.tables import CURRENCY, STATED, STATES, TABLES, BookKnown

DUCKDB = "duckdb:///"
ENDINGS = (".parquet", ".csv")
#: The schema of a DuckDB file whose tables are read.
MAIN = "main"
KINDS = f"a source is a folder of CSV and Parquet files, {DUCKDB}FILE, {FORM} or {SPARK_FORM}"


@dataclass(frozen=True)
class Source:
    """Raw tables by contract name, their connection, a problem for each that could not be read, and `book.toml`.

    Attributes
    ----------
    seen : tuple of str
        Names of the files or tables that are no table of the contract; of tables in another schema with its name.
    copies : Path or None
        The folder of what was copied of a database.
    is_stored : bool
        Whether the rows are in the connection, with their types: an import's.
    unique : frozenset of str
        Tables without a repeated key, as is known.
    is_linked : bool
        Whether it is known that all tables name accounts of `accounts` only.
    """

    name: str
    connection: Backend
    frames: Mapping[str, ir.Table]
    problems: tuple[Problem, ...] = ()
    known: BookKnown = field(default_factory=BookKnown)
    seen: tuple[str, ...] = ()
    copies: Path | None = None
    is_stored: bool = False
    unique: frozenset[str] = frozenset()
    is_linked: bool = False

    def close(self) -> None:
        """Let the connection go, and with it what was copied of a database."""
        self.connection.disconnect()
        if self.copies is not None:
            shutil.rmtree(self.copies, ignore_errors=True)


def connect() -> Backend:
    """Return a new in-memory DuckDB connection. Its time zone is UTC, and it installs no extensions by itself.

    It takes no more memory than `CHURN_RISK_MEMORY` says; what does not fit goes to a folder for temporary files.

    Raises
    ------
    InputError
        When `CHURN_RISK_MEMORY` is no size that the machine has.
    """
    try:
        limit = memory_limit()
    except ValueError as error:
        raise InputError(str(error)) from error
    connection = ibis.duckdb.connect(memory_limit=f"{limit}B", temp_directory=str(spill_folder()))
    for setting in ("TimeZone = 'UTC'", "autoinstall_known_extensions = false"):
        connection.raw_sql(f"SET {setting}")
    # In a notebook without ipywidgets DuckDB has no progress bar, and raises when one turns it off (its issue 7590).
    with suppress(duckdb.InvalidInputException):
        connection.raw_sql("SET enable_progress_bar = false")
    return connection


def stored(connection: Backend, name: str, rows: ir.Table) -> ir.Table:
    """Store the rows of a query as a temporary table, in the place of one with that name, and return it.

    Ibis's `create_table` does the same in five statements, each compiled anew.
    """
    connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {name} AS {connection.compile(rows)}")
    return connection.table(name)


def open_source(source: str | Path, account_id: str | None = None) -> Source:
    """Open a folder, a DuckDB file, or a schema of PostgreSQL or of Spark.

    Parameters
    ----------
    source : str or Path
        A folder with `accounts.parquet` or `accounts.csv` and the other tables, `duckdb:///file`,
        `postgresql://user@host/database?schema=name` or `spark://catalog.schema`.
    account_id : str, optional
        The one account whose records are asked for: of a schema no others are copied.

    Raises
    ------
    UnusableSource
        When the folder, file, database or schema does not exist, may not be read, or is of another kind.
    SourceGone
        When a server goes away while it is read.
    EngineMissing
        When a source of Spark is asked for where Spark is not installed.
    """
    text = str(source)
    if text.startswith(DUCKDB):
        return _open_duckdb(text)
    if is_postgres(text) or is_spark(text):
        try:
            return _open_copied(text, account_id)
        except ValueError as error:
            raise UnusableSource(str(error)) from error
        except ConnectionError as error:
            raise SourceGone(str(error)) from error
        except ImportError as error:
            raise EngineMissing(str(error)) from error
    if "://" in text:
        raise UnusableSource(f"{shown(text)}: {KINDS}")
    folder = Path(text)
    if not folder.is_dir():
        raise UnusableSource(f"{text}: there is no such folder; {KINDS}")
    return _open_folder(folder)


def _open_folder(folder: Path) -> Source:
    connection = connect()
    frames: dict[str, ir.Table] = {}
    problems: list[Problem] = []
    files, others = _files(folder)
    for name, paths in files.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            problems.append(Problem(name, "", f"stands there twice, as {names}; leave one"))
        for path in paths[:1]:
            try:
                frames[name] = _read_file(connection, path, name)
            except duckdb.OutOfMemoryException:
                raise
            except Exception as error:
                problems.append(unreadable(name, path.name, error))
    known, wrong = read_book_facts(folder)
    return Source(str(folder), connection, frames, (*problems, *wrong), known, others)


def _files(folder: Path) -> tuple[dict[str, list[Path]], tuple[str, ...]]:
    """Return the files of each table, whatever the case of their names, and the names of all other files."""
    files: dict[str, list[Path]] = {}
    others = []
    for path in sorted(folder.iterdir()):
        name = path.stem.lower()
        if name in TABLES and path.suffix.lower() in ENDINGS and path.is_file():
            files.setdefault(name, []).append(path)
        elif not path.name.startswith(".") and path.name != FILE:
            others.append(path.name)
    return {name: files[name] for name in TABLES if name in files}, tuple(others)


def _read_file(connection: Backend, path: Path, name: str) -> ir.Table:
    """Read Parquet with its types, and CSV as text, so that a message can quote a value that cannot be converted."""
    if path.suffix.lower() == ".parquet":
        return connection.read_parquet(path)
    delimiter, names = header_of(path)
    columns = dict.fromkeys(names, "string")
    text = connection.read_csv(path, columns=columns, delim=delimiter, quote='"', escape='"', header=True, nullstr="")
    return stored(connection, f"csv_{name}", text)


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
    ours, others = _held(connection)
    for name, held in ours.items():
        try:
            frames[name] = connection.table(held, database=("source", MAIN))
        except Exception as error:
            problems.append(unreadable(name, "the table", error))
    known, wrong = read_book_facts(path.parent)
    return Source(source, connection, frames, (*problems, *wrong), known, others)


def _held(connection: Backend) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the tables of the contract as the file's schema `main` writes them, and the names of all others."""
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'source' ORDER BY ALL"
    ours: dict[str, str] = {}
    others = []
    for schema, held in connection.con.execute(query).fetchall():
        if schema == MAIN and held.lower() in TABLES:
            ours[held.lower()] = held
        else:
            others.append(held if schema == MAIN else f"{schema}.{held}")
    return ours, tuple(others)


def _open_copied(text: str, account_id: str | None) -> Source:
    """Copy the tables of a schema into Parquet files, which go with the connection."""
    from features.postgres.pulling import pull
    from features.spark.catalog_tables import pull as pull_of_spark

    address = read_spark_address(text) if is_spark(text) else read_address(text)
    if address.book is not None and not Path(address.book).is_file():
        raise ValueError(f"{address.shown}: there is no file {address.book}")
    known, wrong = (BookKnown(), []) if address.book is None else read_book_file(Path(address.book))
    connection, folder = connect(), spill_folder()
    folder.mkdir(parents=True)
    weakref.finalize(connection, _remove, folder, os.getpid())
    only = None if account_id is None else ("account_id", account_id)
    try:
        wanted = {name: _looked_at(name) for name in TABLES}
        if isinstance(address, SparkAddress):
            pulled = pull_of_spark(address, wanted, folder, only)
        else:
            pulled = pull(address, connection.con, wanted, folder, only)
    except BaseException:
        connection.disconnect()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    frames = {name: _with_names(connection.read_parquet(one.path), one.columns) for name, one in pulled.tables.items()}
    problems = [Problem(*fault) for fault in pulled.faults]
    return Source(address.shown, connection, frames, (*problems, *wrong), known, pulled.others, folder)


def _looked_at(name: str) -> set[str]:
    """Return the columns of a table that something is made of."""
    return {CURRENCY, *(STATES if name in STATED else ()), *(column.name for column in TABLES[name].columns)}


def _with_names(copied: ir.Table, names: tuple[str, ...]) -> ir.Table:
    """Return a copied table with all its columns, in their order: those that nobody looks at are null."""
    columns = {name: copied[name] if name in copied.columns else ibis.null("string") for name in names}
    return copied.select(**columns) if columns else copied


def _remove(folder: Path, process: int) -> None:
    """Remove what was copied; a forked child leaves its parent's alone."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


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
