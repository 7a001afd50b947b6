"""What contacting an account is worth, and the bands: worked by hand, in the contract's order, on the edges."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.bands import FEW_RECORDS, NEW_DAYS, bands
from training.bundle.bundle import Reference
from training.contacting import Action, Economics
from training.worth.economics import best_actions, expected_profit

SHARES = st.floats(0.01, 0.99)
ACTIONS = st.builds(Action, SHARES, SHARES, st.floats(0, 1000))
ECONOMICS = st.builds(Economics, st.dictionaries(st.sampled_from("abc"), ACTIONS, min_size=1))
PROBABILITIES, VALUES = st.floats(0, 1), st.floats(0, 1e7)
RATES, CUTOFFS = st.floats(1e-6, 1 - 1e-6), st.floats(0, 1e6)


def profit(probability: float, value: float, economics: Economics | None = None) -> float:
    return float(expected_profit(np.array([probability]), np.array([value]), economics or Economics())[0])


def reference(churn_rate: float = 0.1, cutoff: float = 500.0) -> Reference:
    return Reference(
        as_of=date(2025, 1, 1), accounts=10, threat_value=0, churn_rate=churn_rate, cutoff=cutoff,
        value_percentiles=[], signals={},
    )  # fmt: skip


def band(
    probability: float, value: float, days: float = 400, records: float = 10, compared: Reference | None = None
) -> str:
    columns = (np.array([number], float) for number in (probability, value, days, records))
    return str(bands(*columns, compared or reference())[0])


@pytest.mark.parametrize(
    ("probability", "value", "expected"),
    [
        (0.0, 1000, -0.05 * 1000 - 15),
        (0.0, 10_000, -150),
        (1.0, 1000, 0.3 * 0.95 * 1000 - 15),
        (0.5, 1000, (0.1425 - 0.025) * 1000 - 15),
        (0.5, 0, -15),
        (0.16, 20_000, 0.016 * 20_000 - 150),
    ],
)
def test_expected_profit_by_hand(probability: float, value: float, expected: float) -> None:
    assert profit(probability, value) == pytest.approx(expected)


@given(economics=ECONOMICS, low=PROBABILITIES, high=PROBABILITIES, value=VALUES)
def test_profit_never_falls_with_the_probability(economics: Economics, low: float, high: float, value: float) -> None:
    low, high = sorted((low, high))
    assert profit(low, value, economics) <= profit(high, value, economics) + 1e-6


@given(economics=ECONOMICS, p=PROBABILITIES, value=VALUES)
def test_the_best_action_brings_the_most(economics: Economics, p: float, value: float) -> None:
    place, brought = best_actions(np.array([p]), np.array([value]), economics)
    each = [profit(p, value, Economics({name: action})) for name, action in economics.actions.items()]
    assert brought[0] == max(each) == each[place[0]]


@given(rate=RATES, cutoff=CUTOFFS, low=PROBABILITIES, high=PROBABILITIES, value=VALUES, more=VALUES)
def test_bands_are_monotone_in_probability_and_value(
    rate: float, cutoff: float, low: float, high: float, value: float, more: float
) -> None:
    compared = reference(rate, cutoff)
    (low, high), (value, more) = sorted((low, high)), sorted((value, more))
    order = {"safe": 0, "at_risk": 1}
    assert order[band(low, value, compared=compared)] <= order[band(high, value, compared=compared)]
    assert order[band(low, value, compared=compared)] <= order[band(low, more, compared=compared)]
    assert band(1.0, 0.0, compared=compared) == "at_risk" and band(0.0, value, compared=compared) == "safe"


@pytest.mark.parametrize(
    ("probability", "value", "expected"),
    [
        # The book's rate .1 has odds 1/9; twice that is 2/11.
        (2 / 11 + 1e-9, 0, "at_risk"),
        (2 / 11 - 1e-9, 0, "safe"),
        (0.05, 10_000, "at_risk"),
        (0.05, 9_999.99, "safe"),
        (0.04, 2e6, "at_risk"),
        (0.0, 1e9, "safe"),
    ],
)
def test_at_risk_by_hand(probability: float, value: float, expected: str) -> None:
    assert band(probability, value) == expected


def test_a_cutoff_of_nothing_puts_only_accounts_with_something_at_stake_at_risk() -> None:
    nothing = reference(cutoff=0.0)
    assert [band(0.05, value, compared=nothing) for value in (0.0, 0.01)] == ["safe", "at_risk"]


@pytest.mark.parametrize(
    ("days", "records", "expected"),
    [
        (NEW_DAYS, FEW_RECORDS, "at_risk"),
        (NEW_DAYS - 1, FEW_RECORDS, "unknown"),
        (NEW_DAYS, FEW_RECORDS - 1, "unknown"),
        (0, 0, "unknown"),
    ],
)
def test_unknown_comes_first(days: float, records: float, expected: str) -> None:
    assert (NEW_DAYS, FEW_RECORDS) == (90, 3)
    assert band(0.99, 1e6, days, records) == expected


def test_bands_are_decided_row_by_row() -> None:
    columns = ([0.9, 0.01, 0.9, 0.9], [1000.0, 1000.0, 0.0, 1000.0], [100.0, 100.0, 100.0, 10.0], [5.0] * 4)
    found = bands(*(np.array(column, float) for column in columns), reference())
    assert found.tolist() == ["at_risk", "safe", "at_risk", "unknown"]
