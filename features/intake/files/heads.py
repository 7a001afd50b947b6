"""What stands above the rows of a file: headings, ids and zones of columns, single cells.

In: a file, how its source is read. Out: a `Head`. Only the first records are read here, by Python's csv module, since
a heading may hold line breaks; the rows themselves are DuckDB's.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from features.intake.language.mapping_model import Cell, SourceFiles

#: Read to tell the encoding, and copied at once.
BLOCK = 1 << 20
#: What a text that is no UTF-8 is taken for: the code page of Windows in Western Europe.
OTHERWISE = "cp1252"
#: What may stand between cells, the likeliest first.
DELIMITERS = (",", ";", "\t", "|")
#: Records among which a header is looked for.
TITLES = 30


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
        The records above the rows; those of titles, which the mapping does not count, are not among them.
    delimiter : str
        What stands between cells.
    above : int
        Records of the file before its rows.
    """

    headings: tuple[str, ...]
    ids: dict[str, int]
    zones: dict[int, str]
    cells: tuple[tuple[str, ...], ...]
    delimiter: str = ","
    above: int = 0

    def position(self, names: Sequence[str], nth: int = 1) -> int | None:
        """Return the place of the n-th column with one of these names; case and outer blanks do not count."""
        for name in names:
            wanted = name.strip().lower()
            if not wanted:
                continue
            places = [place for place, heading in enumerate(self.headings) if heading.strip().lower() == wanted]
            if len(places) >= nth:
                return places[nth - 1]
        return None

    def many(self, place: int) -> int:
        """Return how many columns have the heading of one; 1 for those without any."""
        named = [heading.strip().lower() for heading in self.headings]
        return named.count(named[place]) if named[place] else 1

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
                # Most blocks are plain: looking whether they are takes a tenth of decoding them.
                if decoder.getstate()[0] or not block.isascii():
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
    many = needed + TITLES if source.header_with else needed + 1
    delimiter, records = first_records(path, source.delimiter, many)
    shift = _titles(records, source)
    cells = records[shift : shift + needed] if shift >= 0 else [()] * -shift + records[: shift + needed]
    if len(cells) < needed:
        raise ValueError(f"it ends before row {needed}, where its header is expected")
    headings = tuple(heading.strip() for heading in cells[source.header[0] - 1])
    ids, zones = _ids(cells[source.ids_row - 1]) if source.ids_row else ({}, {})
    if len(records) == shift + needed and len(cells[-1]) < len(cells[source.header[0] - 1]):
        raise ValueError(f"it ends within row {needed}, a row of its header: {len(cells[-1])} of {len(headings)} cells")
    above = _without_records(cells, Head(headings, ids, zones, ()), source)
    return Head(headings, ids, zones, tuple(above), delimiter, shift + len(above))


def _without_records(cells: Sequence[tuple[str, ...]], head: Head, source: SourceFiles) -> Sequence[tuple[str, ...]]:
    """Return the rows above the records, without those in which a column is filled that header rows leave empty."""
    place = head.position(source.header_empty)
    first = source.header[0]
    for number, row in enumerate(cells[first:], start=first):
        if place is not None and place < len(row) and row[place].strip():
            return cells[:number]
    return cells


def first_records(path: Path, delimiter: str | None, many: int) -> tuple[str, list[tuple[str, ...]]]:
    """Return the delimiter and the first records of a UTF-8 file.

    Parameters
    ----------
    delimiter : str or None
        What stands between cells; None: the sign that cuts two records, or else one, into the most cells.
    many : int

    Raises
    ------
    ValueError
        When a quote is opened and not closed.
    """
    read: dict[str, list[tuple[str, ...]]] = {}
    told = ""
    for sign in (delimiter,) if delimiter else DELIMITERS:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            try:
                read[sign] = [tuple(record) for record in islice(csv.reader(file, delimiter=sign), many)]
            except csv.Error as error:
                told = str(error)
    if not read:
        raise ValueError(f"its header cannot be read: {told}")
    best = max(read, key=lambda each: _cells_of(read[each]))
    return best, read[best]


def _cells_of(records: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return the most cells, above one, that two records share, and the most of any.

    A sentence with commas in one of them is no proof that commas cut a file of which semicolons cut every line.
    """
    many = [len(record) for record in records]
    return max((each for each in many if each > 1 and many.count(each) > 1), default=0), max(many, default=0)


def _titles(records: Sequence[Sequence[str]], source: SourceFiles) -> int:
    """Return how many records stand above those that the mapping counts; below 0 where some of them are missing."""
    told = 1 if records and len(records[0]) in (1, 2) and records[0][0].lower().startswith("sep=") else 0
    if not source.header_with:
        return told
    for place, record in enumerate(records):
        headings = {heading.strip().lower() for heading in record}
        if all(any(name.strip().lower() in headings for name in names) for names in source.header_with):
            return place + 1 - source.header[0]
    wanted = ", ".join(" or ".join(names) for names in source.header_with)
    raise ValueError(f"none of its first {len(records)} rows is a header with {wanted}")


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
    """Yield what each cell says; a column that somebody has added by hand says nothing."""
    told = [_object(cell) for cell in row]
    if not any(told):
        raise ValueError(f"the row of ids holds {', '.join(row)[:40]!r}, which are none")
    yield from told


def _object(cell: str) -> dict[str, object]:
    with suppress(json.JSONDecodeError):
        told = json.loads(cell)
        return told if isinstance(told, dict) else {}
    return {}
