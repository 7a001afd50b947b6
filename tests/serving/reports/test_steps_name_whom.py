"""A step says who is meant: by name where reports are read, by role elsewhere, and a record by its id."""

from __future__ import annotations

from typing import Any

import pytest
from support.reports import AS_OF, evidence_of, report, score_of

from serving.reports.report_html import render_account
from serving.words.formats import Formats
from serving.words.people import meant_by


def contact(who: str, **changed: Any) -> dict[str, Any]:
    return {"contact_id": who, "name": f"Name {who}", "role": "IT", "decision_maker": False, "phone": "+49 30 1",
            "email": None, "valid_from": "2021-01-01", "valid_to": None} | changed  # fmt: skip


def answer(who: str | None, day: str, score: int | None, **changed: Any) -> dict[str, Any]:
    return {"survey_id": f"S{day}", "kind": "relationship", "sent_at": f"{day}T00:00:00Z", "score": score,
            "answered_at": None if score is None else f"{day}T01:00:00Z", "comment": None, "anonymous": False,
            "category": None if score is None else "detractor" if score <= 6 else "promoter", "contact_id": who,
            "role": "IT" if who else None, "decision_maker": False} | changed  # fmt: skip


def listing(*rows: dict[str, Any], total: int = 0) -> dict[str, Any]:
    return {"total": total or len(rows), "rows": list(rows)}


BOSS = contact("C1", decision_maker=True, role="finance")
GONE = contact("C2", valid_to="2025-12-03", decision_maker=True)
LONG_GONE = contact("C3", valid_to="2024-12-03")
LOOP = {"loop_id": "L7", "survey_id": "S2026-01-05", "opened_at": "2026-01-02T00:00:00Z", "score": 3}
TICKET = {"ticket_id": "T7", "opened_at": "2026-01-03T00:00:00Z", "contact_id": "C1"}
REFERRALS = [{"referral_id": f"R{n}", "referred_at": f"2026-01-0{n}T00:00:00Z",
              "contacted_at": None if n > 1 else "2026-01-05"} for n in range(1, 7)]  # fmt: skip
LISTS: dict[str, Any] = {
    "contacts": listing(BOSS, GONE, LONG_GONE),
    "surveys": listing(
        answer("C1", "2026-01-05", 3, decision_maker=True), answer("C2", "2026-01-04", 2),
        answer(None, "2026-01-03", 5), answer(None, "2026-01-06", 0, anonymous=True),
    ),
    "open_loops": listing(LOOP, total=3), "open_tickets": listing(TICKET), "referrals": listing(*REFERRALS),
}  # fmt: skip
SILENT = {"surveys": listing(answer("C1", "2025-06-01", 9), answer("C1", "2025-11-01", None))}


@pytest.mark.parametrize(
    ("step", "named", "by_role"),
    [
        ("talk_detractor",
         ["Name C1, finance: gave 3 of 10 on 5 Jan 2026 (+49 30 1)",
          "Somebody whom the survey does not name: gave 5 of 10 on 3 Jan 2026 (survey S2026-01-03)"],
         ["finance: gave 3 of 10 on 5 Jan 2026",
          "Somebody whom the survey does not name: gave 5 of 10 on 3 Jan 2026 (survey S2026-01-03)"]),
        ("talk_decision_maker", ["Name C1, finance: gave 3 of 10 on 5 Jan 2026 (+49 30 1)"],
         ["finance: gave 3 of 10 on 5 Jan 2026"]),
        ("meet_successor", ["Name C2, IT: left on 3 Dec 2025"], ["IT: left on 3 Dec 2025"]),
        ("greet_successor", ["Name C2, IT: left on 3 Dec 2025"], ["IT: left on 3 Dec 2025"]),
        ("second_contact", ["Name C1, finance: contact since 1 Jan 2021 (+49 30 1)"],
         ["finance: contact since 1 Jan 2021"]),
        ("close_open_loops", ["Feedback L7, open since 2 Jan 2026: Name C1, finance", "and 2 more"],
         ["Feedback L7, open since 2 Jan 2026: finance", "and 2 more"]),
        ("settle_tickets", ["Ticket T7, open since 3 Jan 2026: Name C1, finance"],
         ["Ticket T7, open since 3 Jan 2026: finance"]),
        ("follow_up_referral",
         ["Referral R2 of 2 Jan 2026", "Referral R3 of 3 Jan 2026", "Referral R4 of 4 Jan 2026", "and 2 more"], None),
        ("ask_decline", [], []),
    ],
)  # fmt: skip
def test_who_is_meant(step: str, named: list[str], by_role: list[str] | None) -> None:
    said = [[each.told for each in meant_by(step, LISTS, AS_OF, Formats("en"), told)] for told in (True, False)]
    assert said == [named, named if by_role is None else by_role]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("call_silent", "Name C1, finance: last answer on 1 Jun 2025, none since (+49 30 1)"),
        ("ask_again", "Name C1, finance: has not answered the survey of 1 Nov 2025 (+49 30 1)"),
    ],
)
def test_who_no_longer_answers(step: str, said: str) -> None:
    assert [each.told for each in meant_by(step, LISTS | SILENT, AS_OF, Formats("en"), True)] == [said]
    gone = {"contacts": listing(BOSS | {"valid_to": "2026-01-01"})}
    assert meant_by(step, LISTS | SILENT | gone, AS_OF, Formats("en"), True) == ()


