"""A PDF of two reports: what it says, what screen readers and machines find in it, and that nothing is fetched."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.papers import Paper, flat, need_pdf
from support.portfolios import ACCOUNTS, EVA, evidence, score_of
from support.reports import EVIL, OUTLOOK, PAST, evidence_of, report
from support.stored import DAY, opened, put

from serving.database.engine import reading
from serving.errors import PdfFailed, PdfUnavailable
from serving.portfolio.portfolio_report import Listed, read_report, render_portfolio
from serving.portfolio.wanted import Wanted
from serving.printing import paper
from serving.reports.report_html import render_account

PICTURE = '<img src="https://away.example/x.png">'


def account() -> Any:
    """Return a German report of an account whose name, comment and industry are markup."""
    said = evidence_of()
    said["surveys"]["rows"][2]["comment"] = f"{PICTURE} <script>alert(1)</script> url(https://away.example/)"
    return report("de", evidence=said | {"outlook": OUTLOOK}, history=[replace(PAST, as_of=date(2025, 7, 1))])


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Listed:
    path = tmp_path_factory.mktemp("paper") / "scores.db"
    with opened(f"sqlite:///{path}") as store:
        for before in (True, False):
            put(store, *(score_of(name, before) for name in ACCOUNTS), evidence=evidence())
        with reading(store.engine) as connection:
            found = read_report(connection, EVA, Wanted(), "en", DAY)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def printed(listed: Listed) -> Paper:
    """An account's report in German, then the portfolio's in English, in one file."""
    need_pdf()
    content = paper.pdf_of([render_account(account(), paper=True), render_portfolio(listed.report, paper=True)])
    return Paper(content)


def test_every_figure_of_a_report_stands_in_it(printed: Paper) -> None:
    record, text = account(), printed.text
    head = record.headline
    assert record.advice and record.outlook and record.why and record.people and record.history
    figures = [head.number, *(figure.value for figure in head.figures), record.outlook.shrinking.loss.value]
    figures += [risk.value for risk in record.outlook.when.risks] + [step.points for step in record.why.steps]
    figures += [step.sentence for step in record.why.steps] + [advice.text for advice in record.advice]
    figures += [cell.text for table in record.evidence for row in table.rows for cell in row]
    squeezed = text.replace(" ", "")
    assert not [figure for figure in figures if flat(figure).replace(" ", "") not in squeezed]


def test_the_portfolio_lists_what_its_record_says(printed: Paper, listed: Listed) -> None:
    squeezed = printed.text.replace(" ", "")
    assert [line.account_id for line in listed.report.lines] == list(listed.account_ids)
    for line in listed.report.lines:
        said = (line.name, line.account_id, line.probability, line.change, line.revenue_at_risk, line.action,
                line.reason, line.band_label, *line.watch, *line.flags)  # fmt: skip
        assert not [each for each in said if flat(each).replace(" ", "") not in squeezed]
    for label, value in ((each.label, each.value) for each in listed.report.head.figures):
        assert label in printed.text and value in printed.text
    assert "Accounts of Eva Groß" in printed.text and "Werft Geheim" not in printed.text


def test_markup_stays_text_and_names_no_place(printed: Paper) -> None:
    assert flat(EVIL) in printed.text and "<script>alert(1)</script>" in printed.text
    assert PICTURE.replace(" ", "") in printed.text.replace(" ", "")
    kinds = {
        annotation.get_object()["/Subtype"] for page in printed.reader.pages for annotation in page.get("/Annots", ())
    }
    assert not kinds and "/OpenAction" not in printed.root and "/JavaScript" not in str(printed.root.get("/Names", ""))


def test_each_report_counts_its_own_pages(printed: Paper) -> None:
    first = next(place for place, page in enumerate(printed.pages) if "Whom to call first" in page)
    assert 1 < first < len(printed.pages)
    for place, page in enumerate(printed.pages[:first], 1):
        assert f"Seite {place} von {first}" in page
    rest = len(printed.pages) - first
    assert all(f"Page {place} of {rest}" in page for place, page in enumerate(printed.pages[first:], 1))


def test_screen_readers_find_language_title_tables_and_texts_of_charts(printed: Paper) -> None:
    assert printed.root["/Lang"] == "de" and printed.root["/MarkInfo"]["/Marked"]
    assert printed.reader.metadata is not None and printed.reader.metadata.title == account().title
    assert b"pdfuaid:part" in printed.root["/Metadata"].get_object().get_data()
    elements = list(printed.elements())
    kinds = {str(each.get("/S")) for each in elements}
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/Figure", "/P", "/L"} <= kinds
    charts = [each for each in elements if each.get("/S") == "/Figure"]
    assert len(charts) > 5 and all(each.get("/Alt") for each in charts)
    assert account().history.description in {str(each["/Alt"]).partition(": ")[2] for each in charts}


def test_fonts_are_embedded(printed: Paper) -> None:
    fonts = printed.fonts()
    assert fonts and all({"/FontFile", "/FontFile2", "/FontFile3"} & set(font) for font in fonts)


@pytest.mark.parametrize("lang", ["de", "en"])
def test_a_drawing_needs_no_style_of_the_page(lang: Any) -> None:
    """WeasyPrint lets none in: a shape without a colour of its own is black, a drawing without a title has no text."""
    html = render_account(report(lang, evidence=evidence_of(), history=[PAST]), paper=True)
    drawings = html.split("<svg ")[1:]
    for drawing in (each.partition("</svg>")[0] for each in drawings):
        assert "<title" in drawing and "var(" not in drawing
        for shape in ("<rect", "<circle", "<path", "<polyline"):
            assert all("fill=" in each.partition(">")[0] for each in drawing.split(shape)[1:]), shape
        assert all("stroke=" in each.partition(">")[0] for each in drawing.split("<line")[1:])
    assert "<details" not in html and "1 / -1" not in html and "var(" not in html


@pytest.fixture
def watched() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def test_nothing_is_fetched(watched: socket.socket, tmp_path: Path) -> None:
    """Even of a document that asks: neither from the network nor from this machine."""
    need_pdf()
    style = tmp_path / "secret.css"
    style.write_text("p::after { content: 'TAKEN IN' }")
    address = f"http://127.0.0.1:{watched.getsockname()[1]}/x"
    asking = (
        f"<html lang=en><title>t</title><link rel=stylesheet href='{style.as_uri()}'>"
        f"<link rel=attachment href='{style.as_uri()}'>"
        f"<style>@import '{address}.css'; p {{background: url({address})}}</style>"
        f"<p>Stays <img src='{address}.png' alt='picture'><svg xmlns='http://www.w3.org/2000/svg'><title>s</title>"
        f"<image href='{address}.svg'/></svg></p>"
    )
    found = Paper(paper.pdf_of([asking]))
    assert "Stays" in found.text and "TAKEN IN" not in found.text
    assert "/EmbeddedFiles" not in str(found.root.get("/Names", ""))
    with pytest.raises(BlockingIOError):
        watched.accept()


@pytest.fixture
def anew() -> Iterator[None]:
    """What this machine lacks is found out once a process."""
    paper.lacking.cache_clear()
    yield
    paper.lacking.cache_clear()


@pytest.mark.usefixtures("anew")
def test_a_missing_library_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def load() -> None:
        print("WeasyPrint could not import some external libraries.")
        raise OSError("cannot load library 'libpango-1.0-0': no such file\nmore of it")

    monkeypatch.setattr(paper, "_load", load)
    for _ in range(2):
        with pytest.raises(PdfUnavailable, match=r"libpango-1\.0-0") as told:
            paper.pdf_of(["<p>"])
        assert "\n" not in str(told.value) and "apt-get install libpango-1.0-0 " in str(told.value)
    assert capfd.readouterr() == ("", ""), "standard output belongs to a command's result"


@pytest.mark.usefixtures("anew")
def test_a_machine_without_fonts_is_found_out_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Laid out all the same, the first text ends the process (WeasyPrint 70 on Pango 1.50)."""
    said = "No fonts configured in FontConfig. Expect ugly output."
    monkeypatch.setattr(paper, "_load", lambda: warnings.warn(said, stacklevel=1))
    for _ in range(2):
        with pytest.raises(PdfUnavailable, match="needs a font, and this machine has none"):
            paper.pdf_of(["<p>"])


def test_what_the_library_stumbles_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    need_pdf()

    def fails(document: str) -> None:
        raise AssertionError("a column of no width")

    monkeypatch.setattr(paper, "_laid_out", fails)
    with pytest.raises(PdfFailed, match="AssertionError: a column of no width"):
        paper.pdf_of(["<p>"])
