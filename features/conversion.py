"""Convert raw columns to the declared types, and mark the values that cannot be converted.

In: a raw table. Out: a table with the declared columns and their marks. The mark `x__bad` says whether column `x` had a
value that could not be converted. For dates, `x__cut` says whether the value was an instant that was cut to its UTC
day. `features.validation` judges the marks.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.tables import Column, Kind, Table

#: A date outside these years counts as a typing error. It would also overflow the clocks of some engines.
FIRST_YEAR, LAST_YEAR = 1900, 2199
YEARS = f"in the years {FIRST_YEAR} to {LAST_YEAR}"
#: The rule that a value of each kind breaks when it cannot be converted.
EXPECTED = {
    Kind.NUMBER: "not a number",
    Kind.INTEGER: "not a whole number",
    Kind.FLAG: "neither true nor false",
    Kind.DATE: f"not a date (YYYY-MM-DD) {YEARS}",
    Kind.INSTANT: f"not a timestamp (YYYY-MM-DDTHH:MM:SS, UTC unless it says otherwise) {YEARS}",
}


def empty(connection: Backend, table: Table) -> ir.Table:
    """Return the table with its declared columns and no rows."""
    return connection.create_table(f"empty_{table.name}", schema=table.schema, temp=True, overwrite=True)


def named(table: Table, raw: ir.Table) -> ir.Table:
    """Rename each raw column that differs from a declared one only in case or outer blanks; return the table."""
    raw_names = {name.strip().lower(): name for name in raw.columns}
    renamed = [column.name for column in table.columns if column.name not in raw.columns and column.name in raw_names]
    return raw.rename({name: raw_names[name] for name in renamed})


def convert(connection: Backend, table: Table, raw: ir.Table) -> ir.Table:
    """Store the table with its declared columns and their marks. A column that the source lacks is null.

    The table is empty when the source has none of the declared columns, because no row then holds anything to judge.
    """
    if not set(table.schema) & set(raw.columns):
        return empty(connection, table)
    return connection.create_table(f"book_{table.name}", typed(table, raw), temp=True, overwrite=True)


def typed(table: Table, raw: ir.Table, quoted: str | None = None) -> ir.Table:
    """Return the declared columns and their marks as a query; a column `quoted__raw` has that column's raw text."""
    chosen: dict[str, ir.Value] = {}
    for column in table.columns:
        if column.name in raw.columns:
            chosen |= _converted(column, raw[column.name])
        else:
            chosen[column.name] = ibis.null(str(column.kind))
    if quoted is not None:
        chosen[f"{quoted}__raw"] = _text(raw[quoted])
    return raw.mutate(**chosen).select(*chosen)


def _converted(column: Column, raw: ir.Value) -> dict[str, ir.Value]:
    text = _text(raw)
    if column.kind is Kind.TEXT:
        return {column.name: text.nullif("")}
    if column.kind.is_time:
        return _time(column, raw, text)
    value = _number(column, text) if column.kind is not Kind.FLAG else text.try_cast("boolean")
    return {column.name: value, f"{column.name}__bad": raw.notnull() & value.isnull()}


def _text(raw: ir.Value) -> ir.StringValue:
    """Return the value as text, a whole float without its `.0`: pandas turns ids and flags with nulls into floats."""
    if not raw.type().is_floating():
        return raw.cast("string")
    whole = (raw == raw.floor()) & (raw.abs() < 2**53)
    return ibis.ifelse(whole, raw.try_cast("int64").cast("string"), raw.cast("string"))


def _number(column: Column, text: ir.StringValue) -> ir.NumericValue:
    value = text.try_cast("float64")
    if column.kind is Kind.NUMBER:
        return value
    whole = value.try_cast("int64")
    return ibis.ifelse(whole.cast("float64") == value, whole, ibis.null("int64"))


def _time(column: Column, raw: ir.Value, text: ir.StringValue) -> dict[str, ir.Value]:
    """Convert aware values to UTC and read naive ones as UTC; a time out of range becomes null."""
    temporal = raw.type().is_date() or raw.type().is_timestamp()
    aware = (raw if temporal else text.try_cast("timestamp('UTC')")).cast("timestamp('UTC')")
    naive = aware.cast("timestamp")
    low, high = ibis.timestamp(f"{FIRST_YEAR}-01-01"), ibis.timestamp(f"{LAST_YEAR + 1}-01-01")
    instant = ibis.ifelse((naive >= low) & (naive < high), naive, ibis.null("timestamp"))
    bad = raw.notnull() & instant.isnull()
    if column.kind is Kind.INSTANT:
        return {column.name: instant, f"{column.name}__bad": bad}
    cut = (instant != instant.truncate("D")).fill_null(False)
    return {column.name: instant.cast("date"), f"{column.name}__bad": bad, f"{column.name}__cut": cut}
