"""How a column of PostgreSQL is written into CSV, and as what DuckDB reads it.

Numbers of arbitrary precision and all that is a text go as texts, which the contract's readers take as they take a cell
of a CSV file; days, instants, whole numbers, doubles and flags keep their types. An instant with a zone becomes UTC, an
infinite day the last or first one. What is no single value (arrays, JSON, rows, bytes, shapes) is not guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

#: Days that Python does not know become the last or the first that it knows; in open ends that is no end.
_DAY: LiteralString = (
    "CASE WHEN {0} > '9999-12-31' THEN '9999-12-31' WHEN {0} < '0001-01-01' THEN '0001-01-01' ELSE {0} END"
)
_ZONED: LiteralString = (
    "CASE WHEN {0} > '9999-12-31' THEN '9999-12-31' WHEN {0} < '0001-01-01' THEN '0001-01-01' "
    "ELSE timezone('UTC', {0}) END"
)
#: Types by name in the schema pg_catalog: the expression that is written, and the type in DuckDB.
BY_NAME: dict[str, tuple[LiteralString, str]] = {
    "date": (_DAY, "DATE"),
    "timestamp": (_DAY, "TIMESTAMP"),
    "timestamptz": (_ZONED, "TIMESTAMP"),
    "int2": ("{0}", "BIGINT"),
    "int4": ("{0}", "BIGINT"),
    "int8": ("{0}", "BIGINT"),
    "float8": ("{0}", "DOUBLE"),
    "bool": ("{0}", "BOOLEAN"),
    "money": ("{0}::numeric", "VARCHAR"),
    "uuid": ("{0}::text", "VARCHAR"),
}
#: Categories of types (`pg_type.typcategory`) whose values are written as texts: numbers, texts, enumerations, times,
#: spans, addresses of networks, bits.
AS_TEXT = frozenset("NSEDTIV")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name, type : str
        As PostgreSQL writes them.
    base : str
        Name of its type in pg_catalog, beneath all domains; empty for a type of an extension or a user.
    category : str
        `pg_type.typcategory`.
    """

    name: str
    type: str
    base: str
    category: str

    def carried(self) -> tuple[LiteralString, str] | None:
        """Return an expression with `{0}` for the column, and DuckDB's type of it; None where it is no single value."""
        if self.base in BY_NAME:
            return BY_NAME[self.base]
        return ("{0}::text", "VARCHAR") if self.category in AS_TEXT else None
