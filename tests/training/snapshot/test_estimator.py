"""The estimator for a matrix without dates keeps scikit-learn's rules, learns text and nulls, and minds revenue."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils.estimator_checks import check_estimator

from benchmarks.telco import DIRECTIONS, FILE, LEAK, read_telco
from training.models.weights import SCHEMES
from training.settings import FitSettings
from training.snapshot.estimator import RevenueWeightedClassifier

REAL_DATA = os.environ.get("CHURN_RISK_REAL_DATA")
QUICK = FitSettings(max_rounds=32, learning_rate=0.2, num_leaves=4, min_data_in_leaf=20)


@dataclass(frozen=True)
class Snapshot:
    columns: pd.DataFrame
    churned: np.ndarray
    revenue: np.ndarray

    def take(self, rows: slice) -> Snapshot:
        return Snapshot(self.columns.iloc[rows], self.churned[rows], self.revenue[rows])


def quick(**parameters: Any) -> RevenueWeightedClassifier:
    return RevenueWeightedClassifier(**{"settings": QUICK, "folds": 2, "boosters": 2, "weighting": "none"} | parameters)


@pytest.fixture(scope="module")
def accounts() -> Snapshot:
    """Risk falls with the score, is high in one plan, and where the score is null; the large churn by another rule."""
    rng, n = np.random.default_rng(0), 1500
    score = np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 11, n))
    plan = rng.choice(["basic", "pro", "flex"], n)
    usage, revenue = rng.normal(size=n), rng.lognormal(8, 1.2, n)
    large = revenue > np.quantile(revenue, 0.8)
    risk = np.where(np.isnan(score), 1.5, 0.3 * (5 - score)) + 1.5 * (plan == "flex") + np.where(large, 2, -1) * usage
    columns = pd.DataFrame({"score": score, "plan": plan, "usage": usage, "seats": rng.integers(1, 99, n)})
    return Snapshot(columns, rng.random(n) < expit(risk - 1.5), revenue)


@pytest.fixture(scope="module")
def model(accounts: Snapshot) -> RevenueWeightedClassifier:
    return quick().fit(accounts.take(slice(1000)).columns, accounts.churned[:1000])


def test_scikit_learns_own_checks_pass() -> None:
    tiny = FitSettings(max_rounds=16, learning_rate=0.3)
    found = check_estimator(RevenueWeightedClassifier(settings=tiny, folds=2, boosters=1), on_skip=None, on_fail=None)
    assert sum(one["status"] == "passed" for one in found) > 50
    assert [(one["check_name"], one["exception"]) for one in found if one["status"] == "failed"] == []


def test_parameters_survive_a_clone_and_can_be_set() -> None:
    settings = (QUICK, FitSettings())
    made = clone(RevenueWeightedClassifier(settings=settings, directions={"score": -1}))
    assert made.get_params()["settings"] == settings
    assert made.set_params(weighting="revenue", seed=3).get_params() == {
        "settings": settings,
        "weighting": "revenue",
        "economics": None,
        "directions": {"score": -1},
        "boosters": 3,
        "folds": 5,
        "seed": 3,
    }


def test_unseen_accounts_are_ranked_and_their_probabilities_calibrated(
    model: RevenueWeightedClassifier, accounts: Snapshot
) -> None:
    unseen = accounts.take(slice(1000, None))
    probability = model.predict_proba(unseen.columns)
    assert probability.sum(axis=1) == pytest.approx(np.ones(len(unseen.churned)))
    assert roc_auc_score(unseen.churned, probability[:, 1]) > 0.70
    assert probability[:, 1].mean() == pytest.approx(unseen.churned.mean(), abs=0.05)


def test_text_is_split_on_and_a_category_never_met_is_null(
    model: RevenueWeightedClassifier, accounts: Snapshot
) -> None:
    columns = accounts.columns.iloc[:50]
    given = {plan: model.predict_proba(columns.assign(plan=plan))[:, 1] for plan in ("flex", "pro", "never met", None)}
    assert (given["flex"] > given["pro"] + 0.05).all()
    assert np.array_equal(given["never met"], given[None])


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_every_kind_of_text_is_the_same_text(model: RevenueWeightedClassifier, accounts: Snapshot, dtype: str) -> None:
    learnt = accounts.take(slice(1000))
    columns = learnt.columns.assign(plan=learnt.columns["plan"].astype(dtype))
    again = quick().fit(columns, learnt.churned)
    assert np.array_equal(again.predict_proba(columns), model.predict_proba(learnt.columns))


def test_null_is_not_zero(model: RevenueWeightedClassifier, accounts: Snapshot) -> None:
    columns = accounts.columns.iloc[:50]
    null, zero, ten = (model.predict_proba(columns.assign(score=score))[:, 1] for score in (np.nan, 0.0, 10.0))
    assert (null > ten + 0.1).all()
    assert not np.array_equal(null, zero)


def test_directions_hold_everywhere_even_against_the_data(accounts: Snapshot) -> None:
    free, held = (
        quick(directions=directions).fit(accounts.columns, accounts.churned)
        for directions in (None, {"score": -1, "usage": 1})
    )
    row = accounts.columns.iloc[[0] * 60]
    by_usage, by_score = row.assign(usage=np.linspace(-3, 3, 60)), row.assign(score=np.linspace(0, 10, 60))
    assert np.diff(free.predict_proba(by_usage)[:, 1]).min() < -0.01
    assert np.diff(held.predict_proba(by_usage)[:, 1]).min() >= 0
    falling = held.predict_proba(by_score)[:, 1]
    assert np.diff(falling).max() <= 0
    assert falling[-1] < falling[0] - 0.1


def test_revenue_makes_the_large_count_for_more(accounts: Snapshot) -> None:
    learnt, unseen = accounts.take(slice(1000)), accounts.take(slice(1000, None))
    found = {}
    for weighting in ("none", "revenue"):
        made = quick(weighting=weighting).fit(learnt.columns, learnt.churned, learnt.revenue)
        probability = made.predict_proba(unseen.columns)[:, 1]
        found[weighting] = roc_auc_score(unseen.churned, probability, sample_weight=unseen.revenue)
    assert found["revenue"] > found["none"] + 0.02


def test_weighting_is_chosen_among_all_schemes_only_where_there_is_revenue(accounts: Snapshot) -> None:
    data = accounts.take(slice(600))
    with_revenue = quick(weighting="choose").fit(data.columns, data.churned, data.revenue)
    without = quick(weighting="choose").fit(data.columns, data.churned)
    assert list(with_revenue.choice_.schemes) == list(SCHEMES)
    assert with_revenue.choice_.weighting in SCHEMES
    assert without.choice_.weighting == "none"


def test_of_several_settings_the_better_is_taken(accounts: Snapshot) -> None:
    data, worse = accounts.take(slice(600)), replace(QUICK, max_rounds=1, num_leaves=2)
    for settings in ((worse, QUICK), (QUICK, worse)):
        assert quick(settings=settings).fit(data.columns, data.churned).settings_ == QUICK


def test_same_seed_gives_the_same_and_another_seed_another(
    model: RevenueWeightedClassifier, accounts: Snapshot
) -> None:
    learnt = accounts.take(slice(1000))
    same, other = (quick(seed=seed).fit(learnt.columns, learnt.churned) for seed in (0, 1))
    first = model.predict_proba(accounts.columns)
    assert np.array_equal(same.predict_proba(accounts.columns), first)
    assert not np.array_equal(other.predict_proba(accounts.columns), first)


def test_labels_of_any_kind_and_revenue_go_through_cross_validation(accounts: Snapshot) -> None:
    data = accounts.take(slice(600))
    labels = np.where(data.churned, "yes", "no")
    found = cross_val_predict(quick(weighting="revenue"), data.columns, labels, cv=3, params={"revenue": data.revenue})
    assert set(found) == {"yes", "no"}
    assert (found == labels).mean() > max((labels == "no").mean(), 0.6)


REFUSED: dict[str, tuple[dict[str, Any], Callable[[Snapshot], dict[str, Any]], str]] = {
    "no such weighting": ({"weighting": "cubic"}, lambda _: {}, "weighting='cubic'; there are choose, revenue"),
    "no such column": ({"directions": {"nps": 1}}, lambda _: {}, "there is no column 'nps'; there are score, plan"),
    "direction of text": ({"directions": {"plan": 1}}, lambda _: {}, "plan=1; numeric columns take 1, -1 or 0"),
    "direction of 2": ({"directions": {"score": 2}}, lambda _: {}, "score=2; numeric columns"),
    "no boosters": ({"boosters": 0}, lambda _: {}, "boosters=0 must be 1 or more"),
    "one fold": ({"folds": 1}, lambda _: {}, "folds=1 and .* at least 2"),
    "dates": ({}, lambda d: {"X": d.columns.assign(day=pd.Timestamp("2024-01-01"))}, "column day is of type datetime"),
    "infinite": ({}, lambda d: {"X": d.columns.assign(usage=np.inf)}, "column usage has 1500 infinite values"),
    "one leaver": ({}, lambda d: {"y": np.arange(len(d.churned)) == 0}, "1 rows in the rarer class"),
    "three classes": ({}, lambda d: {"y": np.arange(len(d.churned)) % 3}, "y has 3 classes, not 2"),
    "negative revenue": ({}, lambda d: {"revenue": -d.revenue}, "revenue: .* 1500 are negative"),
    "unknown revenue": ({}, lambda d: {"revenue": d.revenue * np.nan}, "Input revenue contains NaN"),
    "too little revenue": ({}, lambda d: {"revenue": d.revenue[:9]}, "inconsistent numbers of samples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_by_name(accounts: Snapshot, case: str) -> None:
    parameters, changed, message = REFUSED[case]
    given = {"X": accounts.columns, "y": accounts.churned, "revenue": accounts.revenue} | changed(accounts)
    with pytest.raises(ValueError, match=message):
        quick(**parameters).fit(**given)


def test_text_where_training_had_numbers_is_refused(model: RevenueWeightedClassifier, accounts: Snapshot) -> None:
    with pytest.raises(ValueError, match="column score was numeric in training"):
        model.predict_proba(accounts.columns.assign(score="ten"))


@pytest.mark.skipif(not REAL_DATA, reason=f"CHURN_RISK_REAL_DATA names no folder with {FILE}")
def test_telco_is_ranked_as_well_as_can_be_believed() -> None:
    data = read_telco(Path(str(REAL_DATA)) / FILE)
    assert (len(data.churned), round(data.churned.mean(), 3)) == (7043, 0.265)
    settings = FitSettings(max_rounds=96, learning_rate=0.1, num_leaves=4, min_data_in_leaf=30)
    estimator = quick(settings=settings, weighting="revenue", directions=DIRECTIONS)
    found = []
    for rows in StratifiedKFold(5, shuffle=True, random_state=0).split(data.columns, data.churned):
        learnt, judged = (data.take(part) for part in rows)
        probability = clone(estimator).fit(learnt.columns, learnt.churned, learnt.revenue).predict_proba(judged.columns)
        found.append(roc_auc_score(judged.churned, probability[:, 1]))
    assert 0.83 < np.mean(found) < LEAK
