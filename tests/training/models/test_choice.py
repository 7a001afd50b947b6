"""What the folds decide: money first where it can tell, ranking where it cannot; and cutoffs set before their date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from support.handmade import dataset

from training.models import choice as choice_module
from training.models.choice import (
    Choice,
    SchemeFigures,
    choose,
    clearly_behind,
    earlier_cutoffs,
    rounds_for,
    rounds_of,
)
from training.models.folds import BY_ACCOUNT, ROUND_STEPS, OutOfFold, curves, margins_at
from training.models.weights import SCHEMES
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Interval

FLAT = [0.5] * ROUND_STEPS


@pytest.fixture(autouse=True)
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handful of leavers be enough to choose by, so that a case can be written down."""
    monkeypatch.setattr(choice_module, "FEW_LEAVERS", 1)


def one_leaver() -> Dataset:
    return dataset([1] + [0] * 100)


def with_margins(aucs: dict[str, list[float]]) -> list[OutOfFold]:
    """Return one fold whose margins have, step by step, the ROC AUC given for each scheme.

    One account of 101 churned, so that its rank among the others is the AUC.
    """
    data, margins = one_leaver(), {}
    for scheme, steps in aucs.items():
        margins[scheme] = np.stack([np.concatenate([[auc * 100 + 0.5], np.arange(1, 101)]) for auc in steps])
    rows = np.arange(101)
    return [OutOfFold(rows, rows, margins, {name: curves(data, steps) for name, steps in margins.items()})]


def test_the_best_curve_wins_with_the_most_rounds_that_reach_it() -> None:
    settings = TrainingSettings(fit=FitSettings(max_rounds=60), bootstraps=20)
    root = [0.8, 0.7, 0.8]
    folds = with_margins({"revenue": FLAT, "root revenue": root, "none": FLAT})
    choice = choose(one_leaver(), folds, settings)
    assert (choice.weighting, choice.rounds) == ("root revenue", 60)
    found = {name: figures.ranking for name, figures in choice.schemes.items()}
    assert found == pytest.approx({"revenue": 0.5, "root revenue": 0.8, "none": 0.5})
    assert rounds_of(folds, "none", settings) == 60
    assert choose(one_leaver(), folds, settings, BY_ACCOUNT).rounds == 40, "the same dates on both sides: the fewest"
    margin, rows = margins_at(folds, "root revenue", 60, settings)
    assert margin[0] == pytest.approx(80.5)
    assert rows.tolist() == list(range(101))


def test_ties_go_to_the_contracts_weights() -> None:
    folds = with_margins(dict.fromkeys(SCHEMES, [0.6] * ROUND_STEPS))
    assert choose(one_leaver(), folds, TrainingSettings(bootstraps=5)).weighting == "revenue"


def two_rankings(margins: dict[str, np.ndarray], data: Dataset) -> list[OutOfFold]:
    rows = np.arange(len(data))
    steps = {name: np.repeat(margin[None, :], ROUND_STEPS, axis=0) for name, margin in margins.items()}
    return [OutOfFold(rows, rows, steps, {name: curves(data, each) for name, each in steps.items()})]


def test_what_earns_clearly_more_wins() -> None:
    """One scheme puts the 40 rich leavers first, the other the 160 poor ones, and earns nothing."""
    churned = np.array([1] * 200 + [0] * 1800)
    revenue = np.array([50_000.0] * 40 + [10.0] * 160 + [300.0] * 1800)
    data = dataset(churned, revenue)
    noise = np.random.default_rng(0).normal(0, 0.1, 2000)
    rich = np.concatenate([np.full(40, 3.0), np.full(160, 0.0), np.full(1800, 0.0)]) + noise
    poor = np.concatenate([np.full(40, -1.0), np.full(160, 3.0), np.full(1800, 0.0)]) + noise
    choice = choose(data, two_rankings({"revenue": rich, "none": poor}, data), TrainingSettings(bootstraps=50))
    assert choice.schemes["none"].behind.below, "the rich leavers are forty: no chance"
    assert choice.weighting == "revenue"
    assert choice.schemes["revenue"].gain.above
    assert "earned most, beyond chance" in choice.why


def test_what_ranks_worse_beyond_chance_is_no_candidate_though_it_earns_more() -> None:
    """One scheme has half of the leavers on top and half at the bottom, the other all of them below the capacity."""
    churned = np.array([1] * 200 + [0] * 1800)
    data = dataset(churned, np.full(2000, 1000.0))
    stayers = np.linspace(0, 1, 1800)
    halves = np.concatenate([np.full(100, 2.0), np.full(100, -1.0), stayers])
    upper = np.concatenate([np.full(200, 0.85), stayers])
    choice = choose(data, two_rankings({"revenue": halves, "none": upper}, data), TrainingSettings(bootstraps=50))
    assert choice.schemes["none"].behind.below and choice.schemes["none"].ranking > choice.schemes["revenue"].ranking
    assert choice.weighting == "none"
    assert choice.why.startswith("ranked best: what earned more, beyond chance, ranks worse")


