"""One trial: purged folds, what it reaches, and that it is given up between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from support.tuning import SETTINGS

from training.models.choice import choose, rounds_for
from training.models.folds import out_of_fold, splits
from training.slices.dataset import Dataset
from training.tuning.trials import Reached, measure


def test_a_trial_reaches_what_the_same_fit_would_find(slices: Dataset) -> None:
    settings, seen = replace(SETTINGS, weighting="root revenue"), []
    measured = measure(slices, settings, lambda step, reached: seen.append((step, reached)) is not None)
    settings = rounds_for(settings, slices.leavers)
    made, _ = splits(slices, settings)
    choice = choose(slices, [out_of_fold(slices, split, settings, ("root revenue",)) for split in made], settings)
    assert measured is not None and [step for step, _ in seen] == [0, 1, 2] and seen[-1][1] == measured.reached
    assert measured.reached.profit == choice.schemes["root revenue"].profit
    assert measured.reached.ranking == pytest.approx(choice.schemes["root revenue"].ranking, abs=0.0006)
    assert len(measured.draws) == settings.bootstraps and len(set(measured.draws)) > 1


def test_a_trial_is_given_up_between_folds(slices: Dataset) -> None:
    asked = []

    def after(fold: int) -> Callable[[int, Reached], bool]:
        return lambda step, _: asked.append(step) is None and step == fold

    assert measure(slices, SETTINGS, after(1)) is None and asked == [0, 1]
    assert measure(slices, SETTINGS, after(2)) is not None


def test_a_signal_of_the_panel_tells_who_churns(slices: Dataset) -> None:
    """Otherwise trials would differ by chance alone."""
    assert pd.Series(slices.matrix.signals.notna().sum()).gt(0).sum() == 2
    measured = measure(slices, SETTINGS)
    assert measured is not None and measured.reached.ranking > 0.7
