"""Metrics: golden values worked by hand, weights against scikit-learn, intervals by account."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from support.handmade import dataset

from features.errors import NotEnoughData
from training.contacting import Economics
from training.slices.dataset import Dataset
from training.worth.bootstrap import difference, drawn, interval_of, intervals, whole
from training.worth.evaluation import (
    auc_figure,
    calibration_error,
    captured,
    captured_figure,
    cutoff_figure,
    judge,
    lift,
    profit_figure,
)

FIRST, SECOND = date(2024, 1, 1), date(2024, 7, 1)


def ones(n: int) -> np.ndarray:
    return np.ones(n)


@pytest.mark.parametrize(
    ("scores", "churned", "auc"),
    [
        ([0.9, 0.8, 0.4, 0.3], [1, 0, 1, 0], 3 / 4),
        ([0.9, 0.8, 0.4, 0.3], [0, 0, 1, 1], 0),
        ([0.5, 0.5, 0.5, 0.5], [1, 0, 1, 0], 1 / 2),
        ([0.9, 0.4, 0.4, 0.4], [1, 1, 0, 0], 3 / 4),
    ],
)
def test_auc_by_hand(scores: list[float], churned: list[int], auc: float) -> None:
    data = dataset(churned)
    assert judge(data, np.array(scores)).roc_auc == pytest.approx(auc)
    assert auc_figure(data, np.array(scores))(ones(4)) == pytest.approx(auc)


def top_heavy() -> tuple[Dataset, np.ndarray]:
    """15 accounts, so that the top 10 % are the first and half of the second; 400 are lost: 100, 200 and 100."""
    churned = [1, 1] + [0] * 12 + [1]
    revenue = [100.0, 200.0, *[50.0] * 12, 100.0]
    return dataset(churned, revenue), np.linspace(0.9, 0.1, 15)


def test_captured_and_lift_by_hand_with_a_row_on_the_edge() -> None:
    data, score = top_heavy()
    churned = data.churned.astype(float)
    assert captured(churned, data.revenue, score, ones(15)) == pytest.approx((100 + 200 / 2) / 400)
    assert lift(churned, score, ones(15)) == pytest.approx((1 + 0.5) / 3 / 0.10)
    assert captured_figure(data, score)(ones(15)) == pytest.approx(0.5)


def test_captured_ranks_by_revenue_at_risk() -> None:
    """Probability x revenue puts the second account (.84 x 200) before the first (.9 x 100)."""
    data, score = top_heavy()
    assert judge(data, score).captured_10 == pytest.approx((200 + 100 / 2) / 400)


def test_lift_by_revenue_fills_the_top_with_revenue() -> None:
    """Of the 1,000 invoiced 10 % are 100: just the first account, a quarter of the 400 lost."""
    data, score = top_heavy()
    assert judge(data, score).weighted_lift_10 == pytest.approx(100 / 400 / 0.10)


def test_calibration_error_by_hand() -> None:
    """Ten bins of two rows at k/10 + .01 and k/10 + .03, one of the two churned: the gap is |k/10 + .02 - .5|."""
    tenth = np.repeat(np.arange(10) / 10, 2)
    probability = tenth + np.tile([0.01, 0.03], 10)
    churned = np.tile([0.0, 1.0], 10)
    by_hand = (0.48 + 0.38 + 0.28 + 0.18 + 0.08 + 0.02 + 0.12 + 0.22 + 0.32 + 0.42) / 10
    assert calibration_error(churned, probability, ones(20)) == pytest.approx(by_hand)
    assert calibration_error(churned, np.full(20, 0.5), ones(20)) == pytest.approx(0)
    # Counted by a weight that only the first bin has, the error is the first bin's.
    first = np.where(np.arange(20) < 2, 1.0, 0.0)
    assert calibration_error(churned, probability, first) == pytest.approx(0.48)


def test_brier_by_hand() -> None:
    data = dataset([1, 0], revenue=[3.0, 1.0])
    found = judge(data, np.array([0.8, 0.4]))
    assert found.brier == pytest.approx((0.04 + 0.16) / 2)
    assert found.weighted_brier == pytest.approx((3 * 0.04 + 1 * 0.16) / 4)


def test_counts_and_shares() -> None:
    found = judge(dataset([1, 0, 0, 1], revenue=[10.0, 50.0, 10.0, -20.0]), np.array([0.4, 0.3, 0.2, 0.1]))
    assert (found.rows, found.churned, found.churn_rate) == (4, 2, 0.5)
    assert found.lost_revenue_share == pytest.approx(10 / 70), "negative revenue is none"


def test_profit_at_capacity_by_hand() -> None:
    """Of ten accounts one can be called: the second has the highest expected profit, and it left."""
    data = dataset([0, 1] + [0] * 8, [1000.0, 800.0, *[10.0] * 8])
    probability = np.array([0.3, 0.5, *[0.9] * 8])
    expected = (0.3 * 0.95 * 800 - 15) / 10
    assert judge(data, probability).profit_at_capacity == pytest.approx(expected)
    assert profit_figure(data, probability, Economics())(ones(10)) == pytest.approx(expected)
    both = judge(data, probability, Economics(capacity=0.2)).profit_at_capacity
    assert both == pytest.approx(expected + (-0.05 * 1000 - 15) / 10)
    # The first counted nine times over: it fills what capacity there is once the second has been called.
    weight = np.array([9.0, 1.0, *[1.0] * 8])
    assert profit_figure(data, probability, Economics())(weight) == pytest.approx((10 * expected + 0.8 * -65) / 18)


def test_profit_at_a_cutoff_by_hand() -> None:
    """Only the second date has a cutoff; there two are called, of whom one left."""
    data = dataset([1, 0, 1, 0], [100.0, 100.0, 1000.0, 400.0], as_of=[FIRST, FIRST, SECOND, SECOND])
    probability = np.array([0.9, 0.9, 0.2, 0.3])
    figure = cutoff_figure(data, probability, Economics(), {data.as_of[-1]: 1.0})
    assert figure(ones(4)) == pytest.approx((0.285 * 1000 - 15 - 0.05 * 400 - 15) / 2)
    assert np.isnan(cutoff_figure(data, probability, Economics(), {})(ones(4)))


def test_the_largest_loss_is_told() -> None:
    found = judge(dataset([1, 1, 0], [30.0, 10.0, 500.0]), np.array([0.3, 0.2, 0.1]))
    assert found.largest_loss_share == pytest.approx(0.75)


def test_dates_are_judged_one_by_one_and_averaged() -> None:
    """The second date's churn rate and scores are higher; mixed, its stayers would stand above the first's leavers."""
    dates = [FIRST] * 4 + [SECOND] * 4
    data = dataset([1, 0, 0, 0, 1, 1, 1, 0], as_of=dates)
    score = np.array([0.2, 0.1, 0.1, 0.1, 0.9, 0.9, 0.7, 0.8])
    assert judge(data, score).roc_auc == pytest.approx((1 + 2 / 3) / 2)
    assert auc_figure(data, score)(ones(8)) == pytest.approx((1 + 2 / 3) / 2)


def test_a_date_with_one_outcome_is_left_out() -> None:
    data = dataset([1, 0, 0, 0], as_of=[FIRST, FIRST, SECOND, SECOND])
    assert judge(data, np.array([0.9, 0.1, 0.2, 0.3])).roc_auc == 1


@pytest.mark.parametrize("churned", [[0, 0, 0], [1, 1, 1]])
def test_one_outcome_at_every_date_is_nothing_to_judge_by(churned: list[int]) -> None:
    with pytest.raises(NotEnoughData, match=f"{sum(churned)} of 3 accounts churned"):
        judge(dataset(churned), np.array([0.1, 0.2, 0.3]))


def test_without_lost_revenue_what_was_captured_is_null() -> None:
    data = dataset([1, 0, 0, 1], revenue=[0.0, 5.0, 5.0, -1.0])
    found = judge(data, np.array([0.4, 0.3, 0.2, 0.1]))
    plain = found.as_dict()
    unknown = {name for name, value in plain.items() if value is None}
    captured_shares = {"captured_5", "captured_10", "captured_20"}
    assert unknown == {
        *captured_shares,
        "largest_loss_share",
        "weighted_roc_auc",
        "weighted_pr_auc",
        "weighted_lift_10",
    }
    assert found.roc_auc == pytest.approx(0.5)
    made = intervals(data.accounts, {"captured": captured_figure(data, data.revenue)}, bootstraps=5, seed=0)
    assert made["captured"].as_dict() == {"value": None, "low": None, "high": None}


ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3), st.integers(1, 50)), min_size=2, max_size=30
)


@given(rows=ROWS)
def test_weighted_auc_is_that_of_scikit_learn(rows: list[tuple[bool, int, int, int]]) -> None:
    churned, score, weight, revenue = (np.array(column) for column in zip(*rows, strict=True))
    if len(np.unique(churned)) < 2:
        return
    data, score, weight = dataset(churned, revenue=revenue), score.astype(float), weight.astype(float)
    found = auc_figure(data, score)(weight)
    if len(np.unique(churned[weight > 0])) < 2:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(churned, score, sample_weight=weight))
    assert judge(data, score / 4).weighted_roc_auc == pytest.approx(
        roc_auc_score(churned, score, sample_weight=revenue)
    )


@given(rows=ROWS)
def test_a_weight_counts_a_row_as_often(rows: list[tuple[bool, int, int, int]]) -> None:
    """Scores without ties, as the order among equals is open."""
    churned, _, weight, revenue = (np.array(column) for column in zip(*rows, strict=True))
    score = np.arange(len(rows), dtype=float)[::-1]
    repeated = np.repeat(np.arange(len(rows)), weight)
    found = captured(churned.astype(float), revenue, score, weight.astype(float))
    again = captured(churned[repeated].astype(float), revenue[repeated], score[repeated], ones(len(repeated)))
    assert found == pytest.approx(again, nan_ok=True)


def panel(seed: int = 3) -> tuple[Dataset, np.ndarray]:
    """40 accounts at two dates."""
    rng = np.random.default_rng(seed)
    score = rng.random(80)
    churned = rng.random(80) < 0.2 + 0.4 * score
    accounts = [f"a{i % 40:02d}" for i in range(80)]
    data = dataset(churned, rng.lognormal(5, 1, 80), accounts, [FIRST] * 40 + [SECOND] * 40)
    return data, score


def test_accounts_are_drawn_not_rows() -> None:
    data, _ = panel()
    seen: list[np.ndarray] = []

    def spy(weight: np.ndarray) -> np.ndarray:
        seen.extend(np.atleast_2d(weight).copy())
        return np.zeros(weight.shape[:-1])

    intervals(data.accounts, {"spy": spy}, bootstraps=20, seed=0)
    draws = np.array(seen[:-1])
    assert (draws[:, :40] == draws[:, 40:]).all(), "an account's dates stand or fall together"
    assert (draws[:, :40].sum(axis=1) == 40).all()
    assert (draws == 0).any()
    assert (seen[-1] == 1).all(), "the figure itself counts every row once"


def test_rows_said_twice_add_no_certainty() -> None:
    data, score = panel()
    twice = np.concatenate([np.arange(80), np.arange(80)])
    once = intervals(data.accounts, {"auc": auc_figure(data, score)}, 50, seed=1)["auc"]
    doubled = data.take(twice)
    again = intervals(doubled.accounts, {"auc": auc_figure(doubled, score[twice])}, 50, seed=1)["auc"]
    assert (again.value, again.low, again.high) == pytest.approx((once.value, once.low, once.high))
    assert once.low < once.value < once.high


def test_paired_differences_are_drawn_together() -> None:
    data, score = panel()
    ours, theirs = auc_figure(data, score), auc_figure(data, score + 1.0)
    figures = {"difference": lambda weight: ours(weight) - theirs(weight)}
    found = intervals(data.accounts, figures, 20, seed=2)["difference"]
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_what_many_differences_share_is_computed_once() -> None:
    data, score = panel()
    base, calls = auc_figure(data, score), []

    def counted(weight: np.ndarray) -> np.ndarray:
        calls.append(weight.shape)
        return base(weight)

    others = {power: auc_figure(data, np.sin(power * score)) for power in range(5)}
    gaps = {f"gap {power}": difference(counted, other) for power, other in others.items()}
    found = intervals(data.accounts, gaps, 20, seed=3)
    draws = drawn(data.accounts, {"base": base, **others}, 20, seed=3)
    assert [shape for shape in calls if shape == (20, 80)] == [(20, 80)]
    for power in others:
        value = whole(base, 80) - whole(others[power], 80)
        assert found[f"gap {power}"] == interval_of(value, draws["base"] - draws[power])


def test_intervals_are_seeded() -> None:
    data, score = panel()
    figures = {"auc": auc_figure(data, score)}
    assert intervals(data.accounts, figures, 20, seed=5) == intervals(data.accounts, figures, 20, seed=5)
    assert intervals(data.accounts, figures, 20, seed=5) != intervals(data.accounts, figures, 20, seed=6)
