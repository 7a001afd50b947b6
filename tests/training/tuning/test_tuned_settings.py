"""Which settings are taken: the best trial, and only if it beats the defaults on rows held out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tuning import SETTINGS, Reaching, held_out

from features.errors import NotEnoughData
from training.judge.origins import latest_origin
from training.models.fitting import fit_model
from training.settings import Environment
from training.slices.dataset import Dataset
from training.tuning.search_space import starting_point
from training.tuning.trials import Reached, Trial
from training.tuning.tuning import Tuning, best_of
from training.tuning.workers import tune
from training.worth.bootstrap import Interval


def trial_of(number: int, profit: float, ranking: float, noise: float = 0.0, state: Any = "finished") -> Trial:
    draws = tuple(profit + noise * np.random.default_rng(number).normal(size=200))
    return Trial(number, state, starting_point(SETTINGS), (Reached(profit, ranking),), draws, "", 0.0, 1.0)


def test_money_decides_where_it_can_tell_and_ranking_elsewhere() -> None:
    clear = [trial_of(0, 1.0, 0.9), trial_of(1, 5.0, 0.6), trial_of(2, 9.0, 0.8, state="pruned")]
    noisy = [trial_of(0, 1.0, 0.9, noise=9.0), trial_of(1, 5.0, 0.6, noise=9.0)]
    assert best_of(clear, "profit").number == best_of(clear, "both").number == 1 and best_of(clear, "auc").number == 0
    assert best_of(noisy, "profit").number == 0
    with pytest.raises(NotEnoughData, match="none of 1 trials finished"):
        best_of(clear[2:], "profit")


@pytest.mark.parametrize(
    ("profit", "auc", "won"),
    [
        (Interval(2.0, -1.0, 4.0), Interval(0.01, -0.01, 0.02), True),
        (Interval(2.0, -1.0, 4.0), Interval(-0.01, -0.02, 0.01), False),
        (Interval(2.0, 1.0, 4.0), Interval(-0.01, -0.02, 0.01), True),
        (Interval(2.0, 1.0, 4.0), Interval(-0.03, -0.04, -0.01), False),
        (Interval(-0.1, -1.0, 4.0), Interval(0.03, 0.01, 0.04), False),
        (Interval(0.0, 0.0, 0.0), Interval(0.0, 0.0, 0.0), False),
        (Interval(float("nan"), 0.0, 0.0), Interval(0.01, 0.0, 0.02), False),
    ],
)
def test_tuned_settings_are_taken_when_they_earn_more_and_rank_no_worse(
    tuning: Tuning, profit: Interval, auc: Interval, won: bool
) -> None:
    found = replace(tuning, held_out=held_out(profit, auc))
    assert found.adopted is won and found.settings == (tuning.tuned if won else SETTINGS)
    assert ("the best beat the defaults" in found.why) is won
    assert ("the best did not beat the defaults" in found.why) is not won
    assert ("not beyond chance" in found.why) is (won and not profit.above)


def test_both_settings_are_judged_on_the_rows_held_out(tuning: Tuning, slices: Dataset) -> None:
    from training.judge.verdict import judge_all

    origin = latest_origin(slices, SETTINGS)
    assert tuning.held_out is not None and tuning.held_out.rows == len(origin.test)
    given = {
        name: fit_model(origin.learnt, settings).probability(origin.test.matrix)
        for name, settings in (("model", tuning.tuned), ("defaults", SETTINGS))
    }
    expected = judge_all(origin.test, given, SETTINGS).intervals
    for measure_of, paired in tuning.held_out.figures.items():
        assert paired.second == pytest.approx(expected[measure_of].value)
        assert paired.difference == expected[f"{measure_of} - defaults"]
    assert tuning.adopted == tuning.held_out.won


def test_where_nothing_is_better_the_defaults_stay(
    slices: Dataset, tmp_path: Path, reaching: Callable[[Reaching], None]
) -> None:
    reaching(lambda settings: float(settings.fit == SETTINGS.fit))
    found = tune(slices, SETTINGS, Environment(home=tmp_path), trials=3)
    assert found.held_out is None and not found.adopted and found.settings == SETTINGS
    assert "no trial was better than the defaults" in found.why and found.as_dict()["held_out"] is None


def test_the_record_is_plain(tuning: Tuning) -> None:
    record = json.loads(json.dumps(tuning.as_dict(), allow_nan=False))
    assert record["trials"] == 8 == record["finished"] + record["pruned"] + record["failed"] == len(record["all"])
    assert record["best"]["profit"] == tuning.best.reached.profit and record["adopted"] is tuning.adopted
    assert record["study"].startswith("tuning-") and record["kept_in"].endswith(f"{record['study']}.log")
    assert set(record["held_out"]) >= {"roc_auc", "profit_at_capacity", "as_of", "rows", "how"}
    assert tuning.why in str(tuning) and "8 trials" in str(tuning)
