"""Folds over rows: purged in time, by account where the history is too short; what they choose."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from handmade import dataset
from hypothesis import given
from hypothesis import strategies as st

from training.dataset import Dataset
from training.folds import (
    BY_ACCOUNT,
    FORWARD,
    OutOfFold,
    centre,
    choose,
    curves,
    margins_at,
    out_of_fold,
    round_steps,
    rounds_of,
    splits,
)
from training.pipeline import Trained
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.slices import slice_dates
from training.weights import SCHEMES

FIRST = date(2024, 1, 1)


def panel(dates: list[date], accounts: int = 40, churn_rate: float = 0.3, seed: int = 0) -> Dataset:
    """Every account at every date, churned by chance; at least one of each outcome a date."""
    rng = np.random.default_rng(seed)
    churned = rng.random((len(dates), accounts)) < churn_rate
    churned[:, 0], churned[:, 1] = True, False
    names = [f"a{i:03d}" for i in range(accounts)]
    return dataset(churned.ravel(), accounts=names * len(dates), as_of=np.repeat(dates, accounts).tolist())


@given(horizon=st.integers(20, 200), lead=st.integers(0, 60), days=st.integers(300, 900), folds=st.integers(2, 5))
def test_no_window_that_is_learnt_from_reaches_into_a_judged_date(
    horizon: int, lead: int, days: int, folds: int
) -> None:
    rule = ChurnRule(horizon_days=horizon, lead_days=lead)
    dates = slice_dates(FIRST, FIRST + timedelta(days=days), rule, 30)
    settings = TrainingSettings(rule=rule, folds=folds)
    if not dates:
        return
    data = panel(dates, accounts=8)
    made, how = splits(data, dates, settings)
    if how == BY_ACCOUNT:
        assert sum(day - dates[0] >= timedelta(days=rule.reach_days) for day in dates) < 2
        return
    assert 2 <= len(made) <= folds
    judged = np.concatenate([valid for _, valid in made])
    assert len(np.unique(judged)) == len(judged), "each row is judged once"
    assert (np.diff(data.as_of[judged].astype("int64")) >= 0).all()
    for learnt, valid in made:
        assert data.as_of[learnt].max() + np.timedelta64(rule.reach_days, "D") <= data.as_of[valid].min()


@pytest.mark.parametrize("count", [1, 4])
def test_a_short_history_is_split_by_account(count: int) -> None:
    dates = [FIRST + timedelta(days=30 * i) for i in range(count)]
    data = panel(dates)
    made, how = splits(data, dates, TrainingSettings())
    assert how == BY_ACCOUNT
    assert len(made) == 4
    assert sorted(np.concatenate([valid for _, valid in made])) == list(range(len(data)))
    for learnt, valid in made:
        assert not set(data.accounts[learnt]) & set(data.accounts[valid])


@pytest.mark.parametrize("seed", range(10))
def test_every_fold_by_account_has_both_outcomes(seed: int) -> None:
    """Ten accounts that churned are the fewest to train on; no fold may be left without one."""
    churned = np.random.default_rng(seed).permutation(np.arange(200) < 10)
    made, _ = splits(dataset(churned), [FIRST], TrainingSettings(seed=seed))
    for part in (rows for split in made for rows in split):
        assert 0 < churned[part].sum() < len(part)


def test_folds_with_one_outcome_are_left_out() -> None:
    """Nobody churns in the last third: two folds of three are left."""
    dates = [FIRST + timedelta(days=30 * i) for i in range(10)]
    settings = TrainingSettings(rule=ChurnRule(horizon_days=30), folds=3)
    data = panel(dates)
    calm = Dataset(data.matrix, data.churned & (data.as_of < pd.Timestamp(dates[7]).to_datetime64()))
    made, how = splits(calm, dates, settings)
    assert (len(made), how) == (2, FORWARD)


def with_margins(aucs: dict[str, list[float]]) -> list[OutOfFold]:
    """Return one fold whose margins have, step by step, the ROC AUC given for each scheme.

    One account of 101 churned, so that its rank among the others is the AUC.
    """
    data = dataset([1] + [0] * 100)
    margins = {}
    for scheme in SCHEMES:
        steps = [np.concatenate([[auc * 100 + 0.5], np.arange(1, 101)]) for auc in aucs[scheme]]
        margins[scheme] = np.stack(steps)
    rows = np.arange(101)
    return [OutOfFold(rows, rows, margins, {name: curves(data, steps) for name, steps in margins.items()})]


def test_the_best_curve_wins_with_the_fewest_rounds_that_reach_it() -> None:
    settings = TrainingSettings(fit=FitSettings(max_rounds=160))
    flat = [0.5] * 16
    root = [0.5, 0.6, 0.8, 0.7, 0.8, *[0.75] * 11]
    folds = with_margins({"revenue": flat, "root revenue": root, "none": flat})
    choice = choose(folds, settings)
    assert (choice.weighting, choice.rounds) == ("root revenue", 30)
    assert choice.figures == pytest.approx({"revenue": 0.5, "root revenue": 0.8, "none": 0.5})
    assert rounds_of(folds, "none", settings) == 10
    margin, rows = margins_at(folds, "root revenue", 30, settings)
    assert margin[0] == pytest.approx(80.5)
    assert rows.tolist() == list(range(101))


def test_ties_go_to_the_contracts_weights() -> None:
    settings = TrainingSettings()
    folds = with_margins(dict.fromkeys(SCHEMES, [0.6] * 16))
    assert choose(folds, settings).weighting == "revenue"


@pytest.mark.parametrize("most", [1, 5, 16, 240])
def test_round_steps_end_at_the_greatest(most: int) -> None:
    steps = round_steps(TrainingSettings(fit=FitSettings(max_rounds=most)))
    assert steps[-1] == most
    assert min(steps) >= 1
    assert steps == sorted(steps)


def test_margins_of_a_fold_are_those_of_trees_that_saw_only_the_earlier_rows(trained: Trained) -> None:
    settings = replace(trained.settings, fit=replace(trained.settings.fit, max_rounds=4))
    dates = [pd.Timestamp(day).date() for day in np.unique(trained.data.as_of)]
    split = splits(trained.data, dates, settings)[0][0]
    one = out_of_fold(trained.data, split, settings)
    assert {scheme: margins.shape for scheme, margins in one.margins.items()} == {
        scheme: (16, len(split[1])) for scheme in SCHEMES
    }
    flipped = trained.data.churned.copy()
    flipped[split[1]] = ~flipped[split[1]]
    other = out_of_fold(Dataset(trained.data.matrix, flipped), split, settings)
    for scheme in SCHEMES:
        assert (one.margins[scheme] == other.margins[scheme]).all()


def test_centre_is_the_mean_margin_of_what_was_learnt_from(trained: Trained) -> None:
    assert trained.centre == pytest.approx(trained.trees.margin(trained.data.matrix).mean())
    assert centre(trained.trees, trained.data) == trained.centre
