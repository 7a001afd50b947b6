"""WCAG 2.2 AA: every colour of a text stands out from every surface of the pages, in light and in dark mode.

The stylesheets name colours by variables only, so what is true of the variables is true of the pages. A text needs 4.5
to 1 (1.4.3), a line, a mark or a border of a control 3 to 1 (1.4.11). Rules between rows carry no meaning.
"""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

SHEETS = {
    name: files(package).joinpath("templates", name).read_text("utf-8")
    for package, name in (("serving.reports", "report.css"), ("serving.pages", "pages.css"))
}
DARK = "@media screen and (prefers-color-scheme: dark)"
#: Texts that stand on one colour only, and that colour.
ON = {"on-accent": "accent", "on-ink": "ink"}
Colours = dict[str, str]


def roots(text: str) -> Colours:
    """Return the colours that the `:root` blocks of a stylesheet name."""
    inside = " ".join(re.findall(r":root\s*{(.*?)}", text, re.DOTALL))
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})", inside))


def used(property_: str) -> set[str]:
    """Return the variables that a property takes; `background` is not `background-image`."""
    return {
        name
        for text in SHEETS.values()
        for value in re.findall(rf"(?<![\w-]){property_}:\s*([^;}}]+)", text)
        for name in re.findall(r"var\(--([\w-]+)\)", value)
    }


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    digits = colour.removeprefix("#")
    full = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    channels = (int(full[place : place + 2], 16) / 255 for place in (0, 2, 4))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def schemes() -> dict[str, Colours]:
    light, _, dark = SHEETS["pages.css"].partition(DARK)
    by_day = roots(SHEETS["report.css"]) | roots(light)
    return {"light": by_day, "dark": by_day | roots(dark)}


def test_the_ratio_is_that_of_the_recommendation() -> None:
    assert contrast("#000", "#fff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)
    assert contrast("#d4d4d4", "#d4d4d4") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_stand_out(scheme: str) -> None:
    colours = schemes()[scheme]
    surfaces = used("background") - {"ink", "accent", "bar", "rule", "soft"}
    assert {"paper", "page", "faint", "warn-paper", "field"} <= surfaces
    texts = used("color") - set(ON)
    assert {"ink", "soft", "accent", "warn", "link"} <= texts
    marks = (used("stroke") | used("fill") | used("border-color") | used("border") | used("border-left")) & set(colours)
    marks -= {*surfaces, *ON, "rule"}
    assert {"bar", "accent", "ink"} <= marks
    pairs = [(text, surface, 4.5) for text in texts for surface in surfaces]
    pairs += [(mark, surface, 3.0) for mark in marks for surface in ("paper", "page")]
    pairs += [(text, ground, 4.5) for text, ground in ON.items()]
    weak = {
        (front, back): round(contrast(colours[front], colours[back]), 2)
        for front, back, least in pairs
        if contrast(colours[front], colours[back]) < least
    }
    assert not weak


def test_pages_take_their_colours_from_variables() -> None:
    """A colour written elsewhere would stay as it is in dark mode."""
    rules = re.sub(r":root\s*{.*?}", "", SHEETS["pages.css"], flags=re.DOTALL)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|opacity:", rules)
    names = {name for text in SHEETS.values() for name in re.findall(r"var\(--([\w-]+)", text)}
    assert names <= set(schemes()["light"])
