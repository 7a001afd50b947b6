"""Convert raw columns to the declared types, and mark the values that cannot be converted.

In: a raw table. Out: a table with the declared columns and their marks. The mark `x__bad` says whether column `x` had a
value that could not be converted. For dates, `x__cut` says whether the value was an instant that was cut to its UTC
day. `features.validation` judges the marks.

A text of nothing but blanks is null, in every column. Choices are compared without case and outer blanks. An end that
lies in `OPEN_FROM_YEAR` or later is not known. Requests keep the same rules, by `said` and `chosen`.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.schema import OPEN_FROM_YEAR
from features.tables import Column, Kind, Table, TableKnown

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


def said(value: Any) -> Any:
    """Return a value, or None for a text of nothing but blanks."""
    return None if isinstance(value, str) and not value.strip() else value


def chosen(column: Column, value: Any) -> Any:
    """Return the choice that a text means, without case and outer blanks; any other value as it is."""
    meant = value.strip().lower() if isinstance(value, str) else value
    return meant if meant in column.choices else value


def convert(connection: Backend, table: Table, raw: ir.Table, known: TableKnown | None = None) -> ir.Table:
    """Store the table with its declared columns and their marks. A column that the source lacks is null.

    The table is empty when the source has none of the declared columns, because no row then holds anything to judge.

    Parameters
    ----------
    known : TableKnown, optional
        What `book.toml` says of the table: answers of a source with one time only are answered when they are sent.
    """
    if not set(table.schema) & set(raw.columns):
        return empty(connection, table)
    values: dict[str, ir.Value] = {}
    for column in table.columns:
        if column.name in raw.columns:
            values |= _converted(column, raw[column.name])
        else:
            values[column.name] = ibis.null(str(column.kind))
    typed = raw.mutate(**values).select(*values)
    if known is not None and known.answered_at_is_sent_at:
        typed = _answered_when_sent(typed)
    return connection.create_table(f"book_{table.name}", typed, temp=True, overwrite=True)


def _answered_when_sent(surveys: ir.Table) -> ir.Table:
    """Give an answer without a time that of sending; a time that cannot be read stays a problem."""
    unread = surveys.answered_at__bad if "answered_at__bad" in surveys.columns else ibis.literal(False)
    answered = (surveys.score.notnull() | surveys.comment.notnull()) & ~unread
    return surveys.mutate(
        answered_at=ibis.ifelse(answered, surveys.answered_at.fill_null(surveys.sent_at), surveys.answered_at)
    )


def _converted(column: Column, raw: ir.Value) -> dict[str, ir.Value]:
    text = _text(raw)
    if column.kind is Kind.TEXT:
        return {column.name: _choice(column, text) if column.choices else text}
    if column.kind.is_time:
        return _time(column, raw, text)
    value = _number(column, text) if column.kind is not Kind.FLAG else text.strip().try_cast("boolean")
    return {column.name: value, f"{column.name}__bad": text.notnull() & value.isnull()}


def _text(raw: ir.Value) -> ir.StringValue:
    """Return the value as text, null when it is all blanks.

    A whole float is without its `.0`, because pandas turns ids and flags with nulls into floats.
    """
    if raw.type().is_string():
        return ibis.ifelse(raw.strip() == "", ibis.null("string"), raw)
    if not raw.type().is_floating():
        return raw.cast("string")
    whole = (raw == raw.floor()) & (raw.abs() < 2**53)
    return ibis.ifelse(whole, raw.try_cast("int64").cast("string"), raw.cast("string"))


def _choice(column: Column, text: ir.StringValue) -> ir.StringValue:
    meant = text.strip().lower()
    return ibis.ifelse(meant.isin(column.choices), meant, text)


def _number(column: Column, text: ir.StringValue) -> ir.NumericValue:
    value = text.try_cast("float64")
    if column.kind is Kind.NUMBER:
        return value
    whole = value.try_cast("int64")
    return ibis.ifelse(whole.cast("float64") == value, whole, ibis.null("int64"))


def _time(column: Column, raw: ir.Value, text: ir.StringValue) -> dict[str, ir.Value]:
    """Convert aware values to UTC and read naive ones as UTC; a time out of range or an open end becomes null."""
    temporal = raw.type().is_date() or raw.type().is_timestamp()
    aware = (raw if temporal else text.try_cast("timestamp('UTC')")).cast("timestamp('UTC')")
    naive = aware.cast("timestamp")
    low, high = (ibis.timestamp(f"{year}-01-01") for year in (FIRST_YEAR, LAST_YEAR + 1))
    instant = ibis.ifelse((naive >= low) & (naive < high), naive, ibis.null("timestamp"))
    bad = text.notnull() & instant.isnull()
    if column.open_end:
        endless = (naive >= ibis.timestamp(f"{OPEN_FROM_YEAR}-01-01")).fill_null(False)
        instant, bad = ibis.ifelse(endless, ibis.null("timestamp"), instant), bad & ~endless
    if column.kind is Kind.INSTANT:
        return {column.name: instant, f"{column.name}__bad": bad}
    cut = (instant != instant.truncate("D")).fill_null(False)
    return {column.name: instant.cast("date"), f"{column.name}__bad": bad, f"{column.name}__cut": cut}
