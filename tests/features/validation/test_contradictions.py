"""Departures that other records contradict are listed; what is usual beside a departure is a note of `validate`."""

from __future__ import annotations

from pathlib import Path

import ibis
from support.small_books import MONTHS, billed, monthly, small_book, written

from features.simulation import World, simulate
from features.sources import open_source
from features.tables import Tables
from features.validation import validate
from features.validation.contradictions import contradictions, notes


def left(account: str, day: str) -> list[str]:
    """Return the invoices of the small book, those of one account up to a day only."""
    return [row for row in monthly() if row[:2] != account or row[3:13] <= day]


def test_invoiced_on_for_two_years_since_the_departure(tmp_path: Path) -> None:
    (warning,) = small_book(tmp_path, churns=["a1,2023-12-15"]).warnings
    assert warning.startswith("churns.churned_on: invoiced on as before after the departure")
    assert "(1 row: a1: 'left 2023-12-15, 24 invoices since, last on 2025-12-01')" in warning


def test_invoices_once_a_year_go_on_too(tmp_path: Path) -> None:
    yearly = [f"{year}-01-01" for year in range(2020, 2026)]
    tables = small_book(tmp_path, invoices=billed("a1", yearly), churns=["a1,2023-06-01"])
    assert "2 invoices since" in tables.warnings[0]


def test_invoices_that_are_reversed_do_not_go_on(tmp_path: Path) -> None:
    """Billing that nobody stopped, and that is credited each month, is no sign of a customer."""
    credits = [f"c-{row.removesuffix('100')}-100" for row in billed("a1", MONTHS) if row[3:13] > "2023-12-15"]
    assert small_book(tmp_path, churns=["a1,2023-12-15"], invoices=[*monthly(), *credits]).warnings == ()


def test_a_final_invoice_is_usual(tmp_path: Path) -> None:
    rows = [*left("a1", "2024-01-01"), *billed("a1", ["2024-02-28"])]
    assert small_book(tmp_path, churns=["a1,2024-01-10"], invoices=rows).warnings == ()


def test_one_who_comes_back_after_half_a_year_is_a_return(tmp_path: Path) -> None:
    rows = [row for row in monthly() if row[:2] != "a1" or not "2024-01-02" <= row[3:13] <= "2024-08-01"]
    assert small_book(tmp_path, churns=["a1,2024-01-10"], invoices=rows).warnings == ()


def test_customer_since_after_the_departure(tmp_path: Path) -> None:
    since = ["a1,2025-01-01", "a2,2023-01-01", "a3,2023-01-01"]
    rows = [row for row in left("a1", "2023-05-01")]
    (warning,) = small_book(tmp_path, accounts=since, invoices=rows, churns=["a1,2023-06-01"]).warnings
    assert "churns.churned_on: before customer_since" in warning
    assert "a1: 'left 2023-06-01, customer since 2025-01-01'" in warning


def again(tables: Tables, *days: str) -> Tables:
    """Return the tables with departures of a1 on those days, and nothing else of it."""
    rows = [{"account_id": "a1", "churned_on": day, "reason": None} for day in days]
    schema = {"account_id": "string", "churned_on": "date", "reason": "string"}
    connection = tables["churns"].get_backend()
    churns = connection.create_table("again", ibis.memtable(rows, schema=schema), temp=True, overwrite=True)
    return Tables({**tables.frames, "churns": churns}, tables.missing - {"churns"})


def test_a_second_departure_wants_a_return_before_it(tmp_path: Path) -> None:
    rows = [*left("a1", "2023-05-01"), *billed("a1", MONTHS[18:24])]
    tables = small_book(tmp_path, invoices=rows)
    assert contradictions(again(tables, "2023-06-01", "2025-01-15")) == []
    (found,) = contradictions(again(tables, "2023-06-01", "2023-07-01", "2025-01-15"))
    assert found.rule.startswith("a second departure without a return") and found.ids == ("a1",)
    assert found.values == ("left 2023-06-01 and 2023-07-01",)


def test_what_runs_on_beside_a_departure_is_noted(tmp_path: Path) -> None:
    tables = small_book(
        tmp_path,
        churns=["a1,2024-01-10"],
        invoices=left("a1", "2024-01-01"),
        contracts=["k1,a1,2023-01-01,2026-12-31,1200", "k2,a2,2023-01-01,2026-12-31,1200"],
        contacts=["c1,a1,2023-01-01,", "c2,a2,2023-01-01,", "c3,a1,2023-01-01,2024-01-31"],
        tickets=["t1,a1,2025-03-01T10:00:00,2025-03-02T10:00:00"],
    )
    assert tables.warnings == ()
    found = {(note.rule.split(":")[0], note.ids, note.values) for note in notes(tables)}
    assert found == {
        ("a contract runs on after the departure", ("a1",), ("left 2024-01-10, k1 to 2026-12-31",)),
        ("a contact stays active after the departure", ("a1",), ("left 2024-01-10, c1 to no end",)),
        (
            "tickets go on more than 90 days after the departure, which is no return",
            ("a1",),
            ("left 2024-01-10, opened_at 2025-03-01",),
        ),
    }


def test_one_who_came_back_has_contracts_again(tmp_path: Path) -> None:
    rows = [row for row in monthly() if row[:2] != "a1" or not "2024-01-02" <= row[3:13] <= "2024-08-01"]
    running = ["k1,a1,2023-01-01,2026-12-31,1200"]
    assert notes(small_book(tmp_path, churns=["a1,2024-01-10"], invoices=rows, contracts=running)) == []


def test_without_departures_nothing_contradicts(tmp_path: Path) -> None:
    tables = small_book(tmp_path)
    assert contradictions(tables) == notes(tables) == []


def test_a_simulated_book_has_no_contradiction(tmp_path: Path) -> None:
    simulate(World(accounts=300, seed=5), tmp_path / "book")
    tables = validate(open_source(tmp_path / "book"))
    assert tables["churns"].count().execute() > 20
    assert contradictions(tables) == []


def test_contracts_that_follow_each_other_and_never_end(tmp_path: Path) -> None:
    """Each renews the one before, or all run: the book does not say which, and the values add up."""
    terms = [f"k{year},a{account},{year}-01-01,,1200" for account in (1, 2) for year in (2023, 2024, 2025)]
    (warning,) = small_book(tmp_path, contracts=[f"{n}{term}" for n, term in enumerate(terms)]).warnings
    assert warning.startswith(
        "contracts.ends_on: 2 accounts with 2 or more contracts running at once, none with an end"
    )
    assert "as account a1 with 3" in warning and warning.endswith("ends_on must say when each ends")
    told = small_book(tmp_path, contracts=["k1,a1,2023-01-01,2023-12-31,1200", "k2,a1,2024-01-01,,1200"])
    assert told.warnings == ()


def test_a_trait_that_tells_who_has_left(tmp_path: Path) -> None:
    folder = written(tmp_path)
    rows = "a1,2023-01-01,Former Customer\na2,2023-01-01,Mittelstand\na3,2023-01-01,gekündigt\n"
    (folder / "accounts.csv").write_text(f"account_id,customer_since,segment\n{rows}", encoding="utf-8")
    (warning,) = validate(open_source(folder)).warnings
    assert warning.startswith("accounts.segment: says that somebody has left")
    assert "2 rows: a1: 'Former Customer', a3: 'gekündigt'" in warning
