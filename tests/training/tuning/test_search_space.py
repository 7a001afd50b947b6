"""What tuning may change: its dimensions, and the slices learnt from, never those judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tuning import ACCOUNTS, DATES, FIRST, SETTINGS, STEP

from training.judge.origins import latest_origin
from training.models.fitting import fit_model, schemes_of
from training.models.folds import BY_ACCOUNT, FORWARD, learnable, splits
from training.models.weights import SCHEMES
from training.settings import Environment, FitSettings
from training.slices.dataset import Dataset
from training.slices.slice_dates import thinned
from training.tuning.search_space import applied, search_space, starting_point
from training.tuning.workers import tune


@pytest.mark.parametrize(
    "fit", [FitSettings(), SETTINGS.fit, FitSettings(num_leaves=64, learning_rate=0.5, max_depth=9, lambda_l2=0.0001)]
)
def test_every_dimension_holds_what_tuning_starts_from(fit: FitSettings) -> None:
    settings = replace(SETTINGS, fit=fit, every=5, window_days=100)
    start = starting_point(settings)
    dimensions = search_space(settings, [FIRST + timedelta(days=STEP * i) for i in range(DATES)])
    assert {dimension.name for dimension in dimensions} == set(start)
    for dimension in dimensions:
        value = start[dimension.name]
        if dimension.choices:
            assert value == dimension.choices[0] and len(set(dimension.choices)) == len(dimension.choices)
        else:
            assert isinstance(value, int | float) and dimension.low <= value <= dimension.high
    assert applied(settings, start) == replace(settings, weighting=next(iter(SCHEMES)))


def test_no_window_longer_than_the_history_and_no_step_that_leaves_too_few_slices() -> None:
    def choices(dates: int, days: int) -> dict[str, tuple[Any, ...]]:
        made = search_space(SETTINGS, [FIRST + timedelta(days=days * i) for i in range(dates)])
        return {dimension.name: dimension.choices for dimension in made}

    assert choices(12, 100)["every"] == (1, 2, 3) and choices(12, 100)["window_days"] == (None, 365, 547, 730)
    assert choices(8, 60)["every"] == (1, 2) and choices(8, 60)["window_days"] == (None, 365)
    assert choices(7, 30)["every"] == (1,) and choices(7, 30)["window_days"] == (None,)


@given(
    count=st.integers(1, 40), step=st.integers(1, 60), every=st.integers(1, 5), window=st.integers(1, 900) | st.none()
)
def test_thinning_keeps_the_latest_date_and_even_steps(count: int, step: int, every: int, window: int | None) -> None:
    dates = [FIRST + timedelta(days=step * i) for i in range(count)]
    kept = thinned(dates, every, window)
    assert kept == sorted(set(kept) & set(dates)) and kept[-1] == dates[-1]
    assert {(later - day).days for day, later in pairwise(kept)} <= {every * step}
    assert window is None or (kept[-1] - kept[0]).days < window
    left = [day for day in dates if window is None or (dates[-1] - day).days < window]
    assert len(kept) == -(-len(left) // every)


def test_fewer_slices_are_learnt_from_and_all_are_judged(slices: Dataset) -> None:
    fewer = replace(SETTINGS, every=2, window_days=365)
    (all_of, how), (some_of, _) = splits(slices, SETTINGS), splits(slices, fewer)
    assert how == FORWARD and len(all_of) == len(some_of) == 3
    for (learnt, valid), (thin, judged) in zip(all_of, some_of, strict=True):
        assert valid.tolist() == judged.tolist()
        assert slices.take(thin).dates == thinned(slices.take(learnt).dates, 2, 365)
        known = slices.as_of[thin].max() + np.timedelta64(fewer.known_after_days, "D")
        assert known <= slices.as_of[judged].min()
    assert (len(all_of[-1][0]), len(some_of[-1][0])) == (11 * ACCOUNTS, 4 * ACCOUNTS)


def test_the_model_is_grown_on_the_slices_that_are_left(slices: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.models.margin import fit_trees

    grown: list[Dataset] = []

    def kept(data: Dataset, *args: Any) -> Any:
        grown.append(data)
        return fit_trees(data, *args)

    monkeypatch.setattr("training.models.margin.fit_trees", kept)
    fit_model(slices, replace(SETTINGS, every=3, window_days=600, weighting="none"))
    last = grown[-1]  # those before it are the account folds that calibrate
    assert last.dates == thinned(slices.dates, 3, 600) and len(last) == ACCOUNTS * len(last.dates)


def test_where_the_dates_left_have_one_outcome_all_rows_are_learnt_from(slices: Dataset) -> None:
    last = slices.as_of == slices.as_of.max()
    calm = Dataset(slices.matrix, slices.churned & ~last)
    rows, recent = np.arange(len(calm)), replace(SETTINGS, window_days=1)
    assert learnable(calm, rows, recent).tolist() == rows.tolist()
    assert learnable(slices, rows, recent).tolist() == np.flatnonzero(last).tolist()


def test_a_settled_weighting_is_taken_and_compared_with_none(slices: Dataset) -> None:
    settled = fit_model(slices, replace(SETTINGS, weighting="log revenue")).choice
    assert settled.weighting == "log revenue" and settled.settled and set(settled.schemes) == {"log revenue", "none"}
    assert settled.why.startswith("was settled beforehand; against no weights")
    assert schemes_of(SETTINGS) == tuple(SCHEMES) and schemes_of(replace(SETTINGS, weighting="none")) == ("none",)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"window_days": 0}])
def test_settings_that_leave_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        replace(SETTINGS, **wrong)


def test_a_short_history_is_tuned_on_folds_by_account(slices: Dataset, tmp_path: Path) -> None:
    short = slices.on(slices.dates[-3:])
    origin = latest_origin(short, SETTINGS)
    assert (origin.how, splits(origin.learnt, SETTINGS)[1]) == (FORWARD, BY_ACCOUNT)
    found = tune(short, SETTINGS, Environment(home=tmp_path), trials=2)
    assert found.counts["finished"] == 2 and len(found.trials[1].folds) == SETTINGS.folds
