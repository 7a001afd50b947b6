"""When a book is recorded: the dense part, what lies alone beside it, and when a table has ended."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.small_books import MONTHS, TODAY, billed, monthly, small_book

from features.freshness import freshness, stale_warnings
from features.matrix import first_records
from features.recording import Days, Span, dense, recording, span_of


def days(*at: int, rows: int = 3) -> Days:
    day = np.datetime64("2023-01-01") + np.array(at)
    return Days(day, np.full(len(at), rows))


DAILY, MONTHLY, YEARLY = tuple(range(700)), tuple(range(0, 1000, 30)), (0, 365, 730, 1096)
SUMMERS = tuple(day for day in range(1400) if day % 365 < 280)


@pytest.mark.parametrize("usual", [DAILY, MONTHLY, YEARLY, SUMMERS, (0,), (0, 4000), tuple(range(0, 3000, 91))])
def test_a_usual_rhythm_is_dense_from_end_to_end(usual: tuple[int, ...]) -> None:
    assert dense(days(*usual)) == (0, len(usual))


@pytest.mark.parametrize("usual", [DAILY, MONTHLY, SUMMERS])
@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (1, 1), (3, 2)])
def test_what_lies_far_off_is_alone(usual: tuple[int, ...], before: int, after: int) -> None:
    early = [-9000 + 365 * place for place in range(before)]
    late = [usual[-1] + 300 + 13_000 * place for place in range(after)]
    found = days(*early, *usual, *late)
    assert dense(found) == (before, before + len(usual))


def waves(*begins: int) -> tuple[int, ...]:
    return tuple(begin + day for begin in begins for day in range(0, 20, 2))


@pytest.mark.parametrize("begins", [range(0, 2000, 182), (0, 365), (0, 180, 366, 540, 900)])
def test_records_in_waves_are_dense_from_end_to_end(begins: tuple[int, ...]) -> None:
    """Feedback on surveys twice a year: each gap between two waves is long beside those within the first and last."""
    rows = [1, 9, 2, 4, 3, 12, 5, 1, 1, 6] * len(begins)
    found = Days(days(*waves(*begins)).day, np.array(rows))
    assert dense(found) == (0, len(rows))
    assert dense(days(*waves(*begins))) == (0, len(rows))


def test_what_lies_far_from_the_waves_is_alone() -> None:
    twice_a_year = waves(*range(0, 2000, 182))
    early, late = (-4000,), (twice_a_year[-1] + 700, twice_a_year[-1] + 9000)
    assert dense(days(*early, *twice_a_year, *late)) == (1, 1 + len(twice_a_year))
    assert dense(days(*twice_a_year, twice_a_year[-1] + 700, twice_a_year[-1] + 701)) == (0, len(twice_a_year))


@pytest.mark.parametrize(("usual", "rows"), [(tuple(range(730)), 1000), (tuple(range(0, 112, 7)), 20)])
def test_two_days_far_off_are_no_wave_however_much_they_hold(usual: tuple[int, ...], rows: int) -> None:
    """As an opening balance, or a migration that was dated wrongly."""
    counts = [10] * len(usual)
    before = Days(days(-4000, -3999, *usual).day, np.array([rows, rows, *counts]))
    after = Days(days(*usual, 4000, 4001).day, np.array([*counts, rows, rows]))
    assert dense(before) == (2, 2 + len(usual))
    assert dense(after) == (0, len(usual))


def test_a_hole_within_the_records_ends_nothing() -> None:
    hole = days(*range(300), *range(400, 700))
    assert dense(hole) == (0, 600)


def test_a_whole_month_of_records_after_a_hole_is_no_straggler() -> None:
    assert dense(days(*range(600), *range(660, 690))) == (0, 630)
    assert dense(days(*range(600), *range(660, 663))) == (0, 600)


@pytest.mark.parametrize(
    ("every", "later", "last"),
    [
        (13, (903 + 193, 903 + 199), 903 + 199),  # The referrals of a simulated book: seldom, and on two days again.
        (13, (903 + 193,), 903),
        (13, (903 + 193, 903 + 400), 903),  # The second one lies after the end of the book.
        (1, (903 + 193, 903 + 199), 903),
    ],
)
def test_a_rare_table_has_not_ended_with_a_gap_that_its_records_follow_while_the_book_goes_on(
    every: int, later: tuple[int, ...], last: int
) -> None:
    found = days(*range(903 % every, 904, every), *later, rows=1)
    assert span_of(found, book_end=date(2023, 1, 1) + timedelta(903 + 220)).last == date(2023, 1, 1) + timedelta(last)  # type: ignore[union-attr]
    assert span_of(found).last == date(2023, 1, 1) + timedelta(903)  # type: ignore[union-attr]


def test_a_table_has_ended_when_nothing_came_for_much_longer_than_ever() -> None:
    span = Span(date(2023, 1, 1), date(2024, 12, 1), days=24, longest_gap=31)
    assert not span.is_quiet_at(date(2025, 3, 4))
    assert span.is_quiet_at(date(2025, 3, 5))
    few = Span(date(2023, 1, 1), date(2024, 12, 1), days=7, longest_gap=31)
    assert not few.is_quiet_at(date(2025, 12, 31))


def test_the_small_book_is_recorded_from_its_first_to_its_last_invoice(tmp_path: Path) -> None:
    recorded = recording(small_book(tmp_path), TODAY)
    assert recorded.book is not None and recorded.breaks == ()
    assert (recorded.book.first, recorded.book.last) == (date(2023, 1, 1), date(2025, 12, 1))
    assert (recorded.book.before, recorded.book.after) == (0, 0)


def test_a_first_record_that_is_alone_begins_nothing(tmp_path: Path) -> None:
    """One invoice of 1999 made every signal of a year ago count as known."""
    tables = small_book(tmp_path, invoices=["old,a1,1999-03-01,5", *monthly()])
    assert first_records(tables)["invoices"] == date(2023, 1, 1)
    (warning,) = tables.warnings
    assert "invoices.invoiced_on: alone, long before the others" in warning and "old: '1999-03-01'" in warning
    assert "recorded from 2023-01-01 on" in warning and "[invoices] since" in warning
    assert tables.doubts == ()


def test_book_toml_says_since_when_above_the_records(tmp_path: Path) -> None:
    said = "[invoices]\nsince = 1999-01-01\n"
    tables = small_book(tmp_path, said, invoices=["old,a1,1999-03-01,5", *monthly()])
    assert first_records(tables)["invoices"] == date(1999, 1, 1)
    assert tables.warnings == ()


def test_each_table_has_its_own_beginning(tmp_path: Path) -> None:
    asked = [f"s{day},a1,relationship,{day},," for day in ["2011-05-05", *MONTHS[12:]]]
    found = first_records(small_book(tmp_path, surveys=asked))
    assert found == {"invoices": date(2023, 1, 1), "surveys": date(2024, 1, 1)}


def test_a_fresh_book_and_a_stale_one(tmp_path: Path) -> None:
    tables = small_book(tmp_path)
    fresh = freshness(tables, date(2026, 1, 1))
    assert fresh["invoices"].last == date(2025, 12, 1) and fresh["invoices"].age_days == 31
    assert not fresh["invoices"].is_stale and stale_warnings(fresh, date(2026, 1, 1)) == []
    stale = freshness(tables, date(2026, 10, 1))
    (said,) = stale_warnings(stale, date(2026, 10, 1))
    assert said.startswith("invoices: the last record is of 2025-12-01, 304 days before 2026-10-01")


def test_freshness_knows_only_what_was_there_before(tmp_path: Path) -> None:
    found = freshness(small_book(tmp_path), date(2024, 3, 10))["invoices"]
    assert (found.last, found.age_days, found.longest_gap_days) == (date(2024, 3, 1), 9, 31)


def test_a_straggler_does_not_make_a_book_fresh(tmp_path: Path) -> None:
    tables = small_book(tmp_path, invoices=[*monthly(), *billed("a1", ["2026-09-01"])])
    assert freshness(tables, date(2026, 10, 1))["invoices"].is_stale


def test_a_table_that_is_said_to_have_ended_is_not_stale(tmp_path: Path) -> None:
    tables = small_book(tmp_path, "[invoices]\nuntil = 2025-12-31\n")
    assert not freshness(tables, date(2026, 10, 1))["invoices"].is_stale
