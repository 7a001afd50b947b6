"""Raw columns -> the declared types, with marks for what could not be converted; no rule is judged here.

Beside each converted column `x` may stand `x__bad`, whether a value was there and could not be converted, and, for
dates, `x__cut`, whether it was an instant that had to be cut to its UTC day.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.tables import Column, Kind, Table

#: Dates outside these years are taken for slips (and would overflow some engines' clocks).
FIRST_YEAR, LAST_YEAR = 1900, 2199
YEARS = f"in the years {FIRST_YEAR} to {LAST_YEAR}"
#: What is said of a value that cannot be converted.
EXPECTED = {
    Kind.NUMBER: "not a number",
    Kind.INTEGER: "not a whole number",
    Kind.FLAG: "neither true nor false",
    Kind.DATE: f"not a date (YYYY-MM-DD) {YEARS}",
    Kind.INSTANT: f"not a timestamp (YYYY-MM-DDTHH:MM:SS, UTC unless it says otherwise) {YEARS}",
}


def empty(connection: Backend, table: Table) -> ir.Table:
    """Return the table with its declared columns and no row."""
    return connection.create_table(f"empty_{table.name}", schema=table.schema, temp=True, overwrite=True)


def named(table: Table, raw: ir.Table) -> ir.Table:
    """Return the raw table with columns that differ from declared ones by case or blanks only renamed to those."""
    raw_names = {name.strip().lower(): name for name in raw.columns}
    renamed = [column.name for column in table.columns if column.name not in raw.columns and column.name in raw_names]
    return raw.rename({name: raw_names[name] for name in renamed})


def convert(connection: Backend, table: Table, raw: ir.Table) -> ir.Table:
    """Store the table with its declared columns (null where the source has none) and their marks.

    Without a single one of them it is empty: the rows then hold nothing to judge.
    """
    if not set(table.schema) & set(raw.columns):
        return empty(connection, table)
    chosen: dict[str, ir.Value] = {}
    for column in table.columns:
        if column.name in raw.columns:
            chosen |= _converted(column, raw[column.name])
        else:
            chosen[column.name] = ibis.null(str(column.kind))
    typed = raw.mutate(**chosen).select(*chosen)
    return connection.create_table(f"book_{table.name}", typed, temp=True, overwrite=True)


def _converted(column: Column, raw: ir.Value) -> dict[str, ir.Value]:
    text = _text(raw)
    if column.kind is Kind.TEXT:
        return {column.name: text.nullif("")}
    if column.kind.is_time:
        return _time(column, raw, text)
    value = _number(column, text) if column.kind is not Kind.FLAG else text.try_cast("boolean")
    return {column.name: value, f"{column.name}__bad": raw.notnull() & value.isnull()}


def _text(raw: ir.Value) -> ir.StringValue:
    """As text; a whole float without its `.0`, for ids and flags become floats where pandas met a null among them."""
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
    """Aware values are converted to UTC, naive ones are taken as UTC; what is out of range becomes null."""
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
