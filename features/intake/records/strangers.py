"""Words that a mapping does not know: a status in another language, a stage of a company's own.

In: a part, whose values say by `one_of` which texts they know. Out: a doubt for each value with others, which quotes
them with their rows. What is not known decides nothing: a ticket that is `Geschlossen` would stay open in silence.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import Condition, Part, Value
from features.intake.language.typed_sql import quoted
from features.intake.records.values_sql import FileValues
from features.validation.quoting import EXAMPLES, MOST_VALUES, shortened

#: Begins the names of columns that hold words which are not known.
ODD = "_odd_"


def knowing(part: Part) -> list[Value]:
    """Return the values of a part that say which texts they know, each once."""
    found: list[Value] = []
    for value in _values(part):
        if value.one_of and value not in found:
            found.append(value)
    return found


def odd_columns(part: Part, values: FileValues) -> dict[str, str]:
    """Return the SQL of the texts that values do not know, by the name of a column."""
    columns = {}
    for place, value in enumerate(knowing(part)):
        plain = value.model_copy(update={"map": {}, "otherwise": None, "only_when": None})
        text = values.text(plain)
        known = ", ".join(quoted(each.strip().lower()) for each in (*value.one_of, *value.map))
        columns[f"{ODD}{place}"] = f"CASE WHEN lower({text}) NOT IN ({known}) THEN {text} END"
    return columns


def odd_words(connection: duckdb.DuckDBPyConnection, table: str, stored: str, part: Part, kept: str) -> list[Problem]:
    """Return a doubt for each value that meets texts which it does not know; `kept` says which rows count."""
    doubts = []
    for place, value in enumerate(knowing(part)):
        rows = connection.execute(
            f'SELECT "{ODD}{place}", count(*) FROM {stored} WHERE {kept} AND "{ODD}{place}" IS NOT NULL '
            f"GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        if not rows:
            continue
        shown = ", ".join(f"{shortened(text)!r} ({count:,})" for text, count in rows[:MOST_VALUES])
        more = ", ..." if len(rows) > MOST_VALUES else ""
        known = ", ".join(map(repr, value.one_of[: 2 * EXAMPLES]))
        where = " or ".join(value.column or ()) or value.id or value.let or "a value"
        rule = (
            f"{shown}{more} of {where} is none of the words that the mapping knows ({known}, ...), and counts as none "
            "of them; where it means one of them, write it beside it into the mapping"
        )
        doubts.append(Problem(table, part.source, rule, sum(count for _, count in rows)))
    return doubts


def _values(part: Part) -> Iterator[Value]:
    for value in (*part.columns.values(), *part.let.values(), part.order, part.absorbed):
        if value is not None:
            yield from _within(value)
    for rule in part.leave_out:
        yield from _within(rule.when)


def _within(value: Value) -> Iterator[Value]:
    """Yield a value and those in it."""
    yield value
    inner: list[Value | Condition | float | None] = [*(value.first_of or ()), *(value.join or ())]
    inner += [value.key, *value.minus, value.tax_rate, value.divide_by, value.only_when, value.negative_when]
    for each in inner:
        if isinstance(each, Condition):
            yield from _within(each.when)
        elif isinstance(each, Value):
            yield from _within(each)
