"""Rolling origins: nothing known too early, every rival on the same rows, models by age, and what is printed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from support.handmade import dataset

from features.errors import NotEnoughData
from training.judge.ablation import ablate
from training.judge.backtest import MEASURES, Backtest, backtest
from training.judge.origins import contend, known_at, latest_origin, possible_origins, spread_origins
from training.making.pipeline import Trained
from training.models.choice import earlier_cutoffs
from training.models.folds import BY_ACCOUNT, FORWARD
from training.rivals import LOGISTIC, RECENCY
from training.settings import FitSettings, TrainingSettings

RIVALS = (RECENCY, LOGISTIC)


@pytest.fixture(scope="module")
def settings(quick_settings: TrainingSettings) -> TrainingSettings:
    return replace(quick_settings, fit=replace(quick_settings.fit, max_rounds=16), bootstraps=10)


@pytest.fixture(scope="module")
def found(trained: Trained, settings: TrainingSettings) -> Backtest:
    return backtest(trained.data, settings, 6, RIVALS)


@pytest.mark.parametrize("embargo", [0, 45])
def test_an_origin_knows_only_labels_that_had_ended(trained: Trained, settings: TrainingSettings, embargo: int) -> None:
    late = replace(settings, embargo_days=embargo)
    made = spread_origins(trained.data, late, 20)
    assert len(made) >= 6
    for origin in made:
        (day,) = origin.test.dates
        assert max(origin.learnt.dates) + timedelta(days=180 + embargo) <= day
        known = [d for d in trained.data.dates if d + timedelta(days=180 + embargo) <= day]
        assert origin.learnt.dates == known, "and all that was known"
    assert made[-1].test.dates[-1] == trained.data.dates[-1]


def test_origins_are_spread_and_end_with_the_last(trained: Trained, settings: TrainingSettings) -> None:
    every = [origin.test.dates[0] for origin in spread_origins(trained.data, settings, 99)]
    few = [origin.test.dates[0] for origin in spread_origins(trained.data, settings, 3)]
    assert few == [every[0], every[round((len(every) - 1) / 2)], every[-1]]


def test_outcomes_after_an_origin_change_nothing_made_there(trained: Trained, settings: TrainingSettings) -> None:
    """All labels not known at the first origin are turned round: its model and rivals say the same."""
    first = spread_origins(trained.data, settings, 99)[0]
    day = first.test.as_of[0]
    flipped = trained.data.churned.copy()
    unknown = trained.data.as_of + np.timedelta64(180, "D") > day
    flipped[unknown] = ~flipped[unknown]
    other = spread_origins(replace(trained.data, churned=flipped), settings, 99)[0]
    assert other.test.dates == first.test.dates
    assert (other.test.churned != first.test.churned).all()
    one, two = (contend(origin, RIVALS, settings)[1] for origin in (first, other))
    for name, probability in one.items():
        assert (probability == two[name]).all(), name
    assert len(known_at(trained.data, day, settings)) == len(first.learnt)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_as_many_origins_as_were_asked_for_the_last_among_them(
    trained: Trained, settings: TrainingSettings, count: int
) -> None:
    every = [origin.test.dates[0] for origin in possible_origins(trained.data, settings)]
    days = [origin.test.dates[0] for origin in spread_origins(trained.data, settings, count)]
    assert len(days) == len(set(days)) == count < len(every)
    assert days[-1] == every[-1] == trained.data.dates[-1]
    assert count == 1 or days[0] == every[0]
    assert len(spread_origins(trained.data, settings, 1000)) == len(every)


def test_every_rival_is_judged_on_the_same_rows(found: Backtest) -> None:
    rows = sum(origin.rows for origin in found.origins)
    assert len(found.judged) == rows
    assert set(found.probabilities) == {"model", "recency alone", "logistic regression"}
    assert all(len(probability) == rows for probability in found.probabilities.values())
    assert found.verdict.as_of == tuple(origin.as_of for origin in found.origins)
    assert len({origin.as_of for origin in found.origins}) == 6


def test_each_measure_has_mean_interval_and_paired_difference(found: Backtest) -> None:
    plain = found.as_dict()
    for name in ("recency alone", "logistic regression"):
        for measure in MEASURES:
            own, model = plain["rivals"][name][measure], plain["rivals"]["model"][measure]
            assert own["low"] <= own["high"]
            assert own["difference"]["value"] == pytest.approx(model["mean"] - own["mean"], abs=1e-12)
            assert model["difference"] is None
    mean = np.mean([origin.roc_auc for origin in found.origins])
    assert plain["rivals"]["model"]["roc_auc"]["mean"] == pytest.approx(mean)


def test_seen_and_unseen_accounts_are_apart(found: Backtest) -> None:
    assert found.seen is not None
    unseen = 0 if found.unseen is None else found.unseen.rows
    assert 0 < found.seen.rows < len(found.judged)
    assert found.seen.rows + unseen <= len(found.judged)


def test_age_nought_is_the_fresh_model(found: Backtest) -> None:
    fresh = found.ages[0]
    assert (fresh.days, fresh.pairs, fresh.behind_fresh) == (0, 6, 0)
    assert fresh.roc_auc == pytest.approx(np.mean([origin.roc_auc for origin in found.origins]))
    assert sum(age.pairs for age in found.ages) == 6 * 7 / 2
    assert any(age.behind_fresh != 0 for age in found.ages[1:])


def test_dates_before_which_no_outcome_was_known_have_no_cutoff(found: Backtest, settings: TrainingSettings) -> None:
    cutoffs = earlier_cutoffs(found.judged, found.probabilities["model"], settings)
    first = found.judged.as_of.min()
    assert first not in cutoffs
    assert all(day >= first + np.timedelta64(180, "D") for day in cutoffs)
    assert cutoffs, "later ones have"
    assert not np.isnan(found.verdict.intervals["profit_at_cutoff"].value)


def test_a_history_without_an_origin_says_why(trained: Trained, settings: TrainingSettings) -> None:
    short = trained.data.on(trained.data.dates[:2])
    with pytest.raises(NotEnoughData, match="no origin: the as-of dates run from"):
        backtest(short, settings, 6, RIVALS)


def test_a_short_history_is_judged_by_account(trained: Trained, settings: TrainingSettings) -> None:
    last = trained.data.on(trained.data.dates[-1:])
    origin = latest_origin(last, settings)
    assert origin.how == BY_ACCOUNT
    assert not set(origin.learnt.accounts) & set(origin.test.accounts)
    assert latest_origin(trained.data, settings).how == FORWARD


@pytest.mark.parametrize("many", [0, 10_000])
def test_ablation_names_the_family_that_tells(
    settings: TrainingSettings, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Churn follows one signal; every other is noise: only its family is missed, whole or in short."""
    monkeypatch.setattr("training.judge.ablation.MANY_ROWS", many)
    rng = np.random.default_rng(0)
    n = 2000
    told = rng.normal(size=n)
    churned = rng.random(n) < 1 / (1 + np.exp(2 - 2 * told))
    from datetime import date

    data = dataset(churned, accounts=[f"a{i}" for i in range(n)], as_of=[date(2024, 1, 1)] * n)
    noise = rng.normal(size=n)
    signals = data.matrix.signals.assign(invoice_recency_days=told, nps_last=noise, tickets_open=noise[::-1])
    data = replace(data, matrix=replace(data.matrix, signals=signals))
    fit = FitSettings(max_rounds=60, learning_rate=0.05, removed_share=0.0)
    origin = latest_origin(data, replace(settings, fit=fit))
    fitted, _ = contend(origin, (), replace(settings, fit=fit))
    worth = ablate(origin, fitted, replace(settings, fit=fit))
    assert worth[0].family == "rhythm" and worth[0].as_dict()["every"] == (1 if many else 3)
    assert worth[0].worth["roc_auc"].value > 0.15
    assert worth[0].worth["roc_auc"].above
    assert len(worth) == 3, "families without any known signal are left out"
    assert all(abs(one.worth["roc_auc"].value) < 0.05 for one in worth[1:])