def test_what_ranks_worse_than_no_weights_is_no_candidate_though_by_chance_and_though_it_earns_more() -> None:
    churned = np.array([1] * 200 + [0] * 1800)
    data = dataset(churned, np.full(2000, 1000.0))
    stayers = np.linspace(0, 1, 1800)
    halves = np.concatenate([np.full(100, 2.0), np.full(100, 0.68), stayers])
    upper = np.concatenate([np.full(200, 0.85), stayers])
    settings = TrainingSettings(bootstraps=50)
    choice = choose(data, two_rankings({"revenue": halves, "none": upper}, data), settings)
    assert choice.schemes["revenue"].gain.above
    assert choice.schemes["revenue"].ranking == pytest.approx(choice.schemes["none"].ranking - 0.01, abs=0.002)
    assert choice.weighting == "none"
    alone = choose(data, two_rankings({"revenue": halves, "root revenue": upper}, data), settings)
    assert alone.weighting == "revenue", "by chance only, and nobody asked how no weights would rank"


def test_with_few_leavers_there_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice_module, "FEW_LEAVERS", 2)
    folds = with_margins({"revenue": [0.9] * ROUND_STEPS, "none": FLAT})
    choice = choose(one_leaver(), folds, TrainingSettings(bootstraps=5))
    assert choice.weighting == "none" and "fewer than 2 accounts left" in choice.why
    settled = choose(one_leaver(), folds, TrainingSettings(bootstraps=5, weighting="revenue"))
    assert settled.weighting == "revenue"


def test_one_giant_does_not_decide() -> None:
    """All that the first scheme earns more is one account: the better ranking wins."""
    churned = np.array([1] * 100 + [0] * 900)
    revenue = np.array([1e6] + [1000.0] * 999)
    data = dataset(churned, revenue)
    noise = np.random.default_rng(1).normal(0, 1, 1000)
    knows_the_giant = np.where(np.arange(1000) == 0, 9.0, noise + 0.1 * churned)
    ranks = np.where(np.arange(1000) == 0, -1.0, noise + 1.5 * churned)
    folds = two_rankings({"revenue": knows_the_giant, "none": ranks}, data)
    choice = choose(data, folds, TrainingSettings(bootstraps=100))
    assert choice.schemes["revenue"].profit > choice.schemes["none"].profit
    assert not choice.schemes["none"].behind.below
    assert choice.schemes["none"].ranking > choice.schemes["revenue"].ranking
    assert choice.weighting == "none"
    assert "money cannot tell apart" in choice.why


def test_a_cutoff_is_that_of_the_dates_whose_outcomes_were_known() -> None:
    """Worth contacting at the first date: risk .3 and up. The third date knows it, the second does not yet."""
    days = [date(2024, 1, 1), date(2024, 2, 1), date(2024, 8, 1)]
    data = dataset([1, 1, 0] * 3, [1000.0] * 9, [f"a{i}" for i in range(9)], [day for day in days for _ in range(3)])
    probability = np.array([0.5, 0.3, 0.1, 0.9, 0.8, 0.7, 0.6, 0.4, 0.2])
    settings = TrainingSettings(rule=ChurnRule(horizon_days=180))
    found = earlier_cutoffs(data, probability, settings)
    last = data.as_of[-1]
    assert set(found) == {last}
    assert found[last] == pytest.approx((0.3 * 0.3 * 0.95 - 0.7 * 0.05) * 1000 - 15)
    assert set(earlier_cutoffs(data, probability, TrainingSettings(rule=settings.rule, embargo_days=60))) == set()


def test_why_says_what_was_gained() -> None:
    gain = Interval(2.5, 1.0, 4.0)
    schemes = {
        "revenue": SchemeFigures(0.7, 5.0, Interval(0, 0, 0), gain, 60),
        "none": SchemeFigures(0.6, 2.5, Interval(-2.5, -4.0, -1.0), Interval(0, 0, 0), 60),
    }
    choice = Choice("revenue", 60, schemes)
    assert choice.why == "earned most, beyond chance; against no weights +2.50 an account (+1.00 to +4.00)"
    assert choice.as_dict()["schemes"]["revenue"]["gain"] == {"value": 2.5, "low": 1.0, "high": 4.0}


def test_what_ranks_clearly_behind_is_dropped_but_never_what_all_are_compared_with() -> None:
    aucs = {"revenue": [0.795] * ROUND_STEPS, "root revenue": [0.5, 0.8, 0.5], "log revenue": [0.78] * ROUND_STEPS}
    folds = with_margins(aucs | {"none": FLAT})
    assert clearly_behind(folds) == pytest.approx({"log revenue": 0.02}), ".005 is not clearly behind"
    left = folds[0].only(["revenue", "none"])
    assert set(left.margins) == set(left.curves) == {"revenue", "none"} and left.valid is folds[0].valid


def test_few_leavers_bear_few_rounds() -> None:
    settings = TrainingSettings(fit=FitSettings(max_rounds=300))
    borne = [rounds_for(settings, leavers).fit.max_rounds for leavers in (0, 30, 90, 810, 10**9)]
    assert borne == [100, 100, 150, 270, 300], "a third at least, half with 90 that left, all with very many"
    assert replace(rounds_for(settings, 90), fit=settings.fit) == settings, "nothing else changes"
    assert rounds_for(TrainingSettings(fit=FitSettings(max_rounds=1)), 0).fit.max_rounds == 1
