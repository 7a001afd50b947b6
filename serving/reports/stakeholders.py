"""Who stands behind an account: contacts and survey answers of its evidence go in, a chart by role comes out.

Each contact is a mark in the row of its role, at its last score; who gave none stands in a column of its own. The table
beside the chart says the same in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.signals.response import GRACE_DAYS
from serving.reports.charts import Point
from serving.reports.record_tables import Cell, Column, DataTable
from serving.words.contact_rows import rows_of, silent_contacts
from serving.words.formats import Formats
from serving.words.glossary import glossary
from serving.words.wording import page_texts

WIDE, NARROW = 560, 344
#: Heights in user units: of a role's label, of a line of marks, and of the scale below the rows.
LABEL, LINE, SCALE = 22.0, 30.0, 26.0
MARGIN = 18.0
#: Places of the scale: 0 to 10, and one apart from them for who gave no score.
PLACES = (*range(11), 11.5)
NO_SCORE, DETRACTOR_END = PLACES[-1], 6
#: The kinds of marks and what is drawn around or over them, in the order of the legend.
KINDS = ("promoter", "passive", "detractor", "unheard", "unasked")
SIGNS = ("silent", "decides", "left")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Stakeholder:
    """One contact: a kind of `KINDS`, the last score with its day, and what else is said of them."""

    name: str
    role: str
    kind: str
    score: int | None
    answered: str
    silent: bool
    decides: bool | None
    left: str

    @property
    def sign(self) -> str:
        """What is written in the mark: the score, "?" for silence, both where an earlier score is all there is."""
        if self.score is None:
            return "?" if self.kind == "unheard" else "–"
        return f"{self.score}?" if self.silent else str(self.score)


@dataclass(frozen=True)
class Placed:
    """A contact's mark in user units."""

    x: float
    y: float
    person: Stakeholder


@dataclass(frozen=True)
class RoleChart:
    """Rows of marks in a `width` x `height` box; `zone` is the left, top, width and height of the detractors' part."""

    width: int
    height: int
    roles: tuple[Point, ...]
    marks: tuple[Placed, ...]
    scale: tuple[Point, ...]
    zone: tuple[float, float, float, float]


@dataclass(frozen=True)
class Stakeholders:
    """The chart in two widths, with its words; `legend` names what occurs in it."""

    charts: tuple[RoleChart, ...]
    description: str
    legend: tuple[str, ...]
    table: DataTable
    note: str


def stakeholders_of(evidence: Row, as_of: date, formats: Formats) -> Stakeholders | None:
    """Return the contacts of an account by role; None where none is known.

    Who decides comes first among the roles. Departed contacts are there as far as the evidence has them.
    """
    people = _people(evidence, as_of, formats)
    if not people:
        return None
    words = page_texts(formats.lang)["stakeholders"]
    by_role: dict[str, list[Stakeholder]] = {}
    for person in sorted(people, key=lambda one: (not one.decides, bool(one.left), one.role, one.name)):
        by_role.setdefault(person.role, []).append(person)
    shown = [person for members in by_role.values() for person in members]
    listing = evidence["contacts"]
    cut = {"shown": formats.number(len(listing["rows"])), "total": formats.number(listing["total"])}
    return Stakeholders(
        charts=tuple(role_chart(by_role, width) for width in (WIDE, NARROW)),
        description=" ".join(f"{person.role}: {_told(person, formats, words)}." for person in shown),
        legend=(
            *(kind for kind in KINDS if any(person.kind == kind for person in shown)),
            *(sign for sign in SIGNS if any(getattr(person, sign) for person in shown)),
        ),
        table=_table(shown, formats, words),
        note=words["cut"].format(**cut) if listing["total"] > len(listing["rows"]) else "",
    )


