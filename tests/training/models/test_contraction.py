"""Contraction: what counts as shrinking, in days and money; that it is learnt as a mean of money; and its verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import lightgbm
import numpy as np
import pandas as pd
import pytest
from support.handmade import dataset, tables_of

from features.errors import NotEnoughData
from features.tables import Tables
from training.judge.contraction_verdict import MEAN, MODEL, REPEATED, ContractionVerdict, judge_contraction
from training.models.contraction import Contraction, Shrinkage, expected_contraction, fit_contraction, shrinkage
from training.settings import ChurnRule, FitSettings

AS_OF = date(2024, 6, 1)
SINCE = AS_OF - timedelta(days=800)
RULE = ChurnRule(horizon_days=60, lead_days=10)
SETTINGS = FitSettings(
    learning_rate=0.1, min_data_in_leaf=20, lambda_l2=0.0, feature_fraction_bynode=1.0, removed_share=0.0
)
Rows = Sequence[tuple[int, float]]


def book(invoiced: Mapping[str, Rows]) -> Tables:
    """Return a book of the accounts named, their invoices as (days from AS_OF, amount)."""
    invoices = [(name, when, amount) for name, rows in invoiced.items() for when, amount in rows]
    return tables_of(
        {
            "accounts": pd.DataFrame({"account_id": list(invoiced), "customer_since": [SINCE] * len(invoiced)}),
            "invoices": pd.DataFrame(
                {
                    "invoice_id": [str(number) for number in range(len(invoices))],
                    "account_id": [name for name, _, _ in invoices],
                    "invoiced_on": [AS_OF + timedelta(days=when) for _, when, _ in invoices],
                    "amount": [amount for _, _, amount in invoices],
                }
            ),
        }
    )


def share_of(
    rows: Rows,
    rule: ChurnRule = RULE,
    revenue: float = 1200.0,
    customer_days: int = 800,
    since: date = SINCE,
    gap_days: float = 30.0,
) -> float | None:
    """Return the share that one account lost, None where it can't be told."""
    data = dataset([0], revenue=[revenue], accounts=["a"], as_of=[AS_OF])
    data.matrix.facts["customer_days"] = float(customer_days)
    data.matrix.signals["invoice_gap_p50_days"] = gap_days
    found = shrinkage(book({"a": rows}), data, rule, since)
    return float(found.share[0]) if len(found) else None


def test_shrinking_is_against_the_same_months_a_year_before() -> None:
    year_before = [(-356, 1000.0), (-355, 60.0), (-296, 40.0), (-295, 1000.0)]
    assert share_of([*year_before, (9, 1000.0), (10, 30.0), (69, 40.0), (70, 1000.0)]) == pytest.approx(0.3)


def test_a_season_is_no_shrinking() -> None:
    """A tenth of the year's pace is invoiced in the window, as in the same months of the year before."""
    assert share_of([(-340, 20.0), (20, 20.0)], revenue=1200.0) == 0.0


def test_growth_is_no_negative_shrinking_and_a_credit_takes_no_more_than_all() -> None:
    assert share_of([(-340, 100.0), (20, 500.0)]) == 0.0
    assert share_of([(-340, 100.0), (20, 50.0), (21, -80.0)]) == 1.0


@pytest.mark.parametrize(
    ("customer_days", "recorded_days", "covered"),
    [(365, 800, 365), (200, 800, 200), (800, 200, 200), (120, 150, 120)],
)
def test_where_the_year_before_is_not_known_it_is_the_pace(
    customer_days: int, recorded_days: int, covered: int
) -> None:
    pace = 1200.0 / covered * 60
    found = share_of(
        [(20, pace / 4)], customer_days=customer_days, since=AS_OF - timedelta(days=recorded_days), revenue=1200.0
    )
    assert found == pytest.approx(0.75)


def test_a_pace_of_a_few_weeks_tells_nothing() -> None:
    assert share_of([(20, 1.0)], customer_days=90) is not None
    assert share_of([(20, 1.0)], customer_days=89) is None


def test_an_account_without_revenue_has_none_to_lose() -> None:
    assert share_of([(-340, 100.0), (20, 1.0)], revenue=0.0) is None
    assert share_of([(-340, 100.0), (20, 1.0)], revenue=-5.0) is None


