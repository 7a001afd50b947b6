"""A line that moves at once says between which days, and that the last point is no part of a month."""

from __future__ import annotations

from datetime import date

import pytest

from features.figures.figure import all_figures
from serving.programme.figure_sections import Telling
from serving.words.figure_words import FigureInWords, Point
from serving.words.formats import LANGS, Formats
from serving.words.wording import screen_texts

GRR = next(figure for figure in all_figures() if figure.name == "grr_invoiced")
TOLD = {
    "de": "Größter Sprung: von 92,0 % am 01.04.2025 auf 71,0 % am 01.05.2025.",
    "en": "Largest step: from 92.0% on 1 Apr 2025 to 71.0% on 1 May 2025.",
}


def note(lang: str, *values: float | None) -> str:
    points = tuple(
        Point(date(2025, month, 1), value, None, None, 9, "" if value is not None else "not known")
        for month, value in enumerate(values, start=1)
    )
    found = FigureInWords(GRR, "GRR", "", "", points)
    line = Telling(Formats(lang, None), screen_texts(lang)).line(found)  # type: ignore[arg-type]
    return "" if line is None else line.note.replace("\u00a0", " ")


@pytest.mark.parametrize("lang", LANGS)
def test_a_jump_is_told_with_its_days(lang: str) -> None:
    assert note(lang, 0.93, 0.925, 0.93, 0.92, 0.71, 0.72).startswith(TOLD[lang])


@pytest.mark.parametrize(
    "values", [(0.93, 0.90, 0.93, 0.88, 0.84, 0.87), (0.9, 0.9, 0.7), (0.9, 0.9, 0.9, 0.9, 0.9), (0.9, None, 0.8)]
)
def test_a_line_that_moves_evenly_has_no_note(values: tuple[float | None, ...]) -> None:
    assert note("en", *values) == ""


@pytest.mark.parametrize(("lang", "sign"), [("de", "(realisiert)"), ("en", "(recognised)")])
def test_recognised_revenue_is_called_so(lang: str, sign: str) -> None:
    """The list says what was invoiced; both were called revenue."""
    revenue = [
        figure for figure in all_figures() if figure.name.startswith("revenue_") and figure.family == "promoters"
    ]
    labels = [figure.de if lang == "de" else figure.en for figure in revenue if figure.name != "revenue_contradicting"]
    assert len(labels) == 5 and all(label.endswith(sign) for label in labels)
    assert sign[1:5].lower() in screen_texts(lang)["figures"]["classes"].lower()  # type: ignore[arg-type]
