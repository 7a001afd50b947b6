"""The verdict on the hazard: as good at the rule's horizon or not, and the figures where the outcome is known."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest
from support.handmade import dataset

from training.judge.horizons import HAZARD, SHOWN, SINGLE, AtHorizon, HazardVerdict, brier_figure, judge_hazard
from training.models.landmarks import Landmarks
from training.models.survival import risk_within
from training.worth.bootstrap import Interval

AS_OF = date(2024, 1, 1)
ROWS = 400


def later(known: int = 200, seed: int = 0) -> tuple[Landmarks, np.ndarray]:
    """Return rows whose churns are known for so many days, and the monthly hazards that they were drawn from."""
    rng = np.random.default_rng(seed)
    monthly = np.repeat(rng.beta(0.5, 8, (ROWS, 1)), 12, axis=1)
    days = np.floor(rng.exponential(1, ROWS) * -30 / np.log1p(-monthly[:, 0]))
    end = AS_OF + timedelta(days=known)
    matrix = dataset([0] * ROWS, as_of=[AS_OF] * ROWS).matrix
    return Landmarks(matrix, np.where(days < known, days, np.nan), end, 0), monthly


def verdict(monthly: np.ndarray, single: np.ndarray, known: int = 200, horizon_days: int = 180) -> HazardVerdict:
    return judge_hazard(later(known)[0], monthly, single, horizon_days, bootstraps=40, seed=0)


def at(value: float, low: float, single: float) -> bool:
    """Return the decision on a difference with that lower end against a model of that ROC AUC."""
    point = Interval(0.0, 0.0, 0.0)
    aucs = {HAZARD: point, SHOWN: point, SINGLE: Interval(single, 0, 1), "difference": Interval(value, low, 1.0)}
    return AtHorizon(180, 10, 5, 0.5, 0.5, aucs, {}).as_good


@pytest.mark.parametrize(
    ("value", "low", "single", "as_good"),
    [
        (0.001, -0.009, 0.7, True),
        (0.001, -0.011, 0.7, False),
        (0.0, 0.0, 0.7, True),
        (-0.001, -0.002, 0.7, False),
        (0.001, -0.004, 0.5, False),
        (0.001, -0.004, 0.45, False),
        (float("nan"), float("nan"), 0.7, False),
    ],
)
def test_as_good_is_no_lower_and_surely_keeps_nearly_all_of_the_gain(
    value: float, low: float, single: float, as_good: bool
) -> None:
    assert at(value, low, single) is as_good


def test_the_truth_is_as_good_as_noise_but_noise_not_as_the_truth() -> None:
    _, monthly = later()
    noise = np.random.default_rng(1).permutation(monthly)
    truth = risk_within(monthly, 180)
    assert verdict(monthly, risk_within(noise, 180)).as_good
    assert not verdict(noise, truth).as_good
    same = verdict(monthly, truth)
    assert same.as_good
    assert same.horizons[-1].roc_auc["difference"] == Interval(0.0, 0.0, 0.0)


def test_only_horizons_whose_outcome_is_known_are_judged() -> None:
    _, monthly = later()
    single = risk_within(monthly, 180)
    assert [one.days for one in verdict(monthly, single, known=200).horizons] == [90, 180]
    assert [one.days for one in verdict(monthly, single, known=400).horizons] == [90, 180, 365]
    assert [one.days for one in verdict(monthly, single, known=200, horizon_days=120).horizons] == [90, 120, 180]
    unknown = verdict(monthly, single, known=150)
    assert [one.days for one in unknown.horizons] == [90]
    assert not unknown.as_good


def test_what_is_shown_is_the_single_horizon_probability_at_its_horizon() -> None:
    data, monthly = later(400)
    single = np.sqrt(risk_within(monthly, 180))
    found = {one.days: one for one in verdict(monthly, single, known=400).horizons}
    assert found[180].mean_risk == pytest.approx(single.mean())
    assert found[180].roc_auc[SHOWN] == found[180].roc_auc[SINGLE]
    assert found[90].mean_risk < single.mean() < found[365].mean_risk
    assert found[180].brier[HAZARD].value < found[180].brier[SHOWN].value
    assert found[180].churned == (data.days < 180).sum()


def test_the_brier_score_is_the_mean_squared_error_by_date() -> None:
    data = dataset([1, 0, 1, 0], as_of=[AS_OF] * 2 + [AS_OF + timedelta(days=1)] * 2)
    figure = brier_figure(data, np.array([0.5, 0.5, 1.0, 1.0]))
    assert figure(np.ones(4)) == pytest.approx((0.25 + 0.5) / 2)
    assert figure(np.array([1.0, 1, 1, 0])) == pytest.approx((0.25 + 0) / 2)


def test_it_is_written_as_plain_values() -> None:
    _, monthly = later()
    plain = json.loads(json.dumps(verdict(monthly, risk_within(monthly, 180)).as_dict()))
    assert plain["as_good"] is True
    assert plain["horizons"][0]["roc_auc"]["difference"].keys() == {"value", "low", "high"}
