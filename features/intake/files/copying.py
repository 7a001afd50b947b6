"""What DuckDB does not read itself, copied as CSV of UTF-8: texts in other encodings, sheets.

In: a file. Out: the path of the copy. A copy keeps what is written: a cell of a sheet keeps the zeros that
its format shows, and a day that a sheet holds as a number is a date.
"""

from __future__ import annotations

import csv
import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

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
    """Copy one sheet of an .xlsx file, by default the first that is shown; `most` rows of it.

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
        shown = [each.title for each in book.worksheets if each.sheet_state == "visible"]
        rows = book[sheet or (shown or book.sheetnames)[0]]
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
