"""Slopes and revenue bands: worked by hand, against scikit-learn, and right where probabilities are right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from support.handmade import dataset

from training.settings import TrainingSettings
from training.worth.reliability import BANDS, reliability, slope_figure

SETTINGS = TrainingSettings(bootstraps=40)


def drawn(n: int = 4000, stretch: float = 1.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes drawn from true probabilities, what a model says (log-odds stretched), and revenue."""
    rng = np.random.default_rng(seed)
    truth = expit(rng.normal(-1, 1, n))
    return rng.random(n) < truth, expit(stretch * logit(truth)), rng.lognormal(5, 0.5, n)


@pytest.mark.parametrize(("stretch", "slope"), [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0), (0.2, 5.0)])
def test_slope_tells_too_bold_from_too_shy(stretch: float, slope: float) -> None:
    churned, said, revenue = drawn(stretch=stretch)
    found = reliability(dataset(churned, revenue), said, SETTINGS)
    assert found.slope.value == pytest.approx(slope, rel=0.15)
    assert found.slope.low < slope < found.slope.high
    assert found.weighted_slope.low < slope < found.weighted_slope.high


def test_slope_is_that_of_logistic_regression() -> None:
    churned, said, revenue = drawn(n=500)
    fitted = LogisticRegression(C=1e9, tol=1e-10).fit(logit(said)[:, None], churned, sample_weight=revenue)
    found = slope_figure(churned, said, revenue)(np.ones(500))
    assert found == pytest.approx(float(fitted.coef_[0, 0]), rel=1e-4)


@pytest.mark.parametrize(
    ("churned", "said"), [([1, 1, 1], [0.1, 0.5, 0.9]), ([0, 0, 0], [0.1, 0.5, 0.9]), ([1, 0, 1], [0.4, 0.4, 0.4])]
)
def test_what_has_no_slope_is_not_a_number(churned: list[int], said: list[float]) -> None:
    assert np.isnan(slope_figure(np.array(churned, bool), np.array(said))(np.ones(3)))


def test_outcomes_that_are_told_apart_at_once_stay_finite() -> None:
    """The maximum likelihood slope is infinite; Newton's steps are bounded."""
    found = slope_figure(np.array([0, 0, 1, 1], bool), np.array([0.1, 0.2, 0.8, 0.9]))(np.ones(4))
    assert np.isnan(found) or found > 1


def test_bands_by_hand() -> None:
    """Twenty accounts worth 1 ... 20: ten, six, three and one; two of the smaller half and the largest are lost."""
    revenue = np.arange(1.0, 21.0)
    churned = np.isin(revenue, [3, 7, 20])
    found = reliability(dataset(churned, revenue), np.full(20, 0.25), SETTINGS)
    assert [band.name for band in found.bands] == [*BANDS, "all"]
    assert [band.rows for band in found.bands] == [10, 6, 3, 1, 20]
    assert [band.churned for band in found.bands] == [2, 0, 0, 1, 3]
    assert [band.realised_loss for band in found.bands] == [10, 0, 0, 20, 30]
    assert [band.predicted_loss for band in found.bands] == pytest.approx([55 / 4, 81 / 4, 54 / 4, 5, 210 / 4])
    assert found.bands[0].ratio.value == pytest.approx(55 / 4 / 10)
    assert np.isnan(found.bands[1].ratio.value), "nothing was lost there"
    assert found.as_dict()["bands"][1]["ratio"]["value"] is None


@pytest.mark.parametrize(("predicted", "word"), [(0.1, "too low"), (0.3, None), (0.6, "too high")])
def test_a_level_that_is_off_beyond_chance_is_said(predicted: float, word: str | None) -> None:
    churned = np.arange(600) % 10 < 3
    warning = reliability(dataset(churned, np.full(600, 5.0)), np.full(600, predicted), SETTINGS).warning()
    if word is None:
        assert warning is None
    else:
        assert warning is not None and word in warning and f"{predicted:.1%} predicted to churn and 30.0%" in warning


def test_bands_are_cut_at_each_date() -> None:
    from datetime import date

    days = [date(2024, 1, 1)] * 20 + [date(2024, 7, 1)] * 20
    revenue = np.concatenate([np.arange(1.0, 21.0), np.arange(1.0, 21.0) * 1000])
    found = reliability(
        dataset([1, 0] * 20, revenue, [f"a{i}" for i in range(20)] * 2, days), np.full(40, 0.5), SETTINGS
    )
    assert [band.rows for band in found.bands] == [20, 12, 6, 2, 40]


def test_a_band_without_accounts_is_null_not_nan() -> None:
    """The largest 5 % of nine accounts are none."""
    found = reliability(dataset([1, 0, 0] * 3, np.arange(1.0, 10.0)), np.linspace(0.1, 0.9, 9), SETTINGS)
    last = found.as_dict()["bands"][3]
    assert (last["rows"], last["predicted_rate"], last["churn_rate"], last["ratio"]["value"]) == (0, None, None, None)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))
