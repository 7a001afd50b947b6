"""EMPB and AUEPC: by hand, on accounts that are worth anything, date by date."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from support.handmade import dataset

from benchmarks.max_profit import auepc, empb
from training.contacting import Action
from training.slices.dataset import Dataset
from training.worth.economics import action_profit

ACTION = Action(0.3, 0.05, 15.0)


@pytest.fixture
def four() -> Dataset:
    """A leaver and a stayer worth 1000, a stayer worth 500, and a leaver worth nothing, who is left out.

    Contacting them brings 0.3 x 0.95 x 1000 - 15 = 270, -65 and -40.
    """
    return dataset([1, 0, 0, 1], revenue=[1000.0, 1000.0, 500.0, 0.0])


@pytest.mark.parametrize(
    ("score", "profit"),
    [
        ([3.0, 2.0, 1.0, 9.0], 270 / 3),
        ([2.0, 3.0, 1.0, 9.0], (270 - 65) / 3),
        ([1.0, 3.0, 2.0, 9.0], (270 - 65 - 40) / 3),
        ([2.0, 2.0, 1.0, 9.0], (270 - 65) / 3),
    ],
    ids=["first", "second", "last", "tied with the stayer"],
)
def test_empb_by_hand(four: Dataset, score: list[float], profit: float) -> None:
    assert empb(four, np.array(score), ACTION) == pytest.approx(profit)


def test_empb_is_never_below_contacting_nobody(four: Dataset) -> None:
    dear = Action(0.3, 0.05, 1000.0)
    assert empb(four, np.array([3.0, 2.0, 1.0, 0.0]), dear) == 0


def test_auepc_by_hand(four: Dataset) -> None:
    """A perfect ranking is 1; ours over the best at 1, 2 and 3 calls: -65/270, 205/230, 165/165 by trapezoids."""
    assert auepc(four, np.array([3.0, 1.0, 2.0, 0.0]), ACTION) == pytest.approx(1)
    ratios = [-65 / 270, (270 - 65) / 230, (270 - 65 - 40) / 165]
    by_hand = (ratios[0] / 2 + ratios[1] + ratios[2] / 2) / 2
    assert auepc(four, np.array([2.0, 3.0, 1.0, 0.0]), ACTION) == pytest.approx(by_hand)


def test_every_date_counts_alike() -> None:
    """Nobody left at the third date, so nothing can be told of it."""
    days = [date(2024, 1, 1)] * 2 + [date(2024, 7, 1)] * 3 + [date(2025, 1, 1)]
    data = dataset([1, 0, 1, 0, 0, 0], [1000.0, 1000.0, 1000.0, 500.0, 500.0, 500.0], [*"ababca"], days)
    found = empb(data, np.array([2.0, 1.0, 3.0, 2.0, 1.0, 1.0]), ACTION)
    assert found == pytest.approx((270 / 2 + 270 / 3) / 2)


def test_nothing_can_be_told_without_both_outcomes() -> None:
    data = dataset([0, 0], [100.0, 200.0])
    assert np.isnan(empb(data, np.array([1.0, 2.0]), ACTION))
    assert np.isnan(auepc(data, np.array([1.0, 2.0]), ACTION))


@pytest.mark.parametrize(
    ("action", "best"),
    [
        (Action(1.0, 0.05, 0.0), 950 / 3),
        (Action(0.0, 0.05, 1.0), 0.0),
        (Action(0.3, 0.0, 0.0), 300 / 3),
    ],
    ids=["all stay", "nobody stays", "nothing costs"],
)
def test_the_ends_of_the_action(four: Dataset, action: Action, best: float) -> None:
    score = action_profit(np.array([0.9, 0.1, 0.1, 0.9]), four.matrix.value, action)
    assert empb(four, score, action) == pytest.approx(best, abs=1e-4)
    assert np.isfinite(auepc(four, score, action))
