"""Sample weights: the contract's formula, worked by hand, and no giant who owns the fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.contacting import Economics
from training.models.weights import (
    LARGEST_SHARE,
    SCHEMES,
    capped_weights,
    equal_weights,
    forgone_profit,
    log_weights,
    revenue_weights,
    root_weights,
    without_giants,
)

VALUES = st.lists(st.floats(0, 1e9, allow_subnormal=False), min_size=1, max_size=200).map(np.array)


def test_formula_by_hand() -> None:
    """101 values 0 ... 100: median 50, floor 5, 99th percentile 99."""
    expected = np.clip(np.arange(101.0), 5, 99)
    assert revenue_weights(np.arange(101.0)) == pytest.approx(expected / expected.mean(), rel=1e-12)


def test_the_floor_is_a_tenth_of_the_median() -> None:
    found = revenue_weights(np.array([0.0, 9.0, 100.0, 100.0, 100.0]))
    assert found[0] == found[1] == pytest.approx(found[2] / 10)


def test_the_cap_is_the_99th_percentile() -> None:
    value = np.append(np.full(999, 10.0), 1e9)
    assert revenue_weights(value) == pytest.approx(np.ones(1000))


def test_root_is_half_the_concentration_on_a_log_scale() -> None:
    value = np.array([1.0, 1.0, 4.0, 4.0, 16.0, 16.0])
    full, half = revenue_weights(value), root_weights(value)
    assert np.log(half / half[0]) == pytest.approx(np.log(full / full[0]) / 2)


@given(value=VALUES)
def test_every_scheme_is_positive_in_sum_and_of_mean_one(value: np.ndarray) -> None:
    for scheme in SCHEMES.values():
        weight = scheme.weights(value)
        assert weight.shape == value.shape
        assert (weight >= 0).all()
        assert weight.mean() == pytest.approx(1)


@given(value=VALUES)
def test_more_value_never_weighs_less_and_scale_is_no_matter(value: np.ndarray) -> None:
    weight = revenue_weights(value)
    assert (np.diff(weight[np.argsort(value, kind="stable")]) >= -1e-12).all()
    assert revenue_weights(value * 1024) == pytest.approx(weight)


def test_a_book_worth_nothing_counts_every_row_alike() -> None:
    assert revenue_weights(np.zeros(5)).tolist() == [1] * 5
    assert equal_weights(np.array([1.0, 1e6])).tolist() == [1, 1]


def test_the_contracts_scheme_comes_first_and_wins_ties() -> None:
    assert next(iter(SCHEMES)) == "revenue"


def test_log_and_low_cap_weigh_giants_less() -> None:
    value = np.append(np.full(99, 10.0), 1e6)
    assert revenue_weights(value)[-1] > log_weights(value)[-1] > 1
    assert capped_weights(np.arange(101.0))[-1] == pytest.approx(revenue_weights(np.arange(101.0))[90], rel=0.05)


def test_no_account_owns_the_fit() -> None:
    """50 accounts of two rows; one weighs as much as all others together."""
    accounts = np.repeat([f"a{i:02d}" for i in range(50)], 2)
    weight = np.where(accounts == "a00", 49.0, 1.0)
    found = without_giants(weight, accounts)
    assert found.sum() == pytest.approx(weight.sum())
    assert found[:2].sum() == pytest.approx(LARGEST_SHARE * weight.sum())
    assert found[0] == found[1]
    assert np.ptp(found[2:]) == 0


@given(weight=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60).map(np.array), seed=st.integers(0, 99))
def test_giants_are_capped_whatever_the_book(weight: np.ndarray, seed: int) -> None:
    accounts = np.random.default_rng(seed).integers(0, max(1, len(weight) // 2), len(weight))
    found = without_giants(weight, accounts)
    held = np.bincount(accounts, found)
    most = max(LARGEST_SHARE, 1 / len(np.unique(accounts)))
    assert found.sum() == pytest.approx(weight.sum())
    assert held.max() <= most * found.sum() * (1 + 1e-9)
    assert (found > 0).all()


def test_where_there_is_no_giant_nothing_changes() -> None:
    weight = np.linspace(1, 2, 100)
    assert without_giants(weight, np.arange(100)) == pytest.approx(weight)


def test_forgone_profit_has_the_slope_of_its_loss() -> None:
    churned, weight = np.array([True, False, True]), np.array([1.0, 2.0, 3.0])
    loss = forgone_profit(churned, weight, Economics())
    margin = np.array([-1.0, 0.3, 2.0])

    def total(at: np.ndarray) -> float:
        profit = np.array([0.285 * 1.0, -0.05 * 2.0, 0.285 * 3.0])
        return float(-(profit / np.abs(profit).mean() / (1 + np.exp(-at))).sum())

    gradient, hessian = loss(margin)
    for i in range(3):
        step = np.eye(3)[i] * 1e-6
        assert gradient[i] == pytest.approx((total(margin + step) - total(margin - step)) / 2e-6, rel=1e-5)
    assert (hessian > 0).all()
