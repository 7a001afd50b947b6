"""The weightiest reasons as three texts: those of the report, in order, without what a CRM cannot search for."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs
from support.stored import SCORE

from serving.scoring.scores import Reason
from serving.words.reasons import reason_sentences
from serving.words.short_reasons import main_reason, short_reasons

REASONS = (
    Reason("closing_delay", "loop_open_oldest_days", 41.0, None, 0.05, True),
    Reason("revenue", "revenue_365d", 1000.0, None, -0.04, False),
    Reason("contract", "contract_days_to_end", 129.0, None, 0.03, True),
    Reason("nps", "nps_last", 3.0, None, 0.02, True),
)


def test_they_are_the_sentences_of_the_report_with_their_effect() -> None:
    score = replace(SCORE, reasons=REASONS)
    told = reason_sentences(score, None, "en")[:3]
    assert list(short_reasons(score).values()) == [
        f"{item.theme}: {item.effect}. {item.sentence}".replace("\u00a0", " ") for item in told
    ]
    assert list(short_reasons(score)) == ["reason_1", "reason_2", "reason_3"]


def test_where_there_are_fewer_the_rest_is_null() -> None:
    found = short_reasons(replace(SCORE, reasons=REASONS[:1]))
    assert found["reason_1"] and found["reason_2"] is found["reason_3"] is None


def test_a_signal_of_another_version_is_left_out() -> None:
    """A stored score outlives the signals that it tells of."""
    gone = Reason("nps", "nps_of_old", 1.0, None, 0.9, True)
    found = short_reasons(replace(SCORE, reasons=(gone, *REASONS[1:3])))
    assert found == short_reasons(replace(SCORE, reasons=REASONS[1:3])) and found["reason_2"]


def test_the_main_reason_of_an_account_at_risk_raises_its_estimate() -> None:
    lowering, raising = REASONS[0], REASONS[1]
    reasons = (structs.replace(lowering, contribution=-0.25), structs.replace(raising, contribution=0.125))
    score = replace(SCORE, reasons=reasons, band="at_risk")
    assert main_reason(score) == short_reasons(score)["reason_2"]
    assert main_reason(replace(score, band="safe")) == short_reasons(score)["reason_1"]
    assert main_reason(replace(score, reasons=())) == ""
