"""The matrix of a request as Ibis expressions, the same for every engine: what is asked, and over which tables.

A request looks at its accounts at one as-of date. So every record carries that date (`STAMP`), nothing is joined or
grouped by it, and accounts are told apart by a number instead of their id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir

from features.as_of import AsOf, still_customers
from features.matrix import finished_row, parts
from features.requests.stacking import Layout
from features.tables import TABLES, Column, Table, Tables

#: What tells the accounts of a request apart: their number in it.
ACCOUNT = "account_id"
#: What every record of a request is stamped with.
STAMP = {"as_of": "date", "as_of_instant": "timestamp", "as_of_seconds": "int64"}
GATHERED = "gathered"
#: The columns of a record in a request, behind its account's number. Personal ones go no further than the request.
COLUMNS = {
    name: tuple(column.name for column in table.columns if column.name != ACCOUNT and not column.personal)
    for name, table in TABLES.items()
}
#: Rows by table: the account's number, then the values of `COLUMNS`, Python values or None.
Records = Mapping[str, Sequence[tuple[Any, ...]]]


class StampedAsOf(AsOf):
    """A book in which every record carries the one as-of date it is looked at: nothing is joined or grouped by it."""

    keys: ClassVar[list[str]] = [ACCOUNT]

    def _dated(self, table: Table) -> ir.Table:
        return self.tables[table.name]


@dataclass(frozen=True)
class RequestQuery:
    """What a request asks, before an engine has put it into its own words.

    Attributes
    ----------
    accounts : Ibis table
        The accounts that are customers, in one column.
    parts : sequence of Ibis table
        The aggregates of each relation, a row an account that has records of it.
    row : Ibis table
        The finished row, over a table `gathered` that holds all parts of an account side by side.
    layout : Layout
        Where the columns of the parts stand in `gathered`.
    """

    accounts: ir.Table
    parts: Sequence[ir.Table]
    row: ir.Table
    layout: Layout

    @classmethod
    def of(cls, by_silence: bool) -> RequestQuery:
        """Return the query by a rule of customers (see `features.as_of.customers`)."""
        tables = Tables({name: ibis.table(stamped_schema(name), name=name) for name in TABLES}, frozenset())
        accounts = tables["accounts"]
        everyone = accounts.filter(accounts.customer_since < accounts.as_of).select(ACCOUNT)
        customers = still_customers(StampedAsOf(tables, everyone), by_silence)
        relations = parts(StampedAsOf(tables, customers))
        layout = Layout.of(customers, relations)
        row = finished_row(ibis.table(layout.gathered_schema("uint8"), name=GATHERED))
        return cls(customers, relations, row, layout)


@cache
def stamped_schema(name: str) -> ibis.Schema:
    """Return the columns of a table of a request: the account's number, the record, the stamp."""
    own = {column.name: str(column.kind) for column in row_columns(name)}
    return ibis.schema({ACCOUNT: "uint8"} | own | STAMP)


def row_columns(name: str) -> list[Column]:
    """Return the columns of a table of a request behind the account's number: the record's, then the derived ones."""
    table = TABLES[name]
    return [*(table.column(column) for column in COLUMNS[name]), *table.derived]


def number_of_records(records: Records) -> int:
    """Return how many rows all tables of a request have together."""
    return sum(map(len, records.values()))


def days_of(as_of: date) -> int:
    """Return the days from 1970-01-01 to a date."""
    return as_of.toordinal() - date(1970, 1, 1).toordinal()
