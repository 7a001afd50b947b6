"""Time slices and forward folds: no label that was not known, each date judged once, in order."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from training.settings import ChurnRule
from training.slices.slice_dates import forward_folds, slice_dates

RULES = st.builds(ChurnRule, horizon_days=st.integers(1, 400), lead_days=st.integers(0, 120))
DAYS = st.dates(date(2015, 1, 1), date(2026, 1, 1))
STEPS = st.integers(1, 120)


@given(first=DAYS, length=st.integers(-200, 1500), rule=RULES, step=STEPS)
def test_slices_are_mature_in_order_and_as_late_as_can_be(first: date, length: int, rule: ChurnRule, step: int) -> None:
    end = first + timedelta(days=length)
    dates = slice_dates(first, end, rule.reach_days, step)
    reach = timedelta(days=rule.reach_days)
    assert all(first <= day and day + reach <= end for day in dates)
    assert all(later - earlier == timedelta(days=step) for earlier, later in pairwise(dates))
    assert bool(dates) is (first + reach <= end)
    if dates:
        assert dates[-1] + reach == end
        assert dates[0] - timedelta(days=step) < first


@given(first=DAYS, length=st.integers(0, 1500), rule=RULES, step=STEPS, folds=st.integers(1, 8))
def test_no_label_that_is_learnt_from_reaches_into_what_is_judged(
    first: date, length: int, rule: ChurnRule, step: int, folds: int
) -> None:
    dates = slice_dates(first, first + timedelta(days=rule.reach_days + length), rule.reach_days, step)
    made = forward_folds(dates, rule.reach_days, folds)
    reach = timedelta(days=rule.reach_days)
    assert len(made) <= folds
    for fold in made:
        assert fold.train
        assert fold.valid
        assert max(fold.train) + reach <= min(fold.valid)
        assert set(fold.train) == {day for day in dates if day + reach <= min(fold.valid)}
    judged = [day for fold in made for day in fold.valid]
    assert judged == [day for day in dates if day - reach >= dates[0]]


def test_dates_by_hand() -> None:
    rule = ChurnRule(horizon_days=60)
    dates = slice_dates(date(2024, 1, 10), date(2024, 8, 1), rule.reach_days, 30)
    assert [day.isoformat() for day in dates] == ["2024-02-03", "2024-03-04", "2024-04-03", "2024-05-03", "2024-06-02"]
    made = forward_folds(dates, rule.reach_days, 2)
    assert [(len(fold.train), fold.valid) for fold in made] == [(1, tuple(dates[2:4])), (3, tuple(dates[4:]))]


def test_a_history_no_longer_than_one_label_has_no_fold() -> None:
    rule = ChurnRule(horizon_days=180)
    dates = slice_dates(date(2024, 1, 1), date(2024, 12, 1), rule.reach_days, 30)
    assert len(dates) == 6
    assert forward_folds(dates, rule.reach_days, 4) == []


@given(first=DAYS, length=st.integers(1, 1500), rule=RULES, step=st.integers(7, 120), least=st.integers(1, 20))
def test_a_short_history_is_cut_more_finely(first: date, length: int, rule: ChurnRule, step: int, least: int) -> None:
    end = first + timedelta(days=rule.reach_days + length)
    dates = slice_dates(first, end, rule.reach_days, step, least)
    steps = {(later - earlier).days for earlier, later in pairwise(dates)}
    assert len(steps) <= 1
    assert all(7 <= found <= step for found in steps)
    assert len(dates) >= min(least, length // 13 + 1)
    assert dates[-1] + timedelta(days=rule.reach_days) == end
