"""What the files themselves answer: forms of dates, the sign before decimals, columns that may be meant, their values.

In: a question of a preset and the open files of its kind. Out: its answer, or "?", with the lines that show a person
what the files hold. Rows that are no records, such as sums below a list, are not asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from features.intake.asking.meant_columns import FIRST_ROWS, is_record, meant_columns, places
from features.intake.asking.opposite_accounts import opposite_accounts
from features.intake.asking.presets import Question
from features.intake.asking.proposing import proposed, samples
from features.intake.asking.tallies import debtors, others, tally
from features.intake.files.reading import OpenFile, Workspace
from features.intake.language.mapping_file import OPEN
from features.intake.language.mapping_model import ISO, Value
from features.intake.language.toml_lines import inline
from features.intake.language.typed_sql import english_sql, number_sql, quoted, typed_sql
from features.schema import Kind
from features.validation.quoting import shortened

#: Forms of dates that exports have; those that read every value are suggested.
DATE_FORMS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%d/%b/%y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%Y. %m. %d.",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S", ", %I:%M %p",
    ", %I:%M:%S %p",
)  # fmt: skip
#: How many values are looked at.
LOOKED_AT = 20_000
#: A year of two digits that is read as one of four lies outside these.
YEARS = "1950 AND 2100"
EXAMPLES = 3


def asked_of(
    space: Workspace,
    question: Question,
    files: Sequence[OpenFile],
    answers: Mapping[str, Any],
    earlier: Mapping[str, Any],
) -> tuple[Any, list[str]]:
    """Return the answer, "?" where a person must give it, and the lines of the question; `earlier`: those before it."""
    answer, hints = question.default, []
    columns: dict[str, int] = {}
    if question.kind == "zone" and all(file.head.zones for file in files):
        zones = sorted({zone for file in files for zone in file.head.zones.values()})
        answer, hints = "file", [f"the file says {', '.join(zones)}"]
    elif question.kind == "date":
        forms = _forms(space, question, files)
        answer = forms[0] if len(forms) == 1 else None if forms else question.default
        hints = [f"every value can be read as {' and as '.join(forms)}" if forms else "no usual form fits every value"]
    elif question.kind == "decimal":
        answer = _decimal(space, question, files)
    elif question.kind == "column":
        columns = meant_columns(space, question, files)
        hints = [f"columns that may be meant: {', '.join(columns)}"] if columns else []
        if columns and not question.tally:
            hints += _samples(space, files[0], columns)
        if columns and question.default_without is not None:
            answer = None
        elif not columns and question.default_without is not None:
            answer = question.default_without
        if (column := proposed(question, [*columns])) is not None:
            answer = column
            hints.append(f"proposed, to be confirmed: {column} with {samples(space, files[0], column)}")
    elif question.apart and (unforeseen := others(space, question, files)):
        answer, hints = None, [f"neither in the usual answer nor known to be none: {', '.join(unforeseen)}"]
    elif question.digits is not None:
        answer, hints = debtors(question, files)
    if question.tally:
        hints += tally(space, question, files)
    if question.against:
        hints += opposite_accounts(space, question, files, earlier)
    lines = [f"# {question.ask}".rstrip(), *(f"#   {hint}" for hint in hints)]
    if question.kind != "column" or not set(places(space, question, files[0]) if files else ()) <= set(columns):
        lines += [f"#   {example}" for example in _examples(space, question, files)]
    text = answers.get(question.name, OPEN if answer is None else answer)
    return text, [*lines, f"{question.name} = {inline(text)}"]


def _samples(space: Workspace, file: OpenFile, columns: Mapping[str, int]) -> list[str]:
    """Return a line for each column: its heading and its first different values."""
    told = []
    for heading, place in columns.items():
        rows = space.connection.execute(
            f"SELECT trim(c{place}) FROM (SELECT * FROM {file.relation} WHERE {is_record(file)} LIMIT {FIRST_ROWS}) "
            f"WHERE trim(c{place}) <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {EXAMPLES}"
        ).fetchall()
        shown = ", ".join(repr(shortened(value.splitlines()[0])) for (value,) in rows)
        told.append(f"{heading}: {shown or 'nothing stands there'}")
    return told


def _examples(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    found = places(space, question, files[0]) if files else {}
    if not found:
        return []
    names = ", ".join(found.values())
    some = " OR ".join(f"{name} IS NOT NULL" for name in found.values())
    rows = space.connection.execute(
        f"SELECT {names} FROM {files[0].relation} WHERE ({some}) AND {is_record(files[0], question)} LIMIT {EXAMPLES}"
    ).fetchall()
    return [
        "; ".join(
            f"{heading} {shortened(str(value).splitlines()[0])!r}"
            for heading, value in zip(found, row, strict=True)
            if value
        )
        for row in rows
    ]


def _values(space: Workspace, question: Question, file: OpenFile) -> str | None:
    """Return the SQL of values of the first column that the question names; None where the file has none of them."""
    for name in places(space, question, file).values():
        return (
            f"(SELECT DISTINCT trim({name}) AS v FROM {file.relation} WHERE trim({name}) <> '' "
            f"AND {is_record(file, question)} LIMIT {LOOKED_AT})"
        )
    return None


def _forms(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return the forms that read every value of the first column that the question names; of no value, ISO's."""
    fits = [ISO, *(form + time for form in DATE_FORMS for time in TIMES)]
    some = False
    for file in files:
        values = _values(space, question, file)
        first = values and space.connection.execute(f"SELECT min(v) FROM {values}").fetchall()[0][0]
        if not first:
            continue
        some, fits = True, [form for form in fits if form == ISO or signs(form) <= set(first)]
        if not fits:
            break
        # The months of all forms are read from one column: each regular expression costs time to plan.
        named = f"(SELECT v, {english_sql('v')} AS e FROM {values})"
        reads = [
            _iso() if form == ISO else f"TRY_STRPTIME({'e' if '%b' in form else 'v'}, {quoted(form)})" for form in fits
        ]
        tests = ", ".join(f"bool_and(coalesce(year({read}) BETWEEN {YEARS}, false))" for read in reads)
        (row,) = space.connection.execute(f"SELECT {tests} FROM {named}").fetchall()
        fits = [form for form, is_read in zip(fits, row, strict=True) if is_read]
    return fits if some else [ISO]


@cache
def signs(form: str) -> set[str]:
    """Return the signs that a value of a form holds: to ask for a form costs time to plan, whatever the values are."""
    return set(re.sub(r"%.|\s", "", form))


def _iso() -> str:
    """Return the SQL of a time as it is read without a form."""
    return typed_sql(Kind.INSTANT, "v", Value.model_validate({"column": "v"}))


def _decimal(space: Workspace, question: Question, files: Sequence[OpenFile]) -> str | None:
    """Return the sign before decimals that reads every value; None where both do, and differently."""
    fits: list[str] = [".", ","]
    differs = False
    for file in files:
        values = _values(space, question, file)
        if values is not None:
            reads = {sign: number_sql("v", sign) for sign in (".", ",")}
            tests = ", ".join(f"bool_and({reads[sign]} IS NOT NULL)" for sign in fits)
            row = space.connection.execute(
                f"SELECT coalesce(bool_or({reads['.']} <> {reads[',']}), false), {tests} FROM {values}"
            ).fetchone() or (False, *(True for _ in fits))
            differs = differs or row[0]
            fits = [sign for sign, is_read in zip(fits, row[1:], strict=True) if is_read is not False]
    if len(fits) == 2:
        return None if differs else "."
    return fits[0] if fits else None
