"""Check raw tables against the contract.

In: a `Source`. Out: `Tables`, or `InvalidTables` with every problem in every table.

Each column is converted once (`features.conversion`), with a mark for each value that could not be converted. One query
per table then counts the broken rules. Only a broken rule costs a second query, for up to five keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb
import ibis
import ibis.expr.types as ir

from features.conversion import EXPECTED, convert, empty, named
from features.errors import InvalidTables, Problem
from features.sources import Source, unreadable
from features.tables import TABLES, Column, Kind, Table, Tables

EXAMPLES = 5


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
        All eleven tables with their declared types; an absent one is empty. `warnings` names the date columns that
        held times of day.

    Raises
    ------
    InvalidTables
        With every problem in every table: table, column, rule, number of rows and up to five keys.
    """
    problems = list(source.problems)
    mentioned = {problem.table for problem in problems}
    converted: dict[str, ir.Table] = {}
    warnings: list[str] = []
    for name, table in TABLES.items():
        if name in source.frames:
            try:
                converted[name], table_problems = _checked(source, table)
            except duckdb.Error as error:
                table_problems = [unreadable(name, "the table", error)]
            problems += table_problems
            warnings += _cut_times(table, converted[name]) if name in converted else []
        elif table.required and name not in mentioned:
            problems.append(Problem(name, "", "the table is required and absent"))
    problems += _foreign_accounts(converted)
    if "accounts" in converted and not converted["accounts"].count().execute():
        problems.append(Problem("accounts", "", "the table is empty"))
    currencies = _currencies(source, converted)
    if len(currencies) > 1:
        problems.append(Problem("*", "currency", f"one currency is expected, found {', '.join(currencies[:EXAMPLES])}"))
    if problems:
        raise InvalidTables(problems)
    missing = frozenset(TABLES) - frozenset(converted)
    frames = {
        name: converted[name].select(*table.schema) if name in converted else empty(source.connection, table)
        for name, table in TABLES.items()
    }
    return Tables(frames, missing, currencies[0] if currencies else None, tuple(warnings), source.known)


def _checked(source: Source, table: Table) -> tuple[ir.Table, list[Problem]]:
    raw = named(table, source.frames[table.name])
    absent = [column.name for column in table.columns if column.name not in raw.columns]
    rows = convert(source.connection, table, raw, source.known[table.name])
    return rows, _broken_rules(table, rows, absent)


def _broken_rules(table: Table, converted: ir.Table, absent: list[str]) -> list[Problem]:
    problems = [
        Problem(table.name, name, "the column is required and absent")
        for name in absent
        if not table.column(name).optional
    ]
    rules = [rule for rule in _rules(table, converted) if rule.column not in absent]
    for rule, rows in zip(rules, _count(rules, converted), strict=True):
        if rows:
            problems.append(_problem(table, converted.filter(rule.broken), rule.column, rule.text, rows))
    if not set(table.key) & set(absent):
        problems += _duplicates(table, converted)
    return problems


def _count(rules: list[Rule], converted: ir.Table) -> list[int]:
    if not rules:
        return []
    counts = converted.aggregate(**{f"r{i}": rule.broken.fill_null(False).sum() for i, rule in enumerate(rules)})
    return [int(rows) for rows in counts.execute().iloc[0].fillna(0)]


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
    if column.longest is not None:
        yield Rule(column.name, f"longer than {column.longest} characters", value.length() > column.longest)
    if column.low is not None and column.high is not None:
        text = f"outside {column.low:g} to {column.high:g}"
        boundless = value.isnan() | value.isinf() if column.kind is Kind.NUMBER else ibis.literal(False)
        yield Rule(column.name, text, ((value < column.low) | (value > column.high)) & ~boundless)


def _problem(table: Table, broken: ir.Table, column: str, text: str, rows: int) -> Problem:
    key = broken[table.key[0]].fill_null("?")
    for name in table.key[1:]:
        key = key + " " + broken[name].cast("string").fill_null("?")
    keys = broken.select(key=key).distinct().order_by("key").limit(EXAMPLES).execute()
    return Problem(table.name, column, text, rows, tuple(keys["key"]))


def _duplicates(table: Table, converted: ir.Table) -> list[Problem]:
    keyed = converted.drop_null(list(table.key))
    repeated = keyed.filter(keyed.count().over(group_by=list(table.key)) > 1)
    rows = repeated.count().execute()
    text = "duplicate key" if len(table.key) == 1 else f"duplicate key ({', '.join(table.key)})"
    return [_problem(table, repeated, table.key[0], text, rows)] if rows else []


def _foreign_accounts(converted: dict[str, ir.Table]) -> list[Problem]:
    """Return a problem for each table that names unknown accounts; none while the accounts table is empty."""
    if "accounts" not in converted:
        return []
    known = converted["accounts"].select("account_id").drop_null().distinct()
    if not known.count().execute():
        return []
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


def _currencies(source: Source, readable: Iterable[str]) -> list[str]:
    held = [
        source.frames[name][column]
        for name in readable
        for column in source.frames[name].columns
        if column.strip().lower() == "currency"
    ]
    frames = [column.cast("string").strip().name("currency").as_table().distinct().execute() for column in held]
    return sorted({value for frame in frames for value in frame["currency"].dropna()} - {""})
