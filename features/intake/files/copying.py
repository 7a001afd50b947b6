"""What DuckDB does not read itself, copied as CSV of UTF-8: texts in other encodings, sheets, tables of PostgreSQL.

In: a file or a table. Out: the path of the copy. A copy keeps what is written: a cell of a sheet keeps the zeros that
its format shows, and a day that a sheet holds as a number is a date.
"""

from __future__ import annotations

import csv
import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb

BLOCK = 1 << 20


def copied_text(path: Path, encoding: str, target: Path) -> Path:
    """Copy a text file as UTF-8.

    Raises
    ------
    ValueError
        When the file is not in that encoding.
    """
    try:
        with path.open(encoding=encoding, newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
            while block := source.read(BLOCK):
                copy.write(block)
    except (UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"it cannot be read as {encoding}: {error}") from error
    return target


def has_one_line_end(path: Path) -> bool:
    """Return whether the records at the start of a file end alike, with a line feed: DuckDB stumbles over others."""
    with path.open("rb") as file:
        outside = b"".join(file.read(BLOCK).split(b'"')[::2])
    pairs = outside.count(b"\r\n")
    return pairs in (0, outside.count(b"\n")) and outside.count(b"\r") in (pairs, pairs + outside.endswith(b"\r"))


def copied_records(path: Path, delimiter: str, target: Path) -> Path:
    """Copy a CSV file of UTF-8 record by record, so that all of them end alike."""
    with path.open(encoding="utf-8-sig", newline="") as source, target.open("w", encoding="utf-8", newline="") as copy:
        # An empty record would be quoted: DuckDB takes that for a cell.
        rows = (row for row in csv.reader(source, delimiter=delimiter) if row)
        csv.writer(copy, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return target


def copied_sheet(path: Path, sheet: str | None, target: Path, most: int | None = None) -> Path:
    """Copy one sheet of an .xlsx file, by default the first; `most` rows of it.

    Raises
    ------
    ValueError
        When it is no .xlsx file or has no such sheet.
    """
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        raise ValueError(f"it is no .xlsx file: {error}") from error
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise ValueError(f"there is no sheet {sheet!r}; the sheets there: {', '.join(book.sheetnames)}")
        rows = book[sheet or book.sheetnames[0]]
        with target.open("w", encoding="utf-8", newline="") as copy:
            writer = csv.writer(copy, lineterminator="\n")
            width = rows.max_column or 0
            for row in rows.iter_rows(max_row=most):
                cells = [_cell(cell) for cell in row]
                writer.writerow(cells + [""] * (width - len(cells)))
    finally:
        book.close()
    return target


def _cell(cell: Any) -> str:
    """Return a cell as text: a whole number without decimals and with the zeros of its format, a day as a date."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (int, float)) and value == int(value) and abs(value) < 2**53:
        zeros = re.fullmatch(r"0+", str(cell.number_format or ""))
        return str(int(value)).zfill(len(zeros[0]) if zeros else 0)
    return repr(value) if isinstance(value, float) else str(value)


def copied_table(url: str, table: str, target: Path) -> Path:
    """Copy a table of PostgreSQL, `schema.table` or `table`; its instants are written in UTC.

    Raises
    ------
    ValueError
        When the address is none of PostgreSQL's.
    """
    import psycopg
    from psycopg import sql

    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError(f"{url.split('@')[-1]}: a database is postgresql://... or duckdb:///FILE")
    name = sql.Identifier(*table.split("."))
    with psycopg.connect(url) as connection, target.open("wb") as copy:
        connection.execute("SET TIME ZONE 'UTC'")
        with connection.cursor().copy(
            sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(name)
        ) as rows:
            for block in rows:
                copy.write(block)
    return target


def duckdb_relation(connection: duckdb.DuckDBPyConnection, file: str, folder: Path, table: str) -> str:
    """Attach a DuckDB file, read only, and return its table as SQL.

    Raises
    ------
    ValueError
        When there is no such file.
    """
    path = next((each for each in (folder / file, Path(file), Path("/") / file) if each.is_file()), None)
    if path is None:
        raise ValueError(f"there is no file {file}")
    attached = "db_" + re.sub(r"\W", "_", str(path))
    connection.execute(f"ATTACH IF NOT EXISTS '{str(path).replace(chr(39), chr(39) * 2)}' AS {attached} (READ_ONLY)")
    return f"{attached}." + ".".join(f'"{part}"' for part in table.split("."))
