"""The model card on paper: the whole record in HTML and Markdown, escaped, valid, and drawn to scale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.browser import DESKTOP, PHONE, launched, needs_chromium, opened
from support.cards import MADE, nasty, plain, shown_in_html, shown_in_markdown, texts

from training.bundle.bundle import Bundle, Manifest
from training.card.card import Card, card_of
from training.card.card_html import html_of, markdown_of
from training.card.drawing import draw_leads, draw_ratios, draw_slopes
from training.worth.bootstrap import Interval

NAN = float("nan")
VOID = {"meta", "link", "line", "circle"}


@pytest.fixture(scope="module")
def manifest(bundle: Bundle) -> Manifest:
    return bundle.manifest


@pytest.fixture(params=MADE)
def card(request: pytest.FixtureRequest, manifest: Manifest) -> Card:
    return card_of(MADE[request.param](manifest), "7")


def test_everything_in_the_record_stands_in_both_outputs(card: Card) -> None:
    found = [plain(text) for text in texts(card)]
    assert len(found) > 200
    html, markdown = shown_in_html(html_of(card)), shown_in_markdown(markdown_of(card))
    assert [text for text in found if text not in html] == []
    assert [text for text in found if text not in markdown] == []


def rows_of(markdown: str) -> Iterator[list[int]]:
    """Yield for each table the number of cells in each of its rows, the delimiters' too."""
    table: list[int] = []
    for line in [*markdown.splitlines(), ""]:
        if line.startswith("|"):
            assert line.endswith("|")
            table.append(len(re.findall(r"(?<!\\)\|", line)) - 1)
        elif table:
            yield table
            table = []


def test_markdown_tables_are_valid(card: Card) -> None:
    document = markdown_of(card)
    found = list(rows_of(document))
    expected = [[len(table.columns)] * (len(table.rows) + 2) for section in card.sections for table in section.tables]
    assert found == [[3] * (len(card.figures) + 2), *expected]
    for delimiter in re.findall(r"^\| :?-.*$", document, re.MULTILINE):
        assert re.fullmatch(r"\|( (:---|---:) \|)+", delimiter)


def test_nothing_in_the_data_becomes_markup(manifest: Manifest) -> None:
    card = card_of(nasty(manifest), "<img src=x>")
    html, markdown = html_of(card), markdown_of(card)
    assert "<script" not in html.lower() and "<b>" not in html and "<img" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert "<script" not in markdown and "<b>" not in markdown and "<img" not in markdown
    assert "**c**" not in markdown and "[d](e)" not in markdown and "`f`" not in markdown and "\n# **" not in markdown


class Tree(HTMLParser):
    """Checks that tags close in their order, and collects what must hold of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.unscoped = self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [value or "" for name, value in attributes if name in ("href", "src")]
        self.unscoped += tag == "th" and "scope" not in found and found.get("aria-hidden") != "true"
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_self_contained(card: Card) -> None:
    document = html_of(card)
    tree = Tree()
    tree.feed(document)
    assert tree.open == [] and len(set(tree.ids)) == len(tree.ids)
    assert tree.unscoped == 0 and tree.tables == tree.captions > 5
    assert {link for link in tree.links if not link.startswith("#")} == {"data:,"}
    assert (
        {link[1:] for link in tree.links if link.startswith("#")} == {one.key for one in card.sections} <= set(tree.ids)
    )
    style = document.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style and "@media print" in style
    assert "<script" not in document and " onload" not in document


def test_leads_are_drawn_on_one_scale() -> None:
    leads = [
        Interval(0.1, 0.05, 0.2),
        None,
        Interval(-0.1, -0.2, 0.1),
        Interval(-0.1, -0.2, -0.05),
        Interval(0.1, NAN, NAN),
    ]
    drawn = draw_leads(leads, "lead", "rival", "model")
    assert drawn is not None
    good, nothing, unclear, bad, alone = drawn.marks
    assert nothing is None and good and unclear and bad and alone
    assert [mark.kind for mark in (good, unclear, bad, alone)] == ["good", "open", "bad", "open"]
    assert drawn.line < good.low < good.at < good.high < 100 and 0 < bad.low < bad.at < bad.high < drawn.line
    assert good.at - drawn.line == pytest.approx(drawn.line - bad.at)
    assert alone.low == alone.at == alone.high
    labels = {tick.label: tick.at for tick in drawn.ticks}
    assert labels["0.0"] == pytest.approx(drawn.line) and labels["+0.2"] == pytest.approx(good.high)
    assert draw_leads([None, Interval(NAN, NAN, NAN)], "lead", "rival", "model") is None


def test_ratios_are_drawn_by_their_logarithm_and_cut() -> None:
    drawn = draw_ratios([Interval(2.0, 1.5, 4.0), Interval(0.5, 0.25, 0.6), Interval(1.0, 0.001, 900.0)], "r", "l", "m")
    assert drawn is not None
    double, half, wide = drawn.marks
    assert double and half and wide
    assert double.at - drawn.line == pytest.approx(drawn.line - half.at)
    assert (double.kind, half.kind, wide.kind) == ("bad", "bad", "good")
    assert (wide.low, wide.high, wide.cut_low, wide.cut_high) == (0, 100, True, True)
    assert not (double.cut_low or double.cut_high)
    assert draw_ratios([None], "r", "l", "m") is None


def test_slopes_are_drawn_beside_1() -> None:
    drawn = draw_slopes([Interval(1.1, 0.9, 1.3), Interval(0.7, 0.6, 0.8)], "s", "l", "m")
    assert drawn is not None and [mark.kind for mark in drawn.marks if mark] == ["good", "bad"]
    assert {tick.label: tick.at for tick in drawn.ticks}["1.0"] == pytest.approx(drawn.line)


@pytest.mark.server
@needs_chromium
@pytest.mark.parametrize("made", ["as trained", "sparse", "nasty"])
def test_a_browser_shows_it_on_a_desk_and_a_phone(manifest: Manifest, made: str, tmp_path: Path) -> None:
    page_file = tmp_path / "card.html"
    page_file.write_text(html_of(card_of(MADE[made](manifest), "1")), encoding="utf-8")
    with launched() as browser:
        for width in (DESKTOP, PHONE):
            page, found = opened(browser, page_file, width)
            assert found == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.get_by_role("heading", name="Limits").is_visible()
            rows = page.get_by_role("table", name="ROC AUC", exact=True).get_by_role("row")
            assert rows.count() == 1 + len(manifest.verdict["metrics"])
            page.close()
