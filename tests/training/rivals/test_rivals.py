"""What the model must beat: rules by hand, learners that never see what judges them, economics that arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from support.handmade import dataset
from support.one_action import one_action

import training.rivals as rivals
from features.signal import all_signals
from features.tables import OPTIONAL_HISTORY, Tables
from training.contacting import Economics
from training.models.calibration import fit_platt
from training.rivals import ALL, CHEAP, LOGISTIC, RECENCY, REVENUE, Rival, at_equal_size
from training.rivals import boosted as boosted_rivals
from training.rivals.boosted import FOLDS, ONE_SLICE, PLAIN, account_folds, boosted, latest_slice
from training.rivals.cost_sensitive import B2BOOST, CSBOOST, REWEIGHING
from training.rivals.health_score import HEALTH, SCORECARD, health
from training.rivals.rules import LAST_SCORE, SILENCE
from training.settings import TrainingSettings
from training.slices.dataset import Dataset, build_dataset

DATES = [date(2023, 9, 1), date(2024, 3, 1), date(2024, 9, 1), date(2025, 3, 1)]
RULES = {
    LAST_SCORE: ("nps_last", -1),
    SILENCE: ("invitations_unanswered_in_a_row", +1),
    RECENCY: ("invoice_recency_days", +1),
}
LEARNERS = (LOGISTIC, PLAIN, ONE_SLICE, B2BOOST, CSBOOST, REWEIGHING)


def named(rival: Rival) -> str:
    return rival.name


def knowing(data: Dataset, **signals: list[float]) -> Dataset:
    """Return a dataset with some signals filled in."""
    return replace(data, matrix=replace(data.matrix, signals=data.matrix.signals.assign(**signals)))


@pytest.fixture(scope="module")
def settings(quick_settings: TrainingSettings) -> TrainingSettings:
    return replace(quick_settings, fit=replace(quick_settings.fit, max_rounds=24))


@pytest.fixture(scope="module")
def slices(book: Tables, settings: TrainingSettings) -> Dataset:
    return build_dataset(book, DATES, settings.rule)


@pytest.fixture(scope="module")
def learnt(slices: Dataset) -> Dataset:
    return slices.on(DATES[:3])


@pytest.fixture(scope="module")
def test_rows(slices: Dataset) -> Dataset:
    return slices.on(DATES[3:])


def test_names_are_unique_and_every_one_is_described() -> None:
    names = [rival.name for rival in ALL]
    assert len(set(names)) == len(names)
    assert rivals.__doc__ is not None
    assert [name for name in names if f"| {name} |" not in rivals.__doc__] == []
    assert ALL[: len(CHEAP)] == CHEAP


def test_the_grade_compares_with_four_naive_rules() -> None:
    naive = {"last score alone", "silence alone", "recency alone", "revenue alone"}
    assert {rival.name for rival in ALL if rival.naive} == naive


@pytest.mark.parametrize("rival", RULES, ids=named)
def test_a_rule_is_the_sigmoid_of_its_reading(rival: Rival, settings: TrainingSettings) -> None:
    name, riskier = RULES[rival]
    data = knowing(dataset([1, 0, 1, 0, 0]), **{name: [9.0, 1.0, 3.0, 5.0, 0.0]})
    reading = riskier * np.log1p([9.0, 1.0, 3.0, 5.0, 0.0])
    expected = fit_platt(reading, data.churned)(reading)
    assert rival.fit(data, settings)(data.matrix) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rival", RULES, ids=named)
def test_an_unknown_reading_counts_as_the_median(rival: Rival, settings: TrainingSettings) -> None:
    name, riskier = RULES[rival]
    risky, safe = (9.0, 1.0) if riskier > 0 else (1.0, 9.0)
    data = knowing(dataset([1, 1, 0, 0, 0, 1]), **{name: [risky, risky, safe, safe, 4.0, np.nan]})
    found = rival.fit(data, settings)(data.matrix)
    assert found[0] > found[4] > found[2]
    assert found[5] == found[4]


def test_small_accounts_are_riskier_to_the_revenue_rule(settings: TrainingSettings) -> None:
    data = dataset([1, 0, 0, 1], revenue=[10.0, 5000.0, 800.0, -20.0])
    found = REVENUE.fit(data, settings)(data.matrix)
    assert list(np.argsort(-found)) == [3, 0, 2, 1]


@pytest.mark.parametrize("rival", [*RULES, REVENUE, HEALTH], ids=named)
def test_where_nothing_is_known_all_are_alike(rival: Rival, settings: TrainingSettings) -> None:
    """By hand, from Platt's smoothed targets: (1 x 2/3 + 3 x 1/5) / 4."""
    data = dataset([1, 0, 0, 0])
    assert rival.fit(data, settings)(data.matrix) == pytest.approx(19 / 60, abs=1e-4)


