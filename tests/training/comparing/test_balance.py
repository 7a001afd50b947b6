"""Weights that make two groups alike, and the difference among the treated, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.comparing.balance import balanced
from training.comparing.difference import Group, difference
from training.comparing.expected import expected_churn


def column(ones: int, zeros: int) -> np.ndarray:
    """Return one column of ones and zeros, shape (rows, 1)."""
    return np.repeat([1.0, 0.0], [ones, zeros])[:, None]


def group(churned: int, rows: int, name: str, weights: np.ndarray | None = None, times: int = 1) -> Group:
    """Return a group of which the first rows churned; `times` gives each account so many equal rows."""
    outcome = np.repeat(np.arange(rows) < churned, times).astype(float)
    accounts = np.repeat([f"{name}{number}" for number in range(rows)], times)
    share = np.full(len(outcome), 1 / len(outcome)) if weights is None else weights
    return Group(outcome, np.zeros(len(outcome)), share, accounts)


def test_the_others_get_the_share_that_the_treated_have() -> None:
    """Of the treated 3 in 4 have it, of the others 1 in 2: those with it weigh three times as much."""
    found = balanced(column(3_000, 1_000), column(500, 500))
    assert found.weights[0] / found.weights[-1] == pytest.approx(3, rel=0.01)
    assert found.weights.sum() == pytest.approx(1) and found.comparable.all()
    # (.75 - .5) over the pooled deviation, the root of (.1875 + .25) / 2.
    assert found.before[0] == pytest.approx(0.25 / np.sqrt(0.21875)) and abs(found.after[0]) < 0.005
    # Weights of 3 and 1 on 500 each: 2,000 squared over 5,000.
    assert found.effective == pytest.approx(800, rel=0.01)


def test_groups_that_are_alike_are_left_as_they_are() -> None:
    found = balanced(column(30, 10), column(300, 100))
    assert found.weights == pytest.approx(np.full(400, 1 / 400)) and found.effective == pytest.approx(400)


def test_treated_that_resemble_nobody_are_told_and_left_out() -> None:
    rng = np.random.default_rng(0)
    others, like = rng.normal(size=(500, 2)), rng.normal(size=(80, 2))
    found = balanced(np.vstack([like, np.tile([9.0, 0.0], (20, 1))]), others)
    assert not found.comparable[80:].any() and found.comparable[:80].mean() > 0.9
    assert np.abs(found.after).max() < 0.1


def test_the_difference_of_two_rates_and_its_usual_interval() -> None:
    found = difference(group(10, 50, "t"), group(40, 100, "o"), is_rate=True)
    assert (found.treated, found.others) == pytest.approx((0.2, 0.4)) and found.value == pytest.approx(-0.2)
    half = 1.959964 * np.sqrt(0.2 * 0.8 / 50 + 0.4 * 0.6 / 100)
    assert (found.low, found.high) == pytest.approx((-0.2 - half, -0.2 + half), abs=1e-6)
    assert found.times(100).low == pytest.approx(100 * found.low)


def test_means_made_alike_widen_the_interval() -> None:
    plain, fitted = (difference(group(10, 50, "t"), group(40, 100, "o"), True, number) for number in (0, 10))
    assert (fitted.high - fitted.value) / (plain.high - plain.value) == pytest.approx((50 / 40) ** 0.5)
    many = difference(group(10, 50, "t"), group(40, 100, "o"), True, 60)
    assert (many.high - many.value) / (plain.high - plain.value) == pytest.approx(2**0.5)


def test_rows_of_one_account_count_once() -> None:
    """The same account in three rows tells no more than in one."""
    once = difference(group(10, 50, "t"), group(40, 100, "o"), is_rate=True)
    thrice = difference(group(10, 50, "t"), group(40, 100, "o", times=3), is_rate=True)
    assert thrice.as_dict() == pytest.approx(once.as_dict())


def test_an_account_in_both_groups_errs_in_both_at_once() -> None:
    """The same accounts with the same outcomes on either side: their chance drops out of the difference."""
    found = difference(group(10, 50, "a"), group(10, 50, "a"), is_rate=True)
    assert (found.low, found.value, found.high) == (0, 0, 0)
    apart = difference(group(10, 50, "a"), group(10, 50, "b"), is_rate=True)
    assert apart.high == pytest.approx(1.959964 * np.sqrt(2 * 0.2 * 0.8 / 50))


def test_nobody_who_left_is_no_certainty() -> None:
    found = difference(group(0, 30, "t"), group(10, 100, "o"), is_rate=True)
    rate = 1 / 32  # one more of either outcome
    half = 1.959964 * np.sqrt(rate * (1 - rate) / 32 + 0.1 * 0.9 / 100)
    assert found.high - found.value == pytest.approx(half, abs=1e-6)


def test_a_difference_that_the_expectation_explains_is_none() -> None:
    """Of either group of accounts the same share leaves as in the others; the treated are more of the second group."""
    kinds = np.concatenate([np.repeat([0.0, 1.0], [200, 800]), np.repeat([0.0, 1.0], [2000, 2000])])
    left = ((200, 20), (800, 400), (2000, 200), (2000, 1000))
    churned = np.concatenate([np.random.default_rng(0).permutation(np.arange(rows) < gone) for rows, gone in left])
    accounts, treated = np.arange(5000), np.arange(5000) < 1000
    columns = ((kinds - kinds.mean()) / kinds.std())[:, None]
    expected = expected_churn(columns, churned, treated, accounts)
    assert expected[0] < 0.2 < 0.4 < expected[500] < 0.6

    def part(rows: np.ndarray) -> Group:
        return Group(churned[rows].astype(float), expected[rows], np.full(rows.sum(), 1 / rows.sum()), accounts[rows])

    found = difference(part(treated), part(~treated), is_rate=True)
    assert abs(found.value) < 0.02 and found.treated == pytest.approx(0.42)
    assert churned[treated].mean() - churned[~treated].mean() == pytest.approx(0.12)


def test_the_expectation_learns_nothing_of_the_treated() -> None:
    rng = np.random.default_rng(1)
    columns, treated = rng.normal(size=(200, 2)), np.arange(200) < 50
    churned = rng.random(200) < 0.4
    other = np.where(treated, ~churned, churned)
    before, after = (expected_churn(columns, outcome, treated, np.arange(200)) for outcome in (churned, other))
    assert (before == after).all()
