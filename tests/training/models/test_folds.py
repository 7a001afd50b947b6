"""Folds over rows: purged in time, by account where the history is too short; what they choose."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.handmade import dataset

from training.making.pipeline import Trained
from training.models.folds import (
    BY_ACCOUNT,
    FORWARD,
    ROUND_STEPS,
    out_of_fold,
    round_steps,
    splits,
)
from training.models.trees import fit_trees
from training.models.weights import SCHEMES
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.slices.dataset import Dataset
from training.slices.slice_dates import slice_dates

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
    embargo = days % 20
    settings = TrainingSettings(rule=rule, folds=folds, embargo_days=embargo)
    known_after = rule.reach_days + embargo
    dates = slice_dates(FIRST, FIRST + timedelta(days=days), known_after, 30)
    if not dates:
        return
    data = panel(dates, accounts=8)
    made, how = splits(data, settings)
    if how == BY_ACCOUNT:
        assert sum(day - dates[0] >= timedelta(days=known_after) for day in dates) < 2
        return
    assert 2 <= len(made) <= folds
    judged = np.concatenate([valid for _, valid in made])
    assert len(np.unique(judged)) == len(judged), "each row is judged once"
    assert (np.diff(data.as_of[judged].astype("int64")) >= 0).all()
    for learnt, valid in made:
        assert data.as_of[learnt].max() + np.timedelta64(known_after, "D") <= data.as_of[valid].min()


@pytest.mark.parametrize("count", [1, 4])
def test_a_short_history_is_split_by_account(count: int) -> None:
    dates = [FIRST + timedelta(days=30 * i) for i in range(count)]
    data = panel(dates)
    made, how = splits(data, TrainingSettings())
    assert how == BY_ACCOUNT
    assert len(made) == 4
    assert sorted(np.concatenate([valid for _, valid in made])) == list(range(len(data)))
    for learnt, valid in made:
        assert not set(data.accounts[learnt]) & set(data.accounts[valid])


@pytest.mark.parametrize("seed", range(10))
def test_every_fold_by_account_has_both_outcomes(seed: int) -> None:
    """Ten accounts that churned are the fewest to train on; no fold may be left without one."""
    churned = np.random.default_rng(seed).permutation(np.arange(200) < 10)
    made, _ = splits(dataset(churned), TrainingSettings(seed=seed))
    for part in (rows for split in made for rows in split):
        assert 0 < churned[part].sum() < len(part)


def test_folds_with_one_outcome_are_left_out() -> None:
    """Nobody churns in the last third: two folds of three are left."""
    dates = [FIRST + timedelta(days=30 * i) for i in range(10)]
    settings = TrainingSettings(rule=ChurnRule(horizon_days=30), folds=3)
    data = panel(dates)
    calm = Dataset(data.matrix, data.churned & (data.as_of < pd.Timestamp(dates[7]).to_datetime64()))
    made, how = splits(calm, settings)
    assert (len(made), how) == (2, FORWARD)


@pytest.mark.parametrize("most", [1, 5, 6, 240])
def test_round_steps_end_at_the_greatest(most: int) -> None:
    steps = round_steps(TrainingSettings(fit=FitSettings(max_rounds=most)))
    assert steps[-1] == most
    assert min(steps) >= 1
    assert steps == sorted(steps)


def test_margins_of_a_fold_are_those_of_trees_that_saw_only_the_earlier_rows(trained: Trained) -> None:
    settings = replace(trained.settings, fit=replace(trained.settings.fit, max_rounds=4))
    split = splits(trained.data, settings)[0][0]
    one = out_of_fold(trained.data, split, settings)
    assert {scheme: margins.shape for scheme, margins in one.margins.items()} == {
        scheme: (ROUND_STEPS, len(split[1])) for scheme in SCHEMES
    }
    flipped = trained.data.churned.copy()
    flipped[split[1]] = ~flipped[split[1]]
    other = out_of_fold(Dataset(trained.data.matrix, flipped), split, settings)
    for scheme in SCHEMES:
        assert (one.margins[scheme] == other.margins[scheme]).all()


def test_larger_steps_are_half_the_rounds_of_twice_the_rate(trained: Trained) -> None:
    settings = replace(trained.settings, fit=replace(trained.settings.fit, max_rounds=12, learning_rate=0.05))
    split = splits(trained.data, settings)[0][0]
    found = out_of_fold(trained.data, split, settings, ("none",), large_steps=True).margins["none"]
    fit = replace(settings.fit, learning_rate=0.1)
    trees = fit_trees(trained.data.take(split[0]), fit, settings.seed, 6, "none")
    judged = trained.data.matrix.take(split[1])
    assert round_steps(settings) == [8, 10, 12]
    for margins, rounds in zip(found, (4, 5, 6), strict=True):
        assert margins == pytest.approx(trees.margin(judged, rounds), abs=1e-12)
