"""What the files themselves answer: forms of dates, the sign before decimals, columns that may be meant, their values.

In: a question of a preset and the open files of its kind. Out: its answer, or "?", with the lines that show a person
what the files hold. Rows that are no records, such as sums below a list, are not asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from features.intake.asking.presets import Question
from features.intake.asking.proposing import proposed, samples, words_of
from features.intake.files.reading import OpenFile, Workspace
from features.intake.language.mapping_file import OPEN
from features.intake.language.mapping_model import Value
from features.intake.language.typed_sql import formed_sql, number_sql, quoted, typed_sql
from features.schema import Kind
from features.validation.doubts import FORMER
from features.validation.quoting import shortened

#: Forms of dates that exports have; those that read every value are suggested.
DATE_FORMS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%d/%b/%y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%Y. %m. %d.",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p")
#: What a score looks like, perhaps with words behind it.
SCORE = r"^\s*(\d|10)([.,]0+)?(\D.*)?$"
#: What is read without a form, and how many values are looked at.
ISO, LOOKED_AT = "iso", 20_000
#: A year of two digits that is read as one of four lies outside these.
YEARS = "1950 AND 2100"
EXAMPLES, MOST_COLUMNS = 3, 40
#: What a day looks like, perhaps with a time behind it; rows that are looked at for it, and values that are listed.
DAY = (
    r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}[/ -][A-Za-zä]{3,5}\.?[/ -]\d{2,4}|"
    r"[A-Za-z]{3} \d{1,2}, \d{4}|(19|20)\d{6}$)"
)
FIRST_ROWS, MOST_VALUES = 2_000, 12


def asked_of(
    space: Workspace, question: Question, files: Sequence[OpenFile], answers: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Return the answer, "?" where a person must give it, and the lines of the question."""
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
        columns = _columns(space, question, files)
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
    elif question.apart and (others := _others(space, question, files)):
        answer, hints = None, [f"neither in the usual answer nor known to be none: {', '.join(others)}"]
    elif question.digits is not None:
        answer, hints = _debtors(question, files)
    if question.tally:
        hints += _tally(space, question, files)
    lines = [f"# {question.ask}".rstrip(), *(f"#   {hint}" for hint in hints)]
    if question.kind != "column" or not set(places(space, question, files[0]) if files else ()) <= set(columns):
        lines += [f"#   {example}" for example in _examples(space, question, files)]
    text = answers.get(question.name, OPEN if answer is None else answer)
    return text, [*lines, f"{question.name} = {json.dumps(text, ensure_ascii=False)}"]


