"""Files that no preset knows, in a folder of their own or beside known ones: the mapping that is left to be filled."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
from support.exports import Exports
from support.more_preset_samples import XERO_SHEET
from support.presets import answered

from features.intake.asking.suggesting import suggest
from features.tables import TABLES

HUBSPOT = (
    "Record ID,Company name,City,Company Domain Name,Industry,Company owner,Create Date\n"
    "880,Nord GmbH,Ulm,nord.example,Garten,Mia,2021-05-25 09:00\n"
)
TITLES = 'Provisionsjournal {}\n\nBeleg;"Händler";Name;Tag;Netto\n'
HEADINGS = {
    "id": "Händler", "account_id": "Händler", "invoice_id": "Beleg", "name": "Name", "invoiced_on": "Tag",
    "amount": "Netto", "from": "provisionen",
}  # fmt: skip
OTHERS = tuple(table for table in TABLES if table not in ("accounts", "invoices"))


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    exports = Exports(tmp_path)
    for year in ("2024", "2025"):
        rows = f"B{year};12;Nord GmbH;02.01.{year};1.000,50\n"
        exports.put(f"provisionen_{year}.csv", TITLES.format(year) + rows, "cp1252")
    return exports


def filled(text: str) -> str:
    """Return a skeleton whose marks of comment are taken away, without the columns and tables that are not there."""
    lines, table = [], ""
    for line in text.splitlines():
        plain = line.removeprefix("# ")
        table = plain if plain.startswith("[[") else table
        heading = HEADINGS.get(plain.partition(" = ")[0])
        if line == plain or not any(name in table for name in OTHERS):
            lines += [plain.replace('"?"', f'"{heading}"')] if heading or '"?"' not in plain else []
    return "\n".join(lines) + "\n"


def test_unknown_files_beside_known_ones_leave_a_skeleton_that_can_be_imported(exports: Exports) -> None:
    made = suggest(exports.put("companies.csv", HUBSPOT).folder, ".")
    assert "[sources.provisionen_2024]" not in made.text and "# Not known" not in made.text
    assert '# files = ["provisionen_[0-9]*.csv"]\n# header_with = ["Beleg", "Händler", "Name"]' in made.text
    assert made.notes[0].startswith("no known file fills invoices, which a book must have: a skeleton of the files")
    known, mark, unknown = answered(made.text, {"hubspot_customer_since": '""'}).partition("## No known file")
    mapping = known + filled(mark + unknown)
    assert exports.book(mapping).proposals == 1
    assert exports.rows("accounts", "account_id, name, industry") == [("12", "Nord GmbH", None)]
    assert exports.rows("invoices", "invoice_id, amount") == [("B2024", 1000.5), ("B2025", 1000.5)]
    pairs = exports.folder / "crosswalk.csv"
    pairs.write_text(pairs.read_text(encoding="utf-8").rstrip("\n") + "yes\n", encoding="utf-8")
    exports.book(mapping)
    assert exports.rows("accounts", "account_id, name, industry") == [("12", "Nord GmbH", "Garten")]


def test_a_folder_without_known_files_has_the_same_sources_uncommented(exports: Exports) -> None:
    exports.put("sep.csv", "sep=;\na;b\n1;2\n")
    made = suggest(exports.folder, ".")
    assert '[sources.provisionen]\nfiles = ["provisionen_[0-9]*.csv"]\nheader_with = ["Beleg", ' in made.text
    assert all(f"# [[tables.{table}]]" in made.text for table in TABLES)
    assert "Europe/Berlin" not in made.text, "a zone is asked"
    assert '[sources.sep]\nfiles = ["sep.csv"]\n\n' in made.text, "the reader passes over sep=; itself"
    start, mark, end = made.text.partition("# [[tables.accounts]]")
    body = filled(mark + end).replace('name = "Name"\n', "")
    exports.book(start + body.partition("[[tables.invoices]]")[1] + body.partition("[[tables.invoices]]")[2])
    assert exports.rows("invoices", "account_id") == [("12",), ("12",)]


def test_a_folder_whose_known_files_fill_the_invoices_names_the_others_only(tmp_path: Path) -> None:
    exports = Exports(tmp_path).put("bills.csv", XERO_SHEET).put("stars.csv", "id,stars\n1,5\n")
    text = suggest(exports.folder, ".").text
    assert "[[tables.invoices]]" in text and text.endswith("# Not known, and left out: stars.csv with id, stars\n")


def test_titles_that_a_spreadsheet_fills_up_with_empty_cells_are_not_taken_for_the_header(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    rows = [
        ["Provisionsjournal", "Mai", None, None, None],
        [None] * 5,
        ["Beleg", "Kunde", "Tag", "Betrag brutto", None],
        ["B1", "12", "02.01.2024", "1.190,00", "bezahlt"],
    ]
    exports.put("journal.csv", "".join(";".join(cell or "" for cell in row) + "\n" for row in rows))
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(exports.folder / "blatt.xlsx")
    made = suggest(exports.folder, ".").text
    for name in ("journal.csv", "blatt.xlsx"):
        head, _, source = made.partition(f'files = ["{name}"]\n')
        assert source.startswith('header_with = ["Beleg", "Kunde", "Tag"]'), name
        assert "'Betrag brutto': amounts are net here" in head.rpartition(f"# {name}: ")[2], name


@pytest.mark.parametrize(
    ("rows", "headings"),
    [
        ("Umsatz;;;;\nB1;12;02.01.2024;1.190,00;bezahlt\n", "Umsatz;;;;"),
        (";;;;\nUmsatz;;;;\nB1;Nord;2024-01-02;offen;x\n", "Umsatz;;;;"),
        ("Umsatz;;;\n-5 €;Nord;offen;x\n", "Umsatz;;;"),
        ("", "no headings could be read"),
        ("Umsatz;;;;;\nKunde;2023;2024;2025;;\nNord;1;2;3;;\n", "Kunde;2023;2024;2025;;"),
        ("Faelligkeit;;;;\nKunde;0-30;31-60;61-90;>90\nNord;1;2;3;4\n", "Kunde;0-30;31-60;61-90;>90"),
        ("1;2;3\n4;5;6\n", "1;2;3"),
    ],
    ids=("sparse header", "below an empty row", "an amount below zero", "nothing", "years", "spans", "numbers alone"),
)
def test_a_row_with_numbers_below_a_sparse_header_is_not_taken_for_it(tmp_path: Path, rows: str, headings: str) -> None:
    text = suggest(Exports(tmp_path).put("liste.csv", rows).folder, ".").text
    (told,) = [line for line in text.splitlines() if line.startswith("# liste.csv: ")]
    expected = ", ".join(json.dumps(each) for each in headings.split(";")) if rows else headings
    assert told == f"# liste.csv: {expected}"