def test_a_window_that_outlasts_the_year_is_judged_by_pace() -> None:
    """The same months a year before would overlap the window."""
    rule = ChurnRule(horizon_days=360, lead_days=10)
    assert share_of([(-340, 5000.0), (20, 300.0)], rule, revenue=365.0) == pytest.approx(1 - 300 / 360)


def test_a_year_recorded_but_empty_in_those_months_is_judged_by_pace() -> None:
    assert share_of([(-100, 365.0), (20, 30.0)], revenue=365.0) == pytest.approx(0.5)


@pytest.mark.parametrize("gap_days", [46.0, 365.0, float("nan")])
def test_a_window_shorter_than_the_rhythm_tells_nothing(gap_days: float) -> None:
    """Billed yearly and not due, or billed once so far: nothing is invoiced, and nothing has shrunk."""
    assert share_of([(-100, 1200.0)], gap_days=gap_days) is None
    assert share_of([(-100, 1200.0)], gap_days=45.0) == 1.0


def test_expected_contraction_is_what_stays_times_what_it_cuts() -> None:
    found = expected_contraction(np.array([0.0, 0.5, 1.0, 0.5]), np.full(4, 0.2), np.array([100.0, 100, 100, -100]))
    assert found.tolist() == [20.0, 10.0, 0.0, 0.0]


def shrinking(rows: int, seed: int, noise: float = 0.05) -> Shrinkage:
    """Return accounts of unlike revenue that lose most of it where the trend points down, a little where it doesn't."""
    rng = np.random.default_rng(seed)
    data = dataset(rng.random(rows) < 0.1, revenue=rng.lognormal(9, 1, rows))
    trend = rng.uniform(-1, 1, rows)
    data.matrix.signals["revenue_trend_180d"] = trend
    data.matrix.signals["revenue_yoy_365d"] = np.where(rng.random(rows) < 0.5, np.nan, rng.uniform(-0.5, 0.5, rows))
    share = np.clip(np.where(trend < 0, 0.6, 0.1) + rng.normal(0, noise, rows), 0, 1)
    return Shrinkage(data, np.where(data.churned, 1.0, share))


@pytest.fixture(scope="module")
def learnt() -> Shrinkage:
    return shrinking(3000, seed=0)


@pytest.fixture(scope="module")
def fitted(learnt: Shrinkage) -> Contraction:
    return fit_contraction(learnt, SETTINGS, seed=0, rounds=60)


def verdict(fitted: Contraction, learnt: Shrinkage, test: Shrinkage) -> ContractionVerdict:
    return judge_contraction(fitted, learnt, test, np.full(len(test), 0.1), bootstraps=50, seed=0)


def test_shares_are_learnt_from_accounts_that_stayed(fitted: Contraction) -> None:
    """Those that churned lost all in this book; had they been learnt from, every share would be too high."""
    matrix = shrinking(2000, seed=1).data.matrix
    found = fitted.share(matrix)
    falling = (matrix.signals["revenue_trend_180d"] < 0).to_numpy()
    assert found[falling].mean() == pytest.approx(0.6, abs=0.02)
    assert found[~falling].mean() == pytest.approx(0.1, abs=0.02)


def test_a_share_is_a_mean_by_revenue() -> None:
    """Nothing tells these accounts apart, and the larger ones shrink less."""
    revenue = np.tile([1000.0, 3000.0], 400)
    data = Shrinkage(dataset([0] * 800, revenue=revenue), np.tile([0.8, 0.2], 400))
    found = fit_contraction(data, SETTINGS, seed=0, rounds=60).share(data.data.matrix)
    assert found == pytest.approx(np.full(800, (0.8 + 3 * 0.2) / 4), abs=0.01)


def test_no_giant_owns_the_fit() -> None:
    revenue = np.where(np.arange(100) == 0, 1e9, 100.0)
    data = Shrinkage(dataset([0] * 100, revenue=revenue), np.where(np.arange(100) == 0, 1.0, 0.2))
    found = fit_contraction(data, SETTINGS, seed=0, rounds=20).share(data.data.matrix)
    assert found.max() < 0.3


