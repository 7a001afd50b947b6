"""report: an account's or the portfolio's, HTML or PDF, and all of a file or none of it."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from support.commands import Command
from support.pages import Tree
from support.papers import Caught
from support.portfolios import ACCOUNTS, EVA, EVIL, JAN, evidence, score_of
from support.stored import opened, put

from serving.errors import PdfUnavailable


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for reports, beside a home with the two runs of the accounts of the pages."""
    monkeypatch.delenv("CHURN_RISK_STORE_URL", raising=False)
    monkeypatch.setenv("CHURN_RISK_HOME", str(tmp_path / "home"))
    with opened(f"sqlite:///{tmp_path / 'home' / 'scores.db'}") as store:
        for before in (True, False):
            put(store, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Caught:
    made = Caught()
    monkeypatch.setattr("serving.printing.paper.pdf_of", made)
    return made


def test_a_managers_portfolio_with_the_reports_of_the_first_accounts(
    churn_risk: Command, scored: Path, caught: Caught
) -> None:
    out, options = scored / "book.pdf", ("--account-manager", EVA, "--with-accounts", 1)
    done = churn_risk("report", "--lang", "de", *options, "--out", out, "--json")
    assert done.code == 0 and done.err == "", done.err
    assert done.result == {
        "as_of": "2026-01-01", "accounts": 4, "listed": 4, "account_manager": EVA, "lang": "de", "out": str(out),
    }  # fmt: skip
    book, account = caught.documents
    assert "Kunden von Eva Groß" in book and ACCOUNTS["J1"][-1] not in book and "A4 landscape" in book
    assert f"<h1>{escape(EVIL)}</h1>" in account and "A4 landscape" not in account, "the first of the list"
    assert all('"Seite " counter(page)' in each for each in caught.documents)
    assert out.read_bytes().startswith(b"%PDF") and list(scored.iterdir()) == [out]


@pytest.mark.parametrize(("lang", "shown"), [("de", "Gefährdeter Umsatz"), ("en", "Revenue at risk")])
def test_the_portfolio_as_html_shows_all_accounts_in_the_order_of_the_page(
    churn_risk: Command, scored: Path, lang: str, shown: str
) -> None:
    out = scored / "book.html"
    done = churn_risk("report", "--lang", lang, "--out", out)
    assert done.code == 0 and "report of the portfolio at 2026-01-01" in done.err
    page = Tree(out.read_text(encoding="utf-8")).root
    assert page.one("html").attributes["lang"] == lang and not page.all("script") and not page.all("img")
    rows = page.one("table", class_="portfolio").all("tr")[1:]
    names = [row.one("th").all("span", class_="what")[0].text for row in rows]
    assert names == [ACCOUNTS[name][-1] for name in ("J1", "E/2", "E1", "E4", "E3", "N1")]
    assert page.one("dl", class_="totals").all("dt")[0].text == shown


@pytest.mark.parametrize("account", [("E1",), ()])
def test_a_pdf_that_cannot_be_made_leaves_what_was_there(
    churn_risk: Command, scored: Path, monkeypatch: pytest.MonkeyPatch, account: tuple[str, ...]
) -> None:
    def lacks(documents: object) -> bytes:
        raise PdfUnavailable("a PDF needs Pango, which this machine lacks: apt-get install it")

    monkeypatch.setattr("serving.printing.paper.pdf_of", lacks)
    out = scored / "report.pdf"
    out.write_text("before")
    done = churn_risk("report", *account, "--out", out)
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: a PDF needs Pango, which this machine lacks: apt-get install it\n"
    assert out.read_text() == "before" and list(scored.iterdir()) == [out]


def test_what_does_not_fit_is_told_at_once(churn_risk: Command, scored: Path) -> None:
    wrong = churn_risk("report", "E1", "--account-manager", EVA, "--with-accounts", 2, "--out", scored / "x.docx")
    assert wrong.code == 2
    for said in ("written as .html or .pdf", "account 'E1'", "--with-accounts 2"):
        assert said in wrong.err
    nobody = churn_risk("report", "--account-manager", "Nobody", "--out", scored / "x.html")
    assert nobody.code == 2 and "'Nobody'" in nobody.err and f"there are: {EVA}, {JAN}" in nobody.err
    assert not list(scored.iterdir())


def test_without_scores_there_is_no_portfolio(
    churn_risk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    done = churn_risk("report", "--out", tmp_path / "x.html")
    assert done.code == 2 and "no scores are stored yet" in done.err and not (tmp_path / "x.html").exists()
