"""Steps to take: one for the largest signal, one against shrinking, and the grade and the band say what fits them."""

from __future__ import annotations

from typing import Any

import pytest
from support.reports import MODEL, OUTLOOK, Checker, evidence_of, report, score_of

from features.signal import all_signals
from serving.reports.report_html import render_account
from serving.words.advice import ADVICE
from serving.words.formats import LANGS

SAFE: dict[str, Any] = {"band": "safe", "threat": False, "expected_profit": -12.0}


@pytest.mark.parametrize("item", [item for item in all_signals() if item.theme in ADVICE], ids=lambda item: item.name)
@pytest.mark.parametrize("value", [0.0, 1.0, 3.0])
def test_the_largest_signal_has_a_step(item: Any, value: float) -> None:
    found = report("de", score_of({item.name: (value, 0.2), "segment": (1.0, 0.0)}))
    assert [advice.points for advice in found.advice] == ["+20,0 Punkte"]


def test_a_director_who_left_has_a_step() -> None:
    parts = {"contacts_decision_maker_left_365d": (1.0, 0.083), "contacts_active": (1.0, 0.019)}
    assert "wer nachfolgt" in report("de", score_of(parts)).advice[0].text
    other = {"contacts_decision_maker_left_365d": (1.0, 0.01), "contacts_active": (1.0, 0.09)}
    assert "zweiten Ansprechpartner" in report("de", score_of(other)).advice[0].text


def contract(starts: str, ends: str | None, value: float, running: bool) -> dict[str, Any]:
    return {"contract_id": starts, "starts_on": starts, "ends_on": ends, "annual_value": value, "price_change": None,
            "running": running}  # fmt: skip


CUT = (contract("2025-07-01", "2026-06-30", 90_000.0, True), contract("2024-07-01", "2025-06-30", 120_000.0, False))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (CUT, "Der Vertragswert ist mit der letzten Laufzeit von 120.000 € auf 90.000 € im Jahr gesunken."),
        (CUT[:1], "Die laufenden Verträge sind 90.000 € im Jahr wert."),
        ((CUT[0], contract("2024-07-01", "2024-12-31", 120_000.0, False)),
         "Die laufenden Verträge sind 90.000 € im Jahr wert."),
        ((contract("2025-07-01", None, 30_000.0, True), contract("2023-01-01", None, 60_000.0, True), CUT[1]),
         "Der Vertragswert ist mit der letzten Laufzeit von 180.000 € auf 90.000 € im Jahr gesunken."),
        ((contract("2025-07-01", None, 40_000.0, True), CUT[1]), "Die laufenden Verträge sind 90.000 € im Jahr wert."),
    ],
    ids=["fell", "first", "gap", "two contracts", "not all running ones known"],
)  # fmt: skip
def test_the_fall_of_a_contract_s_value_is_told(rows: Any, said: str) -> None:
    evidence = evidence_of(contracts={"total": len(rows), "rows": list(rows)})
    found = report("de", score_of({"contract_value": (90_000.0, 0.05)}), evidence)
    assert found.why.steps[1].sentence.replace("\u00a0", " ") == said
    assert ("verkleinert" in found.advice[0].text) == ("gesunken" in said)


def test_it_is_told_beside_what_leads_the_theme() -> None:
    evidence = evidence_of(contracts={"total": 2, "rows": list(CUT)})
    parts = {"contract_value": (90_000.0, 0.01), "contract_days_to_end": (166.0, 0.03)}
    sentence = report("de", score_of(parts), evidence).why.steps[1].sentence.replace("\u00a0", " ")
    assert sentence == (
        "Der Vertrag läuft bis 30.06.2026 (noch 166 Tage; 3,0 von 4,0 Punkten). "
        "Der Vertragswert ist mit der letzten Laufzeit von 120.000 € auf 90.000 € im Jahr gesunken."
    )


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("parts", [{}, {"tickets_open": (2.0, 0.1)}])
def test_where_revenue_shrinks_there_is_a_step(lang: Any, parts: Any) -> None:
    """That contacting does not pay never stands alone beside a fifth of the revenue that is expected to go."""
    evidence = evidence_of(outlook=OUTLOOK | {"expected_contraction": 200.0})
    found = report(lang, score_of(parts, **SAFE), evidence)
    assert "20" in found.headline.meaning and len(found.advice) == len(parts) + 1
    assert any("200" in item.points and "20" in item.points for item in found.advice)


@pytest.mark.parametrize(("loss", "place"), [(120.0, -1), (200.0, 0)])
def test_the_step_against_shrinking_stands_by_what_is_lost(loss: float, place: int) -> None:
    """Of 1,000, 150 are at risk by leaving."""
    evidence = evidence_of(outlook={"expected_contraction": loss})
    found = report("de", score_of({"tickets_open": (2.0, 0.1)}, **SAFE), evidence)
    assert found.advice[place].theme == "Umsatzrückgang" and len(found.advice) == 2


@pytest.mark.parametrize("changed", [{"outlook": {"expected_contraction": 50.0}}, {"outlook": {}}, {}])
def test_little_shrinking_is_no_step(changed: dict[str, Any]) -> None:
    found = report("en", score_of({}, **SAFE), evidence_of(**changed))
    assert found.advice == () and "fall away" not in found.headline.meaning


@pytest.mark.parametrize(
    ("band", "profit", "said"),
    [("at_risk", 5.0, "expected to pay"), ("at_risk", -5.0, "less than it costs"),
     ("safe", -5.0, "not expected to pay"), ("safe", 5.0, "still expected to pay")],
)  # fmt: skip
def test_the_meaning_fits_the_profit(band: Any, profit: float, said: str) -> None:
    assert said in report("en", score_of(band=band, threat=False, expected_profit=profit)).headline.meaning


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("grade", ["A", "B", "C", "D", None])
def test_the_grade_stands_in_the_head_with_what_it_means(lang: Any, grade: str | None) -> None:
    found = report(lang, model=MODEL | {"grade": grade})
    text = Checker(render_account(found)).text
    assert found.headline.grade and text.count(found.headline.grade) == 1
    assert text.index(found.headline.grade) < text.index(found.texts["why"]["heading"])
    assert (f" {grade}:" in found.headline.grade) == (grade is not None)
    assert "grade" not in found.model and "ote" not in found.model.removeprefix("Model")
    assert report(lang, model={}).headline.grade == ""