def test_the_health_score_by_hand() -> None:
    """Usage (0 + 1/2) / 2, NPS 8/10 (no trend), support (0 + 1) / 2, engagement unknown; then one beyond the bounds."""
    data = knowing(
        dataset([0, 0, 0]),
        revenue_trend_180d=[-1 / 3, 1.0, np.nan],
        invoice_recency_days=[90.0, 0.0, np.nan],
        nps_last=[8.0, 10.0, np.nan],
        tickets_severe_365d=[3.0, 0.0, np.nan],
        tickets_open=[0.0, 0.0, np.nan],
        contacts_active=[np.nan, 7.0, np.nan],
        response_rate_180d=[np.nan, 0.9, np.nan],
    )
    by_hand = (0.35 * 0.25 + 0.25 * 0.8 + 0.20 * 0.5) / 0.80
    assert health(data.matrix) == pytest.approx([by_hand, 1.0, np.nan], nan_ok=True)


def test_the_scorecard_is_sound() -> None:
    known = {item.name: item for item in all_signals()}
    assert sum(group.weight for group in SCORECARD) == pytest.approx(1)
    for measure in (measure for group in SCORECARD for measure in group.measures):
        assert known[measure.signal].riskier == ("rising" if measure.worst > measure.best else "falling")


@pytest.mark.parametrize("rival", ALL, ids=named)
def test_a_rival_gives_probabilities_of_rows_it_has_not_seen(
    rival: Rival, learnt: Dataset, test_rows: Dataset, settings: TrainingSettings
) -> None:
    score = rival.fit(learnt, settings)
    found = score(test_rows.matrix)
    assert found.shape == (len(test_rows),)
    assert ((found > 0) & (found < 1)).all()
    assert found.std() > 0
    alone = score(test_rows.matrix.take(np.arange(5)))
    assert alone == pytest.approx(found[:5], rel=1e-9), "a row's score depends on no other row"
    assert (rival.fit(learnt, settings)(test_rows.matrix) == found).all(), "the same seed gives the same rival"


@pytest.mark.parametrize("rival", ALL, ids=named)
def test_probabilities_are_calibrated_on_average(rival: Rival, learnt: Dataset, settings: TrainingSettings) -> None:
    """Within 15 %, and where there is one slice with a handful of leavers, within what chance makes of so few."""
    part = latest_slice(learnt) if rival is ONE_SLICE else learnt
    rate = part.churned.mean()
    chance = 2 * np.sqrt(rate * (1 - rate) / len(part)) if rival is ONE_SLICE else 0.0
    assert rival.fit(learnt, settings)(part.matrix).mean() == pytest.approx(rate, abs=max(0.15 * rate, chance))


@pytest.mark.parametrize("rival", ALL, ids=named)
@pytest.mark.parametrize("missing", [("surveys",), ("invoices",), OPTIONAL_HISTORY], ids=["surveys", "invoices", "all"])
def test_a_missing_table_breaks_no_rival(
    rival: Rival, missing: tuple[str, ...], learnt: Dataset, test_rows: Dataset, settings: TrainingSettings
) -> None:
    """Missing in training and in what is scored, and missing only in what is scored."""
    without = [replace(data, matrix=data.matrix.without_tables([missing] * len(data))) for data in (learnt, test_rows)]
    for seen in (without[0], learnt):
        found = rival.fit(seen, settings)(without[1].matrix)
        assert ((found > 0) & (found < 1)).all()


def test_rules_without_their_table_rank_everybody_alike(learnt: Dataset, settings: TrainingSettings) -> None:
    without = replace(learnt, matrix=learnt.matrix.without_tables([("surveys", "invoices")] * len(learnt)))
    for rival in RULES:
        found = rival.fit(without, settings)(without.matrix)
        assert len(np.unique(found)) == 1
        assert found[0] == pytest.approx(learnt.churned.mean(), rel=0.05)


