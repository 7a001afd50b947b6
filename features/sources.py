"""SOURCE -> raw tables: a folder of CSV and Parquet files, or a DuckDB file (`duckdb:///path`).

Goes in: what the user typed. Comes out: one Ibis table for each contract table that is there, as it stands in the
source (CSV as text), on one DuckDB connection. Nothing is checked here but that the source can be opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.errors import Problem, UnusableSource
from features.tables import TABLES

DUCKDB = "duckdb:///"


@dataclass(frozen=True)
class Source:
    """Raw tables by contract name, the connection they live on, and what could not be read."""

    name: str
    connection: Backend
    frames: Mapping[str, ir.Table]
    problems: tuple[Problem, ...] = ()


def connect() -> Backend:
    """Return a fresh in-memory DuckDB connection whose time zone is UTC and that loads nothing from outside."""
    connection = ibis.duckdb.connect()
    for setting in (
        "TimeZone = 'UTC'",
        "autoinstall_known_extensions = false",
        "enable_progress_bar = false",
    ):
        connection.raw_sql(f"SET {setting}")
    return connection


def open_source(source: str | Path) -> Source:
    """Open a folder or a DuckDB file.

    Parameters
    ----------
    source : str or Path
        A folder that holds `accounts.parquet` or `accounts.csv` and so on, or `duckdb:///file`.

    Raises
    ------
    UnusableSource
        When there is no such folder or file, or it is of another kind.
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
                problems.append(Problem(name, "", f"{path.name} cannot be read: {_first_line(error)}"))
    return Source(str(folder), connection, frames, tuple(problems))


def _read_file(connection: Backend, path: Path) -> ir.Table:
    """Parquet keeps its types; CSV comes as text, so that a value that cannot be converted can be named."""
    if path.suffix == ".parquet":
        return connection.read_parquet(path)
    text = connection.read_csv(path, all_varchar=True, header=True, nullstr="", sample_size=-1)
    return connection.create_table(f"csv_{path.stem}", text, temp=True)


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
    held = set(connection.list_tables(database=("source", "main")))
    frames = {name: connection.table(name, database=("source", "main")) for name in TABLES if name in held}
    return Source(source, connection, frames)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
