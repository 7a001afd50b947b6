"""The report of an import as a page: what stands in it, and that an export cannot write into it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from support.exports import INVOICES, PLAIN, Exports
from typer import Typer
from typer.testing import CliRunner

from features.cli.import_commands import add_to


class Elements(HTMLParser):
    """The names of all elements, the values of all attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.values: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_says_what_the_report_says_and_runs_nothing(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    exports = Exports(tmp_path).put(
        "invoices.csv", INVOICES + f'I3,"{evil}",2025-03-01,void\n"<img src=x>",,2025-03-01,7\n'
    )
    rule = f'leave_out = [{{ reason = "void {evil}", when = "amount", is_in = ["void"] }}]\n'
    exports.mapping.write_text(PLAIN.replace('from = "bills"\n', f'from = "bills"\n{rule}'), encoding="utf-8")
    page = tmp_path / "pages" / "report.html"
    arguments = ["import", str(exports.mapping), "--out", str(exports.out), "--report", str(page)]
    app = Typer()
    app.callback()(lambda: None)
    add_to(app)
    assert CliRunner().invoke(app, arguments).exit_code == 0
    found = Elements(page.read_text(encoding="utf-8"))
    assert not found.names & {"script", "img", "link", "iframe"}, "nothing is fetched and nothing runs"
    assert not any(":" in value for value in found.values), "no address"
    text = " ".join(found.text)
    for said in (f"void {evil}", "row 5: <img src=x>", "150.50", "2025-02", "surveys: not there, so not known", "7.00"):
        assert said in text, said
