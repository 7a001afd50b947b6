"""Check raw tables against the contract.

In: a `Source`. Out: `Tables`, or `InvalidTables` with every problem in every table.

Each column is converted once (`features.validation.conversion`), with a mark for each value that could not be
converted. One query per table then counts the broken rules. Only a broken rule costs further queries, for up to five
keys and values. What can be meant, but may mislead, is a warning (`features.validation.doubts`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache

import duckdb
import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from features.errors import InvalidTables, Problem
from features.formulas.reversals import REVERSED_ON, with_reversals
from features.recording import recording, utc_today
from features.schema import Table
from features.sources import Source, unreadable
from features.tables import TABLES, TableKnown, Tables
from features.validation.amounts import strange_amounts
from features.validation.contradictions import contradictions
from features.validation.conversion import CONVERTED, convert, empty, named
from features.validation.currencies import currency_of
from features.validation.cut_exports import cut_exports
from features.validation.doubts import (
    doubts_of_end,
    endless_contracts,
    future_customers,
    lone_beginnings,
    misnamed,
    one_day_departures,
    stateless,
    told_departures,
)
from features.validation.filled import Counts, countings, foreign_kinds, never_filled, only_answers, tells_no_defects
from features.validation.names import meant, near, near_file, of_this_place
from features.validation.quoting import DUPLICATE, broken_rule, problem
from features.validation.rising_keys import rises
from features.validation.row_rules import Level, Rule, rules
from features.validation.scales import strange_scales, strange_values
from features.validation.unknown_ids import one_customer_twice, unknown_accounts

#: Compiled countings that are kept.
COUNTINGS = 64


@dataclass(frozen=True)
class Checked:
    """One table: its rows with their marks, what is wrong, what leaves the end in doubt, and what was corrected.

    `count` is the number of rows, `filled` what `features.validation.filled.countings` counts.
    """

    rows: ir.Table
    count: int
    filled: Mapping[str, int]
    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...]
    corrections: tuple[str, ...]


def validate(source: Source, today: date | None = None, partial: bool = False) -> Tables:
    """Check every table and convert it to the declared types.

    Parameters
    ----------
    today : date, optional
        Nothing happens after it; by default the present day in UTC.
    partial : bool
        Whether tables may be absent that a book must have; what is warned of then needs no other table.

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
    checked, problems = _checked_tables(source, today, partial)
    converted = {name: found.rows for name, found in checked.items()}
    if not source.is_linked:
        problems += unknown_accounts(source.connection, converted)
    if "accounts" in checked and not _has_rows(source.frames["accounts"]):
        problems.append(Problem("accounts", "", "the table is empty"))
    currency, mixed = currency_of({name: source.frames[name] for name in converted})
    if problems + mixed:
        told = {(found.table, found.column) for found in problems}
        # What is nearly the name of a table or column may be the next problem: it is told with the others.
        near_by = misnamed(source.frames, of_this_place(source.seen))
        nearly = [each for each in near_by if (each.table, each.column) not in told]
        raise InvalidTables([*problems, *mixed, *nearly])
    frames = {
        name: converted[name].select(*table.schema) if name in converted else empty(source.connection, table)
        for name, table in TABLES.items()
    }
    missing = frozenset(TABLES) - frozenset(converted)
    corrections = tuple(text for found in checked.values() for text in found.corrections)
    ahead = [doubt for found in checked.values() for doubt in found.doubts]
    counts = Counts({name: found.count for name, found in checked.items()}, {k: c.filled for k, c in checked.items()})
    known = source.known.without_kinds() if tells_no_defects(counts) else source.known
    tables = Tables(frames, missing, currency, corrections, known)
    if any(TABLES[name].required for name in missing):
        return _warned(tables, [*ahead, *strange_scales(tables), *stateless(source.frames)])
    frames["invoices"] = _paired(source.connection)
    return _judged(source, tables, counts, ahead, today)


