"""The matrix of a part of a spine as SQL, compiled once in a process.

A part's rows are numbered, so that everything is grouped and joined by one whole number instead of an id and a date.
First each table is cut in time and stored as it was seen by each row (`cuts`), with the columns that some signal reads
and no others; then the parts of the matrix are aggregated over what was seen (`Aggregate`), each by itself; then the
row is finished over all of them, which stand side by side in `GATHERED`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import ibis
import ibis.expr.types as ir
from ibis.backends.sql.compilers.duckdb import compiler
from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify

from features.as_of import INVOICE_DAYS, AsOf
from features.batch.invoice_days import storing
from features.formulas.reversals import REVERSED_ON
from features.matrix import finished_row, parts
from features.tables import TABLES, Table, Tables

#: What the rows of a part are told apart by: 0 for the first.
ROW = "row_number"
#: The rows of a part: its number, account_id, as_of.
ROWS = "part_rows"
#: Begins the name of a table of the book, cut to a part's accounts, and of what a part's rows saw of it.
READ, SEEN = "part_read_", "part_seen_"
#: What is stored of the invoices beside them: the days.
DAYS = "invoice_days"
#: The aggregates of a part, side by side.
GATHERED = "part_gathered"
DIALECT = "duckdb"


@dataclass(frozen=True)
class Aggregate:
    """The aggregates of one relation, a row for each row of the part that has records of it.

    Attributes
    ----------
    numbers, texts : tuple of str
        The columns behind the row's number: numbers as floats, then texts.
    """

    sql: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Queries:
    """All that is asked about a part, in the order in which it is asked.

    Attributes
    ----------
    cuts : tuple of str
        Statements that store each table as each row of the part saw it, under the name `SEEN` + table.
    """

    cuts: tuple[str, ...]
    aggregates: tuple[Aggregate, ...]
    row: str


class NumberedAsOf(AsOf):
    """A book as the numbered rows of a spine saw it."""

    keys: ClassVar[list[str]] = [ROW]

    def __init__(self, tables: Tables, spine: ir.Table) -> None:
        super().__init__(tables, spine)
        self.spine = spine  # with account_id and as_of, which the cut needs and nothing after it


class SeenAsOf(NumberedAsOf):
    """The same, read from where it is stored."""

    def _cut(self, table: Table) -> ir.Table:
        return ibis.table(super()._cut(table).schema(), name=f"{SEEN}{table.name}")


class StoredAsOf(SeenAsOf):
    """The same with the days with invoices, stored as well."""

    def __init__(self, tables: Tables, spine: ir.Table) -> None:
        super().__init__(tables, spine)
        self.invoice_days = ibis.table({ROW: "int32", **INVOICE_DAYS}, name=f"{SEEN}{DAYS}")


@cache
def queries() -> Queries:
    """Return the queries; the invoices that they read have `reversed_on`."""
    schemas = {name: dict(table.schema) for name, table in TABLES.items()}
    schemas["invoices"][REVERSED_ON] = ibis.dtype("date")
    tables = Tables({name: ibis.table(schema, name=f"{READ}{name}") for name, schema in schemas.items()}, frozenset())
    spine = ibis.table({ROW: "int32", "account_id": "string", "as_of": "date"}, name=ROWS)
    cut = NumberedAsOf(tables, spine)
    seen: dict[str, object] = {f"{SEEN}{name}": dict.fromkeys(cut[name].columns, "unknown") for name in TABLES}
    seen[f"{SEEN}{DAYS}"] = dict.fromkeys((ROW, *INVOICE_DAYS), "unknown")
    aggregates, read = [], {name: {ROW} for name in seen}
    columns: dict[str, str] = {}
    for part in parts(StoredAsOf(tables, spine)):
        aggregate, tree = _aggregate(part, seen)
        aggregates.append(aggregate)
        columns |= dict.fromkeys(aggregate.numbers, "float64") | dict.fromkeys(aggregate.texts, "string")
        _note_columns(tree, read)
    cuts = tuple(_cut(name, cut[name], read[f"{SEEN}{name}"]) for name in TABLES if len(read[f"{SEEN}{name}"]) > 1)
    row = finished_row(ibis.table({ROW: "int32"} | columns, name=GATHERED)).order_by(ROW)
    stored = storing(ROWS, ROW, f"{READ}invoices", f"{SEEN}{DAYS}")
    return Queries((*cuts, *stored), tuple(aggregates), str(ibis.to_sql(row, dialect=DIALECT)))


def _cut(name: str, rows: ir.Table, columns: set[str]) -> str:
    return f"CREATE OR REPLACE TEMP TABLE {SEEN}{name} AS {ibis.to_sql(rows.select(*columns), DIALECT)}"


def _aggregate(part: ir.Table, seen: dict[str, object]) -> tuple[Aggregate, exp.Expr]:
    """Return a part of the matrix that asks each table for the columns it needs and no others."""
    texts = tuple(name for name in part.columns if part[name].type().is_string())
    numbers = tuple(name for name in part.columns if name not in (*texts, ROW))
    typed = part.select(ROW, *(part[name].cast("float64").name(name) for name in numbers), *texts)
    # The tree that Ibis writes as text: to read the text again would take longer than to make it.
    tree = qualify(compiler.to_sqlglot(typed), schema=seen, dialect=DIALECT)
    tree = pushdown_projections(tree, schema=seen)
    return Aggregate(tree.sql(DIALECT), numbers, texts), tree


def _note_columns(tree: exp.Expr, read: dict[str, set[str]]) -> None:
    """Add the columns that a query reads of each table in `read`, once its columns are qualified."""
    for select in tree.find_all(exp.Select):
        own = [table for table in select.find_all(exp.Table) if table.find_ancestor(exp.Select) is select]
        names = {table.alias_or_name: table.name for table in own if table.name in read}
        for column in select.find_all(exp.Column):
            if column.table in names and column.find_ancestor(exp.Select) is select:
                read[names[column.table]].add(column.name)
