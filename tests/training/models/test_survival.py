"""From monthly hazards to risks and mean times: golden values, the area under the curve, and what anchoring keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.models.survival import anchored, restricted_mean, risk_within

hazards = hnp.arrays(float, (3, 12), elements=st.floats(0, 1))
moderate = hnp.arrays(float, (3, 12), elements=st.floats(1e-6, 0.9))


def test_whole_months_multiply() -> None:
    monthly = np.array([[0.1, 0.2, 0.5] + [0.0] * 9])
    assert risk_within(monthly, 30) == pytest.approx([0.1])
    assert risk_within(monthly, 60) == pytest.approx([1 - 0.9 * 0.8])
    assert risk_within(monthly, 90) == pytest.approx([1 - 0.9 * 0.8 * 0.5])


def test_a_part_of_a_month_counts_in_part_and_the_last_month_goes_on() -> None:
    monthly = np.array([[0.0] * 11 + [0.3]])
    assert risk_within(monthly, 340) == pytest.approx([1 - 0.7 ** (1 / 3)])
    assert risk_within(monthly, 365) == pytest.approx([1 - 0.7 ** (35 / 30)])


def test_mean_time_of_a_constant_hazard() -> None:
    """With S(t) = exp(-rate t) the area under it up to t is (1 - exp(-rate t)) / rate."""
    rate = 0.002
    monthly = np.full((1, 12), -np.expm1(-rate * 30))
    assert restricted_mean(monthly, 365) == pytest.approx([-np.expm1(-rate * 365) / rate])


@given(hazards, st.integers(1, 400))
def test_mean_time_is_the_area_under_the_survival_curve(monthly: np.ndarray, days: int) -> None:
    middles = days * (np.arange(200) + 0.5) / 200
    area = np.mean([1 - risk_within(monthly, middle) for middle in middles], axis=0) * days
    assert restricted_mean(monthly, days) == pytest.approx(area, abs=0.006 * days)


@given(hazards)
def test_risk_only_grows_with_the_horizon(monthly: np.ndarray) -> None:
    risks = np.stack([risk_within(monthly, days) for days in (0, 15, 90, 100, 180, 365, 400)])
    assert (risks[0] == 0).all()
    assert (np.diff(risks, axis=0) >= 0).all()
    assert ((risks >= 0) & (risks <= 1)).all()
    assert np.isfinite(restricted_mean(monthly, 365)).all()


@given(moderate, st.floats(0.001, 0.999), st.integers(20, 400))
def test_anchored_hazards_give_the_risk_they_were_anchored_to(monthly: np.ndarray, risk: float, days: int) -> None:
    found = anchored(monthly, np.full(3, risk), days)
    assert risk_within(found, days) == pytest.approx(np.full(3, risk), rel=1e-6)
    assert (risk_within(found, days / 2) <= risk).all()
    assert (risk_within(found, days * 2) >= risk).all()


@given(moderate)
def test_anchoring_to_its_own_risk_changes_nothing(monthly: np.ndarray) -> None:
    assert anchored(monthly, risk_within(monthly, 180), 180) == pytest.approx(monthly, rel=1e-6)


def test_without_any_hazard_the_course_is_even() -> None:
    found = anchored(np.zeros((1, 12)), np.array([0.36]), 60)
    assert found == pytest.approx(np.full((1, 12), 0.2))


def test_a_sure_churn_stays_a_number() -> None:
    found = anchored(np.array([[1.0] * 12, [0.1] * 12]), np.array([1.0, 1.0]), 180)
    assert np.isfinite(found).all()
    assert risk_within(found, 180) == pytest.approx([1.0, 1.0])
    assert np.isfinite(restricted_mean(found, 365)).all()
