"""Every rule of the contract's "Bad input" with a broken file, and files that are odd but right."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InvalidTables, Problem, UnusableSource
from features.sources import open_source
from features.tables import TABLES, Table, Tables
from features.validation import validate

GOOD = {
    "accounts": "account_id,name,customer_since\na1,One,2020-01-01\na2,Two,2020-01-01\n",
    "invoices": "invoice_id,account_id,invoiced_on,amount\ni1,a1,2021-01-01,10.5\ni2,a2,2021-01-02,-3\n",
    "churns": "account_id,churned_on,reason\na2,2023-01-01,price\n",
    "contacts": "contact_id,account_id,decision_maker,valid_from,valid_to\nc1,a1,true,2020-01-01,\n",
    "surveys": "survey_id,account_id,contact_id,kind,sent_at,answered_at,score,comment\n"
    "s1,a1,c1,relationship,2021-01-01T10:00:00,2021-01-02T10:00:00,7,fine\n",
    "loops": "loop_id,account_id,survey_id,level,opened_at,closed_at\nl1,a1,s1,frontline,2021-01-03,2021-01-04\n",
    "contracts": "contract_id,account_id,starts_on,ends_on,annual_value,price_change\n"
    "k1,a1,2020-01-01,2021-01-01,100,\n",
    "tickets": "ticket_id,account_id,kind,severity,opened_at,closed_at\nt1,a1,defect,low,2021-01-03,\n",
    "actions": "action_id,account_id,kind,done_at,note\nn1,a1,call,2021-01-05,\n",
    "referrals": "referral_id,account_id,referred_at,contacted_at,won_at,revenue\nr1,a1,2021-01-05,,,\n",
    "memberships": "account_id,program,joined_on,left_on\na1,gold,2021-01-05,\n",
}
Content = str | bytes | pd.DataFrame | pa.Table | None


BARE = {name: GOOD[name] for name in ("accounts", "invoices")}


def folder_of(folder: Path, **tables: Content) -> Path:
    """Write the required tables and those given: text and bytes as CSV, frames as Parquet, None not at all."""
    for name, content in {**BARE, **tables}.items():
        if isinstance(content, str | bytes):
            (folder / f"{name}.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        elif isinstance(content, pd.DataFrame):
            content.to_parquet(folder / f"{name}.parquet")
        elif content is not None:
            pq.write_table(content, folder / f"{name}.parquet")
    return folder


def kinds(rows: ir.Table) -> list[tuple[str, str]]:
    """Column names and types, without the precision of timestamps."""
    return [(name, str(kind).split("(")[0]) for name, kind in rows.schema().items()]


def declared(table: Table) -> list[tuple[str, str]]:
    return [(column.name, str(column.kind)) for column in table.columns]


def problems_of(source: Path | str) -> list[Problem]:
    with pytest.raises(InvalidTables) as caught:
        validate(open_source(source))
    return list(caught.value.problems)


def only_problem(source: Path | str) -> Problem:
    (problem,) = problems_of(source)
    return problem


def rows_of(tables: Tables, name: str) -> list[dict[str, Any]]:
    """The rows of a table with None for null, ordered by its key."""
    return sorted(tables[name].to_pyarrow().to_pylist(), key=lambda row: [str(row[key]) for key in TABLES[name].key])


def read(folder: Path, name: str, **tables: Content) -> list[dict[str, Any]]:
    return rows_of(validate(open_source(folder_of(folder, **tables))), name)


def test_the_good_book_is_good(tmp_path: Path) -> None:
    tables = validate(open_source(folder_of(tmp_path, **GOOD)))
    assert tables.missing == frozenset() and tables.warnings == () and tables.currency is None
    for name, table in TABLES.items():
        assert kinds(tables[name]) == declared(table)
        assert tables[name].count().execute() == len(GOOD[name].splitlines()) - 1


# One broken rule ------------------------------------------------------------------------------------------------------

BROKEN_ROWS = [
    # table, row to add, column, rule, ids
    ("accounts", "a1,Again,2020-01-01", "account_id", "duplicate key", "a1"),
    ("invoices", "i1,a2,2021-01-01,1", "invoice_id", "duplicate key", "i1"),
    ("churns", "a2,2023-05-05,", "account_id", "duplicate key", "a2"),
    ("contacts", "c1,a2,,2020-01-01,", "contact_id", "duplicate key", "c1"),
    ("surveys", "s1,a2,,relationship,2021-01-01,,,", "survey_id", "duplicate key", "s1"),
    ("loops", "l1,a2,,,2021-01-01,", "loop_id", "duplicate key", "l1"),
    ("contracts", "k1,a2,2020-01-01,2021-01-01,5,", "contract_id", "duplicate key", "k1"),
    ("tickets", "t1,a2,,,2021-01-01,", "ticket_id", "duplicate key", "t1"),
    ("actions", "n1,a2,call,2021-01-01,", "action_id", "duplicate key", "n1"),
    ("referrals", "r1,a2,2021-01-01,,,", "referral_id", "duplicate key", "r1"),
    ("memberships", "a1,gold,2021-01-05,", "account_id", "duplicate key", "a1 gold 2021-01-05"),
    ("invoices", "i9,zz,2021-01-01,1", "account_id", "not in accounts", "i9"),
    ("churns", "zz,2023-05-05,", "account_id", "not in accounts", "zz"),
    ("contacts", "c9,zz,,2020-01-01,", "account_id", "not in accounts", "c9"),
    ("surveys", "s9,zz,,relationship,2021-01-01,,,", "account_id", "not in accounts", "s9"),
    ("loops", "l9,zz,,,2021-01-01,", "account_id", "not in accounts", "l9"),
    ("contracts", "k9,zz,2020-01-01,2021-01-01,5,", "account_id", "not in accounts", "k9"),
    ("tickets", "t9,zz,,,2021-01-01,", "account_id", "not in accounts", "t9"),
    ("actions", "n9,zz,call,2021-01-01,", "account_id", "not in accounts", "n9"),
    ("referrals", "r9,zz,2021-01-01,,,", "account_id", "not in accounts", "r9"),
    ("memberships", "zz,gold,2021-01-05,", "account_id", "not in accounts", "zz gold 2021-01-05"),
    ("accounts", "a3,Three,last spring", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,2020-02-30", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,01.02.2020", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,0001-01-01", "customer_since", "1900 to 2199", "a3"),
    ("accounts", "a3,Three,infinity", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,", "customer_since", "missing", "a3"),
    ("contacts", "c9,a1,,2020-01-01,9999-12-31", "valid_to", "1900 to 2199", "c9"),
    ("surveys", "s9,a1,,relationship,yesterday,,,", "sent_at", "not a timestamp", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01T25:00:00,,,", "sent_at", "not a timestamp", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-13-01,5,", "answered_at", "not a timestamp", "s9"),
    ("surveys", "s9,a1,,relationship,,,,", "sent_at", "missing", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,11,", "score", "outside 0 to 10", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,-1,", "score", "outside 0 to 10", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,7.5,", "score", "not a whole number", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,ten,", "score", "not a whole number", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,nan,", "score", "not a whole number", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,inf,", "score", "not a whole number", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,1e300,", "score", "not a whole number", "s9"),
    ("surveys", "s9,a1,,yearly,2021-01-01,,,", "kind", "none of relationship, transactional", "s9"),
    ("surveys", "s9,a1,,,2021-01-01,,,", "kind", "missing", "s9"),
    ("surveys", "s9,a1,,relationship,2021-01-02,2021-01-01,5,", "answered_at", "before sent_at", "s9"),
    ("loops", "l9,a1,,,2021-01-02,2021-01-01T23:59:59", "closed_at", "before opened_at", "l9"),
    ("loops", "l9,a1,,board,2021-01-02,", "level", "none of frontline, management, executive", "l9"),
    ("tickets", "t9,a1,,,2021-01-02,2021-01-01", "closed_at", "before opened_at", "t9"),
    ("tickets", "t9,a1,,fatal,2021-01-02,", "severity", "none of low, normal, high, critical", "t9"),
    ("contacts", "c9,a1,,2020-01-02,2020-01-01", "valid_to", "before valid_from", "c9"),
    ("contacts", "c9,a1,perhaps,2020-01-02,", "decision_maker", "neither true nor false", "c9"),
    ("contracts", "k9,a1,2020-01-02,2020-01-01,5,", "ends_on", "before starts_on", "k9"),
    ("memberships", "a1,blue,2021-01-05,2021-01-04", "left_on", "before joined_on", "a1 blue 2021-01-05"),
    ("memberships", "a1,,2021-01-05,", "program", "missing", "a1 ? 2021-01-05"),
    ("referrals", "r9,a1,2021-01-02,2021-01-01,,", "contacted_at", "before referred_at", "r9"),
    ("referrals", "r9,a1,2021-01-02,,2021-01-01,", "won_at", "before referred_at", "r9"),
    ("referrals", "r9,a1,2021-01-02,,2021-01-03,inf", "revenue", "not finite", "r9"),
    ("invoices", "i9,a1,2021-01-01,", "amount", "missing", "i9"),
    ("invoices", "i9,a1,2021-01-01,nan", "amount", "not finite", "i9"),
    ("invoices", "i9,a1,2021-01-01,inf", "amount", "not finite", "i9"),
    ("invoices", "i9,a1,2021-01-01,-Infinity", "amount", "not finite", "i9"),
    ("invoices", "i9,a1,2021-01-01,1e999", "amount", "not", "i9"),
    ("invoices", 'i9,a1,2021-01-01,"1,50"', "amount", "not a number", "i9"),
    ("invoices", ",a1,2021-01-01,1", "invoice_id", "missing", "?"),
    ("invoices", "i9,,2021-01-01,1", "account_id", "missing", "i9"),
    ("contracts", "k9,a1,2020-01-01,2020-02-01,,", "annual_value", "missing", "k9"),
    ("contracts", "k9,a1,2020-01-01,2020-02-01,5,nan", "price_change", "not finite", "k9"),
    ("actions", "n9,a1,,2021-01-05,", "kind", "missing", "n9"),
]


@pytest.mark.parametrize(("table", "row", "column", "rule", "key"), BROKEN_ROWS)
def test_a_broken_row_is_named(tmp_path: Path, table: str, row: str, column: str, rule: str, key: str) -> None:
    problem = only_problem(folder_of(tmp_path, **{table: f"{GOOD[table]}{row}\n"}))
    assert (problem.table, problem.column) == (table, column)
    assert rule in problem.rule
    assert problem.rows == (2 if "duplicate" in rule else 1)
    assert problem.ids == (key,)


def everything_broken() -> dict[str, str]:
    """All of `BROKEN_ROWS` in one book."""
    broken = dict(GOOD)
    for table, row, *_ in BROKEN_ROWS:
        broken[table] += row + "\n"
    return broken


def as_csv(folder: Path, tables: dict[str, str]) -> str:
    return str(folder_of(folder, **tables))


def as_parquet(folder: Path, tables: dict[str, str]) -> str:
    return str(folder_of(folder, **{name: _text(content) for name, content in tables.items()}))


def as_duckdb(folder: Path, tables: dict[str, str]) -> str:
    with duckdb.connect(folder / "book.duckdb") as connection:
        for name, content in tables.items():
            connection.register("rows", _text(content))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
    return f"duckdb:///{folder / 'book.duckdb'}"


def _text(content: str) -> pa.Table:
    frame = pd.read_csv(io.StringIO(content), dtype=str, keep_default_na=False)
    return pa.table({name: pa.array([value or None for value in frame[name]], pa.string()) for name in frame})


every_form = pytest.mark.parametrize("form", [as_csv, as_parquet, as_duckdb])


@every_form
def test_every_problem_in_every_table_is_found_in_one_pass(
    tmp_path: Path, form: Callable[[Path, dict[str, str]], str]
) -> None:
    found = problems_of(form(tmp_path, everything_broken()))
    for table, _, column, rule, key in BROKEN_ROWS:
        match = [item for item in found if (item.table, item.column) == (table, column) and rule in item.rule]
        assert match, (table, column, rule)
        assert any(key in item.ids or len(item.ids) == 5 for item in match)
    assert all(len(item.ids) <= 5 and item.rows >= len(item.ids) for item in found)


@every_form
def test_the_good_book_is_the_same_in_every_form(tmp_path: Path, form: Callable[[Path, dict[str, str]], str]) -> None:
    (tmp_path / "csv").mkdir()
    expected = validate(open_source(folder_of(tmp_path / "csv", **GOOD)))
    found = validate(open_source(form(tmp_path, GOOD)))
    for name in TABLES:
        assert rows_of(found, name) == rows_of(expected, name)


def test_five_ids_at_most_and_all_rows_counted(tmp_path: Path) -> None:
    rows = "".join(f"x{i:02d},a1,2021-01-01,\n" for i in range(12))
    problem = only_problem(folder_of(tmp_path, invoices=GOOD["invoices"] + rows))
    assert problem.rows == 12
    assert problem.ids == ("x00", "x01", "x02", "x03", "x04")


def test_the_message_lists_every_problem(tmp_path: Path) -> None:
    with pytest.raises(InvalidTables) as caught:
        validate(open_source(folder_of(tmp_path, **everything_broken())))
    text = str(caught.value)
    for problem in caught.value.problems:
        assert str(problem) in text
    assert text.startswith(f"{len(caught.value.problems)} problems")


# Tables and columns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["accounts", "invoices"])
def test_a_required_table_is_missing(tmp_path: Path, table: str) -> None:
    problem = only_problem(folder_of(tmp_path, **{table: None}))
    assert (problem.table, problem.rule) == (table, "the table is required and absent")


REQUIRED = [(t.name, c.name) for t in TABLES.values() for c in t.columns if not c.optional]


@pytest.mark.parametrize(("table", "column"), REQUIRED)
def test_a_required_column_is_missing(tmp_path: Path, table: str, column: str) -> None:
    frame = pd.read_csv(io.StringIO(GOOD[table]), dtype=str).drop(columns=column)
    problem = only_problem(folder_of(tmp_path, **{table: frame.to_csv(index=False)}))
    assert (problem.table, problem.column, problem.rule) == (table, column, "the column is required and absent")


def test_none_of_the_columns_is_there(tmp_path: Path) -> None:
    found = problems_of(folder_of(tmp_path, loops="x,y\n1,2\n", accounts="id\na1\n"))
    assert {item.column for item in found if item.table == "loops"} == {"loop_id", "account_id", "opened_at"}
    assert {item.column for item in found if item.table == "accounts"} >= {"account_id", "customer_since"}


def test_accounts_are_empty(tmp_path: Path) -> None:
    only_header = {name: text.splitlines()[0] + "\n" for name, text in GOOD.items()}
    problem = only_problem(folder_of(tmp_path, **only_header))
    assert (problem.table, problem.rule) == ("accounts", "the table is empty")


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    needed = {
        name: pd.read_csv(io.StringIO(text), dtype=str)[[c.name for c in TABLES[name].columns if not c.optional]]
        for name, text in GOOD.items()
    }
    tables = validate(open_source(folder_of(tmp_path, **{n: f.to_csv(index=False) for n, f in needed.items()})))
    for name, table in TABLES.items():
        assert kinds(tables[name]) == declared(table)
        for row in rows_of(tables, name):
            assert all(row[column.name] is None for column in table.columns if column.optional)
            assert all(row[column.name] is not None for column in table.columns if not column.optional)


def test_absent_and_empty_tables_differ(tmp_path: Path) -> None:
    header = GOOD["surveys"].splitlines()[0]
    tables = validate(open_source(folder_of(tmp_path, surveys=header)))
    assert tables.missing == set(TABLES) - {"accounts", "invoices", "surveys"}
    for name in ("loops", "surveys"):
        assert tables[name].count().execute() == 0
        assert kinds(tables[name]) == declared(TABLES[name])


def test_extra_columns_order_case_and_blanks_of_names_do_not_matter(tmp_path: Path) -> None:
    text = "note,Score,answered_at,SENT_AT,kind, account_id ,Survey_ID\n?,3,2021-01-02,2021-01-01,relationship,a1,s1\n"
    (row,) = read(tmp_path, "surveys", surveys=text)
    assert (row["survey_id"], row["account_id"], row["score"], row["sent_at"]) == ("s1", "a1", 3, datetime(2021, 1, 1))


def test_two_currencies(tmp_path: Path) -> None:
    accounts = "account_id,customer_since,currency\na1,2020-01-01,EUR\na2,2020-01-01,\n"
    invoices = "invoice_id,account_id,invoiced_on,amount,currency\ni1,a1,2021-01-01,1, EUR\ni2,a1,2021-01-01,1,USD\n"
    problem = only_problem(folder_of(tmp_path, accounts=accounts, invoices=invoices))
    assert (problem.table, problem.column) == ("*", "currency")
    assert "EUR, USD" in problem.rule


def test_one_currency_is_kept(tmp_path: Path) -> None:
    accounts = "account_id,customer_since,currency\na1,2020-01-01, EUR\na2,2020-01-01,\n"
    assert validate(open_source(folder_of(tmp_path, accounts=accounts))).currency == "EUR"


# Times ----------------------------------------------------------------------------------------------------------------


def survey(sent_at: str) -> str:
    return f"survey_id,account_id,kind,sent_at\ns1,a1,relationship,{sent_at}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-07-01", datetime(2021, 7, 1)),
        ("2021-07-01T10:00:00", datetime(2021, 7, 1, 10)),
        ("2021-07-01 10:00", datetime(2021, 7, 1, 10)),
        ("2021-07-01T10:00:00Z", datetime(2021, 7, 1, 10)),
        ("2021-07-01T10:00:00+02:00", datetime(2021, 7, 1, 8)),
        ("2021-07-01 00:30:00+02", datetime(2021, 6, 30, 22, 30)),
        ("2021-07-01T10:00:00.123456789", datetime(2021, 7, 1, 10, 0, 0, 123456)),
    ],
)
def test_instants_in_csv_become_naive_utc(tmp_path: Path, text: str, expected: datetime) -> None:
    (row,) = read(tmp_path, "surveys", surveys=survey(text))
    assert row["sent_at"] == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("zone", "hour"), [(None, 10), ("UTC", 10), ("Europe/Berlin", 8), ("America/New_York", 14)])
def test_instants_in_parquet_become_naive_utc(tmp_path: Path, unit: str, zone: str | None, hour: int) -> None:
    sent = pd.Series(pd.to_datetime(["2021-07-01 10:00"])).dt.tz_localize(zone).dt.as_unit(unit)
    frame = pd.DataFrame({"survey_id": ["s1"], "account_id": ["a1"], "kind": ["relationship"], "sent_at": sent})
    (row,) = read(tmp_path, "surveys", surveys=frame)
    assert row["sent_at"] == datetime(2021, 7, 1, hour)


def test_nanoseconds_are_rounded_to_microseconds(tmp_path: Path) -> None:
    sent = pa.array(np.array([1_600_000_000_123_456_789], "datetime64[ns]"))
    rows = pa.table({"survey_id": ["s1"], "account_id": ["a1"], "kind": ["relationship"], "sent_at": sent})
    (row,) = read(tmp_path, "surveys", surveys=rows)
    assert row["sent_at"] == datetime(2020, 9, 13, 12, 26, 40, 123457)


def test_times_in_date_columns_are_cut_to_their_utc_day_with_a_warning(tmp_path: Path) -> None:
    churns = "account_id,churned_on\na1,2022-01-01T00:30:00+02:00\na2,2022-01-01\n"
    tables = validate(open_source(folder_of(tmp_path, churns=churns)))
    assert [row["churned_on"] for row in rows_of(tables, "churns")] == [date(2021, 12, 31), date(2022, 1, 1)]
    (warning,) = tables.warnings
    assert warning.startswith("churns.churned_on: 1 timestamp")


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_timestamps_at_midnight_in_date_columns_of_parquet(tmp_path: Path, zone: str | None) -> None:
    day = pd.Series(pd.to_datetime(["2022-01-01"])).dt.tz_localize(zone)
    tables = validate(open_source(folder_of(tmp_path, churns=pd.DataFrame({"account_id": ["a1"], "churned_on": day}))))
    (row,) = rows_of(tables, "churns")
    assert row["churned_on"] == (date(2022, 1, 1) if zone is None else date(2021, 12, 31))
    assert len(tables.warnings) == (0 if zone is None else 1)


def test_the_same_instant_is_not_before(tmp_path: Path) -> None:
    same = "loop_id,account_id,opened_at,closed_at\nl1,a1,2021-01-01T10:00:00+01:00,2021-01-01T09:00:00Z\n"
    (row,) = read(tmp_path, "loops", loops=same)
    assert row["opened_at"] == row["closed_at"] == datetime(2021, 1, 1, 9)


# Files that are odd ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["accounts", "churns"])
def test_the_same_table_twice(tmp_path: Path, name: str) -> None:
    folder_of(tmp_path, churns=GOOD["churns"])
    pq.write_table(_text(GOOD[name]), tmp_path / f"{name}.parquet")
    problem = only_problem(tmp_path)
    assert problem.table == name
    assert "twice" in problem.rule


@pytest.mark.parametrize("name", ["accounts", "invoices", "surveys"])
@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense PAR1", b"\x00" * 100])
def test_an_unreadable_parquet_file(tmp_path: Path, name: str, content: bytes) -> None:
    (folder_of(tmp_path, **{name: None}) / f"{name}.parquet").write_bytes(content)
    problem = only_problem(tmp_path)
    assert problem.table == name
    assert f"{name}.parquet cannot be read" in problem.rule
    assert "\n" not in problem.rule


def test_a_parquet_file_whose_pages_are_damaged(tmp_path: Path) -> None:
    ids = [f"a{i}" for i in range(2000)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"account_id": ids, "churned_on": pa.array([18_000] * 2000, pa.date32())}), sink)
    raw = bytearray(sink.getvalue().to_pybytes())
    raw[10:600] = b"\x99" * 590
    (folder_of(tmp_path, churns=None, loops="nothing\n") / "churns.parquet").write_bytes(bytes(raw))
    found = problems_of(tmp_path)
    assert next(item.rule for item in found if item.table == "churns").startswith("the table cannot be read")
    assert any(item.table == "loops" for item in found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"account_id,churned_on,reason\na1,2022-01-01\n", "Line: 2; Expected Number of Columns: 3 Found: 2"),
        (b"account_id,churned_on,reason\na1,2022-01-01,x,y\n", "Line: 2; Expected Number of Columns: 3 Found: 4"),
        (b'account_id,churned_on,reason\na1,2022-01-01,"x\n', "unterminated quote"),
        ("account_id,churned_on,reason\na1,2022-01-01,Kündigung\n".encode("latin-1"), "not utf-8"),
        (b"account_id,churned_on,account_id\na1,2022-01-01,a1\n", "same name: account_id"),
        (b"account_id,churned_on,reason,Reason\na1,2022-01-01,x,y\n", "same name: reason"),
    ],
)
def test_an_unreadable_csv_file(tmp_path: Path, content: bytes, said: str) -> None:
    problem = only_problem(folder_of(tmp_path, churns=content))
    assert problem.table == "churns"
    assert "churns.csv cannot be read" in problem.rule and said in problem.rule
    assert "\n" not in problem.rule


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfaccount_id,churned_on,reason\na1,2022-01-01,too dear\n",
        b"account_id,churned_on,reason\r\na1,2022-01-01,too dear\r\n",
        b"account_id;churned_on;reason\na1;2022-01-01;too dear\n",
        b"account_id\tchurned_on\treason\na1\t2022-01-01\ttoo dear",
        b'"account_id","churned_on","reason"\n"a1","2022-01-01","too dear"\n\n',
    ],
    ids=["byte order mark", "Windows lines", "semicolons", "tabs", "all quoted"],
)
def test_dialects_of_csv(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, "churns", churns=content) == [
        {"account_id": "a1", "churned_on": date(2022, 1, 1), "reason": "too dear"}
    ]


def test_comments_with_line_breaks_quotes_and_delimiters(tmp_path: Path) -> None:
    comments = ["one\ntwo", 'he said "no"', "a;b;c;d;e;f", "#hash", " blanks ", "x,y|z\tw", "Ärger 😠"]
    rows = pd.DataFrame({"action_id": [f"#{i}" for i in range(len(comments))], "account_id": "a1", "kind": "call"})
    text = rows.assign(done_at="2021-01-01", note=comments).to_csv(index=False)
    assert [row["note"] for row in read(tmp_path, "actions", actions=text)] == comments


def test_blank_optional_values_are_null(tmp_path: Path) -> None:
    header = GOOD["surveys"].splitlines()[0]
    text = f'{header}\ns1,a1,"",relationship,2021-01-01,"","",""\n'
    (row,) = read(tmp_path, "surveys", surveys=text)
    assert [row[name] for name in ("contact_id", "answered_at", "score", "comment")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "flag"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("false", False), ("0", False), ("f", False)],
)
def test_flags_as_text(tmp_path: Path, text: str, flag: bool) -> None:
    contacts = f"contact_id,account_id,decision_maker,valid_from\nc1,a1,{text},2020-01-01\n"
    (row,) = read(tmp_path, "contacts", contacts=contacts)
    assert row["decision_maker"] is flag


@pytest.mark.parametrize(
    "column", [pa.array([True, None]), pa.array([1, None]), pa.array([1.0, None]), pa.array(["true", None])], ids=str
)
def test_flags_in_parquet(tmp_path: Path, column: pa.Array) -> None:
    day = pa.array([18_000, 18_000], pa.date32())
    rows = pa.table({"contact_id": ["c1", "c2"], "account_id": ["a1"] * 2, "decision_maker": column, "valid_from": day})
    assert [row["decision_maker"] for row in read(tmp_path, "contacts", contacts=rows)] == [True, None]


LARGE = 2**62 + 1


def test_whole_numbers_as_ids_meet_floats_and_text(tmp_path: Path) -> None:
    """pandas turns a column of whole numbers with a null among them into floats: `12.0` must meet `12`."""
    accounts = pd.DataFrame({"account_id": [1, LARGE], "customer_since": pd.to_datetime(["2020-01-01"] * 2)})
    contacts = pd.DataFrame({"contact_id": [12, 13], "account_id": [1, LARGE], "valid_from": ["2020-01-01"] * 2})
    surveys = pd.DataFrame(
        {
            "survey_id": ["s1", "s2"],
            "account_id": ["1", str(LARGE)],
            "contact_id": [12.0, np.nan],
            "kind": "relationship",
            "sent_at": pd.to_datetime(["2021-01-01"] * 2),
        }
    )
    invoices = "invoice_id,account_id,invoiced_on,amount\n1,1,2021-01-01,5\n"
    folder_of(tmp_path, accounts=accounts, contacts=contacts, surveys=surveys, invoices=invoices)
    tables = validate(open_source(tmp_path))
    assert [row["contact_id"] for row in rows_of(tables, "surveys")] == ["12", None]
    assert {row["account_id"] for row in rows_of(tables, "contacts")} == {"1", str(LARGE)}


def test_categories_in_parquet(tmp_path: Path) -> None:
    tickets = pd.DataFrame(
        {
            "ticket_id": pd.Categorical(["t1", "t2"]),
            "account_id": pd.Categorical(["a1", "a2"]),
            "severity": pd.Categorical(["high", None]),
            "opened_at": pd.Categorical(["2021-01-01T10:00:00Z", "2021-01-02"]),
        }
    )
    found = read(tmp_path, "tickets", tickets=tickets)
    assert [row["severity"] for row in found] == ["high", None]
    assert found[0]["opened_at"] == datetime(2021, 1, 1, 10)


@pytest.mark.parametrize(("severity", "good"), [("low", True), ("fatal", False)])
def test_enums_in_duckdb(tmp_path: Path, severity: str, good: bool) -> None:
    source = as_duckdb(tmp_path, {**BARE, "tickets": GOOD["tickets"].replace("low", severity)})
    with duckdb.connect(tmp_path / "book.duckdb") as connection:
        connection.execute("CREATE TYPE severity AS ENUM ('low', 'fatal')")
        connection.execute("ALTER TABLE tickets ALTER severity TYPE severity")
    if good:
        assert rows_of(validate(open_source(source)), "tickets")[0]["severity"] == "low"
    else:
        assert only_problem(source).column == "severity"


@pytest.mark.parametrize(
    "amount",
    [
        pa.array([Decimal("10.50"), Decimal("-3.00")], pa.decimal128(12, 2)),
        pa.array([10.5, -3.0], pa.float32()),
        pa.array(["10.5", "-3"]),
    ],
    ids=["decimal", "single", "text"],
)
def test_amounts_in_parquet(tmp_path: Path, amount: pa.Array) -> None:
    day = pa.array([18_628, 18_629], pa.date32())
    rows = pa.table({"invoice_id": ["i1", "i2"], "account_id": ["a1", "a2"], "invoiced_on": day, "amount": amount})
    assert [row["amount"] for row in read(tmp_path, "invoices", invoices=rows)] == [10.5, -3.0]


def test_columns_of_nothing_but_nulls(tmp_path: Path) -> None:
    nothing = {column.name: pa.nulls(1) for column in TABLES["surveys"].columns if column.optional}
    sent = pa.array([0], pa.timestamp("us"))
    rows = pa.table({"survey_id": ["s1"], "account_id": ["a1"], "kind": ["relationship"], "sent_at": sent, **nothing})
    (row,) = read(tmp_path, "surveys", surveys=rows)
    assert all(row[name] is None for name in nothing)


def test_required_columns_of_nothing_but_nulls(tmp_path: Path) -> None:
    rows = pa.table({"loop_id": ["l1", "l2"], "account_id": ["a1", "a2"], "opened_at": pa.nulls(2)})
    problem = only_problem(folder_of(tmp_path, loops=rows))
    assert (problem.column, problem.rule, problem.rows) == ("opened_at", "missing", 2)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([20200101, 20200102]),
        pa.array([1.5, 2.5]),
        pa.array([True, False]),
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([1, 2], pa.time64("us")),
        pa.array([1, 2], pa.duration("us")),
        pa.array([b"\xff", b"x"]),
    ],
    ids=["whole numbers", "floats", "flags", "lists", "structs", "times of day", "durations", "bytes"],
)
def test_dates_of_another_type_are_refused_row_by_row(tmp_path: Path, column: pa.Array) -> None:
    contacts = pa.table({"contact_id": ["c1", "c2"], "account_id": ["a1", "a2"], "valid_from": column})
    problem = only_problem(folder_of(tmp_path, contacts=contacts))
    assert problem.column == "valid_from" and "not a date" in problem.rule
    assert problem.ids == ("c1", "c2")


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()], ids=str)
def test_dates_in_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    days = pa.array([date(2020, 1, 1), date(2020, 2, 29)], kind)
    contacts = pa.table({"contact_id": ["c1", "c2"], "account_id": ["a1", "a2"], "valid_from": days})
    found = read(tmp_path, "contacts", contacts=contacts)
    assert [row["valid_from"] for row in found] == [date(2020, 1, 1), date(2020, 2, 29)]


# Sources --------------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableSource, match="there is no such folder"):
        open_source(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert {item.table for item in problems_of(tmp_path)} == {"accounts", "invoices"}


def test_a_source_of_an_unknown_kind() -> None:
    with pytest.raises(UnusableSource, match="a source is a folder"):
        open_source("ftp://somewhere/book")


def test_a_duckdb_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableSource, match="there is no such file"):
        open_source(f"duckdb:///{tmp_path}/nothing.duckdb")


def test_a_file_that_is_no_duckdb_file(tmp_path: Path) -> None:
    (tmp_path / "book.duckdb").write_text("no database at all, but long enough to be read as one" * 100)
    with pytest.raises(UnusableSource, match="not a DuckDB file"):
        open_source(f"duckdb:///{tmp_path}/book.duckdb")


def test_a_duckdb_file_is_not_written_to(tmp_path: Path) -> None:
    source = as_duckdb(tmp_path, BARE)
    before = (tmp_path / "book.duckdb").read_bytes()
    validate(open_source(source))
    assert (tmp_path / "book.duckdb").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["book.duckdb"]


def test_a_relative_duckdb_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_duckdb(tmp_path, BARE)
    monkeypatch.chdir(tmp_path)
    assert validate(open_source("duckdb:///book.duckdb"))["invoices"].count().execute() == 2


def test_two_books_at_once_do_not_meet(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first = validate(open_source(folder_of(folders[0], churns=GOOD["churns"])))
    second = validate(open_source(folder_of(folders[1], churns=GOOD["churns"].splitlines()[0])))
    assert first["churns"].count().execute() == 1
    assert second["churns"].count().execute() == 0


def test_amounts_beyond_any_book_are_refused_once(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_id,customer_since\nA1,2020-01-01\n")
    rows = "I1,A1,2024-01-01,1e308\nI2,A1,2024-01-01,inf\nI3,A1,2024-01-01,1e15\n"
    (tmp_path / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\n" + rows)
    with pytest.raises(InvalidTables) as error:
        validate(open_source(tmp_path))
    found = {(problem.rule, problem.ids) for problem in error.value.problems}
    assert found == {("not finite", ("I2",)), ("outside -1e+15 to 1e+15", ("I1",))}
