"""The list says whom to call now, as the account's page does, and whose sums its tiles are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pytest
from support.pages import Browser, Element, Site, tree
from support.portfolios import ACCOUNTS, EVA, EVIL, evidence, score_of
from support.stored import MODEL, opened, put

from serving.acting.acts import NewStep, add_step
from serving.database.engine import reading
from serving.portfolio.portfolio_lines import Line, lines_of
from serving.portfolio.portfolio_query import read_portfolio
from serving.portfolio.wanted import Wanted
from serving.reports.report import account_report
from serving.store import ScoreStore
from serving.store.score_tables import score_of as stored_score
from serving.words.formats import LANGS, Lang
from serving.words.wording import page_texts

TODAY, AT = date(2026, 1, 15), datetime(2026, 1, 2, tzinfo=UTC)
PRESSING = {"de": "Vertrag endet am 10.02.2026", "en": "contract ends on 10 Feb 2026"}


@pytest.fixture
def store(tmp_path: Any) -> Iterator[ScoreStore]:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as made:
        put(made, *(score_of(name) for name in ACCOUNTS), evidence=evidence())
        yield made


@pytest.fixture
def everybody(store: ScoreStore) -> Iterator[Browser]:
    site = Site(store)
    yield site.browser(site.key("read"))
    site.app.state.runtime.access.close()


def row_of(page: Element, account_id: str) -> Element:
    return next(row for row in page.one("tbody").all("tr") if account_id in row.one("th").text)


@pytest.mark.parametrize("lang", LANGS)
def test_who_must_not_wait_is_named_above_the_list_and_on_its_page(everybody: Browser, lang: Lang) -> None:
    """The contract's theme does not raise the estimate, and its day comes all the same."""
    page = tree(everybody.get(f"/?lang={lang}"))
    above = page.one("details", class_="pressing").one("p")
    named, due, renewals = above.all("a")
    assert renewals.attributes["href"] == f"/renewals?lang={lang}"
    assert named.text == EVIL and PRESSING[lang] in above.text and "1 " in above.text
    assert [row.text for row in tree(everybody.get(due.attributes["href"])).one("tbody").all("tr") if EVIL in row.text]
    step = row_of(page, "E/2").one("td", class_="step")
    assert PRESSING[lang] in step.all("strong")[-1].text
    advised = tree(everybody.get(named.attributes["href"])).one("section", class_="advice").text
    assert page_texts(lang)["advice"]["pressing"] in advised
    assert row_of(page, "E/2").one("span", class_="advice").text.split(": ", 1)[1] in advised


def lines(store: ScoreStore, lang: Lang, account_id: str, **changed: Any) -> tuple[Line, dict[str, Any]]:
    with reading(store.engine) as connection:
        found = read_portfolio(connection, None, Wanted())
    row = dict(next(each for each in found.rows if each["account_id"] == account_id)) | changed
    return lines_of(replace(found, rows=[row]), lang, TODAY)[0], row


@pytest.mark.parametrize("lang", LANGS)
def test_an_account_that_a_contact_pays_for_is_never_kept_as_usual(store: ScoreStore, lang: Lang) -> None:
    """First on the list stood a giant whose page said "keep in touch as usual"."""
    _, row = lines(store, lang, "J1")
    flat = [reason | {"contribution": 0.0} for reason in row["reasons"]]
    line, row = lines(store, lang, "J1", reasons=flat)
    words = page_texts(lang)["advice"]
    report = account_report(stored_score(row), (), row["evidence"], MODEL, lang)
    assert (report.advice, report.no_advice) == ((), words["none_pays"]) and line.advice == words["none_pays"]
    assert not line.pressing
    poor, _ = lines(store, lang, "J1", reasons=flat, expected_profit=-3.0, best_action=None)
    assert poor.advice == words["none"]
    safe, _ = lines(store, lang, "E3")
    assert safe.advice == ""


@pytest.mark.parametrize(("day", "presses"), [("2025-12-20", True), ("2025-06-20", False)])
def test_a_low_score_presses_while_it_is_new(store: ScoreStore, day: str, presses: bool) -> None:
    """What has been open for years is in every second account, and names nobody to call today."""
    answer = {"survey_id": "S1", "contact_id": "C1", "sent_at": f"{day}T00:00:00Z", "answered_at": f"{day}T01:00:00Z",
              "score": 3, "anonymous": False, "role": "IT", "decision_maker": False, "kind": "relationship",
              "comment": None, "category": "detractor"}  # fmt: skip
    loop = {"loop_id": "L1", "survey_id": "S1", "opened_at": f"{day}T01:00:00Z", "hours": 90.0, "score": 3}
    row = lines(store, "en", "J1")[1]
    told = row["evidence"] | {name: {"total": 1, "rows": [each]} for name, each in
                              (("surveys", answer), ("open_loops", loop))}  # fmt: skip
    assert lines(store, "en", "J1", evidence=told)[0].pressing == ("a new low score" if presses else "")


def test_a_planned_step_presses_no_more(store: ScoreStore) -> None:
    with store.engine.begin() as connection:
        add_step(connection, "E/2", NewStep("call", "Anrufen", EVA, date(2026, 1, 20)), "k", AT, "once")
    line, _ = lines(store, "de", "E/2")
    assert (line.step, line.pressing) == ("Anrufen", "")


@pytest.mark.parametrize(("query", "expected"), [("ending=yes", ["E/2"]), ("unheard=yes", ["J1", "E3"])])
def test_standing_filters(everybody: Browser, query: str, expected: list[str]) -> None:
    page = tree(everybody.get(f"/?{query}"))
    rows = page.one("tbody").all("tr")
    assert [row.one("th").one("span", class_="under").text.split(" · ")[0] for row in rows] == expected
    assert page.one("form", class_="filters").fields[query.split("=", maxsplit=1)[0]] == "yes"
    assert everybody.get(f"/?{query[:-3]}no").status_code == 422


def test_a_tile_leads_to_the_accounts_that_it_is_of(everybody: Browser) -> None:
    tiles = tree(everybody.get(f"/?lang=en&manager={quote(EVA)}")).one("dl", class_="sums").all("dt")
    links = {tile.text: tile.all("a")[0].attributes["href"] for tile in tiles if tile.all("a")}
    assert list(links) == ["Revenue at risk", "Unheard for 180 days", "Due in 90 days", "Change of the revenue at risk"]
    listed = {label: len(tree(everybody.get(link)).one("tbody").all("tr")) for label, link in links.items()}
    assert list(listed.values()) == [4, 1, 1, 4]


@pytest.mark.parametrize(("lang", "nobody"), [("de", "ohne Betreuung"), ("en", "no account manager")])
def test_an_account_of_nobody_is_marked(everybody: Browser, lang: Lang, nobody: str) -> None:
    page = tree(everybody.get(f"/?lang={lang}"))
    assert nobody in row_of(page, "Niemandsland").text and nobody not in row_of(page, "Riese AG").text


@pytest.mark.parametrize(("lang", "said"), [("de", "es ginge wenig verloren"), ("en", "little would be lost")])
def test_why_a_likelier_account_is_not_at_risk_stands_beside_it(store: ScoreStore, lang: Lang, said: str) -> None:
    """4.4 % was at risk and 12 % was not; what each customer is worth stood on no list."""
    small, _ = lines(store, lang, "N1", churn_probability=0.2)
    usual, _ = lines(store, lang, "N1")
    assert small.size.endswith(said) and not usual.size and "1.000" in small.value.replace(",", ".")
