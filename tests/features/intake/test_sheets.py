"""Sheets: rows beyond the size that a file states, and the sheets of a file that nothing reads."""

from __future__ import annotations

import re
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from support.exports import PLAIN, Exports

from features.intake.asking.suggesting import suggest

HEADINGS = ["invoice_id", "account_id", "invoiced_on", "amount"]
SHEET = PLAIN.replace('"invoices.csv"', '"bills.xlsx"')
SECOND = """
[sources.abroad]
files = "bills.xlsx"
sheet = "Abroad"

[[tables.invoices]]
from = "abroad"
[tables.invoices.columns]
invoice_id = "invoice_id"
account_id = "account_id"
invoiced_on = "invoiced_on"
amount = "amount"
"""


@pytest.fixture
def book() -> openpyxl.Workbook:
    """Return a workbook with titles above 20 invoices of 10 each, and an empty row among them."""
    made = openpyxl.Workbook()
    made.active.title = "Home"
    rows = [[f"I{place}", f"A{place % 4}", date(2025, 1 + place % 12, 3), 10] for place in range(20)]
    for row in [["Bills of the year"], [], HEADINGS, *rows[:19], [], [*rows[19], None, None]]:
        made.active.append(row)
    return made


def titled(mapping: str) -> str:
    """Return a mapping that looks for the header of its sheets."""
    return mapping.replace('files = "bills.xlsx"', 'files = "bills.xlsx"\nheader_with = ["invoice_id", "amount"]')


@pytest.mark.parametrize("size", ["A1", "A1:D12", "A1:B24", "A1:XFD1048576", None])
def test_all_rows_count_whatever_size_a_file_states_for_its_sheet(
    tmp_path: Path, book: openpyxl.Workbook, size: str | None
) -> None:
    """Programs that write rows as they come state the size of a moment, that of one cell, or none."""
    exports = Exports(tmp_path)
    book.save(tmp_path / "right.xlsx")
    stated = b"" if size is None else f'<dimension ref="{size}"/>'.encode()
    with zipfile.ZipFile(tmp_path / "right.xlsx") as right, zipfile.ZipFile(tmp_path / "bills.xlsx", "w") as wrong:
        for name in right.namelist():
            wrong.writestr(name, re.sub(rb"<dimension[^>]*/>", stated, right.read(name)))
    (tmp_path / "right.xlsx").unlink()
    report = exports.book(titled(SHEET))
    assert report.revenue_by_year == {"2025": "200.00"}
    assert len(exports.rows("invoices")) == 20 and report.warnings == ()


def test_a_sheet_beside_with_the_same_headings_is_warned_of_until_the_mapping_names_its_sheets(
    tmp_path: Path, book: openpyxl.Workbook
) -> None:
    exports = Exports(tmp_path)
    for name, headings in (("Abroad", [*HEADINGS, "country"]), ("Notes", ["see", "the", "wiki"]), ("Empty", [])):
        sheet = book.create_sheet(name)
        sheet.append(headings)
        sheet.append(["J1", "A1", date(2025, 2, 3), 7] if name == "Abroad" else [])
    book.create_sheet("Gone").append(HEADINGS)
    book["Gone"].sheet_state = "hidden"
    book.save(tmp_path / "bills.xlsx")
    report = exports.book(titled(SHEET))
    (warning,) = report.warnings
    assert warning.startswith("bills.xlsx: only its first sheet is read; not read, with the same headings: 'Abroad'. ")
    assert report.revenue_by_year == {"2025": "200.00"}
    home = titled(SHEET).replace('files = "bills.xlsx"', 'files = "bills.xlsx"\nsheet = "Home"')
    exports.out = tmp_path / "home"
    assert exports.book(home).warnings == ()
    exports.out = tmp_path / "both"
    both = exports.book(home + SECOND)
    assert both.warnings == () and both.revenue_by_year == {"2025": "207.00"}


def test_a_skeleton_names_the_other_sheets_of_a_file(tmp_path: Path, book: openpyxl.Workbook) -> None:
    book.create_sheet("Abroad").append(HEADINGS)
    book.create_sheet("Empty")
    book.save(tmp_path / "liste.xlsx")
    text = suggest(tmp_path, ".").text
    note = '# liste.xlsx has more sheets, each to be read by a source with sheet = NAME: "Abroad"'
    assert note in text.splitlines()
