"""What a message says: the value that is refused and what it looks like, what was perhaps meant, what was seen."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from support.raw_tables import BARE, GOOD, as_duckdb, folder_of, only_problem, problems_of, text_table
from support.small_books import MONTHS, small_book, written

from features.schema import Kind
from features.sources import open_source
from features.tables import TableKnown
from features.validation import validate
from features.validation.forms import form_of

FORMS = [
    (Kind.NUMBER, "1.332,33", "a decimal comma"),
    (Kind.NUMBER, "12,5", "a decimal comma"),
    (Kind.NUMBER, "1,332.33", "commas between thousands"),
    (Kind.NUMBER, "1,332", "a comma before decimals or between thousands"),
    (Kind.NUMBER, "1.332.000", "points between thousands"),
    (Kind.NUMBER, "1190.1", "a decimal point"),
    (Kind.NUMBER, "1 332,50", "blanks or strokes between thousands"),
    (Kind.NUMBER, "(12.50)", "brackets for a minus"),
    (Kind.NUMBER, "12.50-", "a minus at the end"),
    (Kind.NUMBER, "12 €", "a currency beside the number"),
    (Kind.NUMBER, "EUR 12.50", "a currency beside the number"),
    (Kind.NUMBER, "8 %", "a percent sign"),
    (Kind.NUMBER, "n/a", "a word for nothing; leave it empty"),
    (Kind.NUMBER, "twelve", None),
    (Kind.INTEGER, "7.5", "a number with decimals"),
    (Kind.INTEGER, "9/10", "a share of the scale, as 9/10"),
    (Kind.FLAG, "ja", "another word for true or false"),
    (Kind.DATE, "31.12.2025", "the day first"),
    (Kind.DATE, "31/12/2025", "the day first"),
    (Kind.DATE, "12/31/2025", "the month first"),
    (Kind.DATE, "01/02/2025", "the day or the month first"),
    (Kind.DATE, "01/02/25", "a year of two digits"),
    (Kind.DATE, "20251231", "no dashes"),
    (Kind.DATE, "1767139200", "seconds since 1970"),
    (Kind.INSTANT, "1767139200000", "milliseconds since 1970"),
    (Kind.DATE, "46022", "the day number of a spreadsheet"),
    (Kind.DATE, "0000-00-00", "a placeholder for no date; leave it empty"),
    (Kind.DATE, "2025-31-12", "the day before the month"),
    (Kind.DATE, "2025-02-30", "no day of the calendar"),
    (Kind.INSTANT, "2025-02-03T25:00:00", "no time of the day"),
    (Kind.DATE, "12. Dezember 2025", "a month in words"),
    (Kind.DATE, "last spring", None),
]


@pytest.mark.parametrize(("kind", "text", "form"), FORMS)
def test_forms_are_told_apart(kind: Kind, text: str, form: str | None) -> None:
    assert form_of(kind, text) == form


def test_a_refused_value_is_quoted_with_its_form(tmp_path: Path) -> None:
    rows = GOOD["invoices"] + 'i8,a1,2021-01-01,"1.332,33"\ni9,a1,2021-01-01,"2,50"\n'
    problem = only_problem(folder_of(tmp_path, invoices=rows))
    assert problem.rule == "not a number; looks like '1.332,33' (a decimal comma)"
    assert (problem.ids, problem.values) == (("i8", "i9"), ("1.332,33", "2,50"))
    assert str(problem).endswith("(2 rows: i8: '1.332,33', i9: '2,50')")


def test_forms_in_one_column_are_counted(tmp_path: Path) -> None:
    rows = GOOD["invoices"] + "i7,a1,2021-01-01,?!\n" + "".join(f'i8{n},a1,31.12.2021,"{n},5"\n' for n in range(3))
    amount, day = sorted(problems_of(folder_of(tmp_path, invoices=rows)), key=lambda found: found.column)
    assert amount.rule == "not a number; 3 look like '0,5' (a decimal comma)"
    assert day.rule.endswith("; looks like '31.12.2021' (the day first)") and day.rows == 3


@pytest.mark.parametrize(
    ("table", "row", "value"),
    [
        ("surveys", "s9,a1,,yearly,2021-01-01,,,", "yearly"),
        ("surveys", "s9,a1,,relationship,2021-01-01,2021-01-02,11,", "11"),
        ("surveys", "s9,a1,,relationship,2021-01-02,2021-01-01,5,", "2021-01-01 00:00:00, sent_at 2021-01-02 00:00:00"),
        ("invoices", "i9,a1,2021-01-01,inf", "inf"),
        ("contacts", "c9,a1,vielleicht,2020-01-02,", "vielleicht"),
        ("referrals", "r9,a1,2021-01-05,,,500", "500.0"),
    ],
)
def test_every_rule_quotes_what_stands_there(tmp_path: Path, table: str, row: str, value: str) -> None:
    problem = only_problem(folder_of(tmp_path, **{table: f"{GOOD[table]}{row}\n"}))
    assert problem.values == (value,) and len(problem.ids) == 1
    assert repr(value) in str(problem)


def test_unknown_accounts_are_listed_by_their_id(tmp_path: Path) -> None:
    rows = "".join(f"i{n},zz{n % 2},2021-01-01,1\n" for n in range(10, 17))
    problem = only_problem(folder_of(tmp_path, invoices=GOOD["invoices"] + rows))
    assert (problem.rows, problem.ids) == (7, ("zz0", "zz1"))
    assert problem.rule == "2 accounts that are not in accounts"


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ("surveys", "score", "9"),
        ("surveys", "comment", "fine"),
        ("referrals", "revenue", "500.0"),
    ],
)
def test_a_value_without_its_time_is_refused(tmp_path: Path, row: str, column: str, value: str) -> None:
    rows = {
        ("surveys", "score"): "s9,a1,,relationship,2021-01-01,,9,",
        ("surveys", "comment"): "s9,a1,,relationship,2021-01-01,,,fine",
        ("referrals", "revenue"): "r9,a1,2021-01-05,,,500",
    }
    problem = only_problem(folder_of(tmp_path, **{row: f"{GOOD[row]}{rows[row, column]}\n"}))
    assert (problem.column, problem.rows, problem.values) == (column, 1, (value,))
    assert problem.rule.startswith("a value without ")
    assert ('[surveys] answered_at = "sent_at"' in problem.rule) is (row == "surveys")


def test_the_declared_time_of_sending_lets_scores_pass(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, surveys=f"{GOOD['surveys']}s9,a1,,relationship,2021-01-01,,9,\n")
    (folder / "book.toml").write_text('[surveys]\nanswered_at = "sent_at"\n')
    assert validate(open_source(folder)).known["surveys"] == TableKnown(answered_at_is_sent_at=True)


def test_no_revenue_is_no_value(tmp_path: Path) -> None:
    validate(open_source(folder_of(tmp_path, referrals=f"{GOOD['referrals']}r9,a1,2021-01-05,,,0\n")))


def test_a_state_that_has_ended_without_its_time(tmp_path: Path) -> None:
    tickets = "ticket_id,account_id,opened_at,closed_at,Status\nt1,a1,2025-11-03,,Closed\nt2,a1,2025-11-04,,open\n"
    written(tmp_path)
    (tmp_path / "tickets.csv").write_text(tickets)
    (warning,) = validate(open_source(tmp_path)).warnings
    assert warning == "tickets.closed_at: without a value, though Status says that it has ended: " + (
        "it counts as open (1 row: t1: 'Closed')"
    )


def scores(*values: int) -> list[str]:
    days = [*MONTHS, *MONTHS][-len(values) :]
    return [f"s{n},a1,relationship,{days[n]},{days[n]},{score}" for n, score in enumerate(values)]


def test_another_scale_is_told_with_its_distribution(tmp_path: Path) -> None:
    (warning,) = small_book(tmp_path, surveys=scores(*[1, 2, 3, 4, 5] * 8)).warnings
    assert "the 40 scores of kind relationship lie in 1 to 5 (1: 8, 2: 8, 3: 8, 4: 8, 5: 8)" in warning


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5] * 5, [*[5, 4, 3] * 13, 9]])
def test_few_answers_or_one_high_one_tell_no_scale(tmp_path: Path, values: list[int]) -> None:
    assert small_book(tmp_path, surveys=scores(*values)).warnings == ()


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ([0] * 10 + [9] * 26 + [3], True),
        ([0] * 9 + [9] * 26 + [3], False),
        ([0] * 10 + [9] * 31, False),
        ([0] * 10 + [9] * 24 + [3, 3], False),
        ([0] * 10 + [9] * 19, False),
    ],
)
def test_a_zero_for_no_answer_stands_apart(tmp_path: Path, values: list[int], is_told: bool) -> None:
    told = "surveys.score: 10 of the 37 scores of kind relationship are 0, and each of 1 to 4 1 at most: if 0 stands"
    warnings = small_book(tmp_path, surveys=scores(*values)).warnings
    assert [warning.startswith(told) for warning in warnings] == [True] * is_told


# Names ----------------------------------------------------------------------------------------------------------------


def test_an_absent_table_says_what_was_seen_and_meant(tmp_path: Path) -> None:
    folder_of(tmp_path, invoices=None)
    (tmp_path / "invoice.csv").write_text(GOOD["invoices"])
    assert only_problem(tmp_path).rule == "the table is required and absent; did you mean 'invoice.csv'?"
    (tmp_path / "invoice.csv").rename(tmp_path / "Belege.csv")
    assert (
        only_problem(tmp_path).rule
        == "the table is required and absent; the files or tables there: accounts, Belege.csv"
    )


def test_a_misspelt_column_is_named(tmp_path: Path) -> None:
    problem = only_problem(folder_of(tmp_path, invoices=GOOD["invoices"].replace("amount", "Amout")))
    assert problem.rule == "the column is required and absent; did you mean 'Amout'?"


def test_optional_names_that_are_nearly_right_are_told(tmp_path: Path) -> None:
    written(tmp_path, tickets=["t1,a1,2025-11-03,"])
    (tmp_path / "survey.csv").write_text("x\n")
    text = (tmp_path / "tickets.csv").read_text()
    (tmp_path / "tickets.csv").write_text(text.replace("closed_at", "close_at"))
    assert validate(open_source(tmp_path)).warnings == (
        "surveys: the table is absent, so not known; did you mean 'survey.csv'?",
        "tickets.closed_at: the column is absent; did you mean 'close_at'?",
    )


def test_a_misspelt_table_is_told_with_the_other_problems(tmp_path: Path) -> None:
    folder_of(tmp_path, invoices=None, accounts=GOOD["accounts"].replace("2020", "20x0"))
    (tmp_path / "invoice.csv").write_text(GOOD["invoices"])
    (tmp_path / "contract.csv").write_text("x\n")
    *others, last = problems_of(tmp_path)
    assert {each.table for each in others} == {"accounts", "invoices"} and len(others) == 2, "each of them once"
    assert str(last) == "contracts: the table is absent, so not known; did you mean 'contract.csv'?"


def test_headers_of_other_names_are_no_empty_table(tmp_path: Path) -> None:
    found = problems_of(folder_of(tmp_path, accounts="Kunde,Beginn\na1,2020-01-01\n"))
    assert not any("empty" in problem.rule for problem in found)
    assert any("the columns there: Kunde, Beginn" in problem.rule for problem in found)


def test_currencies_are_named_by_table(tmp_path: Path) -> None:
    accounts = "account_id,customer_since,currency\na1,2020-01-01,EUR\na2,2020-01-01,EUR\n"
    invoices = "invoice_id,account_id,invoiced_on,amount,Currency\ni1,a1,2021-01-01,1,EUR\ni2,a1,2021-01-01,1,USD\n"
    problem = only_problem(folder_of(tmp_path, accounts=accounts, invoices=invoices))
    assert problem.rule.endswith("found EUR, USD: accounts EUR (2 rows); invoices EUR (1 row), USD (1 row)")


# Sources --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Surveys.csv", "SURVEYS.CSV"])
def test_files_are_found_whatever_their_case(tmp_path: Path, name: str) -> None:
    folder_of(tmp_path)
    (tmp_path / name).write_text(GOOD["surveys"])
    (tmp_path / "accounts.csv").rename(tmp_path / "Accounts.csv")
    tables = validate(open_source(tmp_path))
    assert "surveys" not in tables.missing and tables["surveys"].count().execute() == 1


def test_two_files_that_differ_by_case_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / "Accounts.csv").write_text(GOOD["accounts"])
    assert only_problem(tmp_path).rule == "stands there twice, as Accounts.csv and accounts.csv; leave one"


def test_tables_of_other_schemas_are_left_alone(tmp_path: Path) -> None:
    source = as_duckdb(tmp_path, {**BARE, "loops": GOOD["loops"]})
    with duckdb.connect(tmp_path / "book.duckdb") as connection:
        connection.execute("CREATE SCHEMA staging")
        connection.execute("CREATE TABLE staging.surveys (anything INT)")
        connection.execute("CREATE TABLE staging.invoices AS SELECT 1 AS nothing")
    tables = validate(open_source(source))
    assert "surveys" in tables.missing and tables["invoices"].count().execute() == 2
    assert tables.warnings == ("surveys: the table is absent, so not known; did you mean 'staging.surveys'?",)


def test_upper_case_tables_of_duckdb(tmp_path: Path) -> None:
    source = as_duckdb(tmp_path, {name.upper(): text for name, text in GOOD.items()})
    assert validate(open_source(source)).missing == frozenset()


def test_a_book_in_another_schema_says_where_it_was_seen(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "book.duckdb") as connection:
        connection.execute("CREATE SCHEMA crm")
        for name, text in BARE.items():
            connection.register("rows", text_table(text))
            connection.execute(f"CREATE TABLE crm.{name} AS SELECT * FROM rows")
    found = {problem.table: problem.rule for problem in problems_of(f"duckdb:///{tmp_path / 'book.duckdb'}")}
    assert "did you mean 'crm.accounts'?" in found["accounts"] and "crm.invoices" in found["invoices"]
