"""Every rule of the contract's "Bad input" with a broken row, and all of them in one pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.raw_tables import (
    BARE,
    GOOD,
    as_csv,
    as_duckdb,
    as_parquet,
    declared,
    folder_of,
    kinds,
    only_problem,
    problems_of,
    rows_of,
)

from features.errors import InvalidTables
from features.sources import open_source
from features.tables import TABLES
from features.validation import validate


def test_the_good_book_is_good(tmp_path: Path) -> None:
    tables = validate(open_source(folder_of(tmp_path, **GOOD)))
    assert tables.missing == frozenset() and tables.warnings == () and tables.currency is None
    for name, table in TABLES.items():
        assert kinds(tables[name]) == declared(table)
        assert tables[name].count().execute() == len(GOOD[name].splitlines()) - 1


BROKEN_ROWS = [
    # table, row to add, column, rule, ids
    ("accounts", "a1,Again,2020-01-01", "account_id", "duplicate key", "a1"),
    ("invoices", "i1,a2,2021-01-01,1", "invoice_id", "duplicate key", "i1"),
    ("churns", "a2,2023-01-01,", "account_id", "duplicate key", "a2 2023-01-01"),
    ("contacts", "c1,a2,,2020-01-01,", "contact_id", "duplicate key", "c1"),
    ("surveys", "s1,a2,,relationship,2021-01-01,,,", "survey_id", "duplicate key", "s1"),
    ("loops", "l1,a2,,,2021-01-01,", "loop_id", "duplicate key", "l1"),
    ("contracts", "k1,a2,2020-01-01,2021-01-01,5,", "contract_id", "duplicate key", "k1"),
    ("tickets", "t1,a2,,,2021-01-01,", "ticket_id", "duplicate key", "t1"),
    ("actions", "n1,a2,call,2021-01-01,", "action_id", "duplicate key", "n1"),
    ("referrals", "r1,a2,2021-01-01,,,", "referral_id", "duplicate key", "r1"),
    ("memberships", "a1,gold,2021-01-05,", "account_id", "duplicate key", "a1 gold 2021-01-05"),
    ("invoices", "i9,zz,2021-01-01,1", "account_id", "not in accounts", "zz"),
    ("churns", "zz,2023-05-05,", "account_id", "not in accounts", "zz"),
    ("contacts", "c9,zz,,2020-01-01,", "account_id", "not in accounts", "zz"),
    ("surveys", "s9,zz,,relationship,2021-01-01,,,", "account_id", "not in accounts", "zz"),
    ("loops", "l9,zz,,,2021-01-01,", "account_id", "not in accounts", "zz"),
    ("contracts", "k9,zz,2020-01-01,2021-01-01,5,", "account_id", "not in accounts", "zz"),
    ("tickets", "t9,zz,,,2021-01-01,", "account_id", "not in accounts", "zz"),
    ("actions", "n9,zz,call,2021-01-01,", "account_id", "not in accounts", "zz"),
    ("referrals", "r9,zz,2021-01-01,,,", "account_id", "not in accounts", "zz"),
    ("memberships", "zz,gold,2021-01-05,", "account_id", "not in accounts", "zz"),
    ("accounts", "a3,Three,last spring", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,2020-02-30", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,01.02.2020", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,0001-01-01", "customer_since", "1900 to 2199", "a3"),
    ("accounts", "a3,Three,infinity", "customer_since", "not a date", "a3"),
    ("accounts", "a3,Three,", "customer_since", "missing", "a3"),
    ("contacts", "c9,a1,,2020-01-01,0001-01-01", "valid_to", "1900 to 2199", "c9"),
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


def rounds() -> list[list[tuple[str, str, str, str, str]]]:
    """Deal `BROKEN_ROWS` out so that no table has two in a round: it has one problem then, or another is too many."""
    dealt: list[list[tuple[str, str, str, str, str]]] = []
    for broken in BROKEN_ROWS:
        free = [one for one in dealt if broken[0] not in {other[0] for other in one}]
        if not free:
            dealt.append([])
        (free or dealt[-1:])[0].append(broken)
    return dealt


@pytest.mark.parametrize("broken", rounds(), ids=range(len(rounds())))
def test_a_broken_row_is_named(tmp_path: Path, broken: list[tuple[str, str, str, str, str]]) -> None:
    """A book is validated in a pass, whatever is broken; so one row of each table is broken at a time."""
    whole = {table: GOOD[table] for table in BARE} | {table: f"{GOOD[table]}{row}\n" for table, row, *_ in broken}
    problems = problems_of(folder_of(tmp_path, **whole))
    found = {problem.table: problem for problem in problems}
    assert len(found) == len(problems) == len(broken)
    for table, _, column, rule, key in broken:
        problem = found[table]
        assert problem.column == column
        assert rule in problem.rule
        assert problem.rows == (2 if "duplicate" in rule else 1)
        assert problem.ids == (key,)


def everything_broken() -> dict[str, str]:
    """All of `BROKEN_ROWS` in one book."""
    broken = dict(GOOD)
    for table, row, *_ in BROKEN_ROWS:
        broken[table] += row + "\n"
    return broken


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


def test_amounts_beyond_any_book_are_refused_once(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_id,customer_since\nA1,2020-01-01\n")
    rows = "I1,A1,2024-01-01,1e308\nI2,A1,2024-01-01,inf\nI3,A1,2024-01-01,1e15\n"
    (tmp_path / "invoices.csv").write_text("invoice_id,account_id,invoiced_on,amount\n" + rows)
    with pytest.raises(InvalidTables) as error:
        validate(open_source(tmp_path))
    found = {(problem.rule, problem.ids) for problem in error.value.problems}
    assert found == {("not finite", ("I2",)), ("outside -1e+15 to 1e+15", ("I1",))}
