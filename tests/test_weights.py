"""Sample weights: the contract's formula, worked by hand, and no giant who owns the fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.weights import SCHEMES, equal_weights, revenue_weights, root_weights

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
        weight = scheme(value)
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
