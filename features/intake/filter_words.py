"""Words of a filter that no row has, while another is nearly the same: `Zahlungen` where the file says `Zahlung`.

In: the stored parts, and the files they were made of. Out: warnings. Such a filter keeps what it is to leave out, or
the other way round, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import LeaveOut
from features.intake.records.stored_part import StoredPart
from features.validation.names import near

#: A column of more different texts holds names or numbers of records, which are alike without being meant.
MOST_WORDS = 50
#: So many rows of each file show which words there are.
ROWS_SHOWN = 100_000


def strange_words(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[Problem]:
    """Yield a warning for each word of a filter that its column lacks, where the column has one that is nearly it."""
    for part in parts:
        rules = part.part.leave_out
        named = {word for rule in rules for word in _words(rule)}
        for rule in rules:
            shown = [word for word in _shown(connection, part, rule) if word.lower() not in named]
            for word in _words(rule) if shown else ():
                meant = near(word, shown) if any(map(str.isalpha, word)) else None
                if meant is not None and not _has(connection, part, rule, word):
                    heading = " or ".join(rule.when.column or ())
                    text = f"{rule.reason!r}: no row has {word!r} in {heading!r}; did you mean {meant!r}?"
                    yield Problem(f"tables.{part.table}", "leave_out", text)


def _words(rule: LeaveOut) -> list[str]:
    return [word.strip().lower() for word in (*(rule.is_in or ()), *(rule.is_not_in or ()))]


def _texts(part: StoredPart, rule: LeaveOut, rows: int | None = None) -> str | None:
    """Return the SQL of the texts that a filter tests, of so many rows a file; None where it changes them first."""
    when = rule.when
    if when.column is None or when.map or when.extract or when.separator or when.strip_zeros:
        return None
    limit = "" if rows is None else f" LIMIT {rows}"
    places = [(file.relation, file.head.position(when.column, when.nth)) for file in part.files]
    selects = [f"(SELECT trim(c{at}) AS word FROM {relation}{limit})" for relation, at in places if at is not None]
    return " UNION ALL ".join(selects) or None


def _shown(connection: duckdb.DuckDBPyConnection, part: StoredPart, rule: LeaveOut) -> list[str]:
    """Return the words in the first rows of the column that a filter tests; none where they are too many for words."""
    texts = _texts(part, rule, ROWS_SHOWN) if _words(rule) else None
    if texts is None:
        return []
    rows = connection.execute(
        f"SELECT DISTINCT word FROM ({texts}) WHERE word <> '' ORDER BY word LIMIT {MOST_WORDS + 1}"
    ).fetchall()
    return [word for (word,) in rows] if len(rows) <= MOST_WORDS else []


def _has(connection: duckdb.DuckDBPyConnection, part: StoredPart, rule: LeaveOut, word: str) -> bool:
    """Return whether any row of the files has a word in the column that a filter tests."""
    found = connection.execute(
        f"SELECT 1 FROM ({_texts(part, rule)}) WHERE lower(word) = $1 LIMIT 1", [word]
    ).fetchone()
    return found is not None
