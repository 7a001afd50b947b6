"""Values in another scale, unit or sign, rows that stand twice, references into nothing: each is told, none refused."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from features.simulation import World, simulate
from features.sources import open_source
from features.tables import Tables
from features.validation import validate

SAID = ("answered_at", "score", "comment")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scales") / "book"
    simulate(World(accounts=60, seed=4), folder)
    return folder


def spoilt(whole: Path, folder: Path, **queries: str) -> Tables:
    """Return the book with tables replaced by queries of themselves, `book`."""
    for file in whole.glob("*.parquet"):
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW book AS FROM '{file}'")
            connection.execute(f"COPY ({queries.get(file.stem, 'FROM book')}) TO '{folder / file.name}'")
    return validate(open_source(folder))


def with_values(**values: str) -> str:
    replaced = ", ".join(f"{value} AS {column}" for column, value in values.items())
    return f"SELECT * REPLACE ({replaced}) FROM book"


def twice(key: str) -> str:
    return f"FROM book UNION ALL {with_values(**{key: f'{key} || $$-b$$'})}"


@pytest.mark.parametrize(
    ("table", "query", "told"),
    [
        ("invoices", with_values(amount="-amount"), "invoices.amount: all amounts of .* accounts are below 0"),
        (
            "invoices",
            with_values(amount="CASE WHEN account_id = 'A000007' THEN -amount ELSE amount END"),
            "invoices.amount: all amounts of 1 account are below 0, as -.* account being A000007",
        ),
        ("contracts", with_values(annual_value="-annual_value"), "annual_value: most contracts are worth nothing"),
        ("contracts", with_values(annual_value="annual_value * 100"), "annual_value: .* are both in one unit"),
        ("contracts", twice("contract_id"), "contracts.contract_id: rows that others repeat in all but contract_id"),
        ("contacts", twice("contact_id"), "contacts.contact_id: rows that others repeat in all but contact_id"),
        ("contracts", with_values(price_change="price_change * 100"), "contracts.price_change: a change"),
        ("contracts", with_values(annual_value="annual_value / 12"), "annual_value: .*the value of a month"),
        ("contracts", with_values(annual_value="annual_value / 4"), "annual_value: .*the value of a quarter"),
        ("invoices", twice("invoice_id"), "invoices.invoice_id: rows that others repeat in all but invoice_id"),
        ("surveys", twice("survey_id"), "surveys.survey_id: rows that others repeat in all but survey_id"),
        ("tickets", twice("ticket_id"), "tickets.ticket_id: rows that others repeat in all but ticket_id"),
        ("surveys", with_values(contact_id="'nobody'"), "surveys.contact_id: not in contacts.*'nobody'"),
        ("tickets", with_values(contact_id="'nobody'"), "tickets.contact_id: not in contacts.*'nobody'"),
        ("loops", with_values(survey_id="'none'"), "loops.survey_id: not in surveys.*'none'"),
    ],
)
def test_what_misleads_is_told_once(whole: Path, tmp_path: Path, table: str, query: str, told: str) -> None:
    (warning,) = spoilt(whole, tmp_path, **{table: query}).warnings
    assert re.search(told, warning), warning


def test_an_account_that_begins_after_today_is_told(whole: Path, tmp_path: Path) -> None:
    late = with_values(customer_since="CASE WHEN account_id = 'A000003' THEN DATE '2090-01-01' ELSE customer_since END")
    warnings = spoilt(whole, tmp_path, accounts=late).warnings
    text = "accounts.customer_since: after today: not a customer until then, so in no score or figure"
    assert f"{text} (1 row: A000003: '2090-01-01')" in warnings


def test_a_wave_that_names_nobody_is_no_repetition_and_what_refers_to_an_absent_table_is_fine(
    whole: Path, tmp_path: Path
) -> None:
    # Some accounts answer: a table of invitations that nobody ever answers is told of.
    answers = {column: f"CASE WHEN account_id < 'A000010' THEN {column} END" for column in SAID}
    nobody = with_values(contact_id="NULL", sent_at="date_trunc('month', sent_at)", **answers)
    assert spoilt(whole, tmp_path, surveys=nobody).warnings == ()
    (tmp_path / "contacts.parquet").unlink()
    assert not [warning for warning in validate(open_source(tmp_path)).warnings if "not in" in warning]
