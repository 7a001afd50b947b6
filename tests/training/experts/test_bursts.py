"""Whether purchases come at random, evenly or in bursts."""

from __future__ import annotations

import numpy as np
import pytest

from training.experts.bursts import UNKNOWN, WORTH_PAIRS, dispersion

DAYS = np.datetime64("2026-01-01") + np.arange(0, 150, 30)


def index_of(bought: np.ndarray, dates: np.ndarray = DAYS) -> float:
    """Return the index of accounts that bought so often in each window, shape (accounts, windows)."""
    repeats = np.cumsum(np.column_stack([np.ones(len(bought)), bought]), axis=1)
    accounts = np.repeat(np.arange(len(bought)), len(dates))
    return dispersion(repeats.ravel(), accounts, np.tile(dates, len(bought)))


def test_the_index_is_that_worked_by_hand() -> None:
    # Windows 3 and 1, 0 and 2: (2 x 2 + 2 x 2) / (4 + 2); one that bought in neither window tells nothing.
    by_hand = (2 * 8 / 6 + WORTH_PAIRS * UNKNOWN) / (2 + WORTH_PAIRS)
    assert index_of(np.array([[3, 1], [0, 2], [0, 0]]), DAYS[:3]) == pytest.approx(by_hand)


def test_at_random_it_is_1_at_any_rate_less_when_even_and_more_in_bursts() -> None:
    chance = np.random.default_rng(0)
    rates = chance.gamma(0.6, 8, (1_500, 1))
    at_random = index_of(chance.poisson(np.repeat(rates, 4, axis=1)))
    in_bursts = index_of(chance.poisson(rates * chance.gamma(0.5, 2, (1_500, 4))))
    even = index_of(np.round(rates + chance.uniform(-0.5, 0.5, (1_500, 4))).clip(0))
    assert at_random == pytest.approx(1, abs=0.1)
    assert even < 0.5 and in_bursts > 3


def test_where_no_two_windows_of_one_length_are_known_it_is_that_of_an_unknown_book() -> None:
    bought = np.array([[9, 0], [0, 9]])
    assert index_of(bought, DAYS[[0, 1, 3]]) == UNKNOWN, "a longer window has more purchases"
    assert index_of(bought, DAYS[0] + np.array([0, 7, 14])) == UNKNOWN, "no window is long enough"
    assert index_of(bought[:, :1], DAYS[:2]) == index_of(bought[:, :0], DAYS[:1]) == UNKNOWN
    new = dispersion(np.array([1.0, 9.0, 1.0, 9.0]), np.array([0, 0, 1, 1]), DAYS[[0, 1, 1, 2]])
    assert new == UNKNOWN, "no account is known for two windows"


def test_weekly_dates_make_windows_of_four_weeks() -> None:
    weekly = np.array([[1, 1, 1, 1, 0, 0, 0, 0]])
    assert index_of(weekly, DAYS[0] + np.arange(9) * 7) == pytest.approx(
        (16 / 4 + WORTH_PAIRS * UNKNOWN) / (1 + WORTH_PAIRS)
    )
