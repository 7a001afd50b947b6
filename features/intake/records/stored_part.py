"""A part of the mapping that was run: its rows in DuckDB, the names of their columns, why a row is left out.

Beside the typed columns each row has its file, its number there, and the reason, null where it is kept. What the same
holds of every row, or follows from others, is not stored: memory is what an import of ten million rows waits for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb

from features.errors import Problem
from features.intake.files.reading import OpenFile
from features.intake.language.mapping_model import Part
from features.intake.language.typed_sql import currency_sql
from features.schema import Kind
from features.tables import TABLES

#: Columns beside those of the table.
FILE, ROW, REASON, ORDER, ABSORBED, BITS = "_file", "_row", "_reason", "_order", "_absorbed", "_footer"
#: Column with the place of a row among all rows of its part, by which it is changed.
PLACE = "_place"
#: End the names of columns that hold texts which could not be read, cells that a pattern takes a value from, and those
#: that it does not match.
UNREAD, CELL, UNMATCHED = "__unread", "__cell", "__unmatched"
#: End the names of columns that hold the texts of numbers with decimals where whole ones are meant, and the numbers.
BROKEN, MADE = "__broken", "__made"
#: Ends the names of columns that hold the currencies which the cells of amounts name.
CODE = "__code"
#: Ends the names of stored columns with the texts of amounts that are more than plain numbers: both are read from it.
MORE = "__more"
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
        The view in DuckDB that shows the rows with all their columns.
    part : Part
    files : tuple of OpenFile
    columns : dict of str to Kind
        Those that the part fills, and the currency where cells of amounts name one.
    footers : list of (file, lines)
        Lines below the rows, which the reader itself has set aside.
    matched : set of str
        The patterns of footers that some line matches.
    above : list of int
        For each file what the place of a row of it lacks to the row's number.
    rising : set of str
        The key, where each row that is kept has one above that of the row before.
    alone : set of str
        The key, where no row that is kept shares it with one that is left out by a state of its record.
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
    above: list[int] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)
    rising: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)

    @property
    def is_stored(self) -> bool:
        """Whether the rows of all files could be stored, whatever is wrong in them."""
        return 0 < len(self.above) == len(self.files)

    @property
    def rows(self) -> str:
        """The table in DuckDB that holds the rows: what is changed."""
        return f"{self.stored}_rows"

    @property
    def key(self) -> list[str]:
        """The columns of the table's key that the part fills."""
        return [name for name in TABLES[self.table].key if name in self.columns] if self.table in TABLES else []

    def keeps_some(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Return whether a row is kept, which the first such row tells: most parts need no look at all of theirs."""
        return bool(connection.execute(f"SELECT 1 FROM {self.rows} WHERE {REASON} IS NULL LIMIT 1").fetchall())

    @property
    def amounts(self) -> list[str]:
        """The columns of money, whose cells may name a currency."""
        numbers = [name for name, kind in self.columns.items() if kind is Kind.NUMBER and name != "price_change"]
        return numbers if self.table in TABLES else []

    @property
    def has_footers(self) -> bool:
        """Whether any file has lines below its rows."""
        return any(file.footer for file in self.files)

    def view_sql(self) -> str:
        """Return the SQL that makes the view, anew where a column was added."""
        return f"CREATE OR REPLACE VIEW {self.stored} AS SELECT *, {', '.join(self._shown())} FROM {self.rows}"

    def _shown(self) -> Iterator[str]:
        """Yield what the view shows beside the stored columns."""
        cases = " ".join(f"WHEN {place} THEN {lines}" for place, lines in enumerate(self.above))
        yield f"rowid AS {PLACE}"
        yield f"rowid + CASE {FILE} {cases} END AS {ROW}"
        if not self.has_footers:
            yield f"CAST(0 AS BIGINT) AS {BITS}"
        for name, value in ((ORDER, self.part.order), (ABSORBED, self.part.absorbed)):
            if value is None:
                yield f"CAST(NULL AS VARCHAR) AS {name}"
        for name in self.amounts:
            more = f'"{name}{MORE}"'
            yield f'CASE WHEN "{name}" IS NULL THEN {more} END AS "{name}{UNREAD}"'
            yield f'CASE WHEN {more} IS NOT NULL THEN {currency_sql(more)} END AS "{name}{CODE}"'
