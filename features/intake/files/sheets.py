"""Sheets of .xlsx files, copied as CSV of UTF-8, since DuckDB does not read them itself.

In: a file. Out: a `SheetCopy`. A copy keeps what is written: a cell keeps the zeros that its format shows, and a day
that a sheet holds as a number is a date. All rows are read: the size that a file states for a sheet is often wrong.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any

#: Rows of a sheet among which its header is looked for.
TITLES = 30
#: Sheets that a message names.
MOST_SHEETS = 5


@dataclass(frozen=True)
class SheetCopy:
    """The copy of one sheet.

    Attributes
    ----------
    path : Path
        CSV of UTF-8; all its rows have as many cells.
    others : dict of str to list
        The first rows of each other sheet that is shown and not empty, by its name.
    """

    path: Path
    others: dict[str, list[list[str]]]

    def doubt(self, sheet: str | None, headings: Sequence[str]) -> str:
        """Return that other sheets have the same headings and are not read; empty where nothing is in doubt.

        Parameters
        ----------
        sheet : str or None
            The sheet that the mapping names: who names one knows that there are others.
        headings : sequence of str
            Of the sheet that is read.
        """
        wanted = {heading.strip().lower() for heading in headings} - {""}
        if sheet is not None or not wanted:
            return ""
        alike = [name for name, rows in self.others.items() if any(wanted <= _words(row) for row in rows)]
        if not alike:
            return ""
        named = ", ".join(repr(name) for name in alike[:MOST_SHEETS]) + (", ..." if len(alike) > MOST_SHEETS else "")
        return (
            f"only its first sheet is read; not read, with the same headings: {named}. Name each sheet in a source of "
            "its own (sheet = ...), with a part for each; the name of the first alone says that it is the one"
        )


def copied_sheet(path: Path, sheet: str | None, target: Path, most: int | None = None) -> SheetCopy:
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
        chosen = sheet or (shown or book.sheetnames)[0]
        _copy(book[chosen], target, most)
        starts = {name: list(_each_row(book[name], TITLES)) for name in shown if name != chosen}
        return SheetCopy(target, {name: rows for name, rows in starts.items() if any(rows)})
    finally:
        book.close()


def _copy(sheet: Any, target: Path, most: int | None) -> None:
    """Write a sheet's rows, each filled up to the widest."""
    widths = set()
    with target.open("w", encoding="utf-8", newline="") as copy:
        writer = csv.writer(copy, lineterminator="\n")
        for cells in _each_row(sheet, most):
            widths.add(len(cells))
            writer.writerow(cells)
    if len(widths) > 1:
        _fill_up(target, max(widths))


def _fill_up(path: Path, width: int) -> None:
    narrow = path.rename(path.with_name(path.name + ".narrow"))
    with narrow.open(encoding="utf-8", newline="") as source, path.open("w", encoding="utf-8", newline="") as copy:
        filled = (row + [""] * (width - len(row)) for row in csv.reader(source))
        csv.writer(copy, lineterminator="\n").writerows(filled)
    narrow.unlink()


def _each_row(sheet: Any, most: int | None) -> Iterator[list[str]]:
    """Yield the cells of each row up to the last that holds something."""
    sheet.reset_dimensions()
    for row in islice(sheet.iter_rows(), most):
        cells = [_cell(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        yield cells


def _words(row: Sequence[str]) -> set[str]:
    return {cell.strip().lower() for cell in row}


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
