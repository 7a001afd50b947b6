"""The verdict on the hazard's course: as good as none or not, and the figures where the outcome is known."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest
from support.handmade import dataset

from training.judge.horizons import EVEN, HAZARD, SHOWN, SINGLE, AtHorizon, HazardVerdict, brier_figure, judge_hazard
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


def courses(seed: int = 0) -> tuple[Landmarks, np.ndarray]:
    """Return rows with the same risk of half a year, half of which leave in its first month and half in its last."""
    rng = np.random.default_rng(seed)
    monthly = np.full((ROWS, 12), 0.001)
    monthly[np.arange(ROWS), np.where(np.arange(ROWS) % 2, 0, 5)] = 0.5
    left = rng.random((ROWS, 12)) < monthly
    days = np.where(left.any(axis=1), 30.0 * left.argmax(axis=1) + 10, np.nan)
    matrix = dataset([0] * ROWS, as_of=[AS_OF] * ROWS).matrix
    return Landmarks(matrix, days, AS_OF + timedelta(days=200), 0), monthly


def at(value: float, low: float, single: float, worse: float = 0.0) -> bool:
    """Return the decision on a difference with that lower end against a model of that ROC AUC."""
    point = Interval(0.0, 0.0, 0.0)
    aucs = {HAZARD: point, SHOWN: point, SINGLE: Interval(single, 0, 1), "difference": Interval(value, low, 1.0)}
    return AtHorizon(90, 10, 5, 0.5, 0.5, aucs, {"difference": Interval(worse, worse, worse)}).as_good


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


def test_a_course_whose_level_is_surely_worse_than_an_even_one_is_not_as_good() -> None:
    assert at(0.01, 0.0, 0.7, worse=-0.001)
    assert not at(0.01, 0.0, 0.7, worse=0.001)


def test_the_true_course_is_as_good_and_a_wrong_one_is_not() -> None:
    data, monthly = courses()
    single = np.full(ROWS, 0.5)
    truth, wrong, even = (
        judge_hazard(data, course, single, 180, bootstraps=40, seed=0)
        for course in (monthly, np.roll(monthly, 1, axis=0), np.full_like(monthly, 0.1))
    )
    assert truth.as_good and not wrong.as_good
    at_90 = truth.horizons[0]
    assert at_90.roc_auc["difference"].low > 0.2 and at_90.brier["difference"].high < 0
    assert even.as_good, "no course is as good as none"
    assert even.horizons[0].roc_auc["difference"] == even.horizons[0].brier["difference"] == Interval(0.0, 0.0, 0.0)


def test_how_the_hazard_ranks_by_itself_decides_nothing() -> None:
    """At the rule's horizon the risk shown is the single-horizon model's: nobody sees the hazard's own."""
    _, monthly = later()
    noise = np.random.default_rng(1).permutation(monthly)
    found = verdict(noise, risk_within(monthly, 180))
    assert found.horizons[-1].roc_auc[HAZARD].value < found.horizons[-1].roc_auc[SINGLE].value - 0.1
    assert found.as_good and found.horizons[-1].roc_auc["difference"] == Interval(0.0, 0.0, 0.0)


def test_only_horizons_whose_outcome_is_known_are_judged() -> None:
    _, monthly = later()
    single = risk_within(monthly, 180)
    assert [one.days for one in verdict(monthly, single, known=200).horizons] == [90, 180]
    assert [one.days for one in verdict(monthly, single, known=400).horizons] == [90, 180, 365]
    assert [one.days for one in verdict(monthly, single, known=200, horizon_days=120).horizons] == [90, 120, 180]
    unknown = verdict(monthly, single, known=150)
    assert [one.days for one in unknown.horizons] == [90]
    assert unknown.as_good
    alone = verdict(monthly, single, known=100, horizon_days=90)
    assert [one.days for one in alone.horizons] == [90]
    assert not alone.as_good, "at the rule's own horizon there is no course to judge"


def test_what_is_shown_is_the_single_horizon_probability_at_its_horizon() -> None:
    data, monthly = later(400)
    single = np.sqrt(risk_within(monthly, 180))
    found = {one.days: one for one in verdict(monthly, single, known=400).horizons}
    assert found[180].mean_risk == pytest.approx(single.mean())
    assert found[180].roc_auc[SHOWN] == found[180].roc_auc[SINGLE]
    assert found[90].mean_risk < single.mean() < found[365].mean_risk
    assert found[180].brier[HAZARD].value < found[180].brier[SHOWN].value
    assert found[180].brier[EVEN].value == pytest.approx(found[180].brier[SHOWN].value, rel=1e-12)
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
