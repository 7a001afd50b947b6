"""The columns of a file that a question is about, and the rows of it that are records.

In: a question of a preset, an open file. Out: headings with the names of their columns in the relation, SQL that holds
for records, places of columns with nothing but days.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from features.intake.asking.presets import Question
from features.intake.asking.proposing import words_of
from features.intake.files.reading import OpenFile, Workspace
from features.intake.language.typed_sql import quoted

#: What a day looks like, perhaps with a time behind it; and rows that are looked at for it.
DAY = (
    r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}[/ -][A-Za-zä]{3,5}\.?[/ -]\d{2,4}|"
    r"[A-Za-z]{3} \d{1,2}, \d{4}|(19|20)\d{6}$)"
)
#: What a score looks like, perhaps with words behind it.
SCORE = r"^\s*(\d|10)([.,]0+)?(\D.*)?$"
FIRST_ROWS, MOST_COLUMNS = 2_000, 40


def places(space: Workspace, question: Question, file: OpenFile) -> dict[str, str]:
    """Return the columns of which rows are shown: heading -> name in the relation."""
    found: dict[str, str] = {}
    for names in question.examples:
        place = file.head.position(names.split("|"))
        if place is not None:
            found[file.head.headings[place]] = f"c{place}"
    if not found and question.kind == "date" and question.near:
        days = sorted(dated(space, file))
        for part in question.near:
            for place in days:
                if part in file.head.headings[place].lower():
                    found.setdefault(file.head.headings[place], f"c{place}")
    return found


def dated(space: Workspace, file: OpenFile) -> set[int]:
    """Return the places of the columns in which nothing but days and instants stands."""
    return filled_by(space, file, DAY)


def filled_by(space: Workspace, file: OpenFile, pattern: str) -> set[int]:
    """Return the places of the columns whose values match a pattern, every one of them."""
    many = len(file.head.headings)
    tests = ", ".join(
        f"coalesce(bool_and(regexp_matches(nullif(trim(c{at}), ''), {quoted(pattern)})), false)" for at in range(many)
    )
    rows = f"SELECT * FROM {file.relation} WHERE {is_record(file)} LIMIT {FIRST_ROWS}"
    found = space.connection.execute(f"SELECT {tests} FROM ({rows})").fetchone() if many else None
    return {at for at, is_day in enumerate(found or ()) if is_day}


def is_record(file: OpenFile, question: Question | None = None) -> str:
    """Return the SQL that holds for rows which are records: no footer, and where the question says it, no sum."""
    tests = [f"NOT coalesce(regexp_matches(c0, {quoted(each)}), false)" for each in file.footer]
    place = file.head.position(question.rows_with.split("|")) if question is not None and question.rows_with else None
    if place is not None:
        # A sum may stand a little to the side of the headings: its asterisks are then in the first column.
        tests.append(f"trim(c{place}) <> '' AND NOT starts_with(trim(c{place}), '*')")
        tests.append("NOT starts_with(coalesce(trim(c0), ''), '*')")
    return " AND ".join(tests) or "true"


def meant_columns(space: Workspace, question: Question, files: Sequence[OpenFile]) -> dict[str, int]:
    """Return the columns that may be meant with their places: those asked for that are there, those of near names.

    The likelier stand first: of a score those in which numbers from 0 to 10 stand. Of a question for a day only columns
    that hold days; where none has such a name, all of them, unless the usual answer without one is known.
    """
    if not files:
        return {}
    file = files[0]
    headings = [heading.split("\n")[0].strip() for heading in file.head.headings]
    words = [name.lower() for names in question.examples for name in names.split("|")]
    fit = dated(space, file) if question.holds == "date" else set(range(len(headings)))
    titles = [" ".join(row[at] for row in file.head.cells if at < len(row)).lower() for at in range(len(headings))]
    titles = [title or heading.lower() for title, heading in zip(titles, headings, strict=True)]
    near = [headings[at] for at in sorted(fit) if any(_says(titles[at], part) for part in question.near)]
    named = [headings[at] for at in sorted(fit) if headings[at].lower() in words]
    near += [headings[at] for at in _other_ids(question, file) if at in fit]
    others = [headings[at] for at in sorted(fit)][:MOST_COLUMNS] if question.default_without is None else []
    places = {name: headings.index(name) for name in (*named, *near, *([] if named or near else others))}
    if question.holds == "score":
        scored = filled_by(space, file, SCORE)
        places = dict(sorted(places.items(), key=lambda item: item[1] not in scored))
    return places


def _other_ids(question: Question, file: OpenFile) -> list[int]:
    """Return the places of columns whose ids are none of those that the system itself gives: those of own data."""
    own = question.ids_but
    return [] if own is None else [at for each, at in file.head.ids.items() if not re.match(own, each, re.IGNORECASE)]


def _says(title: str, part: str) -> bool:
    """Return whether a title holds a part of a name, as it stands or word by word: `a_b` holds `a b`."""
    return part in title or words_of(part) in words_of(title)
