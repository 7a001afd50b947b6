"""The matrix of a part of a spine as Spark's SQL, compiled once in a process.

As on DuckDB (`features.batch.queries`) a part's rows are numbered and each table is first cut in time, as each row saw
it. The aggregates of all relations are then stacked one below the other and gathered by one grouping: a join for each
relation would shuffle every row as many times as there are relations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import ibis
import ibis.expr.types as ir

from features.batch.queries import READ, ROW, ROWS, NumberedAsOf, SeenAsOf
from features.engines.spark_words import words
from features.formulas.reversals import REVERSED_ON
from features.matrix import finished_row, parts
from features.requests.stacking import PART, Layout, stacked
from features.tables import TABLES, Tables


@dataclass(frozen=True)
class SparkQueries:
    """All that is asked about a part.

    Attributes
    ----------
    cuts : dict of str to str
        For each table the query of what the part's rows saw of it, which `row` reads as `SEEN` + table.
    row : str
        The finished rows.
    texts : tuple of str
        The columns of a finished row that hold text.
    """

    cuts: dict[str, str]
    row: str
    texts: tuple[str, ...]


@cache
def spark_queries() -> SparkQueries:
    """Return the queries; the invoices that they read have `reversed_on`."""
    schemas = {name: dict(table.schema) for name, table in TABLES.items()}
    schemas["invoices"][REVERSED_ON] = ibis.dtype("date")
    tables = Tables({name: ibis.table(schema, name=f"{READ}{name}") for name, schema in schemas.items()}, frozenset())
    spine = ibis.table({ROW: "int32", "account_id": "string", "as_of": "date"}, name=ROWS)
    cut = NumberedAsOf(tables, spine)
    row = finished_row(_gathered(spine.select(ROW), parts(SeenAsOf(tables, spine))))
    texts = tuple(name for name in row.columns if row[name].type().is_string())
    return SparkQueries({name: words(cut[name]) for name in TABLES}, words(row), texts)


def _gathered(rows: ir.Table, relations: list[ir.Table]) -> ir.Table:
    """Return the aggregates of all relations side by side, a row for each of the part."""
    layout = Layout.of(rows, relations)
    stack = stacked(layout, (rows, *relations))
    return stack.group_by(ROW).aggregate(**dict(_columns(layout, stack)))


def _columns(layout: Layout, stack: ir.Table) -> Iterator[tuple[str, ir.Value]]:
    for number, part in enumerate(layout.parts):
        own = stack[PART] == number
        for kind, names in (("number", part.numbers), ("text", part.texts)):
            for place, name in enumerate(names):
                yield name, stack[f"{kind}{place}"].max(where=own)
