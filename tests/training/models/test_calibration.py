"""The calibrator: strictly increasing whatever it is fitted on, and right where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from training.making.pipeline import Trained
from training.models.calibration import LEAST_SLOPE, Platt, fit_platt

MARGINS = st.lists(st.floats(-30, 30, allow_subnormal=False), min_size=2, max_size=60)


def drawn(slope: float, intercept: float, n: int = 200_000, middle: float = -2.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    margin = rng.normal(middle, 1, n)
    return margin, rng.random(n) < expit(slope * margin + intercept)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.7, -0.4), (1.6, 0.5)])
def test_recovers_the_truth(slope: float, intercept: float) -> None:
    found = fit_platt(*drawn(slope, intercept))
    assert found.slope == pytest.approx(slope, abs=0.02)
    assert found.intercept == pytest.approx(intercept, abs=0.03)


def test_is_indifferent_to_where_the_margin_has_its_zero() -> None:
    margin, churned = drawn(0.7, -0.4, n=5000)
    near, far = fit_platt(margin, churned), fit_platt(margin + 1000, churned)
    assert far.slope == pytest.approx(near.slope, rel=1e-6)
    assert far(margin + 1000) == pytest.approx(near(margin), abs=1e-9)


@given(margin=MARGINS, seed=st.integers(0, 1000))
def test_is_strictly_increasing(margin: list[float], seed: int) -> None:
    churned = np.random.default_rng(seed).random(len(margin)) < 0.5
    found = fit_platt(np.array(margin), churned)
    assert found.slope >= LEAST_SLOPE * (1 - 1e-9)
    # Where the sigmoid is not yet flat for a float.
    grid = (np.linspace(-5, 5, 101) - found.intercept) / found.slope
    assert (np.diff(found(grid)) > 0).all()
    assert ((found(grid) > 0) & (found(grid) < 1)).all()


@pytest.mark.parametrize("margin", [0.0, 0.1, -3.7, 1000.0, 1e-300])
def test_margins_that_are_all_the_same_give_the_churn_rate(margin: float) -> None:
    churned = np.arange(1000) % 4 == 0
    found = fit_platt(np.full(1000, margin), churned)
    assert found(np.array([margin]))[0] == pytest.approx(0.25, abs=0.001)
    assert found.slope > 0


def test_a_ranking_that_is_upside_down_is_flattened_not_followed() -> None:
    churned = np.arange(1000) % 4 == 0
    found = fit_platt(np.where(churned, -2.0, 2.0), churned)
    assert found.slope == pytest.approx(LEAST_SLOPE)
    assert found(np.array([-2.0, 2.0])) == pytest.approx([0.25, 0.25], abs=0.002)


def test_a_perfect_ranking_is_not_believed_to_be_certain() -> None:
    """Platt's targets: (positives + 1) / (positives + 2) and 1 / (negatives + 2), reached when nothing forbids it."""
    churned = np.arange(20) % 4 == 0
    found = fit_platt(np.where(churned, 1.0, -1.0), churned)
    assert found(np.array([1.0, -1.0])) == pytest.approx([6 / 7, 1 / 17], abs=1e-3)


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_alone_is_no_failure(outcome: bool) -> None:
    found = fit_platt(np.linspace(-1, 1, 50), np.full(50, outcome))
    assert np.isfinite([found.slope, found.intercept]).all()


def test_derivative_is_that_of_g() -> None:
    found, margin, step = Platt(0.8, -1.5), np.linspace(-4, 4, 9), 1e-6
    slope = (found(margin + step) - found(margin - step)) / (2 * step)
    assert found.derivative(margin) == pytest.approx(slope, abs=1e-9)


def test_a_run_is_calibrated_on_accounts_not_on_revenue(trained: Trained) -> None:
    """Probabilities of the rows that the trees had not seen sum to the churns among them, unweighted."""
    margin, churned = trained.out_of_fold
    assert trained.calibrator(margin).mean() == pytest.approx(churned.mean(), abs=0.002)
