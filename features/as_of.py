"""The only place where time is cut.

In: a book and a spine with one row per account and as-of date. Out: for every table a view with one row per record and
as-of date. The view holds only what was known at the first instant (UTC) of that date:

- the view holds a record only when the record's own time is before `as_of`;
- a column that is filled later is null until its own time is before `as_of`;
- of an anonymous survey nobody is told who was asked;
- a record that is void, as an invitation that bounced is, is left out once that is known;
- the view holds no dates. Every time column `x_at` / `x_on` becomes `x_age_days`, the days from it to `as_of`. The age
  is negative when the time lies after `as_of`, as the end of a running contract does. The record's own time is also
  called `age_days`.

A signal sees only such views, so it cannot look ahead by mistake. A window is a comparison with a number of days.
Personal columns are in no view but those made for a report.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date
from functools import cached_property
from typing import ClassVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from features.formulas.reversals import stands, with_reversals
from features.kept_queries import READ, Query, ask_of, lead_to, sql_of
from features.tables import TABLES, Column, Table, Tables

KEYS = ["account_id", "as_of"]
SECONDS_A_DAY = 86_400.0
#: By the rule of silence, a customer has at least ACTIVE_INVOICES positive invoices in the ACTIVE_DAYS before as_of.
ACTIVE_INVOICES, ACTIVE_DAYS = 2, 365
#: An invoice is a return when it comes more than so many days after the departure: closing invoices come earlier.
RETURN_DAYS = 90
#: The name under which a compiled query reads as-of dates.
DATES = f"{READ}dates"
#: The columns of the days with invoices, where a view holds them; `features.billing` says what they mean.
INVOICE_DAYS = {
    "age_days": "double", "amount": "double", "net": "double", "gap": "double", "anchor": "double",
    "recent": "boolean", "recent_days": "int64",
}  # fmt: skip


class AsOf:
    """A book as it was known at each as-of date of a spine.

    Parameters
    ----------
    tables : Tables
        The book.
    spine : Ibis table
        Columns account_id (string) and as_of (date), one row per pair.
    personal : bool
        Whether the views hold personal columns, which only a report may show.

    Attributes
    ----------
    keys : list of str
        The columns that identify a row of the spine. Every view has them.
    invoice_days : Ibis table or None
        The days with invoices or credit notes that are not reversed, as each row saw them, where they are stored.
    """

    keys: ClassVar[list[str]] = KEYS
    invoice_days: ir.Table | None = None

    def __init__(self, tables: Tables, spine: ir.Table, personal: bool = False) -> None:
        self.tables, self._personal = tables, personal
        self.spine = spine.select(*self.keys)
        self._views: dict[str, ir.Table] = {}

    def __getitem__(self, name: str) -> ir.Table:
        """Return the view of one table: account_id, as_of, the columns that are not times, and the ages in days."""
        if name not in self._views:
            self._views[name] = self._cut(TABLES[name])
        return self._views[name]

    def derived(self, table: Table, rows: ir.Table) -> ir.Table:
        """Return the view of rows that are made of the book's records, and that `table` declares with their times."""
        return self._shown(table, _begun(table, self._clock.inner_join(rows, "account_id")))

    def voided(self, name: str) -> ir.Table:
        """Return the view of the records that the view of their table leaves out, since they are known to be void."""
        table = TABLES[name]
        assert table.void_at is not None
        known = self._recorded(table)
        return self._shown(table, known.filter(_passed(known, table.void_at)))

    def _cut(self, table: Table) -> ir.Table:
        known = self._recorded(table)
        if table.void_at is not None:
            known = known.filter(~_passed(known, table.void_at))
        return self._shown(table, known)

    def _recorded(self, table: Table) -> ir.Table:
        """Return the records whose own time is before as_of, void or not."""
        return _begun(table, self._dated(table))

    def _shown(self, table: Table, known: ir.Table) -> ir.Table:
        chosen = {name: known[name] for name in self.keys}
        for column in (*table.columns, *table.derived):
            if column.name == "account_id" or (column.personal and not self._personal):
                continue
            if column.kind.is_time:
                chosen[age_column(column.name)] = _age_days(known, column)
            else:
                chosen[column.name] = _once_known(known, table, column)
        chosen["age_days"] = chosen[age_column(table.time)]
        return known.select(**chosen)

    def run(self, query: Query, *arguments: Hashable) -> pa.Table:
        """Run a query over the views, compiled once in a process (see `features.kept_queries`); return its rows.

        Parameters
        ----------
        query : callable
            (view, *arguments) -> Ibis table, over the tables and the spine of the view alone.
        arguments : hashable
            What the query depends on beside the view.
        """
        return ask_of(self.tables, self.spine, _seen, query, self._personal, *arguments)

    def of(self, spine: ir.Table) -> AsOf:
        """Return the same book seen from another spine."""
        return type(self)(self.tables, spine, self._personal)

    def _dated(self, table: Table) -> ir.Table:
        """Return one row per record and as-of date of its account, with as_of, as_of_instant and as_of_seconds."""
        rows = self.tables[table.name]
        return self._clock.inner_join(with_reversals(rows) if table.name == "invoices" else rows, "account_id")

    @cached_property
    def _clock(self) -> ir.Table:
        instant = self.spine.as_of.cast("timestamp")
        return self.spine.mutate(as_of_instant=instant, as_of_seconds=instant.epoch_seconds())


