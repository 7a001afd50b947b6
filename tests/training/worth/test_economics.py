"""What a contact brings once the outcome is known, the cutoff that was best, and settings that are refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.contacting import SINGLE, Action, Economics, economics_of
from training.settings import Environment
from training.worth.economics import (
    best_actions,
    best_cutoff,
    expected_profit,
    realised_profit,
    threat_value,
    value_at_capacity,
)


def test_realised_profit_by_hand() -> None:
    """At .9 the offer was made, at .01 the call; what came of it is the action's, whatever it was expected to bring."""
    churned, probability = np.array([True, False, True, False]), np.array([0.9, 0.9, 0.01, 0.01])
    found = realised_profit(churned, probability, np.full(4, 10_000.0), Economics())
    assert found == pytest.approx([0.3 * 0.95 * 10_000 - 15, -0.05 * 10_000 - 15, 0.1 * 10_000 - 150, -150])


@given(p=st.floats(0, 1), value=st.floats(0, 1e6))
def test_expected_profit_is_the_mean_of_what_is_realised(p: float, value: float) -> None:
    both, each = np.array([True, False]), np.array([p, p])
    left, stayed = realised_profit(both, each, np.array([value, value]), Economics())
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
        ({"actions": {"visit": Action(1.5, 0, 1)}}, "actions.visit: success_rate=1.5"),
        ({"actions": {"a": Action(0.1, -0.1, 1)}, "capacity": 2}, r"a: incentive_share=-0.1 .*; capacity=2"),
        ({"actions": {"a": Action(0.1, 0, -1.0), "b": Action(0, 0, 1)}}, "contact_cost=-1.0 .*; actions.b: .* both 0"),
        ({"actions": {"a": Action(0.1, 0, float("nan"))}}, "contact_cost=nan"),
        ({"actions": {}}, "at least one is needed"),
        ({"actions": {"=1+1": Action(0.1, 0, 1)}}, "the name '=1.1' is not of letters, digits, _ and -"),
    ],
)
def test_figures_that_mean_nothing_are_refused_all_at_once(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Economics(**wrong)


def test_the_contracts_catalogue_and_the_best_of_it() -> None:
    """An account of 2 million at 4 %: an incentive would cost more than it brings, a call is worth its price."""
    assert Economics().actions == {"call": Action(0.10, 0, 150), "offer": Action(0.30, 0.05, 15)}
    place, profit = best_actions(np.array([0.04, 0.5, 0.5, 0.01]), np.array([2e6, 2e6, 100, 100]), Economics())
    assert place.tolist() == [0, 1, 1, 1]
    assert profit == pytest.approx([7850, 0.1175 * 2e6 - 15, 0.1175 * 100 - 15, (0.00285 - 0.0495) * 100 - 15])
    assert Economics().strongest == Action(0.30, 0.05, 15)


@pytest.mark.parametrize(("capacity", "place"), [(0.0, 1), (0.01, 1), (0.07, 7), (0.10, 10), (0.101, 11), (1.0, 100)])
def test_value_at_capacity_counts_accounts_exactly(capacity: float, place: int) -> None:
    """.07 x 100 is a little more than 7 in floating point."""
    assert value_at_capacity(np.ones(100), np.arange(100.0), capacity) == 100 - place


def test_economics_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__CAPACITY", "0.2")
    assert Environment().economics == Economics(capacity=0.2)
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__ACTIONS__VISIT__SUCCESS_RATE", "0.2")
    with pytest.raises(ValueError, match=r"economics.actions.visit.contact_cost"):
        Environment()
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__ACTIONS__VISIT__INCENTIVE_SHARE", "0")
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__ACTIONS__VISIT__CONTACT_COST", "300")
    assert Environment().economics == Economics({"visit": Action(0.2, 0.0, 300.0)}, capacity=0.2)
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__CAPACITY", "20")
    with pytest.raises(ValueError, match="capacity=20"):
        Environment()


@pytest.mark.parametrize(
    ("values", "cutoff"), [([50, 30, 15, 5], 30), ([1, 1, 1, 1, 1], 1), ([100, 0, 0], 100), ([0, 0], 0), ([80, 20], 80)]
)
def test_threat_cutoff_by_hand(values: list[float], cutoff: float) -> None:
    assert threat_value(np.array(values, float)) == cutoff


def test_the_economics_from_before_the_catalogue_are_still_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"success_rate": 0.3, "incentive_share": 0.05, "contact_cost": 15.0, "capacity": 0.1}
    assert economics_of(old) == Economics({"offer": SINGLE})
    assert economics_of(asdict(Economics())) == Economics() == economics_of({})
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__SUCCESS_RATE", "0.4")
    assert Environment().economics == Economics({"offer": Action(0.4, 0.05, 15.0)})
    monkeypatch.setenv("CHURN_RISK_ECONOMICS__ACTIONS", '{"visit": {"success_rate": 0.2}}')
    with pytest.raises(ValueError, match="success_rate stand beside actions"):
        Environment()
