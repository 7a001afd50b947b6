"""Check raw tables against the contract.

In: a `Source`. Out: `Tables`, or `InvalidTables` with every problem in every table.

Each column is converted once (`features.conversion`), with a mark for each value that could not be converted. One query
per table then counts the broken rules. Only a broken rule costs further queries, for up to five keys and values. What
can be meant, but may mislead, is a warning (`features.validation.doubts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import ibis.expr.types as ir

from features.conversion import convert, empty, named
from features.errors import InvalidTables, Problem
from features.formulas.reversals import with_reversals
from features.recording import recording, utc_today
from features.schema import Table
from features.sources import Source, unreadable
from features.tables import TABLES, Tables
from features.validation.contradictions import contradictions
from features.validation.currencies import currency_of
from features.validation.doubts import doubts_of_end, lone_beginnings, misnamed, stateless, strange_scales
from features.validation.names import meant, near, near_file
from features.validation.quoting import EXAMPLES, broken_rule, problem
from features.validation.row_rules import Level, Rule, rules


@dataclass(frozen=True)
class Checked:
    """One table: its rows with their marks, what is wrong, what leaves the end in doubt, and what was corrected."""

    rows: ir.Table
    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...]
    corrections: tuple[str, ...]


def validate(source: Source, today: date | None = None) -> Tables:
    """Check every table and convert it to the declared types.

    Parameters
    ----------
    today : date, optional
        Nothing happens after it; by default the present day in UTC.

    Returns
    -------
    Tables
        All eleven tables with their declared types; an absent one is empty. `warnings` names corrections and whatever
        may mislead, `doubts` what leaves the end of the data in doubt.

    Raises
    ------
    InvalidTables
        With every problem in every table: table, column, rule, number of rows, up to five keys and what stands there.
    """
    today = today or utc_today()
    checked, problems = _checked_tables(source, today)
    converted = {name: found.rows for name, found in checked.items()}
    problems += _foreign_accounts(converted)
    if "accounts" in checked and not _has_rows(source.frames["accounts"]):
        problems.append(Problem("accounts", "", "the table is empty"))
    currency, mixed = currency_of({name: source.frames[name] for name in converted})
    if problems + mixed:
        raise InvalidTables(problems + mixed)
    frames = {
        name: converted[name].select(*table.schema) if name in converted else empty(source.connection, table)
        for name, table in TABLES.items()
    }
    # Found once and stored: each relation over invoices asks for it.
    paired = with_reversals(frames["invoices"])
    frames["invoices"] = source.connection.create_table("book_invoices_paired", paired, temp=True, overwrite=True)
    missing = frozenset(TABLES) - frozenset(converted)
    corrections = [text for found in checked.values() for text in found.corrections]
    ahead = [doubt for found in checked.values() for doubt in found.doubts]
    return _judged(source, Tables(frames, missing, currency, tuple(corrections), source.known), ahead, today)


def _judged(source: Source, tables: Tables, ahead: list[Problem], today: date) -> Tables:
    """Return sound tables with everything that may mislead beside them."""
    recorded = recording(tables, today)
    doubts, told = doubts_of_end(tables, recorded)
    warned = [
        *ahead, *doubts, *told, *lone_beginnings(tables, recorded), *contradictions(tables), *strange_scales(tables),
        *stateless(source.frames), *misnamed(source.frames, source.seen),
    ]  # fmt: skip
    warnings = (*tables.warnings, *map(str, warned))
    return Tables(tables.frames, tables.missing, tables.currency, warnings, tables.known, (*ahead, *doubts))


def _checked_tables(source: Source, today: date) -> tuple[dict[str, Checked], list[Problem]]:
    """Return every table that can be read, and the problems of all."""
    problems = list(source.problems)
    mentioned = {found.table for found in problems}
    checked: dict[str, Checked] = {}
    for name, table in TABLES.items():
        if name in source.frames:
            try:
                checked[name] = _checked(source, table, today)
                problems += checked[name].problems
            except duckdb.Error as error:
                problems.append(unreadable(name, "the table", error))
        elif table.required and name not in mentioned:
            there = (*source.frames, *source.seen)
            perhaps = meant(name, near_file(name, source.seen), there, "files or tables")
            problems.append(Problem(name, "", f"the table is required and absent{perhaps}"))
    return checked, problems


def _checked(source: Source, table: Table, today: date) -> Checked:
    raw = named(table, source.frames[table.name])
    absent = [column.name for column in table.columns if column.name not in raw.columns]
    rows = convert(source.connection, table, raw, source.known[table.name])
    asked = [rule for rule in rules(table, rows, source.known[table.name], today) if rule.column not in absent]
    counts, cut = _counts(asked, rows)
    broken = [
        (rule.level, broken_rule(table, rule, rows, raw, count))
        for rule, count in zip(asked, counts, strict=True)
        if count
    ]
    problems = [*_absent_columns(table, raw, absent), *(found for level, found in broken if level is Level.REFUSED)]
    if not set(table.key) & set(absent):
        problems += _duplicates(table, rows)
    corrections = (
        f"{table.name}.{name}: {count} timestamps in a date column were cut to their UTC day"
        for name, count in cut.items()
        if count
    )
    doubts = tuple(found for level, found in broken if level is Level.DOUBTED)
    return Checked(rows, tuple(problems), doubts, tuple(corrections))


def _counts(asked: list[Rule], rows: ir.Table) -> tuple[list[int], dict[str, int]]:
    """Count, in one query, the rows that break each rule, and the times of day that were cut off each date column."""
    marks = {name.removesuffix("__cut"): name for name in rows.columns if name.endswith("__cut")}
    sums = {f"r{place}": rule.broken.fill_null(False).sum() for place, rule in enumerate(asked)}
    sums |= {f"c{place}": rows[mark].sum() for place, mark in enumerate(marks.values())}
    if not sums:
        return [], {}
    found = [int(count) for count in rows.aggregate(**sums).execute().iloc[0].fillna(0)]
    return found[: len(asked)], dict(zip(marks, found[len(asked) :], strict=True))


def _absent_columns(table: Table, raw: ir.Table, absent: list[str]) -> Iterator[Problem]:
    """Yield a problem for each required column that is absent, with the column that was perhaps meant."""
    others = [name for name in raw.columns if name not in table.schema]
    for name in absent:
        if not table.column(name).optional:
            perhaps = meant(name, near(name, others), raw.columns, "columns")
            yield Problem(table.name, name, f"the column is required and absent{perhaps}")


def _duplicates(table: Table, rows: ir.Table) -> list[Problem]:
    keyed = rows.drop_null(list(table.key)).group_by(list(table.key)).aggregate(times=lambda t: t.count())
    repeated = keyed.filter(keyed.times > 1)
    count = int(repeated.times.sum().fill_null(0).execute())
    text = "duplicate key" if len(table.key) == 1 else f"duplicate key ({', '.join(table.key)})"
    return [problem(table, repeated, table.key[0], text, count)] if count else []


def _has_rows(rows: ir.Table) -> bool:
    return bool(rows.limit(1).count().execute())


def _foreign_accounts(converted: dict[str, ir.Table]) -> list[Problem]:
    """Return a problem for each table that names unknown accounts, listed by their ids; none without any account."""
    if "accounts" not in converted:
        return []
    known = converted["accounts"].select("account_id").drop_null().distinct()
    if not _has_rows(known):
        return []
    return [
        found
        for name, rows in converted.items()
        if name != "accounts"
        for found in _foreign(TABLES[name], rows.drop_null(["account_id"]).anti_join(known, "account_id"))
    ]


def _foreign(table: Table, rows: ir.Table) -> list[Problem]:
    by_account = rows.group_by("account_id").aggregate(rows=lambda t: t.count())
    counted = by_account.order_by("account_id").execute()
    if counted.empty:
        return []
    ids, total = tuple(counted["account_id"][:EXAMPLES]), int(counted["rows"].sum())
    text = "not in accounts" if len(counted) == 1 else f"{len(counted)} accounts that are not in accounts"
    return [Problem(table.name, "account_id", text, total, ids)]
