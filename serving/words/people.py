"""Who is meant: contacts and records whom sentences, steps and reports speak of, from an account's evidence.

Sentences name roles only: they also go to lists, webhooks and other programs, and so do steps in a digest. A contact's
name, number and address stand in reports alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from features.signals.response import GRACE_DAYS
from serving.words.contact_rows import (
    Row,
    gone_ids,
    is_low,
    latest_answers,
    left_rows,
    low_rows,
    rows_of,
    silent_contacts,
)
from serving.words.formats import Formats
from serving.words.glossary import glossary
from serving.words.wording import page_texts

#: Most people or records that a step names.
NAMED = 3


@dataclass(frozen=True)
class Meant:
    """Whom or what a step is about: a contact or a record by its id, what is known of it, and how to reach them.

    Attributes
    ----------
    who : str
        Name and role, or what stands in their place.
    facts : tuple of str
        "gave 3 of 10 on 5 Jan 2026".
    reach : tuple of str
        Phone and e-mail; empty where no name is told.
    """

    who: str
    facts: tuple[str, ...] = ()
    reach: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """All of it in one line."""
        said = f"{self.who}: {'; '.join(self.facts)}" if self.facts else self.who
        return f"{said} ({', '.join(self.reach)})" if self.reach else said


#: A contact or a record, the key of what is said of it in `[people]` of the page texts, and the figures of that.
Found = tuple[Row, str, Mapping[str, Any]]


def meant_by(step: str, evidence: Row, as_of: date, formats: Formats, named: bool) -> tuple[Meant, ...]:
    """Return whom or what a step is about, of many the first few and how many more; none where that is not known.

    Parameters
    ----------
    step : str
        Its key in `serving.words.advice`.
    named : bool
        Whether names, numbers and addresses may be told: only where reports are read.
    """
    if step not in _MEANT:
        return ()
    words = page_texts(formats.lang)["people"]
    people = {row["contact_id"]: row for row in rows_of(evidence, "contacts")}
    found = list(_MEANT[step](evidence, as_of))
    told = [_told(people, each, formats, named) for each in found[:NAMED]]
    listing = _RECORDS.get(step)
    more = (evidence[listing]["total"] if listing and found else len(found)) - len(told)
    rest = [Meant(words["more_one" if more == 1 else "more"].format(n=formats.number(more)))] if more > 0 else []
    return tuple(told + rest)


def _told(people: Mapping[str, Row], found: Found, formats: Formats, named: bool) -> Meant:
    row, said, figures = found
    words = page_texts(formats.lang)["people"]
    shown = {name: formats.day(value) if name == "day" else value for name, value in figures.items()}
    fact = words[said].format(**shown)
    if said in _OF_RECORDS:
        contact = people.get(row.get("contact_id") or "")
        return Meant(fact) if contact is None else Meant(fact, (called(contact, formats, named),))
    contact = people.get(row.get("contact_id") or "", row)
    reach = tuple(contact[key] for key in ("phone", "email") if contact.get(key)) if named and said != "gone" else ()
    return Meant(called(contact, formats, named), (fact,), reach)


def called(contact: Row, formats: Formats, named: bool) -> str:
    """Return name and role of a contact, or what there is of them, else its id; a name only where it may be told."""
    words, who = page_texts(formats.lang)["people"], contact.get("contact_id")
    role = glossary().say("role", contact["role"], formats.lang) if contact.get("role") else ""
    name = (contact.get("name") or "") if named else ""
    if not (name or role):
        return words["no_name"].format(id=who) if who else words["not_named"]
    by_id = words["no_name"].format(id=who) if named and not name and who else ""
    return ", ".join(filter(None, (name, role, by_id)))


def _rated(rows: Iterable[Row]) -> Iterator[Found]:
    for row in sorted(rows, key=lambda row: row["answered_at"] or row["sent_at"], reverse=True):
        figures = {"score": row["score"], "day": row["answered_at"] or row["sent_at"], "survey": row.get("survey_id")}
        yield row, "rated" if row.get("contact_id") else "rated_survey", figures


def _silent(evidence: Row, as_of: date) -> Iterator[Found]:
    surveys, gone = rows_of(evidence, "surveys"), gone_ids(evidence)
    silent = [who for who in silent_contacts(surveys, as_of) if who not in gone]
    for who in silent:
        last = max((row for row in surveys if row["contact_id"] == who and row["answered_at"]), key=_answered)
        yield last, "last_heard", {"day": last["answered_at"]}
    if not silent:  # The last answer may be older than the evidence.
        yield from list(_unanswered(evidence, as_of)) or _active(evidence)


def _unanswered(evidence: Row, as_of: date) -> Iterator[Found]:
    """Yield contacts by the latest invitation that they leave unanswered."""
    latest: dict[str, Row] = {}
    for row in rows_of(evidence, "surveys"):
        judged = row["answered_at"] or (as_of - date.fromisoformat(row["sent_at"][:10])).days > GRACE_DAYS
        if row.get("contact_id") and judged and row["sent_at"] >= latest.get(row["contact_id"], row)["sent_at"]:
            latest[row["contact_id"]] = row
    for who, row in latest.items():
        if row["answered_at"] is None and who not in gone_ids(evidence):
            yield row, "unanswered", {"day": row["sent_at"]}


def _left(evidence: Row, as_of: date) -> Iterator[Found]:
    for row in left_rows(evidence, as_of):
        yield row, "gone", {"day": row["valid_to"]}


def _active(evidence: Row) -> list[Found]:
    active = [row for row in rows_of(evidence, "contacts") if row["valid_to"] is None]
    return [(row, "active", {"day": row["valid_from"]}) for row in active]


def _only(evidence: Row, as_of: date) -> list[Found]:
    active = _active(evidence)
    return active if len(active) == 1 else []


def _partners(evidence: Row, as_of: date) -> list[Found]:
    """Return who decides of the active contacts, or the only contact: with whom to speak about a contract."""
    deciding: list[Found] = [(row, "decides", {}) for row, _, _ in _active(evidence) if row["decision_maker"]]
    return deciding or _only(evidence, as_of)


def _falling(evidence: Row, as_of: date) -> Iterator[Found]:
    """Yield contacts whose latest answer is low or below the one before, the newest first."""
    latest, before = latest_answers(evidence), dict[str, Row]()
    for row in rows_of(evidence, "surveys"):
        who, newest = row.get("contact_id"), latest.get(row.get("contact_id"))
        if who and newest and row.get("score") is not None and _answered(row) < _answered(newest):
            before[who] = max(before.get(who, row), row, key=_answered)
    there = {who: row for who, row in latest.items() if who not in gone_ids(evidence)}
    fallen = {who for who, row in before.items() if latest[who]["score"] < row["score"]}
    yield from _rated(row for who, row in there.items() if who in fallen or is_low(row["score"]))


def _records(listing: str, said: str, own: str, day: str) -> Callable[[Row, date], Iterator[Found]]:
    def found(evidence: Row, as_of: date) -> Iterator[Found]:
        yield from ((row, said, {"id": row[own], "day": row[day]}) for row in rows_of(evidence, listing))

    return found


def _loops(evidence: Row, as_of: date) -> Iterator[Found]:
    """Yield open loops, each with the contact whose answer it follows."""
    asked = {row.get("survey_id"): row.get("contact_id") for row in rows_of(evidence, "surveys")}
    for row, said, figures in _records("open_loops", "loop", "loop_id", "opened_at")(evidence, as_of):
        yield {**row, "contact_id": asked.get(row.get("survey_id") or "")}, said, figures


def _waiting(evidence: Row, as_of: date) -> Iterator[Found]:
    found = _records("referrals", "referral", "referral_id", "referred_at")(evidence, as_of)
    yield from (each for each in found if each[0]["contacted_at"] is None)


def _answered(row: Row) -> str:
    return str(row["answered_at"] or "")


#: Steps on whole lists of the evidence, which may be cut short.
_RECORDS = {"close_open_loops": "open_loops", "settle_tickets": "open_tickets"}
_OF_RECORDS = ("loop", "open_ticket", "referral")
#: By step, whom or what it is about.
_MEANT: Mapping[str, Callable[[Row, date], Iterable[Found]]] = {
    "talk_detractor": lambda evidence, as_of: _rated(low_rows(evidence, as_of)),
    "talk_decision_maker": lambda evidence, as_of: _rated(_deciding(low_rows(evidence, as_of))),
    "ask_since_low": lambda evidence, as_of: _rated(low_rows(evidence, as_of, settled=True)),
    "call_silent": _silent,
    "call_never_answered": _unanswered,
    "ask_again": _unanswered,
    "meet_successor": lambda evidence, as_of: [each for each in _left(evidence, as_of) if each[0]["decision_maker"]],
    "greet_successor": _left,
    "second_contact": _only,
    "ask_change": _falling,
    **dict.fromkeys(("renew_soon", "renew_ended", "ask_contract_cut", "explain_price", "review_contract"), _partners),
    "close_open_loops": _loops,
    "settle_tickets": _records("open_tickets", "open_ticket", "ticket_id", "opened_at"),
    "follow_up_referral": _waiting,
}


def _deciding(rows: Iterable[Row]) -> Sequence[Row]:
    return [row for row in rows if row.get("decision_maker")]
