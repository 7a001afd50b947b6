"""A part of the mapping is run: rows of a source's files become rows of one stored table, with what is wrong in them.

In: a `Part`, the open files of its source. Out: a `StoredPart`: a table in DuckDB with the typed columns, for each row
its file, its number and the reason for which it is left out (null: it is kept), and the counts of both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import duckdb

from features.errors import Problem
from features.intake.files.below_rows import cut_off
from features.intake.files.footers import footer_bits_sql, matched_patterns, read_through, rejected_lines
from features.intake.files.reading import OpenFile, Workspace
from features.intake.language.mapping_model import BESIDES, CURRENCY, Part, columns_of
from features.intake.language.typed_sql import TYPES, not_before_sql, plain_number_sql, quoted
from features.intake.records.misread import misread_values
from features.intake.records.several_rows import leave_out_overlap
from features.intake.records.stored_part import (
    ABSORBED,
    BITS,
    BROKEN,
    CELL,
    CONTENT,
    FILE,
    FOOTER,
    MADE,
    MORE,
    NO_ACCOUNT,
    NOT_FOOTER,
    ORDER,
    REASON,
    UNMATCHED,
    UNREAD,
    StoredPart,
)
from features.intake.records.strangers import odd_columns, odd_words
from features.intake.records.taxed_apart import taxed_apart, taxed_columns
from features.intake.records.values_sql import NOTHING, FileValues
from features.schema import Kind
from features.tables import TABLES


def run_part(
    space: Workspace,
    table: str,
    number: int,
    part: Part,
    files: Sequence[OpenFile],
    earlier: Mapping[str, Sequence[str]],
    is_sound: bool = True,
) -> tuple[StoredPart, list[Problem]]:
    """Run one part over all files of its source; `earlier` has the stored tables of the parts before it.

    A part that is not sound, as with a zone that nobody knows, is only asked which columns and cells its files lack.

    Returns
    -------
    StoredPart, list of Problem
        Every column that is absent, every value that cannot be read, every line that was cut off.
    """
    kinds = columns_of(table)
    columns = {name: kinds[name] for name in kinds if name in part.columns}
    stored = StoredPart(table, f"part_{table}_{number}", part, tuple(files), columns)
    problems: list[Problem] = []
    selects = [_select(stored, place, file, problems, earlier) for place, file in enumerate(files)]
    if not selects or problems or not is_sound:
        readable = read_through(space.connection, files)
        return stored, [*problems, *(each for file in readable for each in _cut_off(space, stored, file))]
    try:
        _store(space, stored, selects)
    except duckdb.Error as error:
        names = ", ".join(file.name for file in files)
        return stored, [Problem(names, "", f"cannot be read: {str(error).splitlines()[0]}")]
    stored.doubts.extend(Problem(file.name, "", file.doubt) for file in files if file.doubt)
    for place, file in enumerate(files):
        problems += _cut_off(space, stored, file)
        stored.matched.update(_matched(space, stored, place))
    if part.many == "sum" and len(files) > 1:
        leave_out_overlap(space.connection, stored)
    stored.doubts.extend(odd_words(space.connection, table, stored.stored, part, NOT_FOOTER))
    stored.doubts.extend(taxed_apart(space.connection, stored))
    return stored, [*problems, *misread_values(space, stored)]


def _select(
    stored: StoredPart, place: int, file: OpenFile, problems: list[Problem], earlier: Mapping[str, Sequence[str]]
) -> str:
    """Return the SQL that maps the rows of one file."""
    part = stored.part
    values = FileValues(file.name, file.head, part.let, problems, earlier)
    chosen = {FILE: f"CAST({place} AS INTEGER)", REASON: _reason(stored, values, file)}
    if stored.has_footers:
        chosen[BITS] = BITS
    read = {name: values.typed(part.columns[name], kind) for name, kind in stored.columns.items()}
    later = dict(TABLES[stored.table].order) if stored.table in TABLES else {}
    for name, kind in stored.columns.items():
        typed, text = read[name]
        if kind is Kind.INSTANT and later.get(name) in read:
            typed = not_before_sql(typed, text, read[later[name]][0])
        # usd and USD are one currency.
        typed = f"upper({typed})" if name == CURRENCY else typed
        chosen[name] = f"CAST({typed} AS {TYPES[kind]})"
        if name in stored.amounts:
            plain = plain_number_sql(text, part.columns[name].decimal)
            chosen[name + MORE] = f"CASE WHEN {typed} IS NULL OR {plain} IS NULL THEN {text} END"
        elif kind is not Kind.TEXT:
            chosen[name + UNREAD] = f"CASE WHEN {text} IS NOT NULL AND {typed} IS NULL THEN {text} END"
        if kind is Kind.INTEGER:
            number, _ = values.typed(part.columns[name], Kind.NUMBER)
            chosen[name + UNREAD] = f"CASE WHEN {text} IS NOT NULL AND {number} IS NULL THEN {text} END"
            chosen[name + BROKEN] = f"CASE WHEN {number} IS NOT NULL AND {typed} IS NULL THEN {text} END"
            chosen[name + MADE] = number
        taken = values.unmatched(part.columns[name])
        if taken is not None:
            chosen[name + CELL], chosen[name + UNMATCHED] = taken
        if kind in (Kind.NUMBER, Kind.INTEGER):
            for beside, wrong in values.no_numbers(part.columns[name]).items():
                chosen[f"{name}__{beside}"] = wrong
    chosen |= odd_columns(part, values) | taxed_columns(part, values)
    for name, value in ((ORDER, part.order), (ABSORBED, part.absorbed)):
        if value is not None:
            chosen[name] = values.text(value)
    if part.order is not None and part.orders_by_time:
        # As a text of the instant, whatever the form in which the file writes it.
        typed, text = values.typed(part.order, Kind.INSTANT)
        chosen[ORDER] = f"CAST({typed} AS VARCHAR)"
        chosen[ORDER + UNREAD] = f"CASE WHEN {text} IS NOT NULL AND {typed} IS NULL THEN {text} END"
    if part.many == "sum":
        # What stands above the rows counts too: `1501` is another day in the file of another year.
        cells = [f"c{place}" for place in range(len(file.head.headings))]
        chosen[CONTENT] = f"hash({', '.join([*cells, *(typed for typed, _ in read.values())])})"
    for heading, many in values.repeated.items():
        told = f"the heading stands {many} times, and the first of the columns counts; nth = 2 takes the second"
        stored.doubts.append(Problem(file.name, heading, told))
    listed = ", ".join(f'{sql} AS "{name}"' for name, sql in chosen.items())
    bits = footer_bits_sql(file.footer, len(file.head.headings), file.head.delimiter)
    if not values.asks_other_rows:
        return f"SELECT {listed} FROM {values.relation(f'(SELECT *, {bits} AS {BITS} FROM {file.relation})')}"
    rows = f"(SELECT *, rowid + {file.head.above + 1} AS row, {bits} AS {BITS} FROM {_cells(stored)})"
    return f"SELECT {listed} FROM {values.relation(rows)} ORDER BY row"


def _cells(stored: StoredPart) -> str:
    """Return the name of the table that holds the texts of a file whose values depend on other rows."""
    return f"cells_{stored.stored}"


def _store(space: Workspace, stored: StoredPart, selects: Sequence[str]) -> None:
    """Run the SQL of every file, the rows in the order of the file: their places tell their numbers.

    Where a value depends on other rows the texts are stored first: a row that must be counted while it is read is
    read by one thread only.
    """
    run, cells, many = space.connection.execute, _cells(stored), 0
    for place, (file, select) in enumerate(zip(stored.files, selects, strict=True)):
        if cells in select:
            needed = set(re.findall(r"\bc\d+\b", select))
            listed = [name for name in (f"c{number}" for number in range(len(file.head.headings))) if name in needed]
            run(f"CREATE TABLE {cells} AS SELECT {', '.join(listed) or '0'} FROM {file.relation}")
        run(f"INSERT INTO {stored.rows} {select}" if place else f"CREATE TABLE {stored.rows} AS {select}")
        run(f"DROP TABLE IF EXISTS {cells}")
        stored.above.append(file.head.above + 1 - many)
        (many,) = run(f"SELECT count(*) FROM {stored.rows}").fetchone() or (0,)
    run(stored.view_sql())


def _reason(stored: StoredPart, values: FileValues, file: OpenFile) -> str:
    """Return the SQL of the reason for which a row is left out: the first that holds."""
    cases = [f"WHEN {BITS} > 0 THEN {quoted(FOOTER)}"] if file.footer else []
    for rule in stored.part.leave_out:
        value = f" || coalesce(': ' || {values.text(rule.when)}, '')" if rule.name_value else ""
        cases.append(f"WHEN {values.condition(rule)} THEN {quoted(rule.reason)}{value}")
    if stored.table not in ("accounts", *BESIDES) and "account_id" in stored.columns:
        cases.append(f"WHEN {values.text(stored.part.columns['account_id'])} IS NULL THEN {quoted(NO_ACCOUNT)}")
    return f"CASE {' '.join(cases)} ELSE NULL END" if cases else NOTHING


def _cut_off(space: Workspace, stored: StoredPart, file: OpenFile) -> list[Problem]:
    """Return a problem for the lines with too few or too many cells, apart from footers, which are counted."""
    wrong, below, matched = rejected_lines(space.connection, file)
    stored.matched.update(matched)
    stored.footers.append((file.name, below))
    return [*cut_off(file, stored.part.source, wrong)]


def _matched(space: Workspace, stored: StoredPart, place: int) -> set[str]:
    """Return the patterns of footers that rows of one file match."""
    sql = f"SELECT coalesce(bit_or({BITS}), 0) FROM {stored.stored} WHERE {FILE} = {place}"
    patterns = stored.files[place].footer
    (bits,) = space.connection.execute(sql).fetchone() or (0,) if patterns else (0,)
    return matched_patterns(patterns, bits)
