"""Whom to call: an account's evidence goes in, the people to speak with come out, and why.

Names, numbers and addresses of people stand here and in the table of contacts, nowhere else: a report is given only to
who may see the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.signals.nps import DETRACTOR
from serving.words.contact_rows import rows_of, silent_contacts
from serving.words.formats import Formats
from serving.words.glossary import glossary
from serving.words.wording import page_texts

#: Most people named.
NAMED = 3
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Person:
    """One contact: what to call them, why, and how to reach them."""

    name: str
    role: str
    why: str
    reach: str


@dataclass(frozen=True)
class WhomToCall:
    """The people to call; `message` says so where there is nobody."""

    people: tuple[Person, ...]
    message: str


@dataclass(frozen=True)
class _Findings:
    """What the evidence tells of each contact: a low last score, silence, an open ticket."""

    answers: Mapping[str, Row]
    silent: Mapping[str, str | None]
    tickets: Mapping[str, Row]


def whom_to_call(evidence: Row, as_of: date, formats: Formats) -> WhomToCall | None:
    """Return the active contacts to speak with: who decides, who rated badly, who fell silent, who has an open ticket.

    Where none of this is known of anybody, the longest-standing active contact is named. None without evidence.
    """
    if "contacts" not in evidence:
        return None
    words = page_texts(formats.lang)["people"]
    if evidence["contacts"] is None:
        return WhomToCall((), words["not_known"])
    active = [row for row in rows_of(evidence, "contacts") if row["valid_to"] is None]
    if not active:
        return WhomToCall((), _nobody(evidence, formats, words))
    findings = _findings(evidence, as_of)
    ranked = sorted(active, key=lambda row: (_rank(row, findings), row["valid_from"]))
    chosen = [row for row in ranked if any(_rank(row, findings))] or ranked[:1]
    return WhomToCall(tuple(_person(row, findings, formats, words) for row in chosen[:NAMED]), "")


def _findings(evidence: Row, as_of: date) -> _Findings:
    surveys = rows_of(evidence, "surveys")
    answers: dict[str, Row] = {}
    for row in sorted(surveys, key=lambda row: row["answered_at"] or ""):
        if row["contact_id"] is not None and row["score"] is not None:
            answers[row["contact_id"]] = row
    low = {contact_id: row for contact_id, row in answers.items() if row["score"] <= DETRACTOR}
    tickets = {row["contact_id"]: row for row in rows_of(evidence, "open_tickets") if row.get("contact_id")}
    return _Findings(low, silent_contacts(surveys, as_of), tickets)


def _rank(row: Row, findings: _Findings) -> tuple[int, ...]:
    """Return a key that puts who decides first, then who rated badly; a 0 where nothing speaks for the contact."""
    who = row["contact_id"]
    speaks = (bool(row["decision_maker"]), who in findings.answers, who in findings.silent, who in findings.tickets)
    return tuple(-int(found) for found in speaks)


def _person(row: Row, findings: _Findings, formats: Formats, words: Mapping[str, str]) -> Person:
    who, role = row["contact_id"], row["role"]
    why = [words["decides"]] if row["decision_maker"] else []
    if who in findings.answers:
        answer = findings.answers[who]
        why.append(words["rated"].format(score=answer["score"], day=formats.day(answer["answered_at"])))
    if who in findings.silent:
        why.append(words["silent"])
    if who in findings.tickets:
        why.append(words["ticket"].format(ticket=findings.tickets[who]["ticket_id"]))
    reach = [row[key] for key in ("phone", "email") if row.get(key)]
    return Person(
        name=row.get("name") or words["no_name"].format(id=who),
        role=glossary().say("role", role, formats.lang) if role else "",
        why="; ".join(why) or words["active"].format(day=formats.day(row["valid_from"])),
        reach=", ".join(reach) or words["no_reach"],
    )


def _nobody(evidence: Row, formats: Formats, words: Mapping[str, str]) -> str:
    left: Sequence[Row] = [row for row in rows_of(evidence, "contacts") if row["valid_to"] is not None]
    if not left:
        return words["nobody"]
    last = max(left, key=lambda row: str(row["valid_to"]))
    name = last.get("name") or words["no_name"].format(id=last["contact_id"])
    return f"{words['nobody']} {words['left'].format(name=name, day=formats.day(last['valid_to']))}"