def test_trees_never_see_the_accounts_that_calibrate_them(learnt: Dataset, settings: TrainingSettings) -> None:
    seen: list[set[str]] = []

    def grow(rows: np.ndarray, data: Dataset, settings: TrainingSettings, rounds: int) -> lightgbm.Booster:
        seen.append(set(data.accounts))
        return lightgbm.train(settings.fit.parameters(0), lightgbm.Dataset(rows, data.churned), rounds)

    boosted("a spy", grow).fit(learnt, settings)
    everybody = set(learnt.accounts)
    *folds, last = seen
    assert len(folds) == FOLDS
    assert last == everybody
    held_out = [everybody - fold for fold in folds]
    assert sum(len(part) for part in held_out) == len(everybody) == len(set().union(*held_out))


def test_what_cannot_be_learnt_is_not_claimed(learnt: Dataset, settings: TrainingSettings) -> None:
    """Trees learn drawn labels by heart; calibrated on rows that they had learnt, they would be sure of themselves."""
    codes, accounts = pd.factorize(learnt.accounts)
    drawn = np.random.default_rng(5).random(len(accounts)) < 0.2
    noise = replace(learnt, churned=drawn[codes])
    deep = replace(settings, fit=replace(settings.fit, num_leaves=31, min_data_in_leaf=5, lambda_l2=0.0))
    found = PLAIN.fit(noise, deep)(noise.matrix)
    assert found[noise.churned].mean() - found[~noise.churned].mean() < 0.1


def test_one_slice_learns_from_the_latest_alone(learnt: Dataset, settings: TrainingSettings) -> None:
    before = learnt.as_of < learnt.as_of.max()
    flipped = replace(learnt, churned=np.where(before, ~learnt.churned, learnt.churned))
    found, again = (ONE_SLICE.fit(data, settings)(learnt.matrix) for data in (learnt, flipped))
    assert (found == again).all()
    assert (found == PLAIN.fit(latest_slice(learnt), settings)(learnt.matrix)).all()
    assert (found != PLAIN.fit(learnt, settings)(learnt.matrix)).any()


@pytest.mark.parametrize(
    "changed", [{"success_rate": 0.6}, {"incentive_share": 0.15}, {"contact_cost": 2000.0}], ids=str
)
@pytest.mark.parametrize("rival", LEARNERS, ids=named)
def test_the_economics_reach_those_who_learn_from_them(
    rival: Rival, changed: dict[str, float], learnt: Dataset, settings: TrainingSettings
) -> None:
    other = replace(settings, economics=one_action(**changed))
    plain = replace(settings, economics=one_action())
    found, again = (rival.fit(learnt, one)(learnt.matrix) for one in (plain, other))
    assert (found != again).any() == (rival in (B2BOOST, CSBOOST))


