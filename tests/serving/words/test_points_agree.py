"""Points agree: the sentence, the effect, the order and every section of a report tell the same of a theme."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reports import report, score_of
from support.stored import SCORE

from features.signal import all_signals
from serving.scoring.scores import Reason
from serving.words.formats import LANGS
from serving.words.reasons import NO_EFFECT, reason_sentences
from serving.words.short_reasons import short_reasons
from serving.words.theme_reasons import themes

LEFT = {"contacts_left_365d": (1.0, 0.083), "contacts_active": (2.0, 0.019), "tenure_days": (900.0, -0.05)}


def test_a_sentence_says_which_part_of_its_theme_it_has() -> None:
    """The theme raises by 10.2 points, of which the contact who left has 8.3."""
    score = score_of(LEFT)
    assert short_reasons(score)["reason_1"] == (
        "Contacts: raises the estimated risk by 10.2 points. "
        "One contact has left in the last 365 days (8.3 of 10.2 points)"
    )
    assert short_reasons(score, lang="de")["reason_1"] == (
        "Ansprechpartner: erhöht das geschätzte Risiko um 10,2 Punkte. "
        "In den letzten 365 Tagen ist ein Ansprechpartner gegangen (8,3 von 10,2 Punkten)"
    )


def test_a_sentence_alone_in_its_theme_has_no_part() -> None:
    alone = score_of({"contacts_left_365d": (1.0, 0.083)})
    assert str(short_reasons(alone)["reason_1"]).endswith("points. One contact has left in the last 365 days")


def test_a_signal_that_is_partly_offset_says_so() -> None:
    score = score_of({"contacts_left_365d": (1.0, 0.12), "contacts_active": (9.0, -0.018)})
    assert str(short_reasons(score)["reason_1"]).endswith(
        "(+12.0 points by itself; the rest of the theme offsets a part of it)"
    )


@given(parts=st.lists(st.floats(-0.2, 0.2), min_size=len(all_signals()), max_size=len(all_signals())))
def test_sentence_points_and_order_agree(parts: list[float]) -> None:
    reasons = tuple(
        Reason(item.theme, item.name, None if item.is_text else 3.0, "x" if item.is_text else None, part, True)
        for item, part in zip(all_signals(), parts, strict=True)
    )
    score = replace(SCORE, reasons=reasons)
    by_theme = themes(reasons)
    assert [theme.contribution for theme in by_theme] == sorted(
        (t.contribution for t in by_theme), key=lambda x: -abs(x)
    )
    for theme, text in zip(by_theme, short_reasons(score).values(), strict=False):
        if abs(theme.contribution) < NO_EFFECT:
            continue
        effect = re.search(r"by (\d+\.\d) points\. ", str(text))
        own = re.search(r"[( ][+−]?(\d+\.\d) (?:of (\d+\.\d) points|points by itself; [a-z ]+)\)$", str(text))
        assert effect is not None, text
        (shown,), (part, whole) = effect.groups(), own.groups() if own else (None, None)
        assert shown == f"{round(abs(theme.contribution) * 100, 1):.1f}"
        assert (part or shown) == f"{round(abs(theme.leading.contribution) * 100, 1):.1f}"
        assert whole in (None, shown)


@pytest.mark.parametrize("lang", LANGS)
def test_every_section_of_a_report_shows_the_same_points(lang) -> None:
    score = score_of(LEFT | {"loops_open": (2.0, 0.03), "loops_opened_365d": (4.0, 0.011)})
    found = report(lang, score)
    steps = {step.label: step for step in found.why.steps}
    for sentence, text in zip(
        reason_sentences(score, None, lang), short_reasons(score, lang=lang).values(), strict=False
    ):
        step = steps[sentence.theme]
        assert step.sentence == f"{sentence.sentence}." and sentence.sentence.replace("\u00a0", " ") in str(text)
        assert step.points in [group.points for group in found.signals if group.theme == sentence.theme]
        assert step.points.lstrip("+−") in sentence.effect
    advised = {item.theme: item.points for item in found.advice}
    assert len(advised) == 2
    assert all(points.startswith(f"{steps[theme].points} ") for theme, points in advised.items())


@pytest.mark.parametrize("lang", LANGS)
def test_the_signal_of_the_sentence_is_among_those_shown(lang) -> None:
    """A sentence tells of a signal that has a value, even where three without one are larger."""
    unknown = {name: (None, 0.02) for name in ("nps_last", "nps_mean_365d", "nps_slope_365d")}
    step = report(lang, score_of(unknown | {"nps_detractor_share": (0.5, 0.015)})).why.steps[1]  # type: ignore[arg-type]
    assert step.sentence.startswith("50") and len(step.signals) == 3 and step.signals[-1].value.startswith("50")


def test_the_example_of_the_readme_agrees() -> None:
    """Its sentence, its reasons and what this version says of them."""
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    sentence = re.search(r'"reason_1": "(.*)",', text)
    parts = re.findall(r'"code": "(\w+)", "signal": "(\w+)", "contribution": ([\d.]+)', text)
    assert sentence is not None and len(parts) == 2 and len({code for code, _, _ in parts}) == 1
    reasons = [
        Reason(code, signal, value, None, float(part), True)
        for (code, signal, part), value in zip(parts, (1.0, 0.0), strict=True)
    ]
    assert short_reasons(replace(SCORE, reasons=tuple(reasons)))["reason_1"] == sentence[1]
