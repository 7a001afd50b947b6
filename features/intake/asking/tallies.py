"""What stands in the columns of a question: values with their rows and sums, values that nobody foresaw, digits.

In: a question of a preset and the open files of its kind. Out: lines for a person, or the answer that the files give.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from features.intake.asking.meant_columns import is_record, meant_columns, places
from features.intake.asking.presets import Question
from features.intake.files.reading import OpenFile, Workspace
from features.intake.language.typed_sql import number_sql
from features.validation.doubts import FORMER
from features.validation.quoting import shortened

#: Values that are listed.
MOST_VALUES = 12


def tally(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return what stands in the columns of a question: values with their rows and, beside an amount, its sum."""
    told = []
    for file in files[:1]:
        found = places(space, question, file)
        (_, *amounts) = found.values() or ("",)
        if question.kind == "column":
            found = {name: f"c{place}" for name, place in meant_columns(space, question, files).items()}
            amounts = []
        for heading, column in [*found.items()][: 1 if amounts else 3]:
            rows = _counted(space, question, file, column, amounts)
            shown = [
                f"{shortened(value)!r} {count:,}" + (f" ({total})" if total else "") for value, count, total in rows
            ]
            told.append(f"{heading}: {', '.join(shown[:MOST_VALUES])}" + (", ..." if len(shown) > MOST_VALUES else ""))
            gone = next((value for value, *_ in rows if re.search(FORMER, value, re.IGNORECASE)), None)
            if gone is not None and question.kind == "column":
                told.append(f'recommended: "", since {shortened(gone)!r} in {heading} tells who has left')
    return told


def _counted(
    space: Workspace, question: Question, file: OpenFile, column: str, amounts: Sequence[str]
) -> list[tuple[str, int, str | None]]:
    """Return the values of a column with their rows and, where it can be read in one way only, the sum beside them."""
    sum_of = "NULL"
    if amounts:
        sign = _sign(space, f"(SELECT {amounts[0]} AS v FROM {file.relation} WHERE {is_record(file, question)})")
        sum_of = f"CAST(sum({number_sql(amounts[0], sign)}) AS DECIMAL(24, 2))::VARCHAR" if sign else "NULL"
    return space.connection.execute(
        f"SELECT trim({column}), count(*), {sum_of} FROM {file.relation} WHERE {is_record(file, question)} "
        f"AND trim({column}) <> '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES + 1}"
    ).fetchall()


def _sign(space: Workspace, values: str) -> str | None:
    """Return the one sign before decimals by which all values are read."""
    tests = ", ".join(f"bool_and(v IS NULL OR trim(v) = '' OR {number_sql('v', sign)} IS NOT NULL)" for sign in ".,")
    points, commas = space.connection.execute(f"SELECT {tests} FROM {values}").fetchone() or (False, False)
    return "." if points else "," if commas else None


def others(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return values of the first column that are neither in the usual answer nor known to be none."""
    known = {str(each).lower() for each in (*(question.default or ()), *question.apart)}
    found: dict[str, None] = {}
    for file in files:
        if question.unless is not None and file.head.position(question.unless.split("|")) is not None:
            continue
        for column in [*places(space, question, file).values()][:1]:
            rows = space.connection.execute(
                f"SELECT DISTINCT trim({column}) FROM {file.relation} WHERE trim({column}) <> '' "
                f"AND {is_record(file, question)} ORDER BY 1"
            ).fetchall()
            found |= {repr(shortened(value)): None for (value,) in rows if value.lower() not in known}
    return [*found][:MOST_VALUES]


def debtors(question: Question, files: Sequence[OpenFile]) -> tuple[Any, list[str]]:
    """Return the first and the last account of customers, by the digits of ledger accounts that the files name."""
    told = {file.head.cell(question.digits) for file in files if question.digits is not None}
    digits = {int(cell) for cell in told if cell is not None and re.fullmatch(r"[4-8]", cell)}
    if len(digits) != 1 or len(told) != 1:
        return (None if digits else question.default), []
    (many,) = digits
    return [10**many, 7 * 10**many - 1], [f"the file says {many} digits"]