def _others(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return values of the first column that are neither in the usual answer nor known to be none."""
    known = {str(each).lower() for each in (*(question.default or ()), *question.apart)}
    found: dict[str, None] = {}
    for file in files:
        if question.unless is not None and file.head.position(question.unless.split("|")) is not None:
            continue
        for column in [*places(space, question, file).values()][:1]:
            rows = space.connection.execute(
                f"SELECT DISTINCT trim({column}) FROM {file.relation} WHERE trim({column}) <> '' "
                f"AND {_is_record(file, question)} ORDER BY 1"
            ).fetchall()
            found |= {repr(shortened(value)): None for (value,) in rows if value.lower() not in known}
    return [*found][:MOST_VALUES]


def _debtors(question: Question, files: Sequence[OpenFile]) -> tuple[Any, list[str]]:
    """Return the first and the last account of customers, by the digits of ledger accounts that the files name."""
    told = {file.head.cell(question.digits) for file in files if question.digits is not None}
    digits = {int(cell) for cell in told if cell is not None and re.fullmatch(r"[4-8]", cell)}
    if len(digits) != 1 or len(told) != 1:
        return (None if digits else question.default), []
    (many,) = digits
    return [10**many, 7 * 10**many - 1], [f"the file says {many} digits"]


def _columns(space: Workspace, question: Question, files: Sequence[OpenFile]) -> dict[str, int]:
    """Return the columns that may be meant with their places: those asked for that are there, those of near names.

    The likelier stand first: of a score those in which numbers from 0 to 10 stand. Of a question for a day only columns
    that hold days; where none has such a name, all of them, unless the usual answer without one is known.
    """
    if not files:
        return {}
    file = files[0]
    headings = [heading.split("\n")[0].strip() for heading in file.head.headings]
    words = [name.lower() for names in question.examples for name in names.split("|")]
    fit = _dated(space, file) if question.holds == "date" else set(range(len(headings)))
    titles = [" ".join(row[at] for row in file.head.cells if at < len(row)).lower() for at in range(len(headings))]
    titles = [title or heading.lower() for title, heading in zip(titles, headings, strict=True)]
    near = [headings[at] for at in sorted(fit) if any(_says(titles[at], part) for part in question.near)]
    named = [headings[at] for at in sorted(fit) if headings[at].lower() in words]
    others = [headings[at] for at in sorted(fit)][:MOST_COLUMNS] if question.default_without is None else []
    places = {name: headings.index(name) for name in (*named, *near, *([] if named or near else others))}
    if question.holds == "score":
        scored = _filled_by(space, file, SCORE)
        places = dict(sorted(places.items(), key=lambda item: item[1] not in scored))
    return places


def _samples(space: Workspace, file: OpenFile, columns: Mapping[str, int]) -> list[str]:
    """Return a line for each column: its heading and its first different values."""
    told = []
    for heading, place in columns.items():
        rows = space.connection.execute(
            f"SELECT trim(c{place}) FROM (SELECT * FROM {file.relation} WHERE {_is_record(file)} LIMIT {FIRST_ROWS}) "
            f"WHERE trim(c{place}) <> '' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {EXAMPLES}"
        ).fetchall()
        shown = ", ".join(repr(shortened(value.splitlines()[0])) for (value,) in rows)
        told.append(f"{heading}: {shown or 'nothing stands there'}")
    return told


def _says(title: str, part: str) -> bool:
    """Return whether a title holds a part of a name, as it stands or word by word: `a_b` holds `a b`."""
    return part in title or words_of(part) in words_of(title)


def _dated(space: Workspace, file: OpenFile) -> set[int]:
    """Return the places of the columns in which nothing but days and instants stands."""
    return _filled_by(space, file, DAY)


def _filled_by(space: Workspace, file: OpenFile, pattern: str) -> set[int]:
    """Return the places of the columns whose values match a pattern, every one of them."""
    many = len(file.head.headings)
    tests = ", ".join(
        f"coalesce(bool_and(regexp_matches(nullif(trim(c{at}), ''), {quoted(pattern)})), false)" for at in range(many)
    )
    rows = f"SELECT * FROM {file.relation} WHERE {_is_record(file)} LIMIT {FIRST_ROWS}"
    found = space.connection.execute(f"SELECT {tests} FROM ({rows})").fetchone() if many else None
    return {at for at, is_day in enumerate(found or ()) if is_day}


def _is_record(file: OpenFile, question: Question | None = None) -> str:
    """Return the SQL that holds for rows which are records: no footer, and where the question says it, no sum."""
    tests = [f"NOT coalesce(regexp_matches(c0, {quoted(each)}), false)" for each in file.footer]
    place = file.head.position(question.rows_with.split("|")) if question is not None and question.rows_with else None
    if place is not None:
        # A sum may stand a little to the side of the headings: its asterisks are then in the first column.
        tests.append(f"trim(c{place}) <> '' AND NOT starts_with(trim(c{place}), '*')")
        tests.append("NOT starts_with(coalesce(trim(c0), ''), '*')")
    return " AND ".join(tests) or "true"


def _tally(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return what stands in the columns of a question: values with their rows and, beside an amount, its sum."""
    told = []
    for file in files[:1]:
        found = places(space, question, file)
        (_, *amounts) = found.values() or ("",)
        if question.kind == "column":
            found = {name: f"c{place}" for name, place in _columns(space, question, files).items()}
            amounts = []
        for heading, column in [*found.items()][: 1 if amounts else 3]:
            rows = _counted(space, question, file, column, amounts)
            shown = [
                f"{shortened(value)!r} {count:,}" + (f" ({total})" if total else "") for value, count, total in rows
            ]
            told.append(f"{heading}: {', '.join(shown[:MOST_VALUES])}" + (", ..." if len(shown) > MOST_VALUES else ""))
            gone = next((value for value, *_ in rows if re.search(FORMER, value, re.IGNORECASE)), None)
            if gone is not None:
                told.append(f'recommended: "", since {shortened(gone)!r} in {heading} tells who has left')
    return told


def _counted(
    space: Workspace, question: Question, file: OpenFile, column: str, amounts: Sequence[str]
) -> list[tuple[str, int, str | None]]:
    """Return the values of a column with their rows and, where it can be read in one way only, the sum beside them."""
    sum_of = "NULL"
    if amounts:
        sign = _sign(space, f"(SELECT {amounts[0]} AS v FROM {file.relation} WHERE {_is_record(file, question)})")
        sum_of = f"CAST(sum({number_sql(amounts[0], sign)}) AS DECIMAL(24, 2))::VARCHAR" if sign else "NULL"
    return space.connection.execute(
        f"SELECT trim({column}), count(*), {sum_of} FROM {file.relation} WHERE {_is_record(file, question)} "
        f"AND trim({column}) <> '' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES + 1}"
    ).fetchall()


def _sign(space: Workspace, values: str) -> str | None:
    """Return the one sign before decimals by which all values are read."""
    tests = ", ".join(f"bool_and(v IS NULL OR trim(v) = '' OR {number_sql('v', sign)} IS NOT NULL)" for sign in ".,")
    points, commas = space.connection.execute(f"SELECT {tests} FROM {values}").fetchone() or (False, False)
    return "." if points else "," if commas else None


def places(space: Workspace, question: Question, file: OpenFile) -> dict[str, str]:
    """Return the columns of which rows are shown: heading -> name in the relation."""
    found: dict[str, str] = {}
    for names in question.examples:
        place = file.head.position(names.split("|"))
        if place is not None:
            found[file.head.headings[place]] = f"c{place}"
    if not found and question.kind == "date" and question.near:
        dated = sorted(_dated(space, file))
        for part in question.near:
            for place in dated:
                if part in file.head.headings[place].lower():
                    found.setdefault(file.head.headings[place], f"c{place}")
    return found


def _examples(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    found = places(space, question, files[0]) if files else {}
    if not found:
        return []
    names = ", ".join(found.values())
    some = " OR ".join(f"{name} IS NOT NULL" for name in found.values())
    rows = space.connection.execute(
        f"SELECT {names} FROM {files[0].relation} WHERE ({some}) AND {_is_record(files[0], question)} LIMIT {EXAMPLES}"
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
            f"AND {_is_record(file, question)} LIMIT {LOOKED_AT})"
        )
    return None


def _forms(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return the forms that read every value of the first column that the question names; of no value, ISO's."""
    fits = [ISO, *(form + time for form in DATE_FORMS for time in TIMES)]
    some = False
    for file in files:
        values = _values(space, question, file)
        if values is None:
            continue
        reads = [_iso() if form == ISO else formed_sql("v", [form]) for form in fits]
        tests = ", ".join(f"bool_and(coalesce(year({read}) BETWEEN {YEARS}, false))" for read in reads)
        row = space.connection.execute(f"SELECT count(*), {tests} FROM {values}").fetchone() or (0,)
        if row[0]:
            some, fits = True, [form for form, is_read in zip(fits, row[1:], strict=True) if is_read]
    return fits if some else [ISO]


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
