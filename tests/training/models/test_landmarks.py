"""Landmarks: which months of whom are learnt from, to the day, and that what came later is never among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from support.handmade import dataset, tables_of

from training.models.landmarks import (
    EACH,
    FEWEST,
    Landmarks,
    PersonMonths,
    landmarks,
    person_months,
    sampled,
    young_dates,
)
from training.settings import ChurnRule

AS_OF = date(2024, 1, 1)
NEVER = float("nan")


def made(
    days: Sequence[float], known: int = 1000, lead_days: int = 0, offsets: Sequence[int] | None = None
) -> Landmarks:
    """Return landmarks with the churns given in days from as_of; the data end `known` days after AS_OF."""
    as_of = [AS_OF + timedelta(days=offset) for offset in offsets or [0] * len(days)]
    matrix = dataset([0] * len(days), as_of=as_of).matrix
    return Landmarks(matrix, np.array(days, float), AS_OF + timedelta(days=known), lead_days)


def months_of(data: Landmarks) -> dict[int, list[tuple[int, bool]]]:
    """Return row -> (month, churned)."""
    found = person_months(data)
    entries = zip(found.row.tolist(), found.month.tolist(), found.churned.tolist(), strict=True)
    rows: dict[int, list[tuple[int, bool]]] = {}
    for row, month, churned in entries:
        rows.setdefault(row, []).append((month, churned))
    return rows


@pytest.mark.parametrize(("days", "month"), [(0, 1), (29, 1), (30, 2), (89, 3), (359, 12)])
def test_the_churn_stands_in_its_month_and_nothing_after_it(days: int, month: int) -> None:
    assert months_of(made([days])) == {0: [(k, k == month) for k in range(1, month + 1)]}


def test_who_does_not_churn_within_twelve_months_survives_them_all() -> None:
    assert months_of(made([NEVER, 360])) == {row: [(k, False) for k in range(1, 13)] for row in (0, 1)}


@pytest.mark.parametrize(("known", "months"), [(29, 0), (30, 1), (89, 2), (90, 3), (1000, 12)])
def test_months_that_end_after_the_data_are_left_out(known: int, months: int) -> None:
    assert months_of(made([NEVER], known)).get(0, []) == [(k, False) for k in range(1, months + 1)]


def test_a_churn_in_a_month_that_has_not_ended_is_left_out_as_a_survival_is() -> None:
    assert months_of(made([95], known=100)) == {0: [(1, False), (2, False), (3, False)]}


def test_months_are_counted_from_the_end_of_the_lead() -> None:
    data = made([9, 10, 39, 40], lead_days=10)
    assert months_of(data) == {1: [(1, True)], 2: [(1, True)], 3: [(1, False), (2, True)]}
    assert months_of(made([NEVER], known=69, lead_days=10)) == {0: [(1, False)]}


def test_near_months_weigh_more() -> None:
    found = person_months(made([NEVER]))
    assert found.weight.tolist() == [1 / month for month in found.month]


def test_at_an_earlier_day_later_churns_have_not_happened() -> None:
    data = made([50, 200, NEVER, 30], known=1000, offsets=[0, 0, 0, 170])
    then = data.known_at(AS_OF + timedelta(days=200))
    assert np.array_equal(then.days, [50, NEVER, NEVER, NEVER], equal_nan=True)
    assert then.end == AS_OF + timedelta(days=200)
    assert months_of(then) == {0: [(1, False), (2, True)], 1: [(k, False) for k in range(1, 7)]} | {
        2: [(k, False) for k in range(1, 7)],
        3: [(1, False)],
    }


def test_dates_without_a_known_month_are_left_out() -> None:
    data = made([NEVER, NEVER, NEVER], offsets=[0, 10, 11]).known_at(AS_OF + timedelta(days=40))
    assert data.matrix.keys["account_id"].tolist() == ["a0000", "a0001"]


def test_no_day_after_the_end_is_known() -> None:
    data = made([NEVER], known=100)
    assert data.known_at(AS_OF + timedelta(days=5000)).end == data.end


def test_labels_within_a_horizon_leave_out_what_is_not_known_and_who_left_in_the_lead() -> None:
    data = made([9, 10, 99, 100, NEVER, NEVER], known=130, lead_days=10, offsets=[0, 0, 0, 0, 30, 31])
    found = data.within(90)
    assert dict(zip(found.accounts, found.churned.tolist(), strict=True)) == {
        "a0001": True,
        "a0002": True,
        "a0003": False,
        "a0004": False,
    }
    assert data.rows_known(90).tolist() == [1, 2, 3, 4]


def test_accounts_can_be_held_out() -> None:
    kept = made([1, 2, 3]).without(["a0001"])
    assert kept.matrix.keys["account_id"].tolist() == ["a0000", "a0002"]
    assert kept.days.tolist() == [1, 3]


def test_young_dates_follow_in_step_while_a_month_is_known() -> None:
    mature = [AS_OF, AS_OF + timedelta(days=15)]
    found = young_dates(mature, AS_OF + timedelta(days=100), lead_days=10)
    assert [(day - AS_OF).days for day in found] == [30, 45, 60]
    assert young_dates(mature, AS_OF + timedelta(days=69), lead_days=10) == []
    assert [(day - AS_OF).days for day in young_dates([AS_OF], AS_OF + timedelta(days=90), 0)] == [30, 60]


def test_landmarks_of_a_book_hold_the_days_to_each_churn() -> None:
    churned = {"a0001": 20, "a0002": 75, "a0003": 120}
    tables = tables_of(
        {
            "accounts": pd.DataFrame(
                {"account_id": [f"a{i:04d}" for i in range(4)], "customer_since": [AS_OF - timedelta(days=900)] * 4}
            ),
            "churns": pd.DataFrame(
                {"account_id": list(churned), "churned_on": [AS_OF + timedelta(days=day) for day in churned.values()]}
            ),
        }
    )
    matrix = dataset([0] * 4).matrix
    found = landmarks(tables, matrix, ChurnRule(lead_days=5), AS_OF + timedelta(days=120))
    assert np.array_equal(found.days, [NEVER, 20, 75, NEVER], equal_nan=True)
    assert found.lead_days == 5


def many(events: int, others: int) -> PersonMonths:
    month = np.arange(events + others) % 12 + 1
    churned = np.arange(events + others) < events
    return PersonMonths(np.arange(events + others), month, churned, 1 / month)


def test_a_sample_keeps_every_churn_and_the_weight_of_the_others() -> None:
    months = many(3000, 600_000)
    kept = sampled(months, seed=0)
    assert (kept.churned.sum(), kept.churned.mean()) == (3000, pytest.approx(1 / (1 + EACH), rel=0.02))
    assert kept.weight[kept.churned].sum() == pytest.approx(months.weight[months.churned].sum())
    for month in (1, 6, 12):
        whole, part = (one.weight[~one.churned & (one.month == month)].sum() for one in (months, kept))
        assert part == pytest.approx(whole, rel=0.06), month
    again = sampled(months, seed=0)
    assert np.array_equal(again.row, kept.row) and not np.array_equal(sampled(months, seed=1).row, kept.row)


def test_a_small_book_is_learnt_from_whole() -> None:
    months = many(10, FEWEST)
    assert sampled(months, seed=0) is months