def role_chart(by_role: Mapping[str, Sequence[Stakeholder]], width: int) -> RoleChart:
    """Lay out the marks; those of a role with the same score stand below one another.

    Parameters
    ----------
    by_role : mapping of role to sequence of Stakeholder
        In the order of the rows.
    width : int
        Of the box, in user units.
    """
    step = (width - 2 * MARGIN) / NO_SCORE
    roles, marks, top = [], [], 0.0
    for role, members in by_role.items():
        roles.append(Point(0, top + 15, label=role))
        lines: dict[float, int] = {}
        for person in members:
            place = NO_SCORE if person.score is None else person.score
            line = lines[place] = lines.get(place, -1) + 1
            marks.append(Placed(round(MARGIN + step * place, 1), top + LABEL + LINE * (line + 0.5), person))
        top += LABEL + LINE * (max(lines.values()) + 1)
    scale = tuple(
        Point(round(MARGIN + step * place, 1), top + 18, label="" if place == NO_SCORE else str(place))
        for place in PLACES
    )
    zone = (0.0, 0.0, round(MARGIN + step * (DETRACTOR_END + 0.5), 1), top)
    return RoleChart(width, int(top + SCALE), tuple(roles), tuple(marks), scale, zone)


def _people(evidence: Row, as_of: date, formats: Formats) -> list[Stakeholder]:
    words = page_texts(formats.lang)["people"]
    surveys = rows_of(evidence, "surveys")
    silent, answers, in_vain = silent_contacts(surveys, as_of), _last_answers(surveys), _in_vain(surveys, as_of)
    no_role = page_texts(formats.lang)["stakeholders"]["no_role"]
    people = []
    for row in rows_of(evidence, "contacts"):
        who, role = row["contact_id"], row["role"]
        answer = answers.get(who)
        people.append(
            Stakeholder(
                name=row.get("name") or words["no_name"].format(id=who),
                role=glossary().say("role", role, formats.lang) if role else no_role,
                kind=answer["category"] if answer else "unheard" if who in in_vain else "unasked",
                score=answer["score"] if answer else None,
                answered=formats.day(answer["answered_at"] or answer["sent_at"]) if answer else "",
                silent=(who in silent or (who in in_vain and answer is None)) and row["valid_to"] is None,
                decides=row["decision_maker"],
                left=formats.day(row["valid_to"]) if row["valid_to"] else "",
            )
        )
    return people


def _last_answers(surveys: Sequence[Row]) -> dict[str, Row]:
    ordered = sorted(surveys, key=lambda row: (row["answered_at"] or row["sent_at"], row["survey_id"]))
    return {row["contact_id"]: row for row in ordered if row["contact_id"] is not None and row["score"] is not None}


def _in_vain(surveys: Sequence[Row], as_of: date) -> set[str]:
    """Return the contacts who never answered, though they were invited so long ago that an answer would be there."""
    known = [row for row in surveys if row["contact_id"] is not None]
    invited = {
        row["contact_id"] for row in known if (as_of - date.fromisoformat(row["sent_at"][:10])).days > GRACE_DAYS
    }
    return invited - {row["contact_id"] for row in known if row["answered_at"]}


def _told(person: Stakeholder, formats: Formats, words: Mapping[str, str]) -> str:
    """Return a contact in words, for who does not see the chart."""
    score = words["gave"].format(score=person.score, day=person.answered) if person.score is not None else ""
    state = [score or words[person.kind]]
    if person.silent and score:
        state.append(words["silent"])
    if person.decides:
        state.append(words["decides"])
    if person.left:
        state.append(words["left_on"].format(day=person.left))
    return f"{person.name}, {', '.join(state)}"


def _table(people: Sequence[Stakeholder], formats: Formats, words: Mapping[str, str]) -> DataTable:
    texts = page_texts(formats.lang)
    columns, flags = texts["columns"], texts["evidence"]
    headings = (
        columns["role"],
        columns["name"],
        columns["decides"],
        words["last"],
        columns["answered"],
        words["state"],
    )
    rows = tuple(
        (
            Cell(person.role),
            Cell(person.name),
            Cell("–", "quiet") if person.decides is None else Cell(flags["yes" if person.decides else "no"]),
            Cell("–", "quiet")
            if person.score is None
            else Cell(f"{person.score}/10", "alert" if person.kind == "detractor" else ""),
            Cell(person.answered or "–", "" if person.answered else "quiet"),
            _state(person, words),
        )
        for person in people
    )
    return DataTable("stakeholders", words["table"], tuple(Column(heading) for heading in headings), rows)


def _state(person: Stakeholder, words: Mapping[str, str]) -> Cell:
    if person.left:
        return Cell(words["left_on"].format(day=person.left), "quiet")
    if person.score is None:
        return Cell(words[person.kind])
    return Cell(words["silent"], "alert") if person.silent else Cell(words["answers"])
