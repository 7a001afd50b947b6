"""No step asks who follows somebody whom a contact on record has followed, nor about a low answer of who has left."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.reports import score_of

from serving.words.formats import Formats
from serving.words.people import meant_by
from serving.words.reasons import reason_sentences

AS_OF = date(2026, 1, 15)
LEFT = {"contacts_decision_maker_left_365d": (1.0, 0.08), "contacts_left_365d": (1.0, 0.0)}


def contact(who: str, since: str, until: str | None = None, decides: bool = True, role: str = "IT") -> dict[str, Any]:
    return {"contact_id": who, "name": None, "role": role, "decision_maker": decides, "phone": None, "email": None,
            "valid_from": since, "valid_to": until}  # fmt: skip


def listed(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"total": len(rows), "rows": list(rows)}


def advised(values: dict[str, tuple[float, float]], **evidence: Any) -> str | None:
    return reason_sentences(score_of(values, as_of=AS_OF), evidence, "en")[0].advice_key


GONE, GONE_TOO = contact("C1", "2021-01-01", "2025-04-01"), contact("C2", "2021-01-01", "2025-09-01")
OLD, NEW = contact("C3", "2021-01-01"), contact("C4", "2025-03-15")
OTHER = contact("C5", "2025-05-01", decides=False, role="finance")


@pytest.mark.parametrize(
    ("contacts", "step", "whom"),
    [
        ((GONE, OLD), "meet_successor", ["C1"]),
        ((GONE, NEW), "widen_departments", []),
        ((GONE, NEW, OTHER), "keep_contacts", []),
        ((GONE, GONE_TOO, contact("C4", "2025-08-01")), "meet_successor", ["C1"]),
        ((GONE, contact("C4", "2025-05-01", decides=False)), "meet_successor", ["C1"]),
        ((OLD,), "meet_successor", []),
    ],
)
def test_who_decided_and_was_followed_asks_for_no_step(contacts: Any, step: str, whom: list[str]) -> None:
    evidence = {"contacts": listed(*contacts)}
    assert advised(LEFT | {"contacts_decision_makers": (1.0, 0.0)}, **evidence) == step
    named = [each.who for each in meant_by("meet_successor", evidence, AS_OF, Formats("en"), True)]
    assert [text.rsplit(" ", 1)[-1] for text in named] == whom


@pytest.mark.parametrize(("role", "step"), [("finance", "keep_contacts"), ("IT", "greet_successor")])
def test_another_contact_is_followed_in_the_role(role: str, step: str) -> None:
    gone = contact("C1", "2021-01-01", "2025-04-01", decides=False, role=role)
    values = {"contacts_left_365d": (1.0, 0.08), "contacts_decision_makers": (1.0, 0.0)}
    assert advised(values, contacts=listed(gone, OLD, OTHER)) == step


@pytest.mark.parametrize(("gone", "step"), [(True, "ask_feedback"), (False, "ask_since_low")])
def test_a_low_answer_of_who_has_left_is_not_asked_about(gone: bool, step: str) -> None:
    answer = {"survey_id": "S1", "contact_id": "C1", "sent_at": "2025-03-01T08:00:00Z", "role": "IT", "score": 3,
              "answered_at": "2025-03-02T08:00:00Z", "anonymous": False, "decision_maker": True}  # fmt: skip
    people = listed(GONE if gone else contact("C1", "2021-01-01"), NEW)
    assert advised({"nps_decision_maker_last": (3.0, 0.08)}, surveys=listed(answer), contacts=people) == step
