"""Where the data end: stragglers, records after today, tables that end early, departures ahead, holes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from support.small_books import MONTHS, TODAY, billed, monthly, small_book

from features.simulation import World, simulate
from features.sources import open_source
from features.validation import validate


def asked(days: list[str]) -> list[str]:
    return [f"s{day},a1,relationship,{day},," for day in days]


def test_a_usual_book_leaves_no_doubt(tmp_path: Path) -> None:
    tables = small_book(tmp_path, surveys=asked(MONTHS), churns=["a3,2025-06-01"], invoices=monthly()[:-8])
    assert tables.warnings == () and tables.doubts == ()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("accounts", [3, 25, 120])
def test_simulated_books_of_any_size_leave_no_doubt(tmp_path: Path, accounts: int, seed: int) -> None:
    simulate(World(accounts=accounts, seed=seed), tmp_path / "book")
    tables = validate(open_source(tmp_path / "book"), TODAY)
    assert tables.warnings == () and tables.doubts == ()


@pytest.mark.parametrize("billing", [["2022-01-01", "2023-01-01", "2024-01-01", "2025-01-01"], MONTHS[::3]])
def test_books_billed_once_a_year_or_quarter_leave_no_doubt(tmp_path: Path, billing: list[str]) -> None:
    rows = [row for account in ("a1", "a2") for row in billed(account, billing)]
    assert small_book(tmp_path, invoices=rows).warnings == ()


def test_contracts_signed_ahead_are_usual(tmp_path: Path) -> None:
    tables = small_book(tmp_path, contracts=["k1,a1,2027-01-01,2027-12-31,1200"])
    assert tables.warnings == ()


def test_one_straggler_is_named_and_does_not_move_the_end(tmp_path: Path) -> None:
    tables = small_book(tmp_path, invoices=[*monthly(), *billed("a1", ["2026-09-01"])])
    (doubt,) = tables.doubts
    assert (doubt.table, doubt.column, doubt.rows) == ("invoices", "invoiced_on", 1)
    assert (doubt.ids, doubt.values) == (("a1-2026-09-01",), ("2026-09-01",))
    assert "all records end together on 2025-12-01" in doubt.rule
    assert tables.warnings == (str(doubt),)


@pytest.mark.parametrize("day", ["2026-11-28", "2027-02-01", "2062-01-01"])
def test_an_invoice_after_today_is_named(tmp_path: Path, day: str) -> None:
    (doubt,) = small_book(tmp_path, invoices=[*monthly(), *billed("a2", [day])]).doubts
    assert doubt.rule == f"after today, {TODAY}"
    assert (doubt.ids, doubt.values) == ((f"a2-{day}",), (day,))


def test_an_answer_after_today_is_named(tmp_path: Path) -> None:
    (doubt,) = small_book(tmp_path, surveys=["s1,a1,relationship,2025-12-01,2027-01-05T10:00:00,9"]).doubts
    assert (doubt.column, doubt.values) == ("answered_at", ("2027-01-05 10:00:00",))


def test_a_table_that_ends_long_before_the_others_is_named(tmp_path: Path) -> None:
    tables = small_book(tmp_path, surveys=asked(MONTHS[:20]))
    (doubt,) = tables.doubts
    assert (doubt.table, doubt.column) == ("surveys", "sent_at")
    assert "the table ends on 2024-08-01, 487 days before the others" in doubt.rule
    assert "[surveys] until = 2024-08-01" in doubt.rule


def test_that_nobody_new_came_is_told_and_leaves_no_doubt(tmp_path: Path) -> None:
    """Contacts that all stay are no stream of events that has stopped."""
    tables = small_book(tmp_path, contacts=[f"c{day},a1,{day}," for day in MONTHS[:20]])
    assert tables.doubts == ()
    (told,) = tables.warnings
    assert told.startswith("contacts.valid_from: nobody is new since 2024-08-01, 487 days before the others")
    assert told.endswith("[contacts] until = 2024-08-01")


def test_book_toml_settles_the_end_of_a_table(tmp_path: Path) -> None:
    tables = small_book(tmp_path, "[surveys]\nuntil = 2024-08-31\n", surveys=asked(MONTHS[:20]))
    assert tables.doubts == () and tables.warnings == ()


def test_departures_within_a_term_of_notice_are_told_and_those_beyond_are_doubted(tmp_path: Path) -> None:
    tables = small_book(tmp_path, churns=["a1,2026-03-01", "a2,2027-12-31"])
    (doubt,) = tables.doubts
    assert (doubt.ids, doubt.values) == (("a2 2027-12-31",), ("2027-12-31",)) and "more than a year after" in doubt.rule
    told = next(warning for warning in tables.warnings if "known ahead" in warning)
    assert "a1 2026-03-01: '2026-03-01'" in told and "a2" not in told


def test_a_hole_in_the_whole_book_is_told(tmp_path: Path) -> None:
    rows = [row for row in monthly() if not "2024-03" <= row[3:10] <= "2024-08"]
    tables = small_book(tmp_path, invoices=rows)
    assert tables.warnings == ("*: nothing is recorded between 2024-02-01 and 2024-09-01: not known, not nothing",)
    assert tables.doubts == ()


def test_the_end_is_that_of_the_whole_book(tmp_path: Path) -> None:
    """An invoice alone in its table is no straggler while the others go on being recorded."""
    weekly = [str(date(2023, 1, 1) + timedelta(weeks=week)) for week in range(192)]
    rows = [*monthly(), *billed("a1", ["2026-09-01"])]
    tables = small_book(tmp_path, surveys=asked(weekly), invoices=rows)
    assert [(doubt.table, "2025-12-01" in doubt.rule) for doubt in tables.doubts] == [("invoices", True)]
