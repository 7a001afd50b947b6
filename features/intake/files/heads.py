"""What stands above the rows of a file: headings, ids and zones of columns, single cells.

In: a file, how its source is read. Out: a `Head`. Only the first records are read here, by Python's csv module, since
a heading may hold line breaks; the rows themselves are DuckDB's.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from features.intake.language.mapping_model import Cell, SourceFiles

#: Read to tell the encoding, and copied at once.
BLOCK = 1 << 20
#: What a text that is no UTF-8 is taken for: the code page of Windows in Western Europe.
OTHERWISE = "cp1252"


@dataclass(frozen=True)
class Head:
    """What stands above the rows.

    Attributes
    ----------
    headings : tuple of str
        The names of the columns, in order; they may repeat.
    ids : dict of str to int
        Position of a column by its id in a further header row.
    zones : dict of int to str
        The zone that a further header row names for a column.
    cells : tuple of tuple of str
        The records above the rows.
    """

    headings: tuple[str, ...]
    ids: dict[str, int]
    zones: dict[int, str]
    cells: tuple[tuple[str, ...], ...]

    def position(self, names: Sequence[str], nth: int = 1) -> int | None:
        """Return the place of the n-th column with one of these names; case and outer blanks do not count."""
        for name in names:
            wanted = name.strip().lower()
            places = [place for place, heading in enumerate(self.headings) if heading.strip().lower() == wanted]
            if len(places) >= nth:
                return places[nth - 1]
        return None

    def cell(self, cell: Cell) -> str | None:
        """Return a cell above the rows; None where it is empty or not there."""
        row = self.cells[cell.row - 1] if len(self.cells) >= cell.row else ()
        return (row[cell.column - 1].strip() or None) if len(row) >= cell.column else None


def named_only(headings: Sequence[str]) -> Head:
    """Return the head of a source that has names and nothing else: a table of a database, a Parquet file."""
    return Head(tuple(headings), {}, {}, ())


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: what its mark says, UTF-8 if all of it is, else Windows's code page."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        file.seek(0)
        try:
            while block := file.read(BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return OTHERWISE
    return "utf-8"


def read_head(path: Path, source: SourceFiles) -> Head:
    """Read the records above the rows of a UTF-8 file.

    Raises
    ------
    ValueError
        When the file ends before its header, or a row of ids is none.
    """
    needed = max(*source.header, source.ids_row or 1)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=source.delimiter)
        try:
            cells = tuple(tuple(record) for record in islice(reader, needed))
        except csv.Error as error:
            raise ValueError(f"its header cannot be read: {error}") from error
    if len(cells) < needed:
        raise ValueError(f"it ends before row {needed}, where its header is expected")
    headings = cells[source.header[0] - 1]
    ids, zones = _ids(cells[source.ids_row - 1]) if source.ids_row else ({}, {})
    return Head(headings, ids, zones, cells)


def _ids(row: Sequence[str]) -> tuple[dict[str, int], dict[int, str]]:
    """Read a row of JSON objects that name the id of each column, and the zone of the times in it."""
    ids: dict[str, int] = {}
    zones: dict[int, str] = {}
    for place, told in enumerate(_objects(row)):
        ids.setdefault(str(told.get("ImportId", "")), place)
        if "timeZone" in told:
            zones[place] = str(told["timeZone"])
    return ids, zones


def _objects(row: Sequence[str]) -> Iterator[dict[str, object]]:
    for cell in row:
        try:
            told = json.loads(cell)
        except json.JSONDecodeError as error:
            raise ValueError(f"the row of ids holds {cell[:40]!r}, which is none") from error
        yield told if isinstance(told, dict) else {}