def test_shares_lie_between_none_and_all(fitted: Contraction) -> None:
    class Wild(lightgbm.Booster):
        def predict(self, rows: np.ndarray) -> np.ndarray:
            return np.linspace(-1, 2, len(rows))

    wild = Wild(model_str=fitted.booster.model_to_string())
    found = replace(fitted, booster=wild).share(dataset([0] * 5).matrix)
    assert found.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_stored_as_text_it_gives_the_same(fitted: Contraction, learnt: Shrinkage) -> None:
    stored = Contraction(lightgbm.Booster(model_str=fitted.booster.model_to_string()), fitted.encoder)
    matrix = learnt.data.matrix
    assert (stored.share(matrix) == fitted.share(matrix)).all()


def test_the_same_data_and_seed_give_the_same_text(fitted: Contraction, learnt: Shrinkage) -> None:
    again = fit_contraction(learnt, SETTINGS, seed=0, rounds=60, encoder=fitted.encoder)
    assert again.booster.model_to_string() == fitted.booster.model_to_string()
    assert again.encoder is fitted.encoder


def test_a_handful_of_accounts_is_too_few() -> None:
    few = Shrinkage(dataset([0] * 49 + [1] * 49), np.full(98, 0.5))
    with pytest.raises(NotEnoughData, match="49 accounts stayed and had revenue: at least 50"):
        fit_contraction(few, SETTINGS, seed=0, rounds=5)


def test_a_model_that_knows_earns_its_place(fitted: Contraction, learnt: Shrinkage) -> None:
    test = shrinking(1500, seed=2)
    found = verdict(fitted, learnt, test)
    assert found.earns_its_place
    assert list(found.judged) == [MODEL, MEAN, REPEATED]
    ours = found.judged[MODEL]
    assert ours.gain is None
    assert ours.rank_correlation.value > 0.7
    assert ours.ratio.low < 1 < ours.ratio.high
    assert np.isnan(found.judged[MEAN].rank_correlation.value), "one share for all ranks nobody"
    assert found.lost == pytest.approx((test.share * test.data.revenue)[~test.data.churned].sum())
    assert ours.expected == pytest.approx((0.9 * fitted.share(test.data.matrix) * test.data.revenue).sum())


def test_a_model_of_noise_does_not() -> None:
    rng = np.random.default_rng(0)
    noise = [Shrinkage(one.data, rng.permutation(one.share)) for one in (shrinking(800, 3), shrinking(800, 4))]
    model = fit_contraction(noise[0], replace(SETTINGS, num_leaves=30), seed=0, rounds=60)
    assert not verdict(model, *noise).earns_its_place


def test_rivals_say_the_mean_and_last_year_again(fitted: Contraction) -> None:
    """Worked by hand: the mean share by revenue is .25; a year from 200 to 150 is c = -1/7, a share of .25."""
    learnt = Shrinkage(dataset([0, 0, 1], revenue=[100, 300, 500]), np.array([1.0, 0.0, 1.0]))
    data = dataset([0] * 4, revenue=[100.0] * 4)
    data.matrix.signals["revenue_yoy_365d"] = [-1 / 7, 0.3, np.nan, -1.0]
    found = judge_contraction(fitted, learnt, Shrinkage(data, np.array([0.25, 0, 0.25, 0.5])), np.zeros(4), 5, 0)
    assert found.judged[MEAN].expected == pytest.approx(100.0)
    assert found.judged[REPEATED].expected == pytest.approx(100 * (0.25 + 0 + 0.25 + 1))
    assert found.judged[REPEATED].squared_error.value == pytest.approx(0.5**2 / 4)
    assert found.judged[REPEATED].absolute_error.value == pytest.approx(0.5 / 4)
    assert found.judged[MEAN].ratio.value == pytest.approx(1.0)
    assert (found.revenue, found.lost, found.rows, found.accounts) == (400, pytest.approx(100), 4, 4)


def test_where_nothing_shrank_there_is_nothing_to_judge(fitted: Contraction, learnt: Shrinkage) -> None:
    with pytest.raises(NotEnoughData, match="none of 3 rows shrank"):
        verdict(fitted, learnt, Shrinkage(dataset([0, 0, 1]), np.array([0.0, 0.0, 1.0])))


def test_the_verdict_is_written_as_plain_values(fitted: Contraction, learnt: Shrinkage) -> None:
    plain = json.loads(json.dumps(verdict(fitted, learnt, shrinking(300, seed=5)).as_dict(), allow_nan=False))
    assert plain["earns_its_place"] is True
    assert plain["judged"][MEAN]["rank_correlation"]["value"] is None
