"""The page of the programme's figures: every figure with its definition, a table at every chart, and one's own only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.figures import ANA, BO, figures_by_hand, put_figures
from support.pages import Element, Site, tree
from support.stored import MODEL, SCORE, opened, put

from features.figures.figure import all_figures
from serving.programme.figure_sections import LINES, SUMS
from serving.words.formats import LANGS, Formats, Lang


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path: Path = tmp_path_factory.mktemp("figures") / "scores.db"
    with opened(f"sqlite:///{path}") as store:
        put_figures(store)
        made = Site(store, rate_limit="100000/minute")
        yield made
        made.app.state.runtime.access.close()


def page_of(site: Site, lang: Lang, manager: str | None = None) -> Element:
    answer = site.browser(site.key("read", account_manager=manager)).get(f"/figures?lang={lang}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    return tree(answer)


@pytest.mark.parametrize("lang", LANGS)
def test_every_figure_opens_its_definition_and_every_chart_has_its_table(site: Site, lang: Lang) -> None:
    page = page_of(site, lang)
    folds = {fold.attributes["id"]: fold.text for fold in page.all("details")}
    assert set(folds) == {figure.name for figure in all_figures()}
    for figure in all_figures():
        label, definition = (figure.de, figure.definition_de) if lang == "de" else (figure.en, figure.definition_en)
        for told in (label, definition, figure.source_in(lang), figure.name):
            assert " ".join(told.split()) in folds[figure.name]
    charts = page.all("section", class_="sheet-part")
    lines = [name for names in LINES.values() for name in names if name != "loops_closed_48h"]
    sums = [key for family, key, _ in SUMS if family != "feedback_loops"]
    assert [chart.one("h3").attributes["id"] for chart in charts if chart.all("svg", class_="months")] == [
        f"chart-{name}" for name in lines
    ]
    assert len(charts) == len(lines) + len(sums)
    for chart in charts:
        table = chart.one("table")
        drawn = chart.all("circle") if chart.all("svg", class_="months") else chart.all("svg", class_="bar")
        known = [row for row in table.one("tbody").all("tr") if not row.all("td", class_="reason")]
        assert drawn and len(drawn) == len(known)
        assert chart.all("svg")[0].attributes.get("aria-labelledby") or chart.all("svg")[0].attributes["aria-hidden"]
    missing = {"de": "Nicht bekannt: Tabelle loops fehlt", "en": "Not known: table loops is missing"}[lang]
    assert sum(missing in cell.text for cell in page.all("td", class_="reason")) == sum(
        "loops" in figure.needs for figure in all_figures()
    )


def test_a_manager_s_page_shows_the_manager_s_accounts_only(site: Site) -> None:
    money = Formats("en", "EUR").money
    everybody, ana, nobody = (page_of(site, "en", who).text for who in (None, ANA, "Nobody"))
    assert money(7860.0) in everybody and "Figures of the whole book." in everybody
    assert money(850.0) in ana and f"Figures of the accounts of {ANA} only." in ana
    for text in (ana, nobody):
        assert money(7860.0) not in text and money(7000.0) not in text and BO not in text
    assert "you see no account of this run" in nobody and "details" not in nobody


@pytest.mark.parametrize("lang", LANGS)
def test_a_sum_leads_to_the_accounts_behind_it(site: Site, lang: Lang) -> None:
    links = {each.attributes["href"] for each in page_of(site, lang).all("a")}
    sums = {figure.name for figure in all_figures() if figure.adds_up}
    for name in ("revenue_customers", "revenue_lost_invoiced"):
        assert f"/figures/{name}?lang={lang}" in links
    assert {link.split("/")[2].split("?")[0] for link in links if link.startswith("/figures/")} <= sums
    page = tree(site.browser(site.key("read")).get(f"/figures/revenue_customers?lang={lang}"))
    rows = [(row.one("th"), row.one("data")) for row in page.one("tbody").all("tr")]
    assert [float(adds.attributes["value"]) for _, adds in rows] == [7000.0, 600.0, 250.0, 10.0]
    assert [told.text.split()[2] for told, _ in rows] == ["bo-1", "ana-1", "ana-2", "nobodys"]
    money = Formats(lang, "EUR").money
    assert " ".join(money(7860.0).split()) in page.text


def test_the_accounts_behind_a_figure_are_one_s_own(site: Site) -> None:
    ana, nobody = (site.browser(site.key("read", account_manager=who)) for who in (ANA, "Nobody"))
    page = tree(ana.get("/figures/revenue_customers")).text
    assert "ana-1" in page and "bo-1" not in page and "nobodys" not in page
    assert "ana-1" not in tree(nobody.get("/figures/revenue_customers")).text
    assert "no sum over accounts" in tree(ana.get("/figures/grr_invoiced?lang=en")).text
    odd = ana.get("/figures/grr?lang=en")
    assert odd.status_code == 404 and "There is no such figure" in tree(odd).text
    assert ana.get("/figures/revenue_customers?lang=fr").status_code == 422


def test_who_has_a_score_has_a_link_and_the_rest_of_many_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.pages.figures_page.MOST_ACCOUNTS", 2)
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        scored = replace(SCORE, account_id="bo-1")
        store.write([scored], {}, MODEL, SCORE.as_of, SCORE.scored_at, figures=figures_by_hand())
        site = Site(store)
        page = tree(site.browser(site.key("read")).get("/figures/revenue_customers?lang=en"))
        site.app.state.runtime.access.close()
    first, second, others = page.one("tbody").all("tr")
    assert [link.attributes["href"] for link in first.all("a")] == ["/accounts/bo-1?lang=en"]
    assert "ana-1" in second.text and not second.all("a")
    assert "Others: 2" in others.text and Formats("en", "EUR").money(260.0) in others.text


def test_the_page_is_linked_and_says_what_is_not_there(site: Site, tmp_path: Path) -> None:
    browser = site.browser(site.key("read"))
    links = [each.attributes["href"] for each in tree(browser.get("/?lang=de")).one("header", class_="mast").all("a")]
    assert "/figures?lang=de" in links
    odd = browser.get("/figures?lang=fr")
    assert odd.status_code == 422 and "fr" in tree(odd).one("p", class_="problem").text
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        bare = Site(store)
        for told in ("no scores are stored yet", "not stored with this scoring run"):
            assert told in page_of(bare, "en").text
            put(store, SCORE)
        bare.app.state.runtime.access.close()


@pytest.mark.parametrize(
    ("lang", "said"), [("de", "Kennzahlen nur der Kunden von"), ("en", "Figures of the accounts of")]
)
def test_a_lead_asks_for_one_of_the_managers(site: Site, lang: Lang, said: str) -> None:
    """Of several managers only sums are known; the page told to ask for one of them, and had no way to."""
    lead = site.browser(site.key("read", account_manager=(ANA, BO)))
    page = tree(lead.get(f"/figures?lang={lang}"))
    form = next(form for form in page.all("form") if form.attributes.get("action") == "/figures")
    assert [option.attributes["value"] for option in form.all("option")] == ["", ANA, BO]
    one = tree(lead.get(f"/figures?lang={lang}&manager={ANA}"))
    money = Formats(lang, "EUR").money
    assert f"{said} {ANA}" in one.text and " ".join(money(850.0).split()) in one.text
    links = {each.attributes["href"] for each in one.all("a")}
    assert f"/figures/revenue_customers?lang={lang}&manager={ANA.replace(' ', '+')}" in links
    behind = tree(lead.get(f"/figures/revenue_customers?lang={lang}&manager={ANA}")).text
    assert "ana-1" in behind and "bo-1" not in behind
    other = tree(site.browser(site.key("read", account_manager=ANA)).get(f"/figures?lang=en&manager={BO}")).text
    assert "you see no account of this run" in other and " ".join(money(7000.0).split()) not in other
