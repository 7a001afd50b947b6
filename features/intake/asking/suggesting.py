"""A mapping is suggested: the files of a folder are known by their headers, and what only a person knows is asked.

In: a folder of exports. Out: the text of a mapping file: the questions first, each with what the files suggest and up
to three rows as examples, then what each preset does. A question whose answer the files give is answered.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features.errors import InputError
from features.intake.asking.answers import asked_of
from features.intake.asking.meant_columns import places
from features.intake.asking.patterns import patterns
from features.intake.asking.presets import BASES, Question
from features.intake.asking.proposing import samples
from features.intake.asking.recognising import Recognised, UnknownFile, recognise
from features.intake.asking.skeleton import beside, lacking_tables, skeleton
from features.intake.files.reading import Workspace
from features.intake.files.workspace import connection_in
from features.intake.language.mapping_file import OPEN

MOST_COLUMNS = 40
NOTHING_KNOWN = (
    "no file is known by its header (`churn-risk import --list` names the presets): the mapping is a skeleton to fill, "
    "as docs/import.md says"
)
BY_HAND = "a skeleton of the files that are not known stands at the end of the mapping, in comments"


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
    proposed : dict of question to str
        Columns that are written in and wait for somebody's eye, with some of their values.
    assumed : dict of question to str
        Questions that are answered by "", with what they ask.
    notes : tuple of str
        Presets that rest on no file, and what the book will not know.
    """

    text: str
    files: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]
    open_questions: tuple[str, ...]
    notes: tuple[str, ...]
    proposed: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)


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
        When there is no such folder, or no file in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of exports")
    with tempfile.TemporaryDirectory() as scratch:
        space = Workspace(connection_in(Path(scratch)), Path(scratch), folder)
        try:
            recognised, unknown = recognise(space)
            if not (recognised or unknown):
                raise InputError(f"{folder}: there is no file in the folder")
            if not recognised:
                names = tuple(file.name for file in unknown)
                return Suggestion(skeleton(unknown, named), {}, names, (), (NOTHING_KNOWN,))
            return _suggestion(space, recognised, unknown, named, answers or {})
        finally:
            space.connection.close()


def _suggestion(
    space: Workspace,
    recognised: Sequence[Recognised],
    unknown: Sequence[UnknownFile],
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
    asked, told, bodies = _questions(space, recognised, answers)
    lines += [
        *told,
        "",
        *_whole_book(recognised),
        *_bodies(recognised, bodies, [file.name for file in unknown]),
        *_unknown_files(recognised, unknown),
    ]
    notes = [
        f"{each.preset.title} rests on {BASES[each.preset.basis]}"
        for each in recognised
        if each.preset.basis != "files"
    ]
    if lacking := lacking_tables(_filled(recognised)):
        way = BY_HAND if unknown else "its export is not in the folder"
        notes.append(f"no known file fills {' and '.join(lacking)}, which a book must have: {way}")
    notes += [f"{each.preset.title} cannot say: {what}" for each in recognised for what in each.preset.cannot_know]
    return Suggestion(
        "\n".join(lines) + "\n",
        {each.preset.name: tuple(file.name for file in each.files) for each in recognised},
        tuple(file.name for file in unknown),
        tuple(name for name, answer in asked.items() if answer == OPEN),
        tuple(notes),
        _proposed(space, recognised, asked, answers),
        {
            question.name: question.ask
            for each in recognised
            for question in each.preset.questions
            if asked.get(question.name) == "" and question.name not in answers
        },
    )


def _proposed(
    space: Workspace, recognised: Sequence[Recognised], asked: Mapping[str, Any], answers: Mapping[str, Any]
) -> dict[str, str]:
    """Return the columns that answer questions by their name only, with some of their values."""
    return {
        question.name: f"{asked[question.name]} with {samples(space, each.files[0], asked[question.name])}"
        for each in recognised
        for question in each.preset.questions
        if question.about and question.name not in answers and asked.get(question.name) not in (None, "", OPEN)
    }


def _questions(
    space: Workspace, recognised: Sequence[Recognised], answers: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """Return the answers by name, the lines of the questions, and the text that each preset adds to the mapping.

    A question that two presets share is asked once, unless their files answer it differently: then each has its own.
    """
    asked: dict[str, Any] = {}
    lines: list[str] = []
    bodies = {each.preset.name: each.preset.body for each in recognised}
    filled = _filled(recognised)
    seen = {
        (each.preset.name, question.name)
        for each in recognised
        for question in each.preset.questions
        if any(places(space, question, file) for file in each.files)
    }
    for each in recognised:
        for question in each.preset.questions:
            shared = any(name == question.name and other != each.preset.name for other, name in seen)
            if shared and (each.preset.name, question.name) not in seen:
                continue
            if question.default_with is not None and question.default_with not in filled:
                question = question.model_copy(update={"default": None})
            answer, told = asked_of(space, question, each.files, answers, asked)
            if asked.get(question.name, answer) != answer and question.kind in ("date", "decimal", "zone"):
                own = question.model_copy(update={"name": _own_name(question, each)})
                bodies[each.preset.name] = bodies[each.preset.name].replace(f'"${question.name}"', f'"${own.name}"')
                question, (answer, told) = own, asked_of(space, own, each.files, answers, asked)
            if question.name not in asked:
                asked[question.name] = answer
                lines += told
    return asked, lines, bodies


def _own_name(question: Question, each: Recognised) -> str:
    """Return the name of a shared question for one preset: salesforce_dates -> salesforce_accounts_dates."""
    return each.preset.source_name + question.name.removeprefix(each.preset.system)


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


def _bodies(recognised: Sequence[Recognised], bodies: Mapping[str, str], unknown: Sequence[str]) -> Iterator[str]:
    for each in recognised:
        others = [file.name for one in recognised if one is not each for file in one.files] + [*unknown]
        preset = each.preset
        yield f"# {preset.title}: made from {BASES[preset.basis]}."
        yield from (f"# - {fact}" for fact in preset.facts)
        yield from (f"# It cannot say: {what}" for what in preset.cannot_know)
        listed = patterns([file.name for file in each.files], others)
        names = ", ".join(json.dumps(pattern, ensure_ascii=False) for pattern in listed)
        yield bodies[preset.name].replace("files = []", f"files = [{names}]{_titled(each)}", 1)


def _titled(each: Recognised) -> str:
    """Return the key that looks for the header of files which have more or fewer rows above it than usual."""
    usual = each.preset.rows_above
    if "\nheader_with" in each.preset.body:
        return ""
    if all(file.head.above in (0, usual) for file in each.files) or not each.preset.fingerprint:
        return ""
    names = [list(names) for names in each.preset.fingerprint]
    return f"\nheader_with = {json.dumps(names, ensure_ascii=False)}"


def _unknown_files(recognised: Sequence[Recognised], unknown: Sequence[UnknownFile]) -> Iterator[str]:
    filled = _filled(recognised)
    if unknown and lacking_tables(filled):
        yield from beside(unknown, filled, [file.name for each in recognised for file in each.files])
        return
    for file in unknown:
        shown = ", ".join(file.headings[:MOST_COLUMNS]).replace("\n", " ")
        yield f"# Not known, and left out: {file.name}" + (f" with {shown}" if shown else "")


def _filled(recognised: Sequence[Recognised]) -> set[str]:
    return {table for each in recognised for table in each.preset.fills}
