"""A mapping is suggested: the files of a folder are known by their headers, and what only a person knows is asked.

In: a folder of exports. Out: the text of a mapping file: the questions first, each with what the files suggest and up
to three rows as examples, then what each preset does. A question whose answer the files give is answered.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import InputError
from features.intake.asking.presets import BASES, Question, presets
from features.intake.asking.recognising import Recognised, escaped, recognise
from features.intake.files.reading import OpenFile, Workspace
from features.intake.files.workspace import connection_in
from features.intake.language.mapping_file import OPEN
from features.intake.language.mapping_model import Value
from features.intake.language.typed_sql import number_sql, quoted, typed_sql
from features.schema import Kind
from features.validation.quoting import shortened

#: Forms of dates that exports have; those that read every value are suggested.
DATE_FORMS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%Y", "%m-%d-%Y", "%Y%m%d",
    "%d/%b/%y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%Y. %m. %d.",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %I:%M %p")
#: What is read without a form, and how many values are looked at.
ISO, LOOKED_AT = "iso", 20_000
#: A year of two digits that is read as one of four lies outside these.
YEARS = "1950 AND 2100"
EXAMPLES, MOST_COLUMNS = 3, 40


@dataclass(frozen=True)
class Suggestion:
    """A suggested mapping.

    Attributes
    ----------
    text : str
        The mapping file.
    files : dict of preset to names of files
    unknown : tuple of str
        Files that no preset fits.
    open_questions : tuple of str
    notes : tuple of str
        Presets that rest on no file, and what the book will not know.
    """

    text: str
    files: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]
    open_questions: tuple[str, ...]
    notes: tuple[str, ...]


def suggest(folder: Path, named: str, answers: Mapping[str, Any] | None = None) -> Suggestion:
    """Suggest a mapping for the exports in a folder.

    Parameters
    ----------
    folder : Path
    named : str
        How the mapping names the folder.
    answers : mapping of str to Any, optional
        Answers by the name of the question, in place of what the files suggest.

    Raises
    ------
    InputError
        When there is no such folder, or no file in it that a preset fits.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of exports")
    with tempfile.TemporaryDirectory() as scratch:
        space = Workspace(connection_in(Path(scratch)), Path(scratch), folder)
        try:
            recognised, unknown = recognise(space)
            if not recognised:
                titles = ", ".join(preset.title for preset in presets())
                raise InputError(f"{folder}: no file is known by its header; the presets there: {titles}")
            return _suggestion(space, recognised, unknown, named, answers or {})
        finally:
            space.connection.close()


def _suggestion(
    space: Workspace,
    recognised: Sequence[Recognised],
    unknown: Sequence[tuple[str, tuple[str, ...]]],
    named: str,
    answers: Mapping[str, Any],
) -> Suggestion:
    lines = ['# Suggested by `churn-risk import --suggest`. Answer what is still "?", then:']
    lines += [
        "# churn-risk import THIS-FILE --out BOOK",
        "",
        "format = 1",
        f"folder = {json.dumps(named)}",
        "",
        "[answers]",
    ]
    asked: dict[str, Any] = {}
    filled = {table for each in recognised for table in each.preset.fills}
    for each in recognised:
        for question in each.preset.questions:
            if question.default_with is not None and question.default_with not in filled:
                question = question.model_copy(update={"default": None})
            if question.name not in asked:
                asked[question.name], told = _asked(space, question, each.files, answers)
                lines += told
    lines += ["", *_whole_book(recognised), *_bodies(recognised), *_unknown_files(unknown)]
    notes = [
        f"{each.preset.title} rests on {BASES[each.preset.basis]}"
        for each in recognised
        if each.preset.basis != "files"
    ]
    notes += [f"{each.preset.title} cannot say: {what}" for each in recognised for what in each.preset.cannot_know]
    return Suggestion(
        "\n".join(lines) + "\n",
        {each.preset.name: tuple(file.name for file in each.files) for each in recognised},
        tuple(name for name, _ in unknown),
        tuple(name for name, answer in asked.items() if answer == OPEN),
        tuple(notes),
    )


def _whole_book(recognised: Sequence[Recognised]) -> list[str]:
    """Return the sections of the whole book: whose ids it bears, and what its sources cannot say."""
    systems = [each.preset.system for each in recognised if "invoices" in each.preset.fills]
    lines = (
        ["[book]", f"master = {json.dumps(systems[0])}  # the book bears the account ids of this system", ""]
        if systems
        else []
    )
    known: dict[str, dict[str, Any]] = {}
    for each in recognised:
        for table, facts in each.preset.known.items():
            known.setdefault(table, {}).update(facts)
    for table, facts in known.items():
        lines += [f"[known.{table}]", *(f"{name} = {json.dumps(value)}" for name, value in facts.items()), ""]
    return lines


