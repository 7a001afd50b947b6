"""What a small book is told: what it lacks, and what twice the accounts brought, asked of the book itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.handmade import dataset

import training.judge.small_book as module
from training.judge.origins import Origin
from training.judge.small_book import ENOUGH, LOST_WITHOUT, Need, SmallBook, small_book
from training.models.folds import FORWARD
from training.models.margin import Recipe
from training.settings import TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Interval, whole
from training.worth.evaluation import auc_figure

RECIPE = Recipe(TrainingSettings(bootstraps=50), 20, "none", 0.01)
WEIGHTS = {"trees": 0.6, "linear": 0.4}
KNOWN = Interval(0.7, 0.6, 0.8)
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "missing_tables.json"


def book(accounts: int, left: int) -> Dataset:
    """Return one row an account at one date; the first `left` churn."""
    return dataset([n < left for n in range(accounts)])


def test_a_book_that_is_not_small_is_told_nothing() -> None:
    data = book(ENOUGH * 2, ENOUGH)
    assert small_book(Origin(data, data, FORWARD), np.zeros(len(data)), KNOWN, (), RECIPE, WEIGHTS) is None


def test_twice_the_accounts_are_judged_by_two_halves_of_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    """The halves share no account and leave none out; the gain is over the mean of both, on the same rows."""
    learnt, test = book(100, 40), book(30, 12)
    rng = np.random.default_rng(1)
    scores, halves = [rng.random(30), rng.random(30)], []

    def fit(data: Dataset, recipe: Recipe, weights: Mapping[str, float]) -> Any:
        assert (recipe, weights) == (RECIPE, WEIGHTS), "as the model of all was fitted"
        halves.append(set(data.accounts))
        score = scores[len(halves) - 1]
        return lambda matrix: score[: len(matrix)]

    monkeypatch.setattr(module, "fit_margin", fit)
    ours = rng.random(30)
    found = small_book(Origin(learnt, test, FORWARD), ours, KNOWN, ("tickets", "surveys"), RECIPE, WEIGHTS)
    assert found is not None and found.doubling is not None
    assert halves[0].isdisjoint(halves[1]) and halves[0] | halves[1] == set(learnt.accounts)
    auc = [whole(auc_figure(test, score), 30) for score in (ours, *scores)]
    assert found.doubling.value == pytest.approx(auc[0] - (auc[1] + auc[2]) / 2)
    assert found.left == 40 and set(found.absent) == {"tickets", "surveys"}
    # An interval of .1 either way from 12 accounts: .03 takes 12 x (.1 / .03)^2 of them.
    assert found.needs[-1].needed == 134 and found.needs[-1].have == 12


def test_a_half_that_knows_too_few_who_left_is_not_asked() -> None:
    learnt, test = book(60, 15), book(30, 12)
    found = small_book(Origin(learnt, test, FORWARD), np.zeros(30), KNOWN, (), RECIPE, WEIGHTS)
    assert found is not None and found.doubling is None


def test_it_is_said_which_fit_learnt_from_how_many() -> None:
    learnt, test, everything = book(60, 15), book(30, 12), book(400, 185)
    found = small_book(Origin(learnt, test, FORWARD), np.zeros(30), KNOWN, (), RECIPE, WEIGHTS, everything=everything)
    assert found is not None and (found.left, found.in_all) == (15, 185)
    assert "from 185 accounts that left, the fit that was judged" in found.advice()[0] and "15" in found.advice()[0]
    assert [need.have for need in found.needs] == [185, 185, 12]


@pytest.mark.parametrize(("low", "meaning"), [(0.01, "will help"), (-0.01, "not told apart from chance")])
def test_the_advice_says_what_is_wanting_and_no_more(low: float, meaning: str) -> None:
    advice = SmallBook(40, (Need("x", 10, 40), Need("y", 150, 40)), Interval(0.02, low, 0.05), ("surveys",)).advice()
    assert [line for line in advice if line.startswith(("x", "y"))] == ["y: 150 are needed, 40 are there"]
    assert any(meaning in line for line in advice) and advice[-1].endswith("surveys")


def test_the_order_of_absent_tables_is_the_measured_one() -> None:
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"]["roc_auc_lost_without"]
    assert {name: round(lost["mean"], 3) for name, lost in measured.items()} == LOST_WITHOUT
