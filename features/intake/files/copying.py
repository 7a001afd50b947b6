"""Texts that DuckDB does not read itself, copied as CSV of UTF-8: other encodings, other ends of lines.

In: a file. Out: the path of the copy, which keeps what is written.
"""

from __future__ import annotations

import csv
from pathlib import Path

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