def test_what_the_learners_are_told_by_hand(
    learnt: Dataset, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account worth 1000, with g = .5, d = .1, f = 20: a leaver called brings 430, a stayer costs 120."""
    from empulse import models

    class Told(Exception):
        pass

    def told(rival: Rival, learner: type) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def fit(self: Any, rows: np.ndarray, churned: np.ndarray, **told: Any) -> None:
            found.update(vars(self), **told, churned=churned)
            raise Told

        monkeypatch.setattr(learner, "fit", fit)
        with pytest.raises(Told):
            rival.fit(worth, replace(settings, economics=one_action(0.5, 0.1, 20.0)))
        return found

    facts = learnt.matrix.facts.assign(revenue_365d=1000.0, contract_value=0.0)
    facts.loc[::5, "revenue_365d"] = 10.0
    worth = replace(learnt, matrix=replace(learnt.matrix, facts=facts))
    large = told(CSBOOST, models.CSBoostClassifier)
    assert sorted(np.unique(large["tp_benefit"])) == [0.0, 430.0], "a small account isn't worth the call"
    assert sorted(np.unique(large["tn_benefit"])) == [21.0, 120.0]
    b2boost = told(B2BOOST, models.B2BoostClassifier)
    assert [b2boost[name] for name in ("accept_rate", "incentive_fraction", "contact_cost")] == [0.5, 0.1, 20.0]
    assert sorted(np.unique(b2boost["clv"])) == [10.0, 1000.0]
    facts["revenue_365d"] = np.where(np.arange(len(facts)) % 10 == 0, 5000.0, facts["revenue_365d"])
    sensitive = told(REWEIGHING, models.BiasReweighingClassifier)["sensitive_feature"]
    assert sensitive.sum() == pytest.approx(len(sensitive) / 10, rel=0.2), "only those above the 80th percentile"


@pytest.mark.parametrize(
    "economics", [one_action(0.0), one_action(1.0), one_action(0.3, 0.0, 0.0), one_action(0.3, 1.0)]
)
@pytest.mark.parametrize("rival", [B2BOOST, CSBOOST], ids=named)
def test_the_ends_of_the_economics_break_no_rival(
    rival: Rival, economics: Economics, learnt: Dataset, settings: TrainingSettings
) -> None:
    found = rival.fit(learnt, replace(settings, economics=economics))(learnt.matrix)
    assert ((found > 0) & (found < 1)).all()


def test_under_its_default_loss_csboost_is_b2boost(learnt: Dataset) -> None:
    """Why another loss is taken for it: these economics as costs, and the same trees come out."""
    from empulse.models import B2BoostClassifier, CSBoostClassifier

    value = learnt.matrix.value
    rows = np.nan_to_num(learnt.matrix.signals[["nps_last", "revenue_180d"]].to_numpy(float), nan=-1)
    base = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=0, verbosity=-1)
    labels = learnt.churned.astype(int)
    costs = {"tp_cost": 15 - 0.3 * 0.95 * value, "fp_cost": 0.05 * value + 15, "fn_cost": 0.0, "tn_cost": 0.0}
    ours = CSBoostClassifier(base).fit(rows, labels, **costs)
    theirs = B2BoostClassifier(base, accept_rate=0.3, incentive_fraction=0.05, contact_cost=15)
    theirs.fit(rows, labels, clv=value)
    assert ours.predict_proba(rows) == pytest.approx(theirs.predict_proba(rows), abs=1e-9)


@pytest.mark.parametrize("rival", LEARNERS, ids=named)
@pytest.mark.parametrize("churned", [0, 1])
def test_one_outcome_alone_gives_one_probability(rival: Rival, churned: int, settings: TrainingSettings) -> None:
    data = dataset([churned] * 8)
    assert rival.fit(data, settings)(data.matrix) == pytest.approx((8 * churned + 1) / 10)


@pytest.mark.parametrize("rival", [PLAIN, B2BOOST], ids=named)
def test_too_few_leavers_give_the_churn_rate(rival: Rival, learnt: Dataset, settings: TrainingSettings) -> None:
    leavers = pd.unique(learnt.accounts[learnt.churned])
    few = learnt.take(~np.isin(learnt.accounts, leavers[2 * FOLDS - 1 :]))
    found = rival.fit(few, settings)(few.matrix)
    assert found == pytest.approx((few.churned.sum() + 1) / (len(few) + 2))


def test_folds_keep_accounts_whole_and_both_outcomes(learnt: Dataset) -> None:
    folds = account_folds(learnt, seed=0)
    assert folds is not None
    assert (pd.Series(folds).groupby(learnt.accounts).nunique() == 1).all()
    assert set(folds) == set(range(FOLDS))
    leavers = [len(set(learnt.accounts[learnt.churned & (folds == fold)])) for fold in range(FOLDS)]
    assert max(leavers) - min(leavers) <= 1
    other = account_folds(learnt, seed=1)
    assert other is not None
    assert (folds != other).any()


def test_of_many_rows_whole_accounts_are_drawn(learnt: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted_rivals, "MOST_FOLDED_ROWS", len(learnt) // 2)
    folds = account_folds(learnt, seed=0)
    assert folds is not None
    assert (folds >= 0).mean() == pytest.approx(0.5, abs=0.05)
    assert (pd.Series(folds).groupby(learnt.accounts).nunique() == 1).all()


def test_equal_size_is_that_of_the_latest_slice(learnt: Dataset) -> None:
    found = at_equal_size(learnt, seed=0)
    assert len(found) == len(latest_slice(learnt))
    assert len(np.unique(found.as_of)) == 3
    assert not found.matrix.keys.duplicated().any()
    assert found.matrix.keys.equals(at_equal_size(learnt, seed=0).matrix.keys)
    assert not found.matrix.keys.equals(at_equal_size(learnt, seed=1).matrix.keys)
