"""What a small book lacks: accounts that left, and for what; whether more would help; which tables are absent.

In: the slices learnt from, the judged rows and the model's probabilities there. Out: a `SmallBook`, or None for a book
that is not small. Whether more accounts would help is asked of the book itself: two models are each fitted on half of
its accounts, by the recipe that the whole book chose, and judged on the same rows as the model of all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from math import ceil
from typing import Any

import numpy as np

from features.machine.threads import in_parallel
from training.judge.origins import Origin, has_both_outcomes
from training.models.choice import FEW_LEAVERS
from training.models.fitting import Progress, silent
from training.models.folds import learnable_part
from training.models.margin import Recipe, fit_margin
from training.slices.dataset import Dataset
from training.slices.preparing import LEAST_ACCOUNTS
from training.worth.bootstrap import Figure, Interval, difference, intervals
from training.worth.evaluation import auc_figure

#: A book with so many accounts that left is not small: that is where choices by money are sound, twice over.
ENOUGH = 2 * FEW_LEAVERS
#: How closely a ROC AUC should be known: half the width of its interval.
CLOSELY = 0.03
#: What the ROC AUC lost without each table on simulated books: an order to try them in, no promise for another book.
#: From benchmarks/results/missing_tables.json (`python -m benchmarks missing-tables`); a test compares the two.
LOST_WITHOUT: dict[str, float] = {
    "contracts": 0.044,
    "tickets": 0.013,
    "surveys": 0.013,
    "memberships": 0.002,
    "actions": 0.002,
    "referrals": 0.001,
    "loops": 0.0,
    "contacts": -0.0,
}


@dataclass(frozen=True)
class Need:
    """So many accounts that left are needed for something; `have` of them are there."""

    purpose: str
    needed: int
    have: int


@dataclass(frozen=True)
class SmallBook:
    """What a small book lacks.

    Attributes
    ----------
    left : int
        Accounts that left in the slices that the judged fit learnt from.
    needs : tuple of Need
        By rising number.
    doubling : Interval or None
        ROC AUC of the model minus the mean of two models that learnt half of the accounts each; None where a half has
        too few accounts that left.
    absent : tuple of str
        Optional tables that the book lacks, those that were worth most on simulated books first.
    in_all : int or None
        Accounts that left in all slices, which the model itself learnt from; None where it is not told.
    """

    left: int
    needs: tuple[Need, ...]
    doubling: Interval | None
    absent: tuple[str, ...]
    in_all: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "left": self.left,
            "left_in_all": self.in_all,
            "needs": [vars(need) for need in self.needs],
            "doubling": None if self.doubling is None else self.doubling.as_dict(),
            "absent": list(self.absent),
            "advice": self.advice(),
        }

    def advice(self) -> list[str]:
        """Return what to do, a sentence each."""
        told = [f"a small book: {self._known()}"]
        told += [
            f"{need.purpose}: {need.needed:,} are needed, {need.have:,} are there"
            for need in self.needs
            if need.have < need.needed
        ]
        if self.doubling is not None:
            found = f"{self.doubling.value:+.3f} ({self.doubling.low:+.3f} to {self.doubling.high:+.3f})"
            meaning = (
                "more accounts or more years of records will help"
                if self.doubling.above
                else "that more accounts or years would help is not told apart from chance"
            )
            told.append(f"twice the accounts brought {found} of ROC AUC: {meaning}")
        if self.absent:
            told.append(f"absent tables, those first that were worth most on simulated books: {', '.join(self.absent)}")
        return told

    def _known(self) -> str:
        if self.in_all is None:
            return f"{self.left:,} accounts that left are known"
        return (
            f"the model learnt from {self.in_all:,} accounts that left, the fit that was judged, as of an earlier "
            f"date, from {self.left:,}"
        )


def small_book(
    origin: Origin,
    probability: np.ndarray,
    known: Interval,
    absent: Collection[str],
    recipe: Recipe,
    weights: Mapping[str, float],
    progress: Progress = silent,
    everything: Dataset | None = None,
) -> SmallBook | None:
    """Say what a book lacks; None when it is not small.

    Parameters
    ----------
    origin : Origin
        Slices that the judged model learnt from, and the n rows that it was judged on.
    probability : array of shape (n,)
        The model's probabilities there.
    known : Interval
        The model's ROC AUC there.
    absent : collection of str
        Optional tables that the book lacks.
    recipe : Recipe
    weights : mapping of expert to float
        As the model was fitted.
    everything : Dataset, optional
        All slices, which the model itself learnt from: what a model needs is asked of them.
    """
    left = _left(origin.learnt)
    if left >= ENOUGH:
        return None
    judged, in_all = _left(origin.test), None if everything is None else _left(everything)
    have = left if in_all is None else in_all
    needs = [
        Need("a model at all", LEAST_ACCOUNTS, have),
        Need("weights by revenue, chosen by money", FEW_LEAVERS, have),
    ]
    if known.high > known.low:
        wanted = ceil(judged * ((known.high - known.low) / 2 / CLOSELY) ** 2)
        needs.append(Need(f"a ROC AUC known to {CLOSELY:.2f} either way, among the accounts judged", wanted, judged))
    by_worth = sorted(absent, key=lambda name: (-LOST_WITHOUT.get(name, 0.0), name))
    doubling = _doubling(origin, probability, recipe, weights, progress)
    return SmallBook(left, tuple(needs), doubling, tuple(by_worth), in_all)


def _left(data: Dataset) -> int:
    return data.leavers


def _doubling(
    origin: Origin, probability: np.ndarray, recipe: Recipe, weights: Mapping[str, float], progress: Progress
) -> Interval | None:
    settings = recipe.settings
    accounts = np.random.default_rng(settings.seed).permutation(np.unique(origin.learnt.accounts))
    halves = [
        Origin(origin.learnt.take(np.isin(origin.learnt.accounts, part)), origin.test, origin.how)
        for part in np.array_split(accounts, 2)
    ]
    if not all(has_both_outcomes(half) for half in halves):
        return None
    steps = count()

    def told() -> None:
        progress("asking what half of the book would know", next(steps), len(halves))

    def figure_of_half(half: Origin) -> Figure:
        margin = fit_margin(learnable_part(half.learnt, settings), recipe, weights)
        return auc_figure(half.test, margin(half.test.matrix))

    told()
    figures = in_parallel(figure_of_half, halves, len(origin.learnt), told)
    halved: Figure = lambda weight: (figures[0](weight) + figures[1](weight)) / 2  # noqa: E731
    gain = difference(auc_figure(origin.test, probability), halved)
    return intervals(origin.test.accounts, {"gain": gain}, settings.bootstraps, settings.seed)["gain"]
