"""Reports over HTTP as HTML and as PDF: by key, by link and by session, one PDF at a time, noted like every read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from support.gates import SECRET
from support.pages import Site, tree
from support.papers import Caught, Paper, need_pdf
from support.portfolios import ACCOUNTS, EVA, EVIL, JAN, evidence, score_of
from support.served import Client, assert_problem
from support.stored import opened, put

from serving.api.edge import papers
from serving.api.edge.papers import pdf_answer
from serving.errors import PdfUnavailable

REPORT = "/v1/accounts/{}/report?lang={}&format={}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("formats") / "scores.db"
    with opened(f"sqlite:///{path}") as store:
        for before in (True, False):
            put(store, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())
        made = Site(store, rate_limit="100000/minute", secret=SECRET, frame_ancestors="https://crm.example")
        yield made
        made.app.state.runtime.access.close()


@pytest.fixture
def noted(site: Site) -> Iterator[list[tuple[Any, ...]]]:
    found: list[tuple[Any, ...]] = []
    runtime = site.app.state.runtime
    object.__setattr__(runtime, "reads", SimpleNamespace(note=lambda *said: found.append(said[1:4])))
    yield found
    object.__setattr__(runtime, "reads", None)


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Caught:
    made = Caught()
    monkeypatch.setattr(papers, "pdf_of", made)
    return made


def client(site: Site, **rights: Any) -> Client:
    return Client(site.app, {"Authorization": f"Bearer {site.key('read', **rights)}"})


def test_a_report_as_pdf(site: Site, noted: list[Any]) -> None:
    need_pdf()
    answer = client(site).get(REPORT.format("E%2F2", "de", "pdf"))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="report-E-2-2026-01-01-de.pdf"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    printed = Paper(answer.content)
    assert EVIL in printed.text and "31 %" in printed.text.replace("\xa0", " ") and "Seite 1 von" in printed.pages[0]
    assert noted == [("/v1/accounts/{account_id}/report", "report", ["E/2"])]


def test_the_format_is_html_unless_asked_otherwise(site: Site, caught: Caught) -> None:
    asked = client(site)
    plain, html = asked.get("/v1/accounts/E1/report?lang=de"), asked.get(REPORT.format("E1", "de", "html"))
    assert plain.text == html.text and plain.headers["content-type"] == "text/html; charset=utf-8"
    assert_problem(asked.get(REPORT.format("E1", "de", "docx")), 422, "/query/format")
    assert not caught.documents


def test_a_link_shows_a_pdf_too(site: Site, caught: Caught, noted: list[Any]) -> None:
    asked = client(site)
    url = asked.ask("POST", "/v1/links", json={"account_id": "E1", "lang": "de"}).json()["url"]
    answer = Client(site.app).get(f"/v1/{url.partition('/v1/')[2]}?format=pdf")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    assert "frame-ancestors https://crm.example" in answer.headers["content-security-policy"]
    assert 'lang="de"' in caught.documents[0] and ACCOUNTS["E1"][-1] in caught.documents[0]
    assert [what for _, what, _ in noted] == ["link", "report"]


@pytest.mark.parametrize("lang", ["de", "en"])
def test_where_no_pdf_can_be_made_it_says_what_is_missing(
    site: Site, monkeypatch: pytest.MonkeyPatch, noted: list[Any], lang: str
) -> None:
    def lacks(documents: object) -> bytes:
        raise PdfUnavailable("a PDF needs Pango, which this machine lacks: apt-get install it")

    monkeypatch.setattr(papers, "pdf_of", lacks)
    answer = client(site).get(REPORT.format("E1", lang, "pdf"))
    assert_problem(answer, 409)
    assert "apt-get install it" in answer.json()["detail"] and answer.json()["type"].endswith(":no-pdf")
    browser = site.browser(site.key("read"))
    for address in (f"/report.pdf?lang={lang}", f"/accounts/E1?lang={lang}&view=pdf"):
        page = browser.get(address)
        assert page.status_code == 409 and ("PDF" in tree(page).text and "apt-get" not in page.text)
    assert [said for said in noted if "report" in said[1]] == [], "nothing was shown"


@pytest.mark.parametrize("manager", [EVA, None])
def test_a_session_gets_its_own_accounts_only(
    site: Site, caught: Caught, noted: list[Any], manager: str | None
) -> None:
    browser = site.browser(site.key("read", account_manager=manager))
    mine = {name for name, row in ACCOUNTS.items() if manager in (None, row[0])}
    for query in ("", f"&manager={quote(JAN)}", f"&manager={quote(EVA)}", "&q=e"):
        answer = browser.get(f"/report.pdf?lang=de{query}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == 'attachment; filename="portfolio-2026-01-01-de.pdf"'
        others = {
            row[-1].replace("<", "&lt;").replace(">", "&gt;") for name, row in ACCOUNTS.items() if name not in mine
        }
        assert not [name for name in others if name in caught.documents[-1]], query
    assert noted and all(what == "list" and set(ids) <= mine for _, what, ids in noted)
    for name in ACCOUNTS:
        answer = browser.get(f"/accounts/{quote(name, safe='')}?lang=de&view=pdf")
        missing = browser.get("/accounts/ghost?lang=de&view=pdf")
        assert (answer.status_code == 200) == (name in mine)
        assert name in mine or answer.text == missing.text


def test_the_buttons_lead_to_the_files(site: Site, caught: Caught) -> None:
    browser = site.browser(site.key("read"))
    for page, said in (("/?lang=de&band=at_risk", "Als PDF speichern"), ("/accounts/E1?lang=en", "Save as PDF")):
        (button,) = [each for each in tree(browser.get(page)).all("a") if each.text == said]
        assert browser.get(button.attributes["href"]).headers["content-type"] == "application/pdf"
    assert "Riese AG" not in caught.documents[0], "the file holds what the page shows"


def test_an_address_that_asks_for_what_there_is_not_gets_the_page_that_says_so(site: Site, caught: Caught) -> None:
    answer = site.browser(site.key("read")).get("/report.pdf?lang=en&band=purple&q=e")
    assert answer.status_code == 422 and "There is no band “purple”" in tree(answer).text
    assert not caught.documents


def test_one_at_a_time_and_a_given_up_one_keeps_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread cannot be stopped: who gives up must not let a second one run beside it."""
    free, running, most = threading.Event(), 0, 0

    def slow(documents: Sequence[str]) -> bytes:
        nonlocal running, most
        running += 1
        most = max(most, running)
        assert free.wait(30)
        running -= 1
        return b"%PDF"

    async def asked() -> None:
        served = cast(Any, SimpleNamespace(papers=asyncio.Semaphore(1)))
        first, second = (asyncio.create_task(pdf_answer(served, "a", lambda: "<p>")) for _ in range(2))
        while not running:
            await asyncio.sleep(0)  # The loop goes on while it is laid out.
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert running == 1 and served.papers.locked()
        free.set()
        assert (await second).body == b"%PDF" and not served.papers.locked()

    monkeypatch.setattr(papers, "pdf_of", slow)
    asyncio.run(asked())
    assert most == 1
