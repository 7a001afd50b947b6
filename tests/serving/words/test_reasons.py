"""Reasons in words: every signal has them in both languages, they use the account's figures, none claims a cause."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from support.stored import SCORE

from features.signal import all_signals
from serving.errors import MissingWords
from serving.scoring.scores import Reason, Score
from serving.words.advice import ADVICE, NEVER_ADVISED, advice_key
from serving.words.formats import LANGS, Formats
from serving.words.reasons import reason_sentences
from serving.words.theme_reasons import themes
from serving.words.wording import catalogue, figure, signal_of

NBSP = "\u00a0"
CASES = {"zero", "one", "below", "gone", "new", "few", "few_below", "other"}


def score_of(parts: dict[str, tuple[Any, float]]) -> Score:
    """A score in which the named signals have these values and contributions, and the others are null and 0."""
    reasons = []
    for item in all_signals():
        value, contribution = parts.get(item.name, (None, 0.0))
        text = value if isinstance(value, str) else None
        number = None if isinstance(value, str) or value is None else float(value)
        reasons.append(Reason(item.theme, item.name, number, text, contribution, item.actionable))
    reasons.sort(key=lambda reason: -abs(reason.contribution))
    return replace(SCORE, as_of=date(2026, 1, 15), missing_tables=(), reasons=tuple(reasons))


def said(lang: str, signal: str, value: Any, contribution: float = 0.08, **others: tuple[Any, float]) -> str:
    sentences = reason_sentences(score_of({signal: (value, contribution)} | others), None, lang)
    return next(item.sentence for item in sentences if item.code == signal_of(signal).theme).replace(NBSP, " ")


@pytest.mark.parametrize("lang", LANGS)
def test_every_signal_and_theme_has_words_and_no_words_are_left_over(lang):
    words = catalogue(lang)
    assert set(words.signals) == {item.name for item in all_signals()}
    assert set(words.themes) == {item.theme for item in all_signals()}
    assert set(words.advice) == {key for rules in ADVICE.values() for key, *_ in rules}
    for name, cases in words.signals.items():
        assert "other" in cases and set(cases) <= CASES, name


def test_languages_have_the_same_cases():
    de, en = catalogue("de"), catalogue("en")
    assert {name: set(cases) for name, cases in de.signals.items()} == {n: set(c) for n, c in en.signals.items()}
    assert (set(de.generic), set(de.effect)) == (set(en.generic), set(en.effect))


@pytest.mark.parametrize("lang", LANGS)
def test_a_signal_or_theme_without_words_raises(lang):
    with pytest.raises(MissingWords, match="no sentence"):
        catalogue(lang).sentences("brand_new_signal", "other")
    with pytest.raises(MissingWords, match="no label"):
        catalogue(lang).theme("brand_new_theme")
    with pytest.raises(MissingWords):
        unheard_of = Reason("nps", "brand_new", 1.0, None, 0.1, True)
        reason_sentences(replace(SCORE, reasons=(unheard_of,)), None, lang)


@pytest.mark.parametrize(
    ("signal", "value", "others", "en", "de"),
    [
        ("response_rate_drop", 0.6, {"response_rate_before": (0.8, 0.0), "response_rate_180d": (0.2, 0.0)},
         "Response rate fell from 80% to 20% in 180 days", "Die Antwortquote fiel in 180 Tagen von 80 % auf 20 %"),
        ("response_rate_drop", 0.6, {}, "Response rate fell by 60 percentage points in 180 days",
         "Die Antwortquote fiel in 180 Tagen um 60 Prozentpunkte"),
        ("contacts_active", 1, {}, "Only one active contact holds the account",
         "Es gibt nur einen Ansprechpartner"),
        ("contacts_active", 1234, {},
         "1,234 active contacts hold the account", "Es gibt 1.234 Ansprechpartner"),
        ("revenue_trend_180d", -1 / 3, {"revenue_180d": (500.0, 0.0)},
         "Revenue of the last 180 days, by billing periods, is 50% below the 180 days before",
         "Der Umsatz der letzten 180 Tage, nach Abrechnungszeiträumen, liegt 50 % unter dem der 180 Tage davor"),
        ("revenue_180d", 0.0, {"revenue_365d": (0.0, 0.0)}, "No revenue in the last 180 days",
         "Kein Umsatz in den letzten 180 Tagen"),
        ("revenue_180d", 0.0, {"revenue_365d": (12000.0, 0.0)},
         "No net revenue in the last 180 days; a year's invoicing is €12,000",
         "In den letzten 180 Tagen unterm Strich nichts berechnet; im Jahr sind es 12.000 €"),
        ("revenue_trend_180d", -1, {}, "No net revenue in the last 180 days, after some in the 180 days before",
         "Unterm Strich kein Umsatz in den letzten 180 Tagen, in den 180 Tagen davor schon"),
        ("revenue_trend_180d", -0.5, {"revenue_180d": (-10.0, 0.0)}, "Revenue trend, 180 days: −0.50",
         "Umsatz gegenüber 180 Tagen davor: −0,50"),
        ("loop_close_hours_p50_365d", 36.0, {"loops_opened_365d": (20, 0.0), "loops_open": (0, 0.0)},
         "It took 36 hours (median) to tell the customer what was done about feedback",
         "Der Kunde wartete meist 36 Stunden auf eine Antwort auf sein Feedback (Median)"),
        ("loop_close_hours_p90_365d", 240.0, {"loops_opened_365d": (20, 0.0)},
         "For one piece of feedback in ten, following up took longer than 10 days",
         "Jedes zehnte Mal kam die Antwort auf Feedback erst nach mehr als 10 Tagen"),
        ("contract_days_to_end", 45, {}, "The last signed term ends on 1 Mar 2026, in 45 days",
         "Der Vertrag läuft bis 01.03.2026 (noch 45 Tage)"),
        ("contract_days_to_end", -14, {}, "The last signed term ended on 1 Jan 2026",
         "Der letzte Vertrag ist am 01.01.2026 ausgelaufen"),
        ("contract_price_change", 0.08, {}, "The price rose by 8.0% at the last term",
         "Der Preis stieg mit der letzten Laufzeit um 8,0 %"),
        ("nps_change_waves", -1, {}, "Scores fell by 1 point from the survey wave before",
         "Die Bewertungen sind gegenüber der Befragung davor um 1 Punkt gesunken"),
        ("nps_last", None, {}, "Last score: no figure", "Letzte Bewertung: keine Angabe"),
        ("account_country", "DE", {}, "Country: Germany", "Land: Deutschland"),
        ("tenure_days", 1900, {}, "A customer for 5.2 years", "Kunde seit 5,2 Jahren"),
        ("revenue_365d", -1234.5, {}, "More was credited than invoiced in the last 365 days (−€1,234)",
         "In den letzten 365 Tagen wurde mehr gutgeschrieben als berechnet (−1.234 €)"),
    ],
)  # fmt: skip
def test_golden_sentences(signal, value, others, en, de):
    assert said("en", signal, value, **others) == en
    assert said("de", signal, value, **others) == de


def test_effect_is_told_in_points_and_never_as_a_cause():
    score = score_of({"nps_last": (3, 0.08), "tenure_days": (900, -0.012)})
    en = {item.code: item for item in reason_sentences(score, None, "en")}
    de = {item.code: item for item in reason_sentences(score, None, "de")}
    assert en["nps"].effect == "raises the estimated risk by 8.0 points"
    assert de["tenure"].effect == "senkt das geschätzte Risiko um 1,2 Punkte"
    assert en["revenue"].effect == "leaves the estimated risk as it is"


@pytest.mark.parametrize("lang", LANGS)
def test_no_wording_claims_a_cause(lang):
    words = catalogue(lang)
    told = [
        text
        for cases in words.signals.values()
        for found in cases.values()
        for text in ([found] if isinstance(found, str) else found)
    ]
    for text in (*told, *words.effect.values(), *words.advice.values()):
        assert not re.search(r"\bcaus|because of|leads to|\bdue to|verursach|führt zu|\bwegen\b", text, re.I), text


@pytest.mark.parametrize("lang", LANGS)
@given(value=st.floats(-5000, 5000, allow_nan=False), contribution=st.floats(-0.5, 0.5))
def test_every_signal_can_be_said_for_any_value(lang, value, contribution):
    parts = {item.name: ("x" if item.is_text else value, contribution) for item in all_signals()}
    for item in reason_sentences(score_of(parts), None, lang):
        assert item.sentence and "{" not in item.sentence + (item.advice or "") and "None" not in item.sentence


def test_a_missing_table_is_named():
    score = replace(score_of({"nps_last": (None, 0.05)}), missing_tables=("surveys",))
    sentence = next(item.sentence for item in reason_sentences(score, None, "de") if item.code == "nps")
    assert sentence == "Letzte Bewertung: nicht bekannt, weil Daten fehlen (Befragungen)"


def test_themes_sum_contributions_by_falling_absolute_sum():
    parts = {"nps_last": (3, 0.05), "nps_mean_365d": (4, -0.01), "tickets_open": (2, -0.06), "tenure_days": (9, 0.001)}
    found = themes(score_of(parts).reasons)
    assert [(theme.code, round(theme.contribution, 6)) for theme in found[:3]] == [
        ("tickets", -0.06), ("nps", 0.04), ("tenure", 0.001),
    ]  # fmt: skip
    assert found[1].leading.signal == "nps_last" and found[1].actionable_contribution == pytest.approx(0.04)
    assert themes([Reason("nps", "nps_last", 3.0, None, 0.1, True)])[0].contribution == 0.1


def test_evidence_names_roles():
    contacts = {"total": 1, "rows": [{"role": "IT", "valid_to": None}]}
    surveys = {"total": 2, "rows": [
        {"contact_id": "C1", "sent_at": "2025-11-01T00:00:00Z", "answered_at": None, "role": "IT"},
        {"contact_id": "C1", "sent_at": "2025-02-01T00:00:00Z", "answered_at": "2025-02-02T00:00:00Z", "role": "IT"},
    ]}  # fmt: skip
    score = score_of({"contacts_active": (1, 0.05), "contacts_fell_silent": (1, 0.04)})
    found = {item.code: item for item in reason_sentences(score, {"contacts": contacts, "surveys": surveys}, "en")}
    assert found["single_contact"].sentence == "Only one active contact holds the account (role: IT)"
    assert found["silence"].sentence == "A contact who used to answer has fallen silent (role: IT)"
    assert found["silence"].advice_key == "call_silent"


def test_actions_are_never_advised():
    score = score_of({"actions_180d": (0, 0.3), "action_age_days": (400, 0.2)})
    score = replace(score, reasons=tuple(structs.replace(reason, actionable=True) for reason in score.reasons))
    for lang in LANGS:
        found = {item.code: item for item in reason_sentences(score, None, lang)}
        assert found["actions"].contribution == 0.5 and found["actions"].advice is None
    assert advice_key("actions", {"actions_180d": 0.0}) is None and set(ADVICE).isdisjoint(NEVER_ADVISED)


def test_what_lowers_the_estimate_or_is_context_is_not_advised():
    found = {item.code: item for item in reason_sentences(
        score_of({"loops_open": (3, -0.05), "tenure_days": (90, 0.05), "tickets_open": (2, 0.03)}), None, "en"
    )}  # fmt: skip
    assert found["closing_delay"].advice is None and found["tenure"].advice is None
    assert found["tickets"].advice.endswith("Open: 2.")


@pytest.mark.parametrize("item", all_signals(), ids=lambda item: item.name)
@pytest.mark.parametrize("lang", LANGS)
def test_every_unit_has_a_format(item, lang):
    assert figure(item, "x" if item.is_text else 1.0, Formats(lang, "EUR")) not in ("", "–")
    assert figure(item, None, Formats(lang)) == "–"


def test_formats():
    de, en = Formats("de", "EUR"), Formats("en", "EUR")
    assert [de.money(-12345.6), en.money(-12345.6), en.money(51.75), Formats("de").money(1234)] == [
        f"−12.346{NBSP}€", "−€12,346", "€51.75", "1.234",
    ]  # fmt: skip
    assert [de.hours(71), de.hours(100), en.hours(-100, signed=True)] == [
        f"71{NBSP}Stunden", f"4{NBSP}Tage", f"−4{NBSP}days",
    ]  # fmt: skip
    assert [en.probability(value) for value in (0.0, 0.0002, 0.034, 0.34, 0.9997)] == [
        "0.0%", f"<{NBSP}0.1%", "3.4%", "34%", f">{NBSP}99.9%",
    ]  # fmt: skip
    assert (de.points(0.0812), en.points(-0.0004), de.percent(0.2)) == ("+8,1", "0.0", f"20{NBSP}%")
    with pytest.raises(ValueError, match="'fr'"):
        Formats("fr")  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "expected"), [(1.0, "Revenue"), (-1.0, "No net revenue")])
@pytest.mark.parametrize("signal", ["revenue_trend_90d", "revenue_trend_180d", "revenue_yoy_90d", "revenue_yoy_365d"])
def test_a_change_from_nothing_or_to_nothing_has_no_size(signal: str, value: float, expected: str) -> None:
    """As a share of what was before, a change from nothing is infinite."""
    assert said("en", signal, value).startswith(expected)


@pytest.mark.parametrize(
    ("lang", "signal", "expected"),
    [
        ("de", "ticket_open_oldest_days", ("07.10.2025", "100 Tage")),
        ("en", "ticket_open_oldest_days", ("7 Oct 2025", "100 days")),
        ("de", "action_age_days", ("07.10.2025", "100 Tagen")),
    ],
)
def test_days_beside_a_date_are_counted_by_the_calendar(lang: Any, signal: str, expected: tuple[str, str]) -> None:
    """Something of 7 October at 15:00 was told on 15 January, at midnight, as 99 days old."""
    assert all(text in said(lang, signal, 99.375) for text in expected)
    assert figure(signal_of(signal), 99.0, Formats(lang)) == f"99{NBSP}{'days' if lang == 'en' else 'Tage'}"


@pytest.mark.parametrize(("lang", "told"), [("de", "für sich +2,9 Punkte"), ("en", "+2.9 points by itself")])
def test_a_part_beyond_its_theme_has_its_sign(lang: Any, told: str) -> None:
    assert told in said(lang, "contract_days_to_end", 89.0, 0.029, contract_value=(880_450.0, -0.003))