def _bodies(recognised: Sequence[Recognised]) -> Iterator[str]:
    for each in recognised:
        preset = each.preset
        yield f"# {preset.title}: made from {BASES[preset.basis]}."
        yield from (f"# - {fact}" for fact in preset.facts)
        yield from (f"# It cannot say: {what}" for what in preset.cannot_know)
        names = ", ".join(json.dumps(escaped(file.name), ensure_ascii=False) for file in each.files)
        yield preset.body.replace("files = []", f"files = [{names}]{_titled(each)}", 1)


def _titled(each: Recognised) -> str:
    """Return the key that looks for the header of files which have more or fewer rows above it than usual."""
    usual = each.preset.rows_above
    if "\nheader_with" in each.preset.body:
        return ""
    if all(file.head.above in (0, usual) for file in each.files) or not each.preset.fingerprint:
        return ""
    names = [list(names) for names in each.preset.fingerprint]
    return f"\nheader_with = {json.dumps(names, ensure_ascii=False)}"


def _unknown_files(unknown: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    for name, headings in unknown:
        shown = ", ".join(headings[:MOST_COLUMNS]).replace("\n", " ")
        yield f"# Not known, and left out: {name}" + (f" with {shown}" if shown else "")


def _asked(
    space: Workspace, question: Question, files: Sequence[OpenFile], answers: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Return the answer, "?" where a person must give it, and the lines of the question."""
    answer, hints = question.default, []
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
        hints = [
            f"columns that may be meant: {', '.join(columns)}" for columns in [_columns(question, files)] if columns
        ]
    lines = [f"# {question.ask}".rstrip(), *(f"#   {hint}" for hint in hints)]
    lines += [f"#   {example}" for example in _examples(space, question, files)]
    text = answers.get(question.name, OPEN if answer is None else answer)
    return text, [*lines, f"{question.name} = {json.dumps(text, ensure_ascii=False)}"]


def _columns(question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return the columns that may be meant: those asked for that are there, those whose names are near."""
    headings = [heading.split("\n")[0].strip() for file in files[:1] for heading in file.head.headings]
    words = [name.lower() for names in question.examples for name in names.split("|")]
    titles = [
        " ".join(row[place] for row in file.head.cells if place < len(row)).lower()
        for file in files[:1]
        for place in range(len(headings))
    ]
    near = [
        heading for heading, title in zip(headings, titles, strict=True) if any(part in title for part in question.near)
    ]
    named = [heading for heading in headings if heading.lower() in words]
    return list(dict.fromkeys([*named, *near, *([] if named or near else headings[:MOST_COLUMNS])]))


def _places(question: Question, file: OpenFile) -> dict[str, str]:
    """Return the columns of which rows are shown: heading -> name in the relation."""
    found = {}
    for names in question.examples:
        place = file.head.position(names.split("|"))
        if place is not None:
            found[file.head.headings[place]] = f"c{place}"
    return found


def _examples(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    places = _places(question, files[0]) if files else {}
    if not places:
        return []
    names = ", ".join(places.values())
    some = " OR ".join(f"{name} IS NOT NULL" for name in places.values())
    rows = space.connection.execute(f"SELECT {names} FROM {files[0].relation} WHERE {some} LIMIT {EXAMPLES}").fetchall()
    return [
        "; ".join(
            f"{heading} {shortened(str(value).splitlines()[0])!r}"
            for heading, value in zip(places, row, strict=True)
            if value
        )
        for row in rows
    ]


def _values(question: Question, file: OpenFile) -> str | None:
    """Return the SQL of values of the first column that the question names; None where the file has none of them."""
    for name in _places(question, file).values():
        return f"(SELECT DISTINCT trim({name}) AS v FROM {file.relation} WHERE trim({name}) <> '' LIMIT {LOOKED_AT})"
    return None


def _forms(space: Workspace, question: Question, files: Sequence[OpenFile]) -> list[str]:
    """Return the forms that read every value of the first column that the question names; of no value, ISO's."""
    fits = [ISO, *(form + time for form in DATE_FORMS for time in TIMES)]
    some = False
    for file in files:
        values = _values(question, file)
        if values is None:
            continue
        reads = [_iso() if form == ISO else f"TRY_STRPTIME(v, {quoted(form)})" for form in fits]
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
        values = _values(question, file)
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
