"""Tables and columns that are required, optional, absent, empty or more than were asked for."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from support.raw_tables import (
    GOOD,
    declared,
    folder_of,
    kinds,
    only_problem,
    problems_of,
    read,
    rows_of,
)

from features.sources import open_source
from features.tables import TABLES
from features.validation import validate


@pytest.mark.parametrize("table", ["accounts", "invoices"])
def test_a_required_table_is_missing(tmp_path: Path, table: str) -> None:
    problem = only_problem(folder_of(tmp_path, **{table: None}))
    assert problem.table == table and problem.rule.startswith("the table is required and absent; the files or tables ")


REQUIRED = [(t.name, c.name) for t in TABLES.values() for c in t.columns if not c.optional]


@pytest.mark.parametrize(("table", "column"), REQUIRED)
def test_a_required_column_is_missing(tmp_path: Path, table: str, column: str) -> None:
    frame = pd.read_csv(io.StringIO(GOOD[table]), dtype=str).drop(columns=column)
    problem = only_problem(folder_of(tmp_path, **{table: frame.to_csv(index=False)}))
    assert (problem.table, problem.column) == (table, column)
    assert problem.rule.startswith("the column is required and absent; ")


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
