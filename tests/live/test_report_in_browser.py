"""The account report in a real browser: it asks for nothing, runs nothing, fits a phone, and opens its folds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from support.browser import DESKTOP, PHONE, launched, needs_chromium, opened
from support.outlooks import with_outlook

from features.tables import Tables
from serving.reports.report import account_report
from serving.reports.report_html import render_account
from serving.scoring.evidence import collect_evidence
from serving.scoring.model_facts import model_facts
from serving.scoring.scoring import score_book
from training.bundle.bundle import Bundle
from training.making.pipeline import Trained

HEADINGS = {
    "de": ("Wann", "Weniger Umsatz, obwohl der Kunde bleibt", "Was Sie tun können"),
    "en": ("When", "Less revenue though the customer stays", "What can be done"),
}

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture(scope="module")
def reports(
    book: Tables, bundle: Bundle, trained: Trained, as_of: date, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Return a report in each language of the account with the highest probability among those that are known."""
    scored = score_book(book, as_of, with_outlook(bundle, trained, book))
    known = (score for score in scored.rows() if score.band != "unknown")
    score = max(known, key=lambda one: one.churn_probability)
    spine = book["accounts"].get_backend().table("spine")
    evidence = collect_evidence(book, spine, as_of, scored.outlooks())[score.account_id]
    folder = tmp_path_factory.mktemp("reports")
    made = {}
    for lang in ("de", "en"):
        made[lang] = folder / f"{lang}.html"
        record = account_report(score, [], evidence, model_facts(bundle), lang)
        made[lang].write_text(render_account(record), encoding="utf-8")
    return made


@pytest.mark.parametrize("lang", ["de", "en"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_report_asks_for_nothing_and_fits(browser: Browser, reports: Any, lang: str, width: int) -> None:
    page, found = opened(browser, reports[lang], width)
    assert found == []
    assert page.locator("html").get_attribute("lang") == lang
    assert page.locator("h1").is_visible()
    for heading in HEADINGS[lang]:
        assert page.get_by_role("heading", name=heading, exact=True).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_folds_open_and_show_every_signal(browser: Browser, reports: Any, bundle: Bundle) -> None:
    page, _ = opened(browser, reports["en"], DESKTOP)
    fold = page.locator("details").last
    assert not fold.locator("table").first.is_visible()
    fold.locator("summary").click()
    assert fold.locator("table").first.is_visible()
    assert fold.locator("tbody tr").count() >= len(bundle.manifest.signals)
    page.close()
