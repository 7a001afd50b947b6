"""The mapping language: read strictly, and what each of its words does to the rows of a made-up file."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
from support.exports import INVOICES, PLAIN, Exports, left_out

TICKETS = """
[sources.desk]
files = "desk.csv"

[[tables.tickets]]
from = "desk"
[tables.tickets.columns]
ticket_id = "id"
account_id = "customer"
"""


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("invoices.csv", INVOICES)


def test_rows_become_a_book_that_keeps_the_contract(exports: Exports) -> None:
    report = exports.book(PLAIN)
    assert exports.rows("accounts") == [("A1", date(2025, 1, 2)), ("A2", date(2025, 2, 3))]
    assert exports.rows("invoices")[1] == ("I2", "A2", date(2025, 2, 3), 50.5)
    assert report.revenue_by_year == {"2025": "150.50"}
    assert report.by_month["invoices"] == {"2025-01": 1, "2025-02": 1}
    assert report.files[0].rows == report.files[0].kept == 2
    assert "surveys: not there, so not known" in report.unknown


def test_the_documented_mapping_does_what_it_says(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/import.md").read_text(encoding="utf-8")
    exports = Exports(tmp_path).put("rechnungen.csv", page.partition("```csv\n")[2].partition("```")[0])
    report = exports.book(page.partition("```toml\n")[2].partition("```")[0])
    amounts = [("12", date(2025, 2, 3), 1000.0), ("12", date(2025, 2, 14), -100.0), ("13", date(2025, 3, 1), 50.0)]
    assert exports.rows("invoices", "account_id, invoiced_on, amount") == amounts
    assert report.revenue_by_year == {"2025": "950.00"} and left_out(report, "invoices") == {"a payment": 1}


def test_the_same_exports_give_the_same_bytes(exports: Exports) -> None:
    exports.book(PLAIN)
    first = {path.name: path.read_bytes() for path in exports.out.iterdir()}
    exports.book(PLAIN)
    assert {path.name: path.read_bytes() for path in exports.out.iterdir()} == first


def test_an_unknown_key_is_an_error_with_its_line(exports: Exports) -> None:
    (problem,) = exports.refused(PLAIN.replace('files = "invoices.csv"', 'files = "invoices.csv"\ndelimeter = ";"'))
    assert "line 5: unknown key" in problem and "sources.bills.delimeter" in problem
    (problem,) = exports.refused(PLAIN.replace('amount = "amount"', 'amount = { column = "amount", decmal = "," }'))
    assert "line 12: unknown key; did you mean 'decimal'?" in problem


def test_every_problem_is_told_at_once(exports: Exports) -> None:
    text = PLAIN.replace('amount = "amount"', 'amount = "amout"\namuont = "x"') + TICKETS + 'opened_at = "opened"\n'
    problems = exports.refused(text)
    assert any("line 13: invoices has no such column; did you mean 'amount'?" in each for each in problems)
    assert any("an instant needs a zone" in each for each in problems)


def test_a_question_without_an_answer_is_an_error(exports: Exports) -> None:
    asked = PLAIN.replace('account_id = "account_id"', 'account_id = "$who"')
    assert "which has no answer" in exports.refused(asked)[0]
    open_question = '[answers]\nwho = "?"\n'
    assert "line 3: the question has no answer yet" in exports.refused(asked.replace("\n", f"\n{open_question}", 1))[0]
    exports.book(asked.replace("\n", "\n[answers]\nwho = 'account_id'\n", 1))
    assert len(exports.rows("accounts")) == 2


def test_a_column_that_is_absent_is_told_with_what_was_meant(exports: Exports) -> None:
    (problem,) = exports.refused(PLAIN.replace('"amount"', '"amout"'))
    assert problem == "invoices.csv.amout: the column is absent; did you mean 'amount'?"
    (problem,) = exports.refused(PLAIN.replace("invoices.csv", "invoice.csv"))
    assert "there is no file 'invoice.csv'" in problem and "did you mean 'invoices.csv'?" in problem


def test_what_cannot_be_read_is_quoted_with_its_place(exports: Exports) -> None:
    exports.put("invoices.csv", INVOICES + "I3,A1,31.12.2025,1.332,33\nI4,A1,2025-13-01,many\n")
    problems = exports.refused(PLAIN)
    assert any(
        "lines that cannot be read as rows" in each and "line 4: 'I3,A1,31.12.2025,1.332,33'" in each
        for each in problems
    )
    assert any(each.startswith("invoices.amount") and "invoices.csv row 4: 'many'" in each for each in problems)
    assert any(each.startswith("invoices.invoiced_on") and "'2025-13-01'" in each for each in problems)


def test_a_cut_off_file_is_a_problem(exports: Exports) -> None:
    exports.put("invoices.csv", INVOICES + 'I3,A1,2025-03-01,"12')
    assert "lines that cannot be read as rows" in exports.refused(PLAIN)[0]
    exports.put("invoices.csv", "")
    assert "it ends before row 1, where its header is expected" in exports.refused(PLAIN)[0]


def test_two_currencies_are_a_problem(exports: Exports) -> None:
    exports.put(
        "invoices.csv", "invoice_id,account_id,invoiced_on,amount,in\nI1,A1,2025-01-02,1,EUR\nI2,A1,2025-01-03,1,USD\n"
    )
    (problem,) = exports.refused(PLAIN + 'currency = "in"\n')
    assert "EUR" in problem and "USD" in problem


def test_a_value_is_named_by_language_place_id_or_cell(exports: Exports) -> None:
    ids = [f'"{{""ImportId"":""{each}""}}"' for each in "nctu"]
    ids.append('"{""ImportId"":""o"",""timeZone"":""Europe/Berlin""}"')
    lines = ["Export of;desk 7", "Nummer;Kunde;Text;Text;Offen", ";".join(ids), "T1;A1;;down;2025-07-01 10:00:00"]
    exports.put("desk.csv", "\n".join(lines) + "\n")
    mapping = TICKETS.replace('"desk.csv"', '"desk.csv"\ndelimiter = ";"\nheader = [2, 3]\nids_row = 3')
    mapping = mapping.replace('"id"', '{ column = ["Number", "Nummer"] }').replace('"customer"', '{ id = "c" }')
    mapping += 'topic = { column = "Text", nth = 2 }\nkind = { cell = { row = 1, column = 2 } }\n'
    exports.book(PLAIN + mapping + 'opened_at = { id = "o", zone = "file" }\n')
    row = exports.rows("tickets", "ticket_id, account_id, topic, kind, opened_at")
    assert row == [("T1", "A1", "down", "desk 7", datetime(2025, 7, 1, 8))]


def test_values_are_cut_mapped_and_chosen(exports: Exports) -> None:
    exports.put(
        "desk.csv",
        "id,customer,mark,open,done,state\n"
        "T1,00A1;A9,3 - Moderate,1751364000,?,Open\nT2,A2,?,1751364000,1751367600,CLOSED\n",
    )
    mapping = TICKETS.replace('"customer"', '{ column = "customer", separator = ";", strip_zeros = true }')
    mapping += (
        "severity = { column = 'mark', nulls = ['?'], extract = '^(\\d)', map = { 3 = 'normal' } }\n"
        "opened_at = { column = 'open', epoch = 'seconds' }\n"
        "closed_at = { column = 'done', nulls = ['?'], epoch = 'seconds', "
        "only_when = { when = 'state', is_in = ['closed'] } }\n"
        "topic = { join = ['state', { constant = 'x' }], by = '/' }\n"
    )
    exports.book(PLAIN + mapping)
    opened, closed = datetime(2025, 7, 1, 10), datetime(2025, 7, 1, 11)
    rows = exports.rows("tickets", "ticket_id, account_id, severity, opened_at, closed_at, topic")
    assert rows == [("T1", "A1", "normal", opened, None, "Open/x"), ("T2", "A2", None, opened, closed, "CLOSED/x")]


def test_rows_are_left_out_with_a_reason_and_places(exports: Exports) -> None:
    exports.put("invoices.csv", INVOICES + "I3,A1,2025-03-01,void\nI4,,2025-03-01,7.25\n")
    rule = 'leave_out = [{ reason = "void", when = "amount", is_in = ["VOID"] }]\n'
    report = exports.book(PLAIN.replace('from = "bills"\n', f'from = "bills"\n{rule}'))
    (file,) = [each for each in report.files if each.table == "invoices"]
    assert (file.rows, file.kept) == (4, 2)
    told = {left.reason: (left.rows, left.amount, left.places) for left in file.left_out}
    assert told == {"void": (1, None, ("row 4: I3",)), "names no account": (1, "7.25", ("row 5: I4",))}


@pytest.mark.parametrize(("many", "expected"), [("first", 1.0), ("last", 3.0), ("sum", 6.0)])
def test_many_rows_become_one_record(exports: Exports, many: str, expected: float) -> None:
    exports.put(
        "invoices.csv",
        "invoice_id,account_id,invoiced_on,amount,v\nI1,A1,2025-01-02,3,10\nI1,A1,2025-01-02,1,2\nI1,A1,2025-01-02,2,9\n",
    )
    report = exports.book(PLAIN.replace('from = "bills"\n', f'from = "bills"\nmany = "{many}"\norder = "v"\n'))
    assert exports.rows("invoices", "amount") == [(expected,)]
    assert left_out(report, "invoices") == ({} if many == "sum" else {"another version of the record": 2})


def test_rows_exported_twice_count_once(exports: Exports) -> None:
    """The same month in two files; two equal lines of one file stay two where lines are summed."""
    line = "I1,A1,2025-01-02,5\n"
    head = INVOICES.splitlines()[0] + "\n"
    exports.put("invoices.csv", head + line * 2).put("more.csv", head + line * 2 + "I2,A1,2025-02-02,1\n")
    both = PLAIN.replace('"invoices.csv"', '["invoices.csv", "more.csv"]')
    report = exports.book(both)
    assert exports.rows("invoices", "amount") == [(1.0,), (5.0,)]
    assert left_out(report, "invoices") == {"the same record again": 3}
    report = exports.book(both.replace('from = "bills"\n', 'from = "bills"\nmany = "sum"\n'))
    assert exports.rows("invoices", "amount") == [(1.0,), (10.0,)]
    assert left_out(report, "invoices") == {"exported twice": 2}


def test_a_sheet_keeps_zeros_days_and_the_words_of_names(exports: Exports) -> None:
    """Ids as numbers with a format, a midnight among instants, companies called None and NA."""
    book = openpyxl.Workbook()
    sheet = book.active
    rows = [
        ("number", "firm", "since", "sum"),
        (17, "None", datetime(2025, 1, 2), 12.5),
        ("0018", "NA", date(2025, 1, 3), 7),
    ]
    for row in rows:
        sheet.append(row)
    sheet["A2"].number_format = "0000"
    book.save(exports.folder / "bills.xlsx")
    mapping = (
        PLAIN.replace('"invoices.csv"', '"bills.xlsx"\nformat = "sheet"')
        .replace('"invoice_id"', '"number"')
        .replace('account_id = "account_id"', 'account_id = "firm"')
        .replace('"invoiced_on"', '"since"')
        .replace('"amount"', '"sum"')
    )
    exports.book(mapping)
    assert exports.rows("invoices") == [("0017", "None", date(2025, 1, 2), 12.5), ("0018", "NA", date(2025, 1, 3), 7.0)]


def test_json_lines_zips_and_databases_are_sources(exports: Exports) -> None:
    exports.put(
        "desk.jsonl",
        '{"id": 1, "org": {"id": "A1"}, "at": "2025-07-01T10:00:00+0200"}\n{"id": 2, "org": null, "at": null}\n',
    )
    with zipfile.ZipFile(exports.folder / "all.zip", "w") as archive:
        archive.write(exports.folder / "desk.jsonl", "desk.jsonl")
    with duckdb.connect(str(exports.folder / "bills.duckdb")) as base:
        base.execute(f"CREATE TABLE bills AS SELECT * FROM '{exports.folder / 'invoices.csv'}'")
    mapping = PLAIN.replace('files = "invoices.csv"', 'database = "duckdb:///bills.duckdb"\ntable = "bills"')
    mapping += TICKETS.replace('"desk.csv"', '"all.zip/*.jsonl"\nformat = "jsonl"').replace('"customer"', '"org.id"')
    report = exports.book(mapping + 'opened_at = { column = "at", zone = "UTC" }\n')
    assert exports.rows("tickets", "ticket_id, account_id, opened_at") == [("1", "A1", datetime(2025, 7, 1, 8))]
    assert left_out(report, "tickets") == {"names no account": 1}
    assert report.revenue_by_year == {"2025": "150.50"}


def test_records_of_strangers_are_left_out_and_counted(exports: Exports) -> None:
    exports.put("desk.csv", "id,customer,at\nT1,A1,2025-07-01\nT2,B9,2025-07-01\n")
    report = exports.book(PLAIN + TICKETS + 'opened_at = { column = "at", zone = "day" }\n')
    (reason,) = left_out(report, "tickets")
    assert "no customer" in reason and exports.rows("tickets", "ticket_id") == [("T1",)]


def test_a_part_of_a_book_is_written_where_that_is_wanted(exports: Exports) -> None:
    exports.put("desk.csv", "id,customer,at\nT1,A1,2025-07-01\n")
    mapping = "format = 1\n" + TICKETS + 'opened_at = { column = "at", zone = "day" }\n'
    assert len(exports.refused(mapping)) == 2, "accounts and invoices are required"
    exports.book(mapping, partial=True)
    assert exports.rows("tickets", "ticket_id") == [("T1",)]
