"""A talk within days about a low score is advised only while there is one to settle."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from support.stored import SCORE

from serving.scoring.scores import Reason
from serving.words.contact_rows import low_answers
from serving.words.formats import LANGS
from serving.words.reasons import reason_sentences

AS_OF = date(2026, 1, 15)


def answered(contact: str | None, day: str, score: int, decides: bool = False) -> dict[str, Any]:
    return {
        "contact_id": contact, "sent_at": f"{day}T08:00:00Z", "answered_at": f"{day}T09:00:00Z", "score": score,
        "anonymous": False, "role": "IT", "decision_maker": decides,
    }  # fmt: skip


def evidence_of(
    *answers: dict[str, Any], loops: list[int] | None = None, gone: str = "", of: str = ""
) -> dict[str, Any]:
    contacts = [{"contact_id": who, "role": "IT", "valid_to": "2026-01-02" if who == gone else None} for who in "AB"]
    listed = {
        "surveys": list(answers),
        "open_loops": [{"score": each, "survey_id": of or None} for each in loops or ()],
        "contacts": contacts,
    }
    return {name: {"total": len(rows), "rows": rows} for name, rows in listed.items()}


YOUNG, OLD, LATER = (
    answered("A", "2026-01-10", 3, True),
    answered("A", "2025-06-16", 4),
    answered("B", "2025-10-28", 10),
)


@pytest.mark.parametrize(
    ("evidence", "waits"),
    [
        (evidence_of(YOUNG, LATER), (True, True)),
        (evidence_of(OLD, LATER), (False, False)),
        (evidence_of(OLD, LATER, loops=[4]), (True, False)),
        (evidence_of(OLD, LATER, loops=[9]), (False, False)),
        (evidence_of(OLD | {"survey_id": "S1"}, LATER, loops=[4], of="S1"), (True, False)),
        (evidence_of(OLD | {"survey_id": "S1"}, LATER, loops=[4], of="S2"), (False, False)),
        (evidence_of(YOUNG, answered("A", "2026-01-12", 9)), (False, False)),
        (evidence_of(YOUNG, gone="A"), (False, False)),
        (evidence_of(YOUNG | {"anonymous": True, "contact_id": None}), (False, False)),
    ],
)
def test_the_low_answer_is_the_latest_and_young_or_open(evidence: dict[str, Any], waits: tuple[bool, bool]) -> None:
    assert low_answers(evidence, {}, AS_OF) == waits


@pytest.mark.parametrize(
    ("values", "waits"),
    [
        ({"nps_last": 3.0, "nps_answer_age_months": 0.4}, True),
        ({"nps_last": 3.0, "nps_answer_age_months": 7.0, "loops_open": 0.0}, False),
        ({"nps_last": 3.0, "loops_open": 1.0}, True),
        ({"nps_last": 10.0, "nps_answer_age_months": 0.4}, False),
    ],
)
def test_without_evidence_the_signals_decide(values: dict[str, float], waits: bool) -> None:
    assert low_answers({}, values, AS_OF)[0] is waits


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(("answers", "key"), [((OLD, LATER), "ask_since_low"), ((YOUNG, LATER), "talk_detractor")])
def test_the_step_fits_the_answers(answers: tuple[dict[str, Any], ...], key: str, lang: Any) -> None:
    reasons = (
        Reason("nps", "nps_detractor_share", 0.5, None, 0.02, True), Reason("nps", "nps_last", 10.0, None, 0.01, True)
    )  # fmt: skip
    (said,) = reason_sentences(replace(SCORE, as_of=AS_OF, reasons=reasons), evidence_of(*answers), lang)
    assert said.advice_key == key and said.advice
