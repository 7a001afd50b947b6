"""What a cell, a key or a name could mean in two ways is told, and none of them is taken in silence."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from support.exports import INVOICES, PLAIN, Exports

from features.intake.language.mapping_model import Value
from features.intake.language.typed_sql import typed_sql
from features.schema import Kind

HEAD = "invoice_id,account_id,invoiced_on,amount,currency\n"
WITH_CURRENCY = PLAIN + 'currency = "currency"\n'


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


@pytest.mark.parametrize(
    ("kind", "value", "text", "expected"),
    [
        (Kind.NUMBER, {}, "8 %", None),
        (Kind.NUMBER, {"divide_by": 100}, "8 %", "0.08"),
        (Kind.NUMBER, {}, "7 CHF", "7.0"),
        (Kind.DATE, {"epoch": "seconds"}, "1735812000", "2025-01-02"),
        (Kind.DATE, {"epoch": "seconds"}, "20250102", "2025-01-02"),
        (Kind.DATE, {"epoch": "seconds"}, "2025-01-02 10:00:00", "2025-01-02"),
        (Kind.INSTANT, {"epoch": "milliseconds"}, "1735812000123", "2025-01-02 10:00:00.123"),
        (Kind.INSTANT, {"epoch": "seconds", "zone": "UTC"}, "2025-01-02T10:00:00+02:00", "2025-01-02 08:00:00"),
        (Kind.DATE, {"date": "%d %b %Y"}, "1 Juni 2025", "2025-06-01"),
        (Kind.DATE, {"date": "%d. %b %Y"}, "1. März 2025", "2025-03-01"),
        (Kind.DATE, {"date": "%d/%b/%y"}, "01/Okt/25", "2025-10-01"),
        (Kind.DATE, {"date": "%d/%b/%y"}, "01/Foo/25", None),
    ],
)  # fmt: skip
def test_a_text_is_read_as_it_is_meant_or_not_at_all(kind: Kind, value: dict, text: str, expected: str | None) -> None:
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    sql = typed_sql(kind, "t", Value.model_validate({"column": "c", **value}), value.get("zone"))
    assert base.execute(f"SELECT ({sql})::VARCHAR FROM (SELECT ? AS t)", [text]).fetchone() == (expected,)


def test_a_day_that_names_its_year_is_not_put_into_another() -> None:
    value = Value.model_validate({"column": "c", "date": "%d%m", "year_from": {"row": 1, "column": 13}})
    sql = typed_sql(Kind.DATE, "t", value, year_from="20250101")
    rows = duckdb.connect().execute(f"SELECT ({sql})::VARCHAR FROM (VALUES ('902'), ('09022024')) AS v(t)").fetchall()
    assert rows == [("2025-02-09",), (None,)]


def test_a_currency_in_a_cell_is_that_of_its_row(exports: Exports) -> None:
    exports.put("invoices.csv", HEAD + "1,A,2025-01-02,7 CHF,\n2,A,2025-01-03,CHF 8,\n")
    exports.book(PLAIN)
    assert exports.rows("invoices", "amount, currency") == [(7.0, "CHF"), (8.0, "CHF")]
    exports.put("invoices.csv", HEAD + "1,A,2025-01-02,7 CHF,\n2,A,2025-01-03,8,\n3,A,2025-01-03,9,\n")
    (doubt,) = [each for each in exports.book(PLAIN).warnings if "the cells name" in each]
    assert "no currency in 2, CHF in 1" in doubt


def test_cells_in_several_currencies_or_in_another_than_their_row_are_refused(tmp_path: Path) -> None:
    exports = Exports(tmp_path).put("invoices.csv", HEAD + "1,A,2025-01-02,7 CHF,\n2,A,2025-01-03,€ 8,\n")
    assert any("the cells name CHF in 1, EUR in 1" in each for each in exports.refused(PLAIN))
    exports.put("invoices.csv", HEAD + "1,A,2025-01-02,7 CHF,eur\n2,A,2025-01-03,8 EUR,eur\n3,A,2025-01-03,$ 8,eur\n")
    (problem,) = [each for each in exports.refused(WITH_CURRENCY) if "another currency" in each]
    assert "invoices.csv row 2: 'CHF beside EUR'" in problem and "1 row" in problem


def test_case_makes_no_second_currency_and_rows_tell_their_units(exports: Exports) -> None:
    exports.put("invoices.csv", HEAD + "1,A,2025-01-02,700,usd\n2,A,2025-01-03,700,USD\n")
    units = 'amount = { column = "amount", divide_by = { column = "currency", map = { usd = "10" }, otherwise = "1" } }'
    exports.book(WITH_CURRENCY.replace('amount = "amount"', units))
    assert exports.rows("invoices", "amount, currency") == [(70.0, "USD"), (70.0, "USD")]


def test_each_choice_is_read_in_its_own_form(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,day,net,gross,tax\n1,A,,02.01.2025,,119,19\n"
                "2,A,2025-01-03,,50,,\n")  # fmt: skip
    day = 'invoiced_on = { first_of = ["invoiced_on", { column = "day", date = "%d.%m.%Y" }] }'
    net = '{ column = "gross", minus = { column = "tax", optional = ["net"] } }'
    text = PLAIN.replace('invoiced_on = "invoiced_on"', day)
    text = text.replace('amount = "amount"', f'amount = {{ first_of = ["net", {net}], divide_by = 10 }}')
    exports.book(text)
    assert exports.rows("invoices", "invoice_id, invoiced_on::VARCHAR, amount") == [
        ("1", "2025-01-02", 10.0), ("2", "2025-01-03", 5.0),
    ]  # fmt: skip
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,day,gross\n1,A,,02.01.2025,119\n")
    exports.out = exports.folder / "other"
    problems = exports.refused(text)
    assert any("tax: the column is absent" in each for each in problems), "absent only where net is there"


def test_rows_of_one_record_that_differ_are_doubted(exports: Exports) -> None:
    exports.put("invoices.csv", HEAD + "1,A,2025-01-02,7,\n1,B,2024-01-02,8,\n2,B,2024-01-02,8,\n")
    report = exports.book(PLAIN.replace('from = "bills"', 'from = "bills"\nmany = "sum"'))
    (doubt,) = [each for each in report.warnings if "rows with different account_id or invoiced_on" in each]
    assert "(1 row: 1)" in doubt


def test_open_questions_do_not_hide_what_else_is_wrong(exports: Exports) -> None:
    exports.put("invoices.csv", INVOICES)
    amount = 'amount = { column = "amount", decimal = "$sign", tax_rat = 0.19 }'
    text = PLAIN.replace('from = "bills"', 'from = "bill"').replace('amount = "amount"', amount)
    problems = exports.refused(text + '[known.survey]\ninvitations = false\n\n[answers]\nsign = "?"\n')
    assert [each.split(": ")[0].removeprefix("mapping.toml.") for each in problems] == [
        "answers.sign", "tables.invoices.0.columns.amount.tax_rat",
    ]  # fmt: skip
    problems = exports.refused(text.replace("$sign", ".") + "[known.survey]\ninvitations = false\n")
    assert len(problems) == 3, "the key that nobody knows hides neither the source nor the section"


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("[derived.loop]\nscore_below = 7", "loops"), ("[table.tickets]\nfrom = 'bills'", "tables"),
     ("[[tables.invoices.leave_outs]]\nreason = 'x'", "leave_out"), ("[boook]\nmaster = 'x'", "book")],
)  # fmt: skip
def test_a_misspelt_section_is_told_by_what_may_stand_there(exports: Exports, wrong: str, meant: str) -> None:
    problems = exports.put("invoices.csv", INVOICES).refused(f"{PLAIN}{wrong}\n")
    assert any(f"did you mean {meant!r}?" in each for each in problems)


def test_an_id_of_15_signs_is_that_of_18_and_one_of_a_stranger_leaves_no_table(exports: Exports) -> None:
    """The pair of ids is that of a public export."""
    exports.put("invoices.csv", INVOICES.replace("A1", "001bm00001ZL8U9AAL").replace("A2", "001bm00001ZL8UAAA1"))
    exports.put(
        "deals.csv", "id,account,start,amount\n1,001bm00001ZL8U9,2025-01-02,9\n2,001bm00001ZL8UA,2025-01-02,9\n"
    )
    contracts = (
        '\n[sources.deals]\nfiles = "deals.csv"\n[[tables.contracts]]\nfrom = "deals"\n[tables.contracts.columns]\n'
        'contract_id = "id"\nstarts_on = "start"\nannual_value = "amount"\n'
        'ends_on = { column = "end", optional = true }\n'
    )
    exports.book(PLAIN + contracts + 'account_id = { column = "account", long_id = true }\n')
    assert [row[0] for row in exports.rows("contracts", "account_id")] == ["001bm00001ZL8U9AAL", "001bm00001ZL8UAAA1"]
    report = exports.book(PLAIN + contracts + 'account_id = "account"\n')
    (warning,) = [each for each in report.warnings if "does not have" in each]
    assert "as '001bm00001ZL8U9'" in warning and "not written, being not known" in warning
    assert not (exports.out / "contracts.parquet").exists(), "an empty table would say that there is none"


def test_a_heading_that_stands_twice_is_told_unless_the_mapping_chooses(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount,amount\n1,A,2025-01-02,7,8\n")
    assert [each for each in exports.book(PLAIN).warnings if "the heading stands 2 times" in each]
    report = exports.book(PLAIN.replace('amount = "amount"', 'amount = { column = "amount", nth = 2 }'))
    assert not [each for each in report.warnings if "the heading stands" in each]
    assert exports.rows("invoices", "amount") == [(8.0,)]
