"""Reports: complete, well-formed, escaped, honest about what is not known, the same in both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from support.reports import AT, EVIL, MODEL, OUTLOOK, PAST, Checker, evidence_of, report, score_of

from serving.reports.charts import nice, time_line, waterfall
from serving.reports.report_html import render_account
from serving.scoring.evidence import TABLE_OF
from serving.words.formats import LANGS
from serving.words.wording import page_texts

CASES: dict[str, Any] = {
    "at_risk": {},
    "safe": {"score": score_of({}, band="safe", threat=False)},
    "unknown": {"score": score_of({}, band="unknown", threat=False, collect=("records: 2 in 365 days, 3 are needed",))},
    "negative revenue": {"score": score_of(revenue_365d=-500.0, value=0.0, revenue_at_risk=0.0, expected_profit=-15.0)},
    "no currency": {"score": score_of(currency=None)},
    "no evidence": {"evidence": {}},
    "no model": {"model": {}},
    "history": {"history": [replace(PAST, as_of=date(2025, 12, 1), churn_probability=0.1, model_version="2")]},
    "outlook": {"evidence": evidence_of(outlook=OUTLOOK)},
    "outlook without a model": {"evidence": evidence_of(outlook=OUTLOOK), "model": {}},
    "all tables missing": {"evidence": evidence_of(**dict.fromkeys(TABLE_OF, None))},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("lang", LANGS)
def test_page_is_well_formed_and_self_contained(lang, case):
    html = render_account(report(lang, **CASES[case]))
    page = Checker(html)
    assert html.startswith("<!DOCTYPE html>") and f'<html lang="{lang}">' in html
    assert len(page.ids) == len(set(page.ids))
    assert not page.tags & {"script", "iframe", "img", "form", "object"}
    for _, name, value in page.attributes:
        assert not name.startswith("on") and name != "style"
        assert name not in ("href", "src") or value == "data:,"
        if name == "aria-labelledby":
            assert set((value or "").split()) <= set(page.ids)
    assert "url(" not in html and "@import" not in html
    assert (
        "{{" not in html
        and "None" not in page.text.replace("None on record", "")
        and "nan" not in page.text.lower().split()
    )


@pytest.mark.parametrize("lang", LANGS)
def test_names_comments_and_roles_are_escaped_everywhere(lang):
    html = render_account(report(lang))
    assert "<script" not in html and "&lt;script&gt;" in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &#34;Söhne&#34;") >= 5
    assert EVIL in Checker(html).text


def _keys(texts: Any, prefix: str = "") -> set[str]:
    if not isinstance(texts, dict):
        return {prefix}
    return {key for name, value in texts.items() for key in _keys(value, f"{prefix}.{name}")}


def _names(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_languages_have_the_same_keys_and_the_same_blanks_to_fill():
    de, en = page_texts("de"), page_texts("en")
    assert _keys(de) == _keys(en)
    for section in en:
        for key in en[section]:
            assert _names(de[section][key]) == _names(en[section][key]), (section, key)


@pytest.mark.parametrize(
    ("lang", "statement", "gist", "band"),
    [
        ("en", "estimated probability that this customer leaves within 180 days",
         "Most of all, the estimate is raised by: Responsiveness, Closing the loop.", "At risk"),
        ("de", "geschätzte Wahrscheinlichkeit, dass dieser Kunde in den nächsten 180 Tagen abwandert",
         "Das Risiko erhöhen vor allem: Antwortverhalten, Umgang mit Feedback.", "Gefährdet"),
    ],
)  # fmt: skip
def test_golden_head(lang, statement, gist, band):
    head = report(lang).headline
    assert (head.number.replace("\u00a0", " "), head.statement) == ("20 %" if lang == "de" else "20%", statement)
    assert (head.gist, head.band_label) == (gist, band)
    assert head.figures[2].value.replace("\u00a0", " ") == ("1.000 €" if lang == "de" else "€1,000")
    assert "50" in head.figures[3].note


def test_rules_of_churn_in_words():
    lead = report(model=MODEL | {"rule": {"horizon_days": 180, "lead_days": 30, "silence_days": None}})
    assert lead.headline.statement.endswith("leaves between day 30 and day 210 from then")
    silence = report("de", model=MODEL | {"rule": {"horizon_days": 90, "lead_days": 0, "silence_days": 90}})
    assert silence.headline.statement.endswith("in den nächsten 90 Tagen (keine Rechnung in dieser Zeit) abwandert")
    assert any("90 Tagen ohne Rechnung" in line for line in silence.reading)


@pytest.mark.parametrize("lang", LANGS)
def test_unknown_abstains(lang):
    collect = (
        "history: a customer for 30 days, 90 are needed",
        "records: 2 in 365 days, 3 are needed",
        "table: loops",
        "x",
    )
    found = report(lang, score_of(band="unknown", threat=False, collect=collect, missing_tables=("loops",)))
    assert found.headline.number == "" and found.why is None and found.advice == ()
    assert len(found.headline.figures) == 2
    assert [re.findall(r"\d+", line) for line in found.collect] == [["60", "30", "90"], ["2", "365", "3"], [], []]
    assert found.collect[3] == "x" and found.collect[2] != "loops"
    html = render_account(found)
    assert '<p class="number">' not in html and found.collect[0] in html
    assert found.signals and found.headline.gist in html.replace("&#39;", "'")


def test_steps_lead_from_base_to_estimate():
    steps = report().why.steps
    assert [step.kind for step in steps] == ["base", "up", "up", "down", "rest", "total"]
    assert [step.points for step in steps] == ["5.0%", "+12.0", "+5.0", "−2.0", "0.0", "20.0%"]
    assert steps[1].sentence == "20% of the survey invitations of the last 180 days were answered."
    assert (steps[1].signals[0].value, steps[1].signals[0].median, steps[1].signals[0].middle) == (
        "20%",
        "75%",
        "40% … 90%",
    )


def test_no_reason_above_the_threshold_is_said():
    found = report("de", score_of({"tenure_days": (3000, -0.004)}, band="safe", threat=False))
    assert found.why.nothing.startswith("Kein einzelnes Thema") and len(found.why.steps) == 3
    assert found.advice == () and "Halten Sie wie gewohnt Kontakt" in render_account(found)


def test_advice_is_ordered_by_the_points_of_its_themes():
    parts = {
        "loops_open": (2, 0.03),
        "contacts_active": (1, 0.06),
        "contacts_left_365d": (1, 0.2),
        "tickets_open": (4, -0.1),
    }
    found = report("en", score_of(parts))
    assert [(item.theme, item.points) for item in found.advice] == [
        ("Contacts", "+26.0 points"),
        ("Closing the loop", "+3.0 points"),
    ]


def test_zero_value_and_negative_revenue():
    found = report("en", score_of(revenue_365d=-500.0, value=0.0, revenue_at_risk=0.0, expected_profit=-15.0))
    figures = {figure.label: (figure.value, figure.note) for figure in found.headline.figures}
    assert figures["Revenue, 365 days"] == ("−€500", "more was credited than invoiced")
    assert figures["Value a year"] == ("€0", "no revenue and no running contract")
    assert figures["Revenue at risk"][0] == "€0" and "no current revenue" in found.headline.meaning


def test_absent_and_empty_tables_are_told_apart():
    found = report("en", evidence=evidence_of(tickets=None, open_tickets=None, closed_tickets=None))
    empty, missing = found.evidence_absent
    assert "Open tickets" in missing and "Open tickets" not in empty and "Actions taken so far" in empty
    assert "No survey data" in report("en", evidence=evidence_of(surveys=None)).time_line.no_marks
    assert "No survey in" in report("en", evidence=evidence_of(surveys={"total": 0, "rows": []})).time_line.no_marks


def test_evidence_marks_what_is_late_and_says_what_is_left_out():
    loops = report("de").evidence[0]
    assert [cell.text.replace("\u00a0", " ") for cell in loops.rows[0]] == [
        "L1", "01.01.2026", "14 Tage", "über 48 Std.", "Kundenbetreuung", "8/10",
    ]  # fmt: skip
    assert loops.rows[0][3].tone == "alert" and loops.note == "1 von 25 gezeigt."


def test_time_line_geometry_stays_in_its_box():
    for width in (760, 356):
        chart = time_line(evidence_of(), width)
        assert {mark.kind for mark in chart.marks} == {"detractor", "silent", "pending"}
        for bar in (*chart.invoiced, *chart.credited):
            assert (
                chart.left <= bar.x
                and bar.x + bar.width <= chart.right
                and 0 <= bar.y <= bar.y + bar.height <= chart.height
            )
        assert all(chart.left <= mark.x <= chart.right for mark in chart.marks)
        assert len(chart.invoiced) == 23 and len(chart.credited) == 1


def test_waterfall_and_round_numbers():
    bars = waterfall(0.05, [0.10, -0.03])
    assert bars[1].x == pytest.approx(bars[0].x + bars[0].width)
    assert bars[2].x + bars[2].width == pytest.approx(bars[1].x + bars[1].width)
    assert bars[3].x == 0 and bars[3].width == pytest.approx(bars[2].x)
    assert min(bar.x for bar in waterfall(0.01, [-0.05, 0.06])) == 0
    assert [nice(value) for value in (0, 7, 1234, 1e6)] == [0, 8, 1500, 1e6]


def test_history_keeps_the_latest_score_of_each_date_and_nothing_later():
    day, winter = date(2025, 12, 1), date(2026, 2, 1)
    past = [
        replace(PAST, as_of=day, churn_probability=0.3, model_version="2", scored_at=AT - timedelta(hours=2)),
        replace(PAST, as_of=day, churn_probability=0.1, scored_at=AT - timedelta(hours=1)),
        replace(PAST, as_of=winter, churn_probability=0.9, band="at_risk"),
    ]
    found = report("en", history=past).history
    assert found.description == "From 10% on 1 Dec 2025 to 20% on 15 Jan 2026, 2 estimates." and found.note == ""
    assert report("en", history=past[:1]).history.note.startswith("Estimates come from different model versions")
    assert report("en").history is None


def test_very_long_names_do_not_break_the_page():
    name = "Donaudampfschifffahrtsgesellschaft" * 12
    html = render_account(report("de", evidence=evidence_of(account=evidence_of()["account"] | {"name": name})))
    assert html.count(name) == 2 and "overflow-wrap" in html
    Checker(html)


def test_account_without_a_name_goes_by_its_id():
    assert report("de", evidence={}).name == "Kunde A1"


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_keep_wcag_aa_contrast():
    css = render_account(report())
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", css))
    for name, least in {"ink": 4.5, "soft": 4.5, "accent": 4.5, "bar": 3.0}.items():
        for ground in ("#ffffff", colours["faint"]):
            assert (_luminance(ground) + 0.05) / (_luminance(colours[name]) + 0.05) >= least, name
