"""Whom to call: who decides, who rated badly, who fell silent; by name, with a number, and never from hearsay."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.reports import AS_OF, Checker, evidence_of, report, score_of

from serving.reports.report_html import render_account
from serving.reports.whom_to_call import whom_to_call
from serving.words.formats import LANGS, Formats


def contact(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "contact_id": f"C{number}", "name": f"Name {number}", "role": "IT", "decision_maker": False,
        "phone": f"+49 30 {number}", "email": f"{number}@kunde.example", "valid_from": f"202{number}-01-01",
        "valid_to": None,
    } | changed  # fmt: skip


def answer(contact_id: str | None, day: str, score: int | None, **changed: Any) -> dict[str, Any]:
    category = None if score is None else "detractor" if score <= 6 else "promoter"
    return {
        "survey_id": day, "kind": "relationship", "sent_at": f"{day}T00:00:00Z", "score": score, "comment": None,
        "answered_at": None if score is None else f"{day}T01:00:00Z", "category": category, "anonymous": False,
        "contact_id": contact_id, "role": "IT", "decision_maker": False,
    } | changed  # fmt: skip


def listing(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"total": len(rows), "rows": list(rows)}


def called(lang: Any = "en", **lists: Any) -> Any:
    return whom_to_call(evidence_of(**lists), AS_OF, Formats(lang, "EUR"))


def test_who_decides_comes_first_then_who_rated_badly() -> None:
    found = called(
        contacts=listing(contact(1), contact(2), contact(3, decision_maker=True, role="management"), contact(4)),
        surveys=listing(answer("C2", "2025-11-03", 4), answer("C4", "2025-11-03", 9)),
    )
    assert [(one.name, one.role, one.why, one.reach) for one in found.people] == [
        ("Name 3", "management", "decides", "+49 30 3, 3@kunde.example"),
        ("Name 2", "IT", "gave 4 of 10 on 3 Nov 2025", "+49 30 2, 2@kunde.example"),
    ]


def test_a_low_score_counts_until_a_better_one_follows() -> None:
    rows = (answer("C1", "2025-11-03", 9), answer("C1", "2025-03-03", 2), answer("C2", "2025-03-03", 6))
    assert [one.name for one in called(contacts=listing(contact(1), contact(2)), surveys=listing(*rows)).people] == [
        "Name 2"
    ]


def test_who_fell_silent_and_who_waits_for_a_ticket() -> None:
    rows = (answer("C1", "2025-11-03", None), answer("C1", "2025-03-03", 9))
    ticket = {"ticket_id": "T9", "kind": "defect", "severity": "high", "opened_at": "2026-01-01T00:00:00Z",
              "closed_at": None, "hours": 336.0, "topic": None, "contact_id": "C2"}  # fmt: skip
    found = called("de", contacts=listing(contact(1), contact(2)), surveys=listing(*rows), open_tickets=listing(ticket))
    assert [one.why for one in found.people] == ["hat früher geantwortet, jetzt nicht mehr", "wartet auf Ticket T9"]


def test_otherwise_the_longest_standing_contact() -> None:
    found = called(contacts=listing(contact(4), contact(1, phone=None, email=None, name=None)), surveys=listing())
    assert [(one.name, one.why, one.reach) for one in found.people] == [
        ("Contact C1", "contact since 1 Jan 2021", "neither phone nor e-mail on record")
    ]


def test_who_left_is_not_called() -> None:
    gone = contact(1, decision_maker=True, valid_to="2025-12-01")
    assert called(contacts=listing(gone)).message == (
        "No active contact is on record. Last to leave: Name 1, on 1 Dec 2025."
    )
    assert [one.name for one in called(contacts=listing(contact(2), gone)).people] == ["Name 2"]


def test_not_known_and_nobody_differ() -> None:
    assert "not supplied" in called(contacts=None).message
    assert called(contacts=listing()).message == "No active contact is on record."
    assert whom_to_call({}, date(2026, 1, 1), Formats("en")) is None


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("band", ["at_risk", "safe", "unknown"])
def test_the_page_names_the_person(lang: Any, band: Any) -> None:
    evidence = evidence_of(contacts=listing(contact(1, name="Zoë <b>Ünal</b>", decision_maker=True)))
    page = Checker(render_account(report(lang, score_of(band=band, threat=False), evidence)))
    head = page.text.split("+49 30 1")[0]
    assert "Zoë <b>Ünal</b>" in head and "1@kunde.example" in page.text


def test_evidence_of_an_earlier_version_names_the_role() -> None:
    old = {"contact_id": "C1", "role": "purchasing", "decision_maker": True, "valid_from": "2024-01-01",
           "valid_to": None}  # fmt: skip
    found = called("de", contacts=listing(old))
    assert (found.people[0].name, found.people[0].role) == ("Kontakt C1", "Einkauf")
    assert render_account(report("de", evidence=evidence_of(contacts=listing(old))))


@pytest.mark.parametrize(("lang", "without"), [("en", "no comment"), ("de", "ohne Kommentar")])
def test_an_answer_without_a_comment_is_said_too(lang: Any, without: str) -> None:
    surveys = listing(answer("C1", "2025-11-03", 4), answer("C2", "2025-10-03", 9), answer("C3", "2025-09-03", None))
    (said,) = [
        table for table in report(lang, evidence=evidence_of(surveys=surveys)).evidence if table.key == "comments"
    ]
    assert [[cell.text for cell in row][3:] for row in said.rows] == [["4/10", "IT", without], ["9/10", "IT", without]]


def test_the_answers_that_sentences_quote_are_among_those_shown() -> None:
    latest = [answer("C2", "2025-12-03", 10, decision_maker=False), answer("C1", "2025-12-02", 9, decision_maker=True)]
    low = [answer("C3", f"2025-11-{day:02}", 3, decision_maker=False) for day in range(10, 20)]
    found = report("en", evidence=evidence_of(surveys=listing(*latest, *low))).evidence
    (said,) = [table for table in found if table.key == "comments"]
    assert [row[3].text for row in said.rows] == ["10/10", "9/10", *["3/10"] * 6]
    assert "12" in said.note


def test_an_anonymous_answer_has_no_role() -> None:
    row = answer(None, "2025-11-03", 2, anonymous=True, role=None, decision_maker=None, comment="Nie wieder")
    found = report("de", evidence=evidence_of(surveys=listing(row), contacts=listing(contact(1))))
    (said,) = [table for table in found.evidence if table.key == "comments"]
    assert [cell.text for cell in said.rows[0]][3:] == ["2/10", "anonym", "Nie wieder"]
    assert "2 von 10" not in found.people.people[0].why
