"""The outlook on a report: when the customer may leave, what may be lost though it stays, or nothing."""

from __future__ import annotations

import re
from html import unescape

import pytest
from support.reports import LEAD, MODEL, OUTLOOK, evidence_of, report, score_of

from serving.reports.report_html import render_account
from serving.words.formats import LANGS
from serving.words.wording import page_texts


def told(html: str) -> str:
    """Return what the outlook's block says, in one line; empty where there is none."""
    found = re.search(r'<div class="outlook[ a-z]*">.*?(?=<section class="why">)', html, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[0])).split()) if found else ""


@pytest.mark.parametrize(
    ("lang", "says"),
    [
        ("en", ("When Estimated probability that this customer leaves altogether: within 90 days 11% "
                "within 180 days 20% as above within 365 days 34% In the year that follows, customers with such a "
                "risk stay for 312 of the 365 days on average.",
                "The themes below explain only that one.",
                "Less revenue though the customer stays Revenue expected to fall away €123,457 "
                "probability of staying × expected decline, over a year",
                "on top of revenue at risk")),
        ("de", ("Wann Geschätzte Wahrscheinlichkeit, dass dieser Kunde ganz abwandert: in den nächsten 90 Tagen 11 % "
                "in den nächsten 180 Tagen 20 % wie oben in den nächsten 365 Tagen 34 % "
                "In den 365 Tagen ab dem Stichtag bleiben Kunden mit einem solchen Risiko im Schnitt 312 von 365 "
                "Tagen erhalten.",
                "Die Themen unten erklären nur diese Schätzung.",
                "Weniger Umsatz, obwohl der Kunde bleibt Umsatz, der voraussichtlich wegfällt 123.457 € "
                "Wahrscheinlichkeit zu bleiben × erwarteter Rückgang, auf ein Jahr gerechnet",
                "Kommt zum gefährdeten Umsatz hinzu")),
    ],
)  # fmt: skip
def test_golden_outlook(lang, says):
    text = told(render_account(report(lang, evidence=evidence_of(outlook=OUTLOOK))))
    assert all(part in text for part in says), text


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("evidence", [{}, evidence_of(), evidence_of(outlook={})])
def test_without_an_outlook_nothing_is_shown(lang, evidence):
    found = report(lang, evidence=evidence)
    html = render_account(found)
    assert found.outlook is None and told(html) == ""
    assert not any(page_texts(lang)["outlook"][heading] in html for heading in ("when_lead", "shrinking", "loss"))


@pytest.mark.parametrize("lang", LANGS)
def test_of_an_unknown_account_nothing_is_foreseen(lang):
    unknown = score_of(band="unknown", threat=False)
    assert report(lang, unknown, evidence_of(outlook=OUTLOOK)).outlook is None


@pytest.mark.parametrize("lang", LANGS)
def test_each_half_of_the_outlook_stands_alone(lang):
    timed = {name: OUTLOOK[name] for name in ("risk", "mean_days")}
    words = page_texts(lang)["outlook"]
    when = report(lang, evidence=evidence_of(outlook=timed))
    assert when.outlook.shrinking is None and words["shrinking"] not in render_account(when)
    shrinking = report(lang, evidence=evidence_of(outlook={"expected_contraction": 5.0}))
    assert shrinking.outlook.when is None and words["when_lead"] not in render_account(shrinking)
    assert words["loss"] in render_account(shrinking)


def test_the_lead_is_part_of_every_horizon():
    found = report("en", evidence=evidence_of(outlook=OUTLOOK), model=LEAD)
    assert [risk.label for risk in found.outlook.when.risks] == [
        f"between day 30 and day {30 + days} from then" for days in (90, 180, 365)
    ]
    assert found.outlook.when.risks[1].label in found.headline.statement
    assert found.outlook.when.mean.startswith("In the 365 days from day 30, customers")


def test_only_the_risk_at_the_models_horizon_is_called_the_estimate():
    for horizon, expected in {90: [True, False, False], 365: [False, False, True], 120: [False] * 3}.items():
        model = MODEL | {"rule": {"horizon_days": horizon, "lead_days": 0}}
        risks = report(evidence=evidence_of(outlook=OUTLOOK), model=model).outlook.when.risks
        assert [risk.note != "" for risk in risks] == expected


@pytest.mark.parametrize(("days", "said"), [(364.4, "364 of the 365"), (364.6, "nearly all of the 365 days")])
def test_a_mean_time_is_never_the_whole_year(days, said):
    found = report("en", evidence=evidence_of(outlook=OUTLOOK | {"mean_days": days}))
    assert said in found.outlook.when.mean


TERMS = {"discount_rate": 0.1, "years": 5, "margin": 1.0}
WORTH = {"value": 41_234.5, "low": 900.0, "high": 60_000.0, "variance": 1.0, "by_level": 1.0, "most": 60_000.0}


@pytest.mark.parametrize(
    ("lang", "known", "unknown"),
    [
        ("en", "What the customer is worth Customer lifetime value €41,234 in 95 of 100 cases €900 to €60,000",
         "Not known: the model of this run does not estimate the"),
        ("de", "Was der Kunde wert ist Lebenszeitwert 41.234 € in 95 von 100 Fällen 900 € bis 60.000 €",
         "Nicht bekannt: das Modell dieses Laufs schätzt den"),
    ],
)  # fmt: skip
def test_lifetime_value_stands_with_its_interval_and_terms_or_says_why_not(lang, known, unknown):
    model = MODEL | {"lifetime": TERMS}
    with_value = told(
        render_account(report(lang, evidence=evidence_of(outlook=OUTLOOK | {"lifetime": WORTH}), model=model))
    )
    assert known in with_value and {"en": "10.0% a year, over 5 years", "de": "10,0 % im Jahr"}[
        lang
    ] in with_value.replace("\xa0", " ")
    assert unknown in told(render_account(report(lang, evidence=evidence_of(outlook=OUTLOOK), model=model)))
    assert "Lebenszeitwert" not in told(render_account(report(lang, evidence=evidence_of(outlook=OUTLOOK))))
