"""Groups that a run keeps: tables on the page, entries of the API, and terms of lifetime values in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.figures import ANA, figures_by_hand
from support.pages import Site, tree
from support.served import Client
from support.stored import MODEL, SCORE, opened

from features.figures.figure import SOURCES_DE
from serving.programme.figure_sections import Section, sections
from serving.scoring.book_figures import BookFigures
from serving.words.figure_words import figures_in_words
from serving.words.formats import LANGS, Lang

TERMS = {"discount_rate": 0.08, "years": 3, "margin": 0.4}
DAY = date(2026, 1, 1)


def group(name: str | None, value: float | None, low: float | None = None, high: float | None = None) -> Any:
    reason = None if value is not None else ["nothing", {}]
    return {"group": name, "value": value, "low": low, "high": high, "n": 2.0, "reason": reason}


GROUPS = {
    "segment": {
        "lifetime_value": [group("enterprise", 1000.0, 800.0, 1200.0), group(None, 50.0, 50.0, 50.0)],
        "lifetime_value_promoters": [group("enterprise", None), group(None, 50.0)],
    },
    "month": {"renewals_due_365d": [group("2026-02", 70.0), group("2026-01", 30.0)]},
    "quarter": {"renewals_due_365d": [group("2026-Q1", 100.0)], "renewals_expected_365d": [group("2026-Q1", 90.0)]},
}  # fmt: skip


def figures() -> BookFigures:
    made = figures_by_hand()
    return replace(made, parts=tuple(
        replace(part, record=part.record | {"groups": {} if part.account_manager == ANA else GROUPS})
        for part in made.parts
    ))  # fmt: skip


def by_key(lang: Lang) -> dict[str, Section]:
    record = figures().parts[0].record
    return {each.key: each for each in sections(figures_in_words(record, DAY, lang), "EUR", lang, TERMS)}


@pytest.mark.parametrize("lang", LANGS)
def test_groups_stand_side_by_side_and_what_is_not_known_says_so(lang: Lang) -> None:
    loyalty, renewals = (by_key(lang)[name] for name in ("loyalty", "renewals_due"))
    (table,) = loyalty.groups
    names = [name for name, _ in table.rows]
    assert names == [{"en": "enterprise", "de": "Großkunden"}[lang], {"en": "Not known", "de": "Nicht bekannt"}[lang]]
    first = {cell.head: cell for cell in table.rows[0][1]}
    whole, promoters, *_, without = first.values()
    assert (whole.exact, promoters.value, without.exact) == (1000.0, "", 0.0) and promoters.reason
    assert all(number in whole.interval for number in ("800", "200"))
    assert table.rows[1][1][0].interval == "", "an interval of one point is none"
    quarter, month = renewals.groups
    assert [name for name, _ in quarter.rows] == [{"en": "Q1 2026", "de": "1. Quartal 2026"}[lang]]
    assert [cells[0].exact for _, cells in month.rows] == [30.0, 70.0], "by month"
    said = {"en": ("margin, 40%", "8.0%", "3 years"), "de": ("Marge, 40", "8,0", "3 Jahre")}[lang]
    assert all(text in loyalty.note for text in said) and renewals.note == ""


@pytest.mark.parametrize("lang", LANGS)
def test_what_the_run_does_not_estimate_has_no_column_and_is_explained_once(lang: Lang) -> None:
    """The reason stood in every cell of two tables, 46 times on the page."""
    record = figures().parts[0].record
    blind = {"value": [None], "low": [None], "high": [None], "n": [None], "reason": [["not_estimated", {}]]}
    named = {name: blind for name in ("renewals_expected_365d", "renewals_expected_lost_365d")}
    without = {"month": GROUPS["month"]}
    record = record | {"dates": [DAY.isoformat()], "figures": named, "groups": without}
    found = sections(figures_in_words(record, DAY, lang), "EUR", lang, TERMS)
    section = next(each for each in found if each.key == "renewals_due")
    (month,) = section.groups
    cells = [cells for _, cells in month.rows]
    assert [each[0].exact for each in cells] == [30.0, 70.0]
    assert {len(each) for each in cells} == {len(month.heads)} == {1}, "what is due"
    assert all(cell.value and not cell.reason for each in cells for cell in each)
    said = {"en": "does not estimate", "de": "schätzt"}[lang]
    assert {row.name for row in section.rows if said in row.reason} >= set(named)


def test_sources_and_tables_stand_in_the_reader_s_language() -> None:
    english, german = ({row.name: row for section in by_key(lang).values() for row in section.rows} for lang in LANGS)
    if english["grr_invoiced"].source.startswith("Übliche"):
        english, german = german, english
    assert german["grr_invoiced"].source == "Übliche Definition von SaaS-Kennzahlen (Skok; Gainsight)"
    assert german["grr_invoiced"].needs == "Kunden, Rechnungen"
    assert set(SOURCES_DE) == {row.source for name, row in english.items() if row.source != german[name].source}
    left = " ".join(row.source for row in german.values())
    assert not any(word in left for word in ("definition", "interval", "weighted", " on the ", "attitude", "rate"))


def test_page_and_api_have_the_groups_of_whom_they_are_for(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        store.write([SCORE], {}, MODEL | {"lifetime": TERMS}, DAY, SCORE.scored_at, figures())
        site = Site(store, rate_limit="100000/minute")
        page = tree(site.browser(site.key("read")).get("/figures?lang=en"))
        assert len(page.all("table", class_="groups")) == 3 and "in margin, 40% of revenue" in page.text
        mine = tree(site.browser(site.key("read", account_manager=ANA)).get("/figures?lang=en"))
        assert mine.all("table", class_="groups") == []
        answer = (
            Client(site.app, {"Authorization": f"Bearer {site.key('read')}"}).get("/v1/figures/lifetime_value").json()
        )
        assert [(row["split"], row["group"], row["value"], row["high"]) for row in answer["groups"]] == [
            ("segment", "enterprise", 1000.0, 1200.0), ("segment", None, 50.0, 50.0),
        ]  # fmt: skip
        site.app.state.runtime.access.close()
