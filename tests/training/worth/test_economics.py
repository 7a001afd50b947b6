"""What a contact brings once the outcome is known, the cutoff that was best, and settings that are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.settings import Economics, Environment
from training.worth.economics import best_cutoff, expected_profit, realised_profit, threat_value


def test_realised_profit_by_hand() -> None:
    found = realised_profit(np.array([True, False]), np.array([1000.0, 1000.0]), Economics())
    assert found == pytest.approx([0.3 * 0.95 * 1000 - 15, -0.05 * 1000 - 15])


@given(p=st.floats(0, 1), value=st.floats(0, 1e6))
def test_expected_profit_is_the_mean_of_what_is_realised(p: float, value: float) -> None:
    left, stayed = realised_profit(np.array([True, False]), np.array([value, value]), Economics())
    found = expected_profit(np.array([p]), np.array([value]), Economics())[0]
    assert found == pytest.approx(p * left + (1 - p) * stayed, abs=1e-6)


@pytest.mark.parametrize(
    ("score", "profit", "cutoff"),
    [
        ([3, 2, 1], [5, 1, -2], 2),
        ([3, 2, 1], [-1, 5, -2], 2),
        ([3, 2, 1], [-1, -5, -2], np.inf),
        ([3, 3, 1], [5, -4, -2], 3),
        ([1, 2, 3], [4, 0, 3], 1),
    ],
)
def test_best_cutoff_by_hand(score: list[float], profit: list[float], cutoff: float) -> None:
    assert best_cutoff(np.array(score, float), np.array(profit, float)) == cutoff


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9)), min_size=1, max_size=30)


@given(rows=ROWS)
def test_no_other_cutoff_is_better(rows: list[tuple[int, int]]) -> None:
    score, profit = (np.array(column, float) for column in zip(*rows, strict=True))
    best = profit[score >= best_cutoff(score, profit)].sum()
    assert best == max([profit[score >= cut].sum() for cut in range(7)])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"success_rate": 1.5}, "success_rate=1.5"),
        ({"incentive_share": -0.1, "capacity": 2}, "incentive_share=-0.1, capacity=2"),
        ({"contact_cost": -1.0}, "contact_cost=-1.0"),
        ({"contact_cost": float("nan")}, "contact_cost=nan"),
    ],
)
def test_shares_that_are_none_are_refused(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Economics(**wrong)


def test_economics_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__CAPACITY", "0.2")
    assert Environment().economics == Economics(capacity=0.2)
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__CAPACITY", "20")
    with pytest.raises(ValueError, match="capacity=20"):
        Environment()


@pytest.mark.parametrize(
    ("values", "cutoff"), [([50, 30, 15, 5], 30), ([1, 1, 1, 1, 1], 1), ([100, 0, 0], 100), ([0, 0], 0), ([80, 20], 80)]
)
def test_threat_cutoff_by_hand(values: list[float], cutoff: float) -> None:
    assert threat_value(np.array(values, float)) == cutoff