def _seen(tables: Tables, spine: ir.Table, query: Query, personal: bool, *arguments: Hashable) -> ir.Table:
    """Return a query over the views of a book."""
    return query(AsOf(tables, spine, personal), *arguments)


def age_column(time_column: str) -> str:
    """Return the name of a time column in a view: `answered_at` becomes `answered_age_days`."""
    return time_column.removesuffix("_at").removesuffix("_on") + "_age_days"


def _begun(table: Table, rows: ir.Table) -> ir.Table:
    """Return the rows whose own time is before as_of."""
    return rows.filter(rows[table.time].cast("timestamp") < rows.as_of_instant)


def _passed(rows: ir.Table, time_column: str) -> ir.BooleanValue:
    """Whether a time has passed at as_of; no time has not."""
    return (rows[time_column].cast("timestamp") < rows.as_of_instant).fill_null(False)


def _age_days(known: ir.Table, column: Column) -> ir.Value:
    age = (known.as_of_seconds - known[column.name].cast("timestamp").epoch_seconds()) / SECONDS_A_DAY
    if column.known_at is None:
        return age
    return ibis.ifelse(known[column.name].cast("timestamp") < known.as_of_instant, age, ibis.null("float64"))


def _once_known(known: ir.Table, table: Table, column: Column) -> ir.Value:
    if column.hidden_by is not None:
        return ibis.ifelse(known[column.hidden_by].fill_null(False), ibis.null(str(column.kind)), known[column.name])
    if column.known_at is None:
        return known[column.name]
    filled = known[table.column(column.known_at).name].cast("timestamp")
    return ibis.ifelse(filled < known.as_of_instant, known[column.name], ibis.null(str(column.kind)))


def beside(rows: ir.Table, keys: list[str], **aggregates: ir.Value) -> ir.Table:
    """Return rows with aggregates of their group beside each: joined, which costs a third of what a window does."""
    return rows.inner_join(rows.group_by(keys).aggregate(**aggregates), keys)


def every_account(tables: Tables, as_of: Iterable[date] | ir.Table) -> ir.Table:
    """Return the spine of every account known at each as-of date, customers or not.

    `as_of` is a list of dates, or a table with a column as_of.
    """
    if isinstance(as_of, ir.Table):
        dates = as_of
    else:
        dates = ibis.memtable({"as_of": sorted(set(as_of))}, schema={"as_of": "date"})
    accounts = tables["accounts"].select("account_id", "customer_since").cross_join(dates)
    return accounts.filter(accounts.customer_since < accounts.as_of).select(*KEYS)


def customers(tables: Tables, as_of: Iterable[date] | ir.Table, by_silence: bool = False) -> ir.Table:
    """Return the spine of all customers: customer_since is before as_of, and every departure before as_of has a return.

    A return is a positive invoice more than 90 days after the departure, a contract that starts after it, or a
    customer_since after it, known before as_of like everything else.

    `by_silence` is the rule for books without a churns table. With it, a customer also has at least 2 positive
    invoices in the 365 days before as_of. An invoice that is known to be reversed is none here.
    """
    return still_customers(AsOf(tables, every_account(tables, as_of)), by_silence)


def stored_customers(
    tables: Tables, dates: Iterable[date], by_silence: bool = False, name: str = "customers"
) -> ir.Table:
    """Store the spine of all customers at some dates as a temporary table of a name; return it. See `customers`.

    The table replaces one of that name, so a spine that was returned before has the rows of the later call.
    """
    connection = lead_to(tables)
    days = ", ".join(f"DATE '{day}'" for day in sorted(set(dates)))
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {DATES} AS SELECT unnest([{days}]::DATE[]) AS as_of")
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql_of(tables, _at_dates, by_silence)}")
    return connection.table(name)


def _at_dates(tables: Tables, by_silence: bool) -> ir.Table:
    return customers(tables, ibis.table({"as_of": "date"}, name=DATES), by_silence)


def still_customers(view: AsOf, by_silence: bool) -> ir.Table:
    """Return the rows of a view's spine that are customers; see `customers`."""
    spine = view.spine.anti_join(_gone(view), view.keys)
    if not by_silence:
        return spine
    invoices = view["invoices"]
    active = (
        invoices.filter(stands(invoices) & (invoices.age_days <= ACTIVE_DAYS))
        .group_by(view.keys)
        .aggregate(invoices=lambda rows: rows.count())
    )
    return spine.semi_join(active.filter(active.invoices >= ACTIVE_INVOICES), view.keys)


def _gone(view: AsOf) -> ir.Table:
    """Return the keys of those whose last departure has no return; earlier departures then have the same one."""
    churns = view["churns"]
    left = churns.group_by(view.keys).aggregate(left_days=churns.age_days.min())
    since = view.of(left.select(*view.keys))
    invoices = since["invoices"].filter(stands)
    signs = [
        rows.select(*view.keys, back_days=rows.age_days + days)
        for rows, days in ((since["accounts"], 0), (since["contracts"], 0), (invoices, RETURN_DAYS))
    ]
    records = signs[0].union(signs[1], signs[2])
    back = records.group_by(view.keys).aggregate(back_days=records.back_days.min())
    joined = left.left_join(back, view.keys)
    stays = (joined.back_days < joined.left_days).fill_null(False)
    return joined.filter(~stays).select(*view.keys)
