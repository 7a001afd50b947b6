"""Raw tables -> a book that keeps the contract, or every problem in every table, found in one pass.

Each column is converted once; beside it stands a mark for a value that was there and could not be converted. The
rules are then counted in one query a table, and only a broken rule costs another one, for up to five keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.errors import InvalidTables, Problem
from features.sources import Source
from features.tables import TABLES, Column, Kind, Table, Tables

#: Instants outside these years are taken for slips (and would overflow some engines' clocks).
FIRST_YEAR, LAST_YEAR = 1900, 2199
EXAMPLES = 5
EXPECTED = {
    Kind.NUMBER: "not a number",
    Kind.INTEGER: "not a whole number",
    Kind.FLAG: "neither true nor false",
    Kind.DATE: "not a date (YYYY-MM-DD)",
    Kind.INSTANT: "not a timestamp (YYYY-MM-DDTHH:MM:SS, UTC unless it says otherwise)",
}


@dataclass(frozen=True)
class Rule:
    """One condition that no row may meet."""

    column: str
    text: str
    broken: ir.BooleanValue


def validate(source: Source) -> Tables:
    """Check every table and convert it to the declared types.

    Returns
    -------
    Tables
        All eleven tables, typed; absent ones empty. `warnings` names date columns that held times of day.

    Raises
    ------
    InvalidTables
        With every problem in every table: table, column, rule, number of rows, up to five keys.
    """
    problems = list(source.problems)
    unreadable = {problem.table for problem in problems}
    converted: dict[str, ir.Table] = {}
    warnings: list[str] = []
    for name, table in TABLES.items():
        if name in source.frames:
            converted[name] = _convert(source.connection, table, source.frames[name])
            absent = [column.name for column in table.columns if column.name not in source.frames[name].columns]
            problems += _broken_rules(table, converted[name], absent)
            warnings += _cut_times(table, converted[name])
        elif table.required and name not in unreadable:
            problems.append(Problem(name, "", "the table is required and absent"))
    problems += _foreign_accounts(converted)
    if "accounts" in converted and not converted["accounts"].count().execute():
        problems.append(Problem("accounts", "", "the table is empty"))
    currencies = _currencies(source)
    if len(currencies) > 1:
        problems.append(Problem("*", "currency", f"one currency is expected, found {', '.join(currencies)}"))
    if problems:
        raise InvalidTables(problems)
    missing = frozenset(TABLES) - frozenset(converted)
    frames = {
        name: converted[name].select(*table.schema) if name in converted else empty(source.connection, table)
        for name, table in TABLES.items()
    }
    return Tables(frames, missing, currencies[0] if currencies else None, tuple(warnings))


def empty(connection: Backend, table: Table) -> ir.Table:
    """Return the table with its declared columns and no row."""
    return connection.create_table(f"empty_{table.name}", schema=table.schema, temp=True, overwrite=True)


def _convert(connection: Backend, table: Table, raw: ir.Table) -> ir.Table:
    """Store the table with its declared columns, each with a mark `<column>__bad` and, for dates, `<column>__cut`."""
    chosen: dict[str, ir.Value] = {}
    for column in table.columns:
        if column.name in raw.columns:
            chosen |= _converted_column(column, raw[column.name])
        else:
            chosen[column.name] = ibis.null(str(column.kind))
    return connection.create_table(f"book_{table.name}", raw.select(**chosen), temp=True, overwrite=True)


def _converted_column(column: Column, raw: ir.Value) -> dict[str, ir.Value]:
    if column.kind is Kind.TEXT:
        return {column.name: raw.cast("string").nullif("")}
    present = raw.notnull()
    if column.kind.is_time:
        instant = _instant(raw)
        whole = instant.cast("date") if column.kind is Kind.DATE else instant
        marks = {f"{column.name}__bad": present & instant.isnull()}
        if column.kind is Kind.DATE and not raw.type().is_date():
            marks[f"{column.name}__cut"] = (instant != instant.truncate("D")).fill_null(False)
        return {column.name: whole, **marks}
    value = raw.cast("string").try_cast("boolean" if column.kind is Kind.FLAG else "float64")
    if column.kind is Kind.INTEGER:
        value = ibis.ifelse(value.isnan() | value.isinf() | (value != value.floor()), ibis.null("float64"), value)
    return {column.name: value.cast(str(column.kind)), f"{column.name}__bad": present & value.isnull()}


def _instant(raw: ir.Value) -> ir.TimestampValue:
    """Aware values are converted to UTC, naive ones are taken as UTC; what is out of range becomes null."""
    aware = raw if raw.type().is_temporal() else raw.cast("string").try_cast("timestamp('UTC')")
    naive = aware.cast("timestamp('UTC')").cast("timestamp")
    low, high = ibis.timestamp(f"{FIRST_YEAR}-01-01"), ibis.timestamp(f"{LAST_YEAR + 1}-01-01")
    return ibis.ifelse((naive >= low) & (naive < high), naive, ibis.null("timestamp"))


def _broken_rules(table: Table, converted: ir.Table, absent: list[str]) -> list[Problem]:
    problems = [
        Problem(table.name, name, "the column is required and absent")
        for name in absent
        if not table.column(name).optional
    ]
    rules = [rule for rule in _rules(table, converted) if rule.column not in absent]
    counts = converted.aggregate(**{f"r{i}": rule.broken.fill_null(False).sum() for i, rule in enumerate(rules)})
    for rule, rows in zip(rules, counts.execute().iloc[0].fillna(0), strict=True):
        if rows:
            problems.append(_problem(table, converted.filter(rule.broken), rule.column, rule.text, int(rows)))
    if not set(table.key) & set(absent):
        problems += _duplicates(table, converted)
    return problems


def _rules(table: Table, converted: ir.Table) -> Iterator[Rule]:
    for column in table.columns:
        yield from _column_rules(column, converted)
    for later, earlier in table.order:
        yield Rule(later, f"before {earlier}", converted[later] < converted[earlier])


def _column_rules(column: Column, converted: ir.Table) -> Iterator[Rule]:
    value, mark = converted[column.name], f"{column.name}__bad"
    bad = converted[mark] if mark in converted.columns else ibis.literal(False)
    if column.kind in EXPECTED:
        yield Rule(column.name, EXPECTED[column.kind], bad)
    if not column.optional:
        yield Rule(column.name, "missing", value.isnull() & ~bad)
    if column.kind is Kind.NUMBER:
        yield Rule(column.name, "not finite", value.isnan() | value.isinf())
    if column.choices:
        yield Rule(column.name, f"none of {', '.join(column.choices)}", value.notin(column.choices))
    if column.low is not None and column.high is not None:
        text = f"outside {column.low:g} to {column.high:g}"
        yield Rule(column.name, text, (value < column.low) | (value > column.high))


def _problem(table: Table, broken: ir.Table, column: str, text: str, rows: int) -> Problem:
    key = broken[table.key[0]].fill_null("?")
    for name in table.key[1:]:
        key = key + " " + broken[name].cast("string").fill_null("?")
    found = broken.select(key=key).distinct().order_by("key").limit(EXAMPLES).execute()
    return Problem(table.name, column, text, rows, tuple(found["key"]))


def _duplicates(table: Table, converted: ir.Table) -> list[Problem]:
    keyed = converted.drop_null(list(table.key))
    repeated = keyed.filter(keyed.count().over(group_by=list(table.key)) > 1)
    rows = repeated.count().execute()
    text = "duplicate key" if len(table.key) == 1 else f"duplicate key ({', '.join(table.key)})"
    return [_problem(table, repeated, table.key[0], text, rows)] if rows else []


def _foreign_accounts(converted: dict[str, ir.Table]) -> list[Problem]:
    """Rows of other tables whose account is not in the accounts table."""
    if "accounts" not in converted:
        return []
    known = converted["accounts"].select("account_id").distinct()
    problems = []
    for name, rows in converted.items():
        if name != "accounts":
            foreign = rows.drop_null(["account_id"]).anti_join(known, "account_id")
            count = foreign.count().execute()
            if count:
                problems.append(_problem(TABLES[name], foreign, "account_id", "not in accounts", count))
    return problems


def _cut_times(table: Table, converted: ir.Table) -> list[str]:
    marks = [name for name in converted.columns if name.endswith("__cut")]
    if not marks:
        return []
    counts = converted.aggregate(**{mark: converted[mark].sum() for mark in marks}).execute().iloc[0].fillna(0)
    return [
        f"{table.name}.{mark.removesuffix('__cut')}: {int(count)} timestamps in a date column were cut to their UTC day"
        for mark, count in counts.items()
        if count
    ]


def _currencies(source: Source) -> list[str]:
    held = [frame for name, frame in source.frames.items() if "currency" in frame.columns]
    found = {value for frame in held for value in frame.select("currency").distinct().execute()["currency"].dropna()}
    return sorted(map(str, found))
