"""A key that stands more than once in a table that was made: in which files and rows, and what a mapping can do.

In: the problems of a check, the stored parts. Out: the problems, those about repeated keys with their places in the
exports, the columns in which the rows differ, and the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import duckdb

from features.errors import InvalidTables, Problem
from features.intake.language.mapping_model import CURRENCY, Mapping
from features.intake.made_book import book_in_memory, check_book
from features.intake.records.joined import Joining
from features.intake.records.stored_part import FILE, REASON, ROW, StoredPart
from features.tables import TABLES
from features.validation.quoting import DUPLICATE, EXAMPLES


def broken_records(joining: Joining, mapping: Mapping, names: Sequence[str]) -> list[Problem]:
    """Return what breaks the contract in some of the tables that were made, where others could not be.

    Amounts are not converted by then, so that several currencies are no problem yet.
    """
    # What is wrong in what the mapping says to be known is told with the mapping.
    book = replace(book_in_memory(joining.connection, mapping.known, names, joining.ordered()), problems=())
    try:
        check_book(book, True, [])
    except InvalidTables as error:
        found = with_places(joining.connection, joining.parts, error.problems)
        return [each for each in found if each.column != CURRENCY]
    return []


def with_places(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], problems: Sequence[Problem]
) -> list[Problem]:
    """Return the problems of a check, those about repeated keys with files, rows and remedy."""
    return [_told(connection, parts, each) if each.rule.startswith(DUPLICATE) else each for each in problems]


def _told(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart], problem: Problem) -> Problem:
    own = [part for part in parts if part.table == problem.table]
    columns = dict.fromkeys(name for part in own for name in part.columns)
    key = [name for name in TABLES[problem.table].key if name in columns]
    selects = []
    for place, part in enumerate(own):
        listed = ", ".join(f'{name if name in part.columns else "NULL"} AS "{name}"' for name in columns)
        selects.append(f"SELECT {listed}, {place} AS _part, {FILE}, {ROW} FROM {part.stored} WHERE {REASON} IS NULL")
    if not selects or not key:
        return problem  # Made of other tables, as loops are.
    rows = " UNION ALL ".join(selects)
    differ = [name for name in columns if name not in key]
    tests = "".join(f', count(DISTINCT "{name}") > 1 OR count("{name}") NOT IN (0, count(*))' for name in differ)
    whole = " AND ".join(f"{name} IS NOT NULL" for name in key)
    repeated = connection.execute(
        f"SELECT [{', '.join(f'{name}::VARCHAR' for name in key)}], list((_part, {FILE}, {ROW}) ORDER BY _part, "
        f"{FILE}, {ROW}){tests} FROM ({rows}) WHERE {whole} GROUP BY {', '.join(key)} HAVING count(*) > 1 ORDER BY ALL"
    ).fetchall()
    if not repeated:
        return problem
    ids = tuple(f"{' '.join(values)}: {_places(own, places)}" for values, places, *_ in repeated[:EXAMPLES])
    names = [name for place, name in enumerate(differ) if any(row[2 + place] for row in repeated)]
    files = {(part, file) for _, places, *_ in repeated for part, file, _ in places}
    told = f"{problem.rule}: rows of one record {'differ in ' + ', '.join(names) if names else 'stand in two sources'}"
    return replace(problem, rule=f"{told}. {_remedy(own, problem.table, len(files) > 1)}", ids=ids)


def _places(parts: Sequence[StoredPart], places: Sequence[tuple[int, int, int]]) -> str:
    shown = [f"{parts[part].files[file].name} row {row}" for part, file, row in places[:EXAMPLES]]
    more = len(places) - len(shown)
    return " and ".join(shown) + (f" and {more} more" if more else "")


def _remedy(parts: Sequence[StoredPart], table: str, is_of_files: bool) -> str:
    """Return what helps against rows of one record that differ."""
    newer = "take the newer file only" if is_of_files else "export it again without the older rows"
    if len({part.part.source for part in parts}) > 1:
        return f"Several sources fill {table} ({', '.join(part.part.source for part in parts)}): leave one of them out"
    if parts[0].part.order is not None:
        return f"The column of order says the same of them, or nothing, so it does not tell which is newer: {newer}"
    return (
        f'Where a column has the time of the last change, the newest counts by many = "last" with order = '
        f'{{ column = "...", zone = "..." }} in [[tables.{table}]]; else {newer}'
    )
