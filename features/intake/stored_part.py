"""A part of the mapping that was run: its table in DuckDB, the names of its columns, the reasons a row is left out for.

Beside the typed columns the table has the file of each row, its number, and the reason, null where the row is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from features.errors import Problem
from features.intake.files.reading import OpenFile
from features.intake.language.mapping_model import Part
from features.schema import Kind

#: Columns beside those of the table.
FILE, ROW, REASON, ORDER, ABSORBED, BITS = "_file", "_row", "_reason", "_order", "_absorbed", "_footer"
#: End the names of columns that hold texts which could not be read, cells that a pattern takes a value from, and those
#: that it does not match.
UNREAD, CELL, UNMATCHED = "__unread", "__cell", "__unmatched"
#: End the names of columns that hold the texts of numbers with decimals where whole ones are meant, and the numbers.
BROKEN, MADE = "__broken", "__made"
#: Ends the names of columns that hold the currencies which the cells of amounts name.
CODE = "__code"
#: Column with a hash of all cells of a row and of what is read from them, where the rows of a record are added up.
CONTENT = "_content"
FOOTER, NO_ACCOUNT, TWICE = "a line below the rows", "names no account", "exported twice"
#: SQL that holds for rows which are no footers.
NOT_FOOTER = f"({REASON} IS NULL OR {REASON} <> '{FOOTER}')"


@dataclass(frozen=True)
class StoredPart:
    """One part, run.

    Attributes
    ----------
    table : str
        Of the contract, or `identities`.
    stored : str
        The table in DuckDB.
    part : Part
    files : tuple of OpenFile
    columns : dict of str to Kind
        Those that the part fills, and the currency where cells of amounts name one.
    footers : list of (file, lines)
        Lines below the rows, which the reader itself has set aside.
    matched : set of str
        The patterns of footers that some line matches.
    doubts : list of Problem
        What may mislead: some cells give no value, the pattern of the mapping not matching them.
    """

    table: str
    stored: str
    part: Part
    files: tuple[OpenFile, ...]
    columns: dict[str, Kind]
    footers: list[tuple[str, int]] = field(default_factory=list)
    matched: set[str] = field(default_factory=set)
    doubts: list[Problem] = field(default_factory=list)
