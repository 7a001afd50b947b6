"""A rule of silence that is shorter than the customers' own rhythm is said, and refused where most are slower."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.small_books import MONTHS, billed, small_book

from features.errors import ShortSilence
from training.settings import ChurnRule, TrainingSettings
from training.slices.preparing import cautions_before, rhythm_of
from training.slices.silence import Rhythm, rhythm

QUARTERS = MONTHS[::3]
YEARS = ["2021-03-01", "2022-03-01", "2023-03-01", "2024-03-01", "2025-03-01"]
AT = date(2025, 7, 2)


def payers(folder: Path, silence_days: int, **rhythms: list[str]) -> Rhythm:
    """Return the rhythm of accounts that are billed on those days and never leave."""
    tables = small_book(
        folder,
        accounts=[f"{account},2021-01-01" for account in rhythms],
        invoices=[row for account, days in rhythms.items() for row in billed(account, days)],
    )
    return rhythm(tables, ChurnRule(silence_days=silence_days), AT)


def test_quarterly_payers_are_slower_than_sixty_days(tmp_path: Path) -> None:
    found = payers(tmp_path, 60, m1=MONTHS, q1=QUARTERS, q2=QUARTERS)
    assert (found.customers, found.slower, found.fitting_days) == (3, 2, 91)
    assert (found.churned_slower, found.churned_others) == (1.0, 0.0)
    (said,) = found.warnings()
    assert "--silence-days 60 is shorter than the usual gap between invoices of 2 of 3 customers (67%)" in said
    assert "100% of them count as churned, 0% of the others; --silence-days 91 covers" in said
    with pytest.raises(ShortSilence, match="--accept-short-silence"):
        found.demand_fitting()


def test_a_silence_that_fits_says_nothing(tmp_path: Path) -> None:
    found = payers(tmp_path, 120, m1=MONTHS, q1=QUARTERS)
    assert found.slower == found.left_out == 0 and found.warnings() == []
    found.demand_fitting()


def test_reversed_invoices_are_no_rhythm(tmp_path: Path) -> None:
    """One who is billed each month by mistake and credited two months of three pays each quarter."""
    mistaken = [day for day in MONTHS if day not in QUARTERS]
    rows = [*billed("q1", MONTHS), *(f"c{row.removesuffix('100')}-100" for row in billed("q1", mistaken))]
    tables = small_book(tmp_path, accounts=["q1,2021-01-01"], invoices=rows)
    found = rhythm(tables, ChurnRule(silence_days=60), AT)
    assert (found.customers, found.slower, found.fitting_days) == (1, 1, 91)


def test_some_slower_payers_are_said_and_not_refused(tmp_path: Path) -> None:
    found = payers(tmp_path, 60, m1=MONTHS, m2=MONTHS, q1=QUARTERS)
    assert len(found.warnings()) == 1
    found.demand_fitting()


def test_yearly_payers_are_no_customers_and_that_is_said(tmp_path: Path) -> None:
    found = payers(tmp_path, 180, m1=MONTHS, y1=YEARS, y2=YEARS, gone=YEARS[:2])
    assert (found.customers, found.left_out) == (1, 2)
    (said,) = found.warnings()
    assert said.startswith("2 of 3 accounts that pay in their usual rhythm at 2025-07-02 have fewer than 2 invoices")


def test_a_book_with_departures_has_no_rule_of_silence(tmp_path: Path) -> None:
    assert rhythm_of(small_book(tmp_path, churns=["a1,2026-01-01"]), TrainingSettings()) is None


def test_the_latest_mature_date_is_compared(tmp_path: Path) -> None:
    found = rhythm_of(small_book(tmp_path), TrainingSettings(rule=ChurnRule(silence_days=90)))
    assert found is not None and found.at == date(2025, 9, 3)
    assert (found.customers, found.slower) == (3, 0)


def test_a_rule_that_does_not_fit_is_cautioned_of_or_refused(tmp_path: Path) -> None:
    rows = [row for account in ("a1", "a2", "a3") for row in billed(account, QUARTERS)]
    tables, settings = small_book(tmp_path, invoices=rows), TrainingSettings(rule=ChurnRule(silence_days=60))
    with pytest.raises(ShortSilence, match="3 of 3 customers"):
        cautions_before(tables, settings)
    (told,) = cautions_before(tables, settings, accept_short_silence=True)
    assert told.startswith("--silence-days 60 is shorter than the usual gap")
