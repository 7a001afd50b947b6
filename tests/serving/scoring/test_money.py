"""What contacting an account is worth, and the bands: worked by hand, in the contract's order, on the edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.scoring.bands import FEW_RECORDS, NEW_DAYS, bands
from training.settings import Economics
from training.worth.economics import break_even, expected_profit

SHARES = st.floats(0.01, 0.99)
ECONOMICS = st.builds(Economics, success_rate=SHARES, incentive_share=SHARES, contact_cost=st.floats(0, 1000))
PROBABILITIES, VALUES = st.floats(0, 1), st.floats(0, 1e7)


def profit(probability: float, value: float, economics: Economics | None = None) -> float:
    return float(expected_profit(np.array([probability]), np.array([value]), economics or Economics())[0])


def band(
    probability: float, value: float, days: float = 400, records: float = 10, economics: Economics | None = None
) -> str:
    columns = (np.array([number], float) for number in (probability, value, days, records))
    return str(bands(*columns, economics or Economics())[0])


@pytest.mark.parametrize(
    ("probability", "value", "expected"),
    [
        (0.0, 1000, -0.05 * 1000 - 15),
        (1.0, 1000, 0.3 * 0.95 * 1000 - 15),
        (0.5, 1000, (0.1425 - 0.025) * 1000 - 15),
        (0.5, 0, -15),
        (0.2, 5000, (0.057 - 0.04) * 5000 - 15),
    ],
)
def test_expected_profit_by_hand(probability: float, value: float, expected: float) -> None:
    assert profit(probability, value) == pytest.approx(expected)


def test_expected_profit_with_other_economics() -> None:
    economics = Economics(success_rate=0.5, incentive_share=0.1, contact_cost=2.0)
    assert profit(0.4, 100, economics) == pytest.approx((0.4 * 0.5 * 0.9 - 0.6 * 0.1) * 100 - 2)


@given(economics=ECONOMICS, low=PROBABILITIES, high=PROBABILITIES, value=VALUES)
def test_profit_never_falls_with_the_probability(economics: Economics, low: float, high: float, value: float) -> None:
    low, high = sorted((low, high))
    assert profit(low, value, economics) <= profit(high, value, economics) + 1e-6


@given(economics=ECONOMICS, value=VALUES)
def test_at_break_even_contacting_costs_just_the_contact(economics: Economics, value: float) -> None:
    found = profit(break_even(economics), value, economics) + economics.contact_cost
    assert found == pytest.approx(0, abs=1e-6 * max(value, 1))


def test_break_even_by_hand() -> None:
    assert break_even(Economics()) == pytest.approx(0.05 / 0.335)


@given(economics=ECONOMICS, probability=PROBABILITIES, value=VALUES)
def test_at_risk_is_what_pays(economics: Economics, probability: float, value: float) -> None:
    found = band(probability, value, economics=economics)
    pays = profit(probability, value, economics) > 0 if value > 0 else probability >= break_even(economics)
    assert found == ("at_risk" if pays else "safe")


def test_a_profit_of_nothing_is_safe_and_without_value_break_even_is_at_risk() -> None:
    economics = Economics(success_rate=0.5, incentive_share=0.5, contact_cost=25.0)
    assert profit(1.0, 100, economics) == 0
    assert band(1.0, 100, economics=economics) == "safe"
    assert band(break_even(economics), 0, economics=economics) == "at_risk"
    assert band(np.nextafter(break_even(economics), 0), 0, economics=economics) == "safe"


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
    found = bands(
        np.array([0.9, 0.01, 0.9, 0.9]),
        np.array([1000.0, 1000.0, 0.0, 1000.0]),
        np.array([100.0, 100.0, 100.0, 10.0]),
        np.array([5.0, 5.0, 5.0, 5.0]),
        Economics(),
    )
    assert found.tolist() == ["at_risk", "safe", "at_risk", "unknown"]
