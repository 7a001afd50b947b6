"""Files that are odd but right, and files that cannot be read."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.raw_tables import (
    BARE,
    GOOD,
    as_duckdb,
    folder_of,
    only_problem,
    problems_of,
    read,
    rows_of,
    text_table,
)

from features.sources import open_source
from features.tables import TABLES
from features.validation import validate


@pytest.mark.parametrize("name", ["accounts", "churns"])
def test_the_same_table_twice(tmp_path: Path, name: str) -> None:
    folder_of(tmp_path, churns=GOOD["churns"])
    pq.write_table(text_table(GOOD[name]), tmp_path / f"{name}.parquet")
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