def _judged(source: Source, tables: Tables, counts: Counts, ahead: list[Problem], today: date) -> Tables:
    """Return sound tables with everything that may mislead beside them."""
    recorded = recording(tables, today)
    doubts, told = doubts_of_end(tables, recorded)
    warned = [
        *ahead, *doubts, *told, *lone_beginnings(tables, recorded), *contradictions(tables),
        *one_day_departures(tables), *strange_values(tables), *strange_amounts(tables, recorded),
        *cut_exports(counts, recorded), *never_filled(counts, recorded), *only_answers(counts, tables.known),
        *foreign_kinds(tables), *told_departures(tables), *endless_contracts(tables),
        *future_customers(tables, today), *one_customer_twice(tables), *stateless(source.frames),
        *misnamed(source.frames, source.seen),
    ]  # fmt: skip
    return _warned(tables, warned, (*ahead, *doubts))


def _warned(tables: Tables, warned: Iterable[Problem], doubts: tuple[Problem, ...] = ()) -> Tables:
    """Return tables with what may mislead among their warnings."""
    return replace(tables, warnings=(*tables.warnings, *map(str, warned)), doubts=doubts)


def _checked_tables(source: Source, today: date, partial: bool) -> tuple[dict[str, Checked], list[Problem]]:
    """Return every table that can be read, and the problems of all."""
    problems = list(source.problems)
    mentioned = {found.table for found in problems}
    checked: dict[str, Checked] = {}
    for name, table in TABLES.items():
        if name in source.frames:
            try:
                checked[name] = _checked(source, table, today)
                problems += checked[name].problems
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                problems.append(unreadable(name, "the table", error))
        elif table.required and name not in mentioned and not partial:
            there = (*source.frames, *source.seen)
            perhaps = meant(name, near_file(name, source.seen), there, "files or tables")
            problems.append(Problem(name, "", f"the table is required and absent{perhaps}"))
    return checked, problems


def _checked(source: Source, table: Table, today: date) -> Checked:
    known = source.known[table.name]
    raw = named(table, source.frames[table.name])
    absent = [column.name for column in table.columns if column.name not in raw.columns]
    rows = convert(source.connection, table, raw, known, source.is_stored)
    sql, asked_rules = _counting(table.name, rows.schema(), frozenset(absent), known, today)
    ((total, *counted),) = source.connection.raw_sql(sql).fetchall()
    cut, broken_rows = _cut_columns(rows), counted[:asked_rules]
    cut_rows = counted[asked_rules:][: len(cut)]
    asked = _asked(table, rows, absent, known, today) if any(broken_rows) else []
    broken = [
        (rule.level, broken_rule(table, rule, rows, raw, count))
        for rule, count in zip(asked, broken_rows, strict=bool(asked))
        if count
    ]
    problems = [*_absent_columns(table, raw, absent), *(found for level, found in broken if level is Level.REFUSED)]
    may_repeat = table.name not in source.unique and not set(absent) & set(table.key)
    if may_repeat and _repeats(source.connection.con, table):
        problems += _duplicates(table, rows)
    corrections = (
        f"{table.name}.{name}: {count} timestamps in a date column were cut to their UTC day"
        for name, count in zip(cut, cut_rows, strict=True)
        if count
    )
    doubts = tuple(found for level, found in broken if level is Level.DOUBTED)
    filled = dict(zip(countings(table.name, rows), counted[asked_rules + len(cut) :], strict=True))
    return Checked(rows, total, filled, tuple(problems), doubts, tuple(corrections))


def _asked(table: Table, rows: ir.Table, absent: Collection[str], known: TableKnown, today: date) -> list[Rule]:
    return [rule for rule in rules(table, rows, known, today) if rule.column not in absent]


def _cut_columns(rows: ir.Table) -> list[str]:
    return [name.removesuffix("__cut") for name in rows.columns if name.endswith("__cut")]


