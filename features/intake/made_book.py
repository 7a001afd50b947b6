"""The tables that an import made are held against the contract, as they stand in memory.

In: the tables `book_NAME` in DuckDB, and what is known of them. Out: what may mislead, or every problem with what a
mapping can do about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import ibis

from features.book_facts import FILE, book_known
from features.errors import InvalidTables, Problem
from features.intake.language.mapping_model import CURRENCY
from features.sources import Source
from features.tables import TABLES
from features.validation import validate

#: What is told of the file that an import writes: which section says it.
IN_BOOK = re.compile(rf"\[({'|'.join(TABLES)})\] (since|until|invitations|answered_at) = ")


def columns_of_book(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return the columns of a table that was made, without those that the import keeps for itself."""
    return [row[0] for row in connection.execute(f"DESCRIBE book_{name}").fetchall() if not row[0].startswith("_")]


def book_in_memory(
    connection: duckdb.DuckDBPyConnection,
    facts: Mapping[str, Mapping[str, Any]],
    names: Sequence[str],
    ordered: frozenset[str],
) -> Source:
    """Return the tables that were made as a source, as they stand in memory; their files hold the same.

    Parameters
    ----------
    facts : mapping
        What the mapping says is known of tables: what `book.toml` will say.
    names : sequence of str
        The tables.
    ordered : frozenset of str
        Those whose rows stand in the order of their keys, none of which repeats.
    """
    backend = ibis.duckdb.from_connection(connection.cursor())
    place = ("memory", "main")
    frames = {name: backend.table(f"book_{name}", database=place)[columns_of_book(connection, name)] for name in names}
    known, wrong = book_known(facts)
    return Source(
        FILE, backend, frames, tuple(wrong), known, is_stored=True, unique=ordered, is_linked="accounts" in names
    )


def check_book(source: Source, partial: bool, mixed: list[Problem]) -> tuple[str, ...]:
    """Check the tables against the contract; return what may mislead. Rows in several currencies are problems, too."""
    warnings: tuple[str, ...] = ()
    lacking: list[Problem] = []
    try:
        warnings = tuple(map(_of_mapping, validate(source, partial=partial).warnings))
    except InvalidTables as error:
        lacking = [*error.problems]
    if mixed:
        lacking = [*(each for each in lacking if each.column != CURRENCY), *mixed]
    if lacking:
        raise InvalidTables([with_way(each) for each in lacking])
    return warnings


def with_way(problem: Problem) -> Problem:
    """Return a problem with what a mapping can do about it: rates for several currencies, what is known of a table."""
    if problem.column != CURRENCY:
        return replace(problem, rule=_of_mapping(problem.rule))
    return replace(problem, rule=f"{problem.rule}; [[rates]] in the mapping and [book] currency convert them")


def _of_mapping(text: str) -> str:
    """Return a text that names a section of book.toml as one that names the mapping's: the import writes that file."""
    return IN_BOOK.sub(r"[known.\1] \2 = ", text).replace("book.toml", "the mapping")
