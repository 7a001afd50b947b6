"""The sentence that invoices have stopped, and that an account is large rather than likely to leave."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.stored import SCORE

from serving.reports.quiet import GAP, GAPS_KNOWN, RECENCY, quiet
from serving.reports.report_head import by_size, headline
from serving.scoring.scores import Reason, Score
from serving.words.formats import LANGS, Formats, Lang


def quiet_score(recency: float | None, gap: float | None, gaps: float = 24.0) -> Score:
    told = ((RECENCY, recency), (GAP, gap), (GAPS_KNOWN, gaps))
    found = [Reason("billing", name, value, None, 0.0, False) for name, value in told]
    return replace(SCORE, reasons=(*SCORE.reasons, *found))


@pytest.mark.parametrize(
    ("lang", "recency", "gap", "said"),
    [
        ("en", 159.0, 30.0, "No invoice for 159 days; usually one comes every 30 days."),
        ("de", 159.0, 30.0, "Seit 159 Tagen keine Rechnung; üblich ist alle 30 Tage eine."),
        ("de", 40.0, 1.0, "Seit 40 Tagen keine Rechnung; üblich ist fast jeden Tag eine."),
        ("en", 60.0, 30.0, ""),
        ("en", 15.0, 1.0, ""),
        ("en", 400.0, 365.0, ""),
        ("en", 159.0, None, ""),
        ("en", None, 30.0, ""),
    ],
)
def test_it_is_said_where_the_account_s_own_rhythm_does_not_explain_it(
    lang: Lang, recency: float | None, gap: float | None, said: str
) -> None:
    score, formats = quiet_score(recency, gap), Formats(lang, "EUR")
    assert quiet(score, formats, {}).replace("\u00a0", " ") == said
    assert headline(score, (), {}, 0.0, formats, {}).quiet == quiet(score, formats, {})


def test_a_rhythm_of_few_invoices_is_not_called_usual() -> None:
    told = [quiet(quiet_score(900.0, 180.0, 2.0), Formats(lang), {}).replace("\u00a0", " ") for lang in LANGS]
    assert told == [
        "Seit 2,5 Jahren keine Rechnung; zwischen den wenigen davor lagen etwa 180 Tage.",
        "No invoice for 2.5 years; the few before came about 180 days apart.",
    ]


@pytest.mark.parametrize(("lang", "said"), [("en", "this customer has left already"), ("de", "schon abgewandert")])
def test_the_profit_of_who_has_left_already_says_so(lang: Lang, said: str) -> None:
    gone = {"lapsed": {"days": 325, "silence_days": 120, "contracts": False}}
    for evidence in (gone, {}):
        notes = [figure.note for figure in headline(SCORE, (), {}, 0.0, Formats(lang, "EUR"), evidence).figures]
        assert (said in notes[1]) is bool(evidence)


@pytest.mark.parametrize(("lang", "for_its_size"), [("en", "for its size"), ("de", "Der Größe wegen")])
@pytest.mark.parametrize(("probability", "large"), [(0.006, True), (0.9, False)])
def test_a_large_account_is_not_called_likely_to_leave(
    probability: float, large: bool, lang: Lang, for_its_size: str
) -> None:
    score = replace(SCORE, churn_probability=probability, band="at_risk", value=2e6, expected_profit=900.0)
    meaning = headline(score, (), {}, 0.0, Formats(lang, "EUR"), {}).meaning
    assert (for_its_size in meaning) is large


@pytest.mark.parametrize(
    ("probability", "profit", "said"),
    [(0.04, 90.0, "at_risk_large"), (0.04, -5.0, "at_risk_large_but"), (0.06, 90.0, "")],
)
def test_the_average_of_the_book_says_what_is_rarely_lost(probability: float, profit: float, said: str) -> None:
    score = replace(SCORE, churn_probability=probability, base_probability=0.01, band="at_risk", expected_profit=profit)
    assert by_size(score, {"churn_rate": 0.05}) == said
    if said:
        meaning = headline(score, (), {"reference": {"churn_rate": 0.05}}, 0.0, Formats("en", "EUR"), {}).meaning
        assert "risk is high" not in meaning
