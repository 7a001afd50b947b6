"""The board's report: every figure is the API's, parts add up, a manager's tells nothing of others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from support.commands import Command
from support.figures import ANA, BO, DATES, figures_by_hand
from support.pages import Element, Site, Tree, tree
from support.papers import Caught, Paper, need_pdf
from support.portfolios import ACCOUNTS, EVA, JAN, evidence, score_of
from support.served import Client, run_command
from support.stored import AT, DAY, MODEL, SCORE, opened, put

from serving.api.edge import papers
from serving.database.engine import reading
from serving.printing.paper import pdf_of
from serving.programme.board_facts import read_board
from serving.programme.board_report import FIRST, MONTHS, PARTS, BoardReport, board_report, render_board
from serving.programme.figure_sections import Telling, sections
from serving.scoring.book_figures import BookFigures
from serving.store import ScoreStore
from serving.words.figure_words import figures_in_words
from serving.words.formats import LANGS, Formats, Lang
from serving.words.wording import programme_texts, screen_texts

BEFORE = DAY - timedelta(days=90)
WHO = {ANA: EVA, BO: JAN, None: None}
FIGURES = {
    name.format(basis="invoiced") for name in (*FIRST, *MONTHS, *(name for _, names, _ in PARTS for name in names))
}


def figures() -> BookFigures:
    """Return figures by hand, of the account managers of the portfolio; their amounts have parts of a euro."""
    made = figures_by_hand()
    for part in made.parts:
        part.record["figures"]["nps_transactional"] |= {"low": [None, -12.34, -12.34], "high": [None, 56.78, 56.78]}
        for name, amount in (
            ("opening", 1000.45),
            ("new", 100.4),
            ("expansion", 100.4),
            ("closing", 1201.25),
            ("lost", 0.0),
        ):
            part.record["figures"][f"revenue_{name}_invoiced"]["value"] = [None, amount, amount]
    parts = tuple(replace(part, account_manager=WHO[part.account_manager]) for part in made.parts)
    return BookFigures(parts, [frame.replace({ANA: EVA, BO: JAN}) for frame in made.accounts])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoreStore]:
    home: Path = tmp_path_factory.mktemp("board") / "home"
    with opened(f"sqlite:///{home / 'scores.db'}") as made:
        put(made, *(score_of(name, True) for name in ACCOUNTS), evidence=evidence())
        made.write([score_of(name) for name in ACCOUNTS], evidence(), MODEL, DAY, AT, figures())
        yield made


@pytest.fixture(scope="module")
def site(store: ScoreStore) -> Iterator[Site]:
    made = Site(store, rate_limit="100000/minute")
    yield made
    made.app.state.runtime.access.close()


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Caught:
    made = Caught()
    monkeypatch.setattr(papers, "pdf_of", made)
    return made


def report_of(store: ScoreStore, lang: Lang, whose: str | None = None) -> BoardReport:
    with reading(store.engine) as connection:
        facts = read_board(connection, whose)
    assert facts is not None
    return board_report(facts, whose, lang, DAY)


def html_of(report: BoardReport, paper: bool = False) -> Element:
    return Tree(render_board(report, paper)).root


def asked(site: Site, lang: Lang, manager: str | None = None) -> dict[str, Any]:
    """Return the figures as the API gives them."""
    key = site.key("read", account_manager=manager)
    answer = Client(site.app, {"Authorization": f"Bearer {key}"}).get(f"/v1/figures?lang={lang}").json()
    return {figure["name"]: figure for figure in answer["figures"]}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("manager", [None, EVA])
def test_every_figure_is_the_api_s(store: ScoreStore, site: Site, lang: Lang, manager: str | None) -> None:
    expected, page = asked(site, lang, manager), html_of(report_of(store, lang, manager))
    shown = [each for each in page.all() if "data-figure" in each.attributes and each.tag != "section"]
    assert {each.attributes["data-figure"] for each in shown} >= FIGURES - {"loops_closed_48h"} | {
        "revenue_new_invoiced"
    }
    for each in shown:
        figure = expected[each.attributes["data-figure"]]
        exact = each.all("data")
        if figure["reason"]:
            assert not exact and figure["reason"] in each.text and figure["reason"]
        else:
            assert float(exact[0].attributes["value"]) == figure["value"]
    for section in page.all("section", class_="month"):
        series = expected[section.attributes["data-figure"]]["series"]
        rows = section.one("table").one("tbody").all("tr")
        assert len(rows) == len(series) == len(DATES)
        for row, point in zip(rows, series, strict=True):
            exact = row.all("data")
            assert (
                point["reason"] in row.text
                if point["reason"]
                else float(exact[0].attributes["value"]) == point["value"]
            )


def test_the_parts_that_are_shown_add_up_to_the_whole_that_is_shown(store: ScoreStore) -> None:
    """Each rounded alone, 1,000 and twice 100 would come to 1,201."""
    waterfall = report_of(store, "en").waterfall
    assert waterfall is not None
    said = {row.name: int(row.value.replace("€", "").replace(",", "")) for row in waterfall.rows}
    assert said == {
        "revenue_opening_invoiced": 1001, "revenue_new_invoiced": 100, "revenue_expansion_invoiced": 100,
        "revenue_closing_invoiced": 1201,
    }  # fmt: skip


def test_parts_that_do_not_sum_are_shown_each_as_it_is() -> None:
    record = figures().parts[0].record
    record["figures"]["revenue_closing_invoiced"]["value"][-1] = 1300.0
    by_name = {found.figure.name: found for found in figures_in_words(record, DAY, "en")}
    chart = next(Telling(Formats("en", "EUR"), screen_texts("en")).bars("retention", by_name))
    assert [row.value for row in chart.rows] == ["€1,000", "€100", "€100", "€1,300"]


@pytest.mark.parametrize("lang", LANGS)
def test_every_chart_has_its_table_and_a_text(store: ScoreStore, lang: Lang) -> None:
    page = html_of(report_of(store, lang))
    lines = page.all("svg", class_="months")
    assert len(lines) == len(MONTHS)
    for line in lines:
        assert line.one("title").text and line.attributes["aria-labelledby"] == line.one("title").attributes["id"]
        assert line.above is not None and len(line.above.one("tbody").all("tr")) == len(DATES)
        assert len(line.all("polyline")) == 1, "one figure a chart"
    for bars in page.all("table", class_="parts"):
        assert all(len(row.all("svg")) == len(row.all("data")) == 1 for row in bars.one("tbody").all("tr"))
    assert {"de": "Nicht bekannt: Tabelle loops fehlt", "en": "Not known: table loops is missing"}[lang] in page.text


def test_whom_a_session_does_not_see_is_not_in_its_report(site: Site, caught: Caught) -> None:
    for manager, names in (
        (None, {row[-1] for row in ACCOUNTS.values()}),
        (EVA, {row[-1] for row in ACCOUNTS.values() if row[0] == EVA}),
        ("Nobody", set()),
    ):
        browser = site.browser(site.key("read", account_manager=manager))
        answer = browser.get("/figures.pdf?lang=en")
        assert answer.headers["content-disposition"] == 'attachment; filename="board-2026-01-01-en.pdf"'
        text = unescape(caught.documents[-1])
        named = {row[-1] for row in ACCOUNTS.values() if row[-1] in text}
        threats = {row[-1] for name, row in ACCOUNTS.items() if score_of(name).threat}
        assert named == names & threats, manager
        assert (JAN in text) == (manager is None), manager
    assert "you see no account of this run" in caught.documents[-1] and "data-figure" not in caught.documents[-1]
    button = next(each for each in tree(browser.get("/figures?lang=de")).all("a") if "PDF" in each.text)
    assert browser.get(button.attributes["href"]).headers["content-type"] == "application/pdf"
    assert 'lang="de"' in caught.documents[-1]
    assert browser.get("/figures.pdf?lang=fr").status_code == 422


def test_the_sums_of_the_risk_are_those_of_the_portfolio(store: ScoreStore) -> None:
    risk, formats = report_of(store, "en").risk, Formats("en", "EUR")
    at_risk = {name: score_of(name).revenue_at_risk for name in ACCOUNTS}
    assert risk.figures[0][1] == formats.money(sum(at_risk.values()))
    assert "Four times out of five" in risk.figures[0][2]
    threats = sorted((name for name in ACCOUNTS if score_of(name).threat), key=lambda name: -at_risk[name])
    assert [line.account_id for line in risk.threats] == threats
    assert [line.revenue_at_risk for line in risk.threats] == [formats.money(at_risk[name]) for name in threats]
    assert formats.money(sum(at_risk[name] for name in threats)) in risk.counted


def test_the_pdf_says_what_the_record_says(store: ScoreStore) -> None:
    need_pdf()
    report = report_of(store, "de")
    printed = Paper(pdf_of([render_board(report, paper=True)]))
    squeezed = printed.text.replace(" ", "")
    rows = [*report.first, *report.others, *(row for part in report.parts for row in part.rows)]
    said = [told for row in rows for told in (row.label, row.value, row.interval, row.reason)]
    said += [row.value for part in report.parts for chart in part.bars for row in chart.rows]
    said += [month.value for line in report.months for month in line.months]
    said += [line.name for line in report.risk.threats] + [report.risk.figures[0][1], *report.facts]
    assert not [each for each in said if "".join(each.split()) not in squeezed]
    assert len(printed.pages) <= 4
    drawn = [each for each in printed.elements() if each.get("/S") == "/Figure"]
    assert drawn and all(each.get("/Alt") for each in drawn)


def test_a_run_without_figures_says_so_and_still_tells_its_risk(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as bare:
        with reading(bare.engine) as connection:
            assert read_board(connection, None) is None
        put(bare, SCORE)
        page = html_of(report_of(bare, "en")).text
    assert "There are no figures to show: not stored with this scoring run." in page
    assert "Revenue at risk" in page and "Logo churn" not in page


def test_the_command_writes_it_and_says_what_does_not_fit(
    store: ScoreStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", store.url)
    churn_risk: Command = lambda *arguments: run_command(monkeypatch, capfd, *arguments)  # noqa: E731
    out = tmp_path / "board.html"
    done = churn_risk("report", "--board", "--lang", "de", "--account-manager", EVA, "--out", out, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.result == {
        "as_of": "2026-01-01", "accounts": 4, "figures": True, "account_manager": EVA, "lang": "de", "out": str(out),
    }  # fmt: skip
    assert "Nur Kunden von Eva Groß" in out.read_text(encoding="utf-8")
    wrong = churn_risk("report", "E1", "--board", "--with-accounts", 2, "--out", tmp_path / "x.docx")
    assert wrong.code == 2
    for said in ("written as .html or .pdf", "account 'E1': --board", "--with-accounts 2: goes with the portfolio"):
        assert said in wrong.err
    nobody = churn_risk("report", "--board", "--account-manager", "Nobody", "--out", tmp_path / "x.html")
    assert nobody.code == 2 and f"there are: {EVA}, {JAN}" in nobody.err
    earlier = churn_risk("report", "--board", "--as-of", BEFORE, "--out", out, "--json")
    assert (earlier.result["as_of"], earlier.result["figures"]) == (str(BEFORE), False)
    assert "no figures to show: not stored" in out.read_text(encoding="utf-8")
    never = churn_risk("report", "--board", "--as-of", "2020-01-01", "--out", tmp_path / "x.html")
    assert never.code == 2
    assert f"--as-of 2020-01-01: no run of this date is stored; there are: {DAY}, {BEFORE}" in never.err
    assert "--as-of 2020-01-01: only" in churn_risk("report", "--as-of", "2020-01-01", "--out", tmp_path / "x.html").err
    monkeypatch.setenv("CHURN_RISK_STORE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    assert "no scores are stored yet" in churn_risk("report", "--board", "--out", tmp_path / "x.html").err
    assert list(tmp_path.glob("x*")) == []


def test_both_languages_have_the_same_texts() -> None:
    german, english = (programme_texts(lang) for lang in LANGS)
    assert {name: set(texts) for name, texts in german.items()} == {name: set(texts) for name, texts in english.items()}
    places = Path(__file__).parents[3] / "serving"
    code = "".join(
        path.read_text("utf-8")
        for pattern in ("programme/*.py", "losses/*.py", "cli/loss_commands.py", "reports/templates/*.j2")
        for path in places.glob(pattern)
    )
    by_code = {
        "surprise_note",
        "not_known_note",
        "seen_note",
        "seen_afterwards_note",
        "is_seen_afterwards",
        "is_surprise",
        "is_not_known",
        "is_seen",
        "renewals_note",
        "lifetime_note",
    }
    quoted = set(re.findall(r"[\"'](\w+)[\"']|(?:board|losses)\.(\w+)", code))
    named = by_code | {name for pair in quoted for name in pair}
    assert {name for texts in english.values() for name in texts} <= named


@pytest.mark.parametrize("lang", LANGS)
def test_an_amount_is_rounded_in_one_way_on_a_page(lang: Lang) -> None:
    """Two parts of 100.4 and one of 100.2 come to 301: the list says of each what the bar says."""
    amounts = {"promoters": 100.4, "passives": 100.4, "detractors": 100.2, "unheard": 0.0, "customers": 301.0}
    lists = {
        f"revenue_{name}": {"value": [amount], "low": [None], "high": [None], "n": [3], "reason": [None]}
        for name, amount in amounts.items()
    }
    record = {"dates": ["2026-01-01"], "figures": lists}
    found = sections(figures_in_words(record, date(2026, 1, 1), lang), "EUR", lang)
    (section,) = [each for each in found if each.key == "promoters"]
    (bars,) = section.bars
    listed = {row.name: row.value for row in section.rows}
    drawn = {row.name: row.value for row in bars.rows}
    assert len(drawn) == 4 and {name: listed[name] for name in drawn} == drawn
    assert len(set(drawn.values())) == 3, "one of the parts is rounded up so that they sum to 301"
