"""Words of a filter that no row has, while another is nearly the same: `Zahlungen` where the file says `Zahlung`.

In: the stored parts, and the files they were made of. Out: warnings. Such a filter keeps what it is to leave out, or
the other way round, and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import Condition, Part
from features.intake.records.stored_part import StoredPart
from features.validation.names import near

#: A column of more different texts holds names or numbers of records, which are alike without being meant.
MOST_WORDS = 50
#: So many rows of each file show which words there are.
ROWS_SHOWN = 100_000
#: The parts of a word, and a last one of one sign: `Typ A`.
PARTS = re.compile(r"\w+")
LAST_SIGN = re.compile(r" \w$")


def strange_words(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[Problem]:
    """Yield a warning for each word of a filter that its column lacks, where the column has one that is nearly it.

    Conditions of values, such as `negative_when`, are filters too: of what is a credit note.
    """
    for part in parts:
        filters = list(_filters(part.part))
        named = {word for _, condition in filters for word in _words(condition)}
        for place, condition in filters:
            shown = [word for word in _shown(connection, part, condition) if word.lower() not in named]
            for word in _words(condition) if shown else ():
                likely = [each for each in shown if not _is_other(word, each)]
                meant = near(word, likely) if any(map(str.isalpha, word)) else None
                if meant is not None and not _has(connection, part, condition, word):
                    heading = " or ".join(condition.when.column or ())
                    text = f"no row has {word!r} in {heading!r}; did you mean {meant!r}?"
                    yield Problem(f"tables.{part.table}", place, text)


def _filters(part: Part) -> Iterator[tuple[str, Condition]]:
    """Yield each condition of a part with its place in the mapping."""
    for rule in part.leave_out:
        yield f"leave_out ({rule.reason})", rule
    for name, value in (*part.let.items(), *part.columns.items()):
        for each in (value, *(value.first_of or ()), *(value.join or ())):
            yield from ((f"{name}.negative_when", each.negative_when),) if each.negative_when else ()
            yield from ((f"{name}.only_when", each.only_when),) if each.only_when else ()


def _words(condition: Condition) -> list[str]:
    return [word.strip().lower() for word in (*(condition.is_in or ()), *(condition.is_not_in or ()))]


def _is_other(word: str, shown: str) -> bool:
    """Return whether two words mean two things, however near: `Unpaid` and `Paid`, `Stage 4` and `Stage 5`.

    One has something in front of a part of the other, other digits, or another last part of one sign.
    """
    short, long = sorted((" ".join(PARTS.findall(each.lower())) for each in (word, shown)), key=len)
    if short == long:
        return False
    starts = [part.start() for part in PARTS.finditer(short)]
    is_in_front = any(long.startswith(short[:start]) and long.endswith(short[start:]) for start in starts)
    has_other_digits = [*filter(str.isdigit, short)] != [*filter(str.isdigit, long)]
    return is_in_front or has_other_digits or LAST_SIGN.sub("", short) == LAST_SIGN.sub("", long)


def _texts(part: StoredPart, condition: Condition, rows: int | None = None) -> str | None:
    """Return the SQL of the texts that a condition tests, of so many rows a file; None where it changes them first."""
    when = condition.when
    if when.column is None or when.map or when.extract or when.separator or when.strip_zeros:
        return None
    limit = "" if rows is None else f" LIMIT {rows}"
    places = [(file.relation, file.head.position(when.column, when.nth)) for file in part.files]
    selects = [f"(SELECT trim(c{at}) AS word FROM {relation}{limit})" for relation, at in places if at is not None]
    return " UNION ALL ".join(selects) or None


def _shown(connection: duckdb.DuckDBPyConnection, part: StoredPart, condition: Condition) -> list[str]:
    """Return the words in the first rows of a condition's column; none where they are too many to be words."""
    texts = _texts(part, condition, ROWS_SHOWN) if _words(condition) else None
    if texts is None:
        return []
    rows = connection.execute(
        f"SELECT DISTINCT word FROM ({texts}) WHERE word <> '' ORDER BY word LIMIT {MOST_WORDS + 1}"
    ).fetchall()
    return [word for (word,) in rows] if len(rows) <= MOST_WORDS else []


def _has(connection: duckdb.DuckDBPyConnection, part: StoredPart, condition: Condition, word: str) -> bool:
    """Return whether any row of the files has a word in the column that a condition tests."""
    found = connection.execute(
        f"SELECT 1 FROM ({_texts(part, condition)}) WHERE lower(word) = $1 LIMIT 1", [word]
    ).fetchone()
    return found is not None