@lru_cache(COUNTINGS)
def _counting(
    name: str, schema: ibis.Schema, absent: frozenset[str], known: TableKnown, today: date
) -> tuple[str, int]:
    """Return the SQL of what is counted of a table, and how many rules are among it.

    These are the rows, those that break each rule, the times of day cut off each date column, and `countings`. Ibis
    takes longer to compile it than DuckDB to run it, so it is kept for the next book of the same columns.

    Parameters
    ----------
    name : str
        A contract table, converted.
    absent : frozenset of str
        Columns that the source lacks.
    """
    table, rows = TABLES[name], ibis.table(schema, name=f"{CONVERTED}{name}")
    broken = [rule.broken.fill_null(False).sum() for rule in _asked(table, rows, absent, known, today)]
    counts = [rows.count(), *broken]
    counts += [rows[f"{column}__cut"].sum() for column in _cut_columns(rows)]
    counts += countings(name, rows).values()
    counted = {f"c{place}": count.fill_null(0) for place, count in enumerate(counts)}
    return str(ibis.to_sql(rows.aggregate(**counted), dialect="duckdb")), len(broken)


def _absent_columns(table: Table, raw: ir.Table, absent: list[str]) -> Iterator[Problem]:
    """Yield a problem for each required column that is absent, with the column that was perhaps meant."""
    others = [name for name in raw.columns if name not in table.schema]
    for name in absent:
        if not table.column(name).optional:
            perhaps = meant(name, near(name, others), raw.columns, "columns")
            yield Problem(table.name, name, f"the column is required and absent{perhaps}")


def _repeats(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Return whether some key of a converted table stands more than once, of those that are whole."""
    stored = f"{CONVERTED}{table.name}"
    if len(table.key) == 1 and rises(connection, table.key[0], stored):
        return False
    whole = " AND ".join(f"{name} IS NOT NULL" for name in table.key)
    ((repeated,),) = connection.execute(
        f"SELECT count(*) - count(DISTINCT ({', '.join(table.key)})) FROM {stored} WHERE {whole}"
    ).fetchall()
    return bool(repeated)


def _duplicates(table: Table, rows: ir.Table) -> list[Problem]:
    keyed = rows.drop_null(list(table.key)).group_by(list(table.key)).aggregate(times=lambda t: t.count())
    repeated = keyed.filter(keyed.times > 1)
    count = int(repeated.times.sum().execute())
    text = DUPLICATE if len(table.key) == 1 else f"{DUPLICATE} ({', '.join(table.key)})"
    return [problem(table, repeated, table.key[0], text, count)]


def _paired(connection: Backend) -> ir.Table:
    """Return the invoices with the day from which each is reversed: found once and stored, as all that follows asks it.

    Without a credit note nothing is, and a view says so.
    """
    invoices, paired = f"{CONVERTED}invoices", f"{CONVERTED}invoices_paired"
    credited = connection.raw_sql(f"SELECT 1 FROM {invoices} WHERE amount < 0 LIMIT 1").fetchall()
    kind, columns = ("TABLE" if credited else "VIEW"), ", ".join(TABLES["invoices"].schema)
    rows = _pairing() if credited else f"SELECT {columns}, CAST(NULL AS DATE) AS {REVERSED_ON} FROM {invoices}"
    for each in ("TABLE", "VIEW"):
        with suppress(duckdb.CatalogException):
            connection.raw_sql(f"DROP {each} IF EXISTS temp.{paired}")
    connection.raw_sql(f"CREATE TEMP {kind} {paired} AS {rows}")
    return connection.table(paired)


@cache
def _pairing() -> str:
    invoices = TABLES["invoices"]
    return str(ibis.to_sql(with_reversals(ibis.table(invoices.schema, name=f"{CONVERTED}invoices")), dialect="duckdb"))


def _has_rows(rows: ir.Table) -> bool:
    return bool(rows.limit(1).count().execute())
