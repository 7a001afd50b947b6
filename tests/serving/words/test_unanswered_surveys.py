"""One survey that goes to several contacts on one day is told as one survey; the signal counts its invitations."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from support.reports import score_of

from serving.words.formats import LANGS
from serving.words.reasons import reason_sentences

AS_OF, SIGNAL = date(2026, 1, 15), "invitations_unanswered_in_a_row"


def invited(day: str, contact: str | None, answered: str | None = None, kind: str = "relationship") -> dict[str, Any]:
    return {"sent_at": f"{day}T08:00:00Z", "answered_at": answered, "contact_id": contact, "kind": kind, "role": None,
            "score": None, "anonymous": False}  # fmt: skip


OLDER = invited("2025-06-01", "C1", "2025-06-02T08:00:00Z")
YOUNG = invited("2026-01-10", "C9")


@pytest.mark.parametrize(
    ("rows", "invitations", "de", "en"),
    [
        ([invited("2025-11-03", who) for who in ("C1", "C2", "C3")], 3,
         "Die jüngste Befragung ging an 3 Ansprechpartner, und niemand hat geantwortet",
         "The latest survey went to 3 contacts, and none of them answered"),
        ([invited("2025-11-03", None) for _ in range(3)], 3,
         "Keine der 3 Einladungen zur jüngsten Befragung wurde beantwortet",
         "None of the 3 invitations to the latest survey was answered"),
        ([invited(day, who) for day in ("2025-11-03", "2025-08-03") for who in ("C1", "C2")], 4,
         "Die letzten 2 Befragungen (4 Einladungen) blieben unbeantwortet",
         "The last 2 surveys (4 invitations) were not answered"),
        ([invited("2025-11-03", "C1"), invited("2025-08-03", "C1")], 2,
         "Die letzten 2 Einladungen zu Befragungen blieben unbeantwortet",
         "The last 2 survey invitations were not answered"),
        ([invited("2025-11-03", "C1"), invited("2025-11-03", "C2")], 7,
         "Die letzten 7 Einladungen zu Befragungen blieben unbeantwortet",
         "The last 7 survey invitations were not answered"),
    ],
)  # fmt: skip
def test_invitations_of_one_day_are_one_survey(rows: list[dict[str, Any]], invitations: int, de: str, en: str) -> None:
    score = score_of({SIGNAL: (invitations, 0.08)}, as_of=AS_OF)
    evidence = {"surveys": {"total": len(rows) + 2, "rows": [YOUNG, *rows, OLDER]}}
    told = [reason_sentences(score, evidence, lang)[0].sentence for lang in LANGS]
    assert told == [de, en]
