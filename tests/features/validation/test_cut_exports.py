"""Exports that end at a limit of rows, or lack months: told from counts and days alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from support.small_books import small_book

from features.recording import Days, Recording, span_of
from features.validation.cut_exports import cut_exports
from features.validation.filled import Counts

NOTHING = Recording(date(2026, 1, 1), {}, None)


@pytest.mark.parametrize(
    ("table", "rows", "is_told"),
    [
        ("invoices", 1_000, True),
        ("tickets", 50_000, True),
        ("surveys", 65_535, True),
        ("contacts", 1_048_575, True),
        ("invoices", 1_001, False),
        ("invoices", 500, False),
        ("invoices", 3_000, False),
    ],
)
def test_as_many_rows_as_a_limit_lets_through(table: str, rows: int, is_told: bool) -> None:
    found = cut_exports(Counts({table: rows}, {}), NOTHING)
    assert list(cut_exports(Counts({table: rows, "accounts": rows}, {}), NOTHING)) == []
    assert [str(each).split(",")[0] for each in found] == [f"{table}: exactly {rows:,}".split(",")[0]] * is_told


def test_a_thousand_tickets_are_told_with_their_number(tmp_path: Path) -> None:
    rows = [
        f"t{each},a1,2025-{each % 11 + 1:02d}-03T{each % 23:02d}:{each % 59:02d}:00,2025-12-01" for each in range(1_000)
    ]
    (warning,) = small_book(tmp_path, tickets=rows).warnings
    assert warning.startswith("tickets: exactly 1,000 rows, at which many exports end")


def without(months: Collection[str], rows: int = 5, breaks: tuple[tuple[date, date], ...] = ()) -> list[str]:
    """Return what is told of a table with records on three days of each month of three years but some."""
    every = np.arange("2023-01", "2026-01", dtype="datetime64[M]")
    kept = [month for month in every if str(month) not in months]
    day = np.sort(np.concatenate([np.array(kept, "datetime64[D]") + offset for offset in (2, 9, 20)]))
    days = Days(day, np.full(len(day), rows))
    span = span_of(days)
    assert span is not None
    recorded = Recording(date(2026, 1, 1), {"tickets": span}, span, breaks, {"tickets": days})
    return [str(problem) for problem in cut_exports(Counts({}, {}), recorded)]


@pytest.mark.parametrize(
    ("months", "told"),
    [
        (["2024-06"], "2024-06"),
        (["2024-06", "2024-07", "2025-02"], "2024-06 to 2024-07 and 2025-02"),
    ],
)
def test_months_that_are_missing_among_others_are_named(months: list[str], told: str) -> None:
    (warning,) = without(months)
    assert warning == f"tickets: no record in {told}, while the months around have many: not exported, or nothing?"


def test_no_month_is_missing_where_few_records_come_or_each_august_is_empty_or_all_of_the_book_has_a_hole() -> None:
    assert without([]) == []
    assert without(["2024-06"], rows=3) == []
    assert without(["2023-08", "2024-08"]) == []
    assert without(["2023-02", "2023-07", "2024-03", "2025-10"]) == []
    assert without(["2024-06"], breaks=((date(2024, 5, 21), date(2024, 7, 3)),)) == []