def test_a_contact_without_a_name_goes_by_role_and_id() -> None:
    for changed, said in (({"name": None}, "finance, Contact C1"), ({"name": None, "role": None}, "Contact C1")):
        lists = LISTS | {"contacts": listing(BOSS | changed)}
        assert meant_by("talk_decision_maker", lists, AS_OF, Formats("en"), True)[0].who == said


@pytest.mark.parametrize(
    ("lang", "said"), [("de", "vergab am 05.01.2026 3 von 10"), ("en", "gave 3 of 10 on 5 Jan 2026")]
)
def test_the_report_names_whom_to_speak_with(lang: Any, said: str) -> None:
    """It did not: "speak with whoever gave the low score" left the reader to search."""
    found = report(
        lang, score_of({"nps_last": (3.0, 0.2)}), evidence_of(contacts=LISTS["contacts"], surveys=LISTS["surveys"])
    )
    assert found.advice[0].who[0].startswith("Name C1, ") and said in found.advice[0].who[0]
    for paper in (False, True):
        assert f'<p class="who">{found.advice[0].who[0]}</p>' in render_account(found, paper)


STAFF = {"contacts": listing(BOSS, contact("C4"))}


@pytest.mark.parametrize(
    ("step", "surveys", "said"),
    [
        ("call_silent", [], ["Name C1, Finanzen: Ansprechpartner seit 01.01.2021 (+49 30 1)",
                             "Name C4, IT: Ansprechpartner seit 01.01.2021 (+49 30 1)"]),
        ("call_silent", [answer("C4", "2025-11-01", None)],
         ["Name C4, IT: hat die Befragung vom 01.11.2025 nicht beantwortet (+49 30 1)"]),
        ("ask_change", [answer("C1", "2025-11-14", 3), answer("C4", "2025-11-01", 10), answer("C4", "2025-12-01", 8)],
         ["Name C4, IT: vergab am 01.12.2025 8 von 10 (+49 30 1)",
          "Name C1, Finanzen: vergab am 14.11.2025 3 von 10 (+49 30 1)"]),
        ("ask_change", [answer("C4", "2025-11-01", 9), answer("C4", "2025-12-01", 9)], []),
        ("renew_soon", [], ["Name C1, Finanzen: Entscheidungsperson (+49 30 1)"]),
    ],
)  # fmt: skip
def test_whom_a_step_means_where_evidence_is_thin(step: str, surveys: list[Any], said: list[str]) -> None:
    lists = STAFF | {"surveys": listing(*surveys)}
    assert [each.told for each in meant_by(step, lists, AS_OF, Formats("de"), True)] == said


@pytest.mark.parametrize("lang", ["de", "en"])
def test_nobody_is_told_to_win_whom_they_have(lang: Any) -> None:
    """With a decision maker and two departments the step asked for "more departments, and one decision maker"."""
    parts = {"contacts_change_365d": (-1.0, 0.1), "contacts_active": (2.0, 0.0), "contacts_decision_makers": (1.0, 0.0)}
    two, one = (
        report(lang, score_of(parts), evidence_of(contacts=rows)).advice[0].text
        for rows in (STAFF["contacts"], listing(BOSS, contact("C4", role="finance")))
    )
    assert two.startswith({"de": "Halten Sie zu jedem", "en": "Keep in touch"}[lang])
    assert {"de": "in derselben Abteilung", "en": "in one department"}[lang] in one


@pytest.mark.parametrize(("score", "steps"), [(3, 1), (9, 0)])
@pytest.mark.parametrize("lang", ["de", "en"])
def test_open_feedback_on_a_low_score_has_a_step_whatever_the_model_says(lang: Any, score: int, steps: int) -> None:
    loop = LOOP | {"score": score, "hours": 300.0, "level": None, "category": None}
    lists = {"contacts": LISTS["contacts"], "surveys": LISTS["surveys"], "open_loops": listing(loop)}
    found = report(lang, score_of({"loops_open": (1.0, -0.01)}), evidence_of(**lists))
    assert len(found.advice) == steps
    if steps:
        assert "L7" in found.advice[0].who[0] and {"de": "Offen: 1.", "en": "Open: 1."}[lang] in found.advice[0].text
