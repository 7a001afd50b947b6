"""The model's margin: trees, a linear expert and a buying expert, each with a weight that the folds teach.

In: a matrix. Out: log-odds of shape (rows,), and what each signal adds to them.

    margin = sum over experts of weight x margin of the expert

What one expert sees well, another does not: trees see interactions where there is much to learn from, a linear sum
holds its own on little, and a buying model knows a silence from the account's own rhythm. The weights are those that
lose least on rows that the experts did not see. They are 0 or more, and drawn to weights that held over books of many
kinds, the more so the fewer accounts have left: with a handful the folds say little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from features.machine.threads import at_once
from features.matrix import Matrix
from features.signal import signal_names
from training.experts.buying import LEAST_ACCOUNTS, BuyingExpert, fit_buying, teach
from training.experts.drawn_weights import drawn_strength, drawn_weights
from training.experts.linear import Linear, choose_penalty, fit_linear
from training.models.trees import Trees, fit_trees
from training.models.weights import SCHEMES, without_giants
from training.settings import TrainingSettings
from training.slices.dataset import Dataset

EXPERTS = TREES, LINEAR, BUYING = "trees", "linear", "buying"
#: Weights that held in trials on simulated books of several kinds and on earlier origins of Online Retail II, by
#: whether churn is silence. `python -m benchmarks kinds` shows what they give.
PRIOR: Mapping[bool, Mapping[str, float]] = {
    False: {TREES: 0.5, LINEAR: 0.4, BUYING: 0.1},
    True: {TREES: 0.45, LINEAR: 0.3, BUYING: 0.25},
}
#: How many accounts that left the prior counts as much as.
PRIOR_LEAVERS = 40.0
#: Where so many accounts left, trees have half of their part of the prior and the linear expert the rest, since of few
#: leavers trees learn by heart. Where churn is silence both have half, and the buying expert the rest: silence tells.
HALF_LEAVERS = 60.0


@dataclass(frozen=True)
class Margin:
    """Fitted experts with their weights.

    Attributes
    ----------
    buying : BuyingExpert or None
        None where too few accounts bought again.
    weights : mapping of expert to float
        Of the experts that are there; 0 or more.
    """

    trees: Trees
    linear: Linear
    buying: BuyingExpert | None
    weights: Mapping[str, float]

    def __call__(self, matrix: Matrix) -> np.ndarray:
        """Return log-odds, shape (rows,)."""
        return weighted(self.by_expert(matrix), self.weights)

    def by_expert(self, matrix: Matrix) -> dict[str, np.ndarray]:
        """Return each expert's log-odds, shape (rows,)."""
        parts = {TREES: self.trees.margin(matrix), LINEAR: self.linear.margin(matrix)}
        return parts if self.buying is None else parts | {BUYING: self.buying.margin(matrix)}

    def explain(self, matrix: Matrix) -> tuple[np.ndarray, float]:
        """Return what each signal adds to the margin, and the margin where nothing adds anything.

        Path-dependent SHAP values of the trees, terms of the linear expert against its mean, and exact Shapley values
        of the buying expert's three figures.

        Returns
        -------
        array of shape (rows, signals), float
            The rows' sums plus the float are their margins.
        """
        encoded = self.trees.encoder.encode(matrix.signals)
        of_trees = self.trees.shap_values(encoded)
        parts, base = self.weights[TREES] * of_trees[:, :-1], self.weights[TREES] * float(of_trees[0, -1])
        others = {LINEAR: self.linear, BUYING: self.buying}
        for name, expert in others.items():
            if expert is not None:
                owned, plain = expert.explain(matrix)
                order, starts, places = self._owners[name]
                # Each row by itself, so that an account alone gets what it gets in a batch, to the last bit.
                parts[:, places] += self.weights[name] * np.add.reduceat(owned[:, order], starts, axis=1)
                base += self.weights[name] * plain
        return parts, base

    @cached_property
    def _owners(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each expert: its columns by signal, where each signal's columns begin, and which signals these are."""
        experts: dict[str, Linear | BuyingExpert] = {LINEAR: self.linear}
        if self.buying is not None:
            experts[BUYING] = self.buying
        place = {name: number for number, name in enumerate(signal_names())}
        owned = {}
        for name, expert in experts.items():
            owners = np.array([place[owner] for owner in expert.owners], int)
            order = np.argsort(owners, kind="stable")
            places, starts = np.unique(owners[order], return_index=True)
            owned[name] = (order, starts, places)
        return owned


@dataclass(frozen=True)
class Recipe:
    """How the experts are fitted: the settings, and what folds chose.

    Attributes
    ----------
    rounds : int
        Number of boosting rounds of the trees.
    weighting : str
        A scheme of `training.models.weights.SCHEMES`, for trees and linear expert.
    penalty : float
        Of the linear expert.
    """

    settings: TrainingSettings
    rounds: int
    weighting: str
    penalty: float


def fit_margin(data: Dataset, recipe: Recipe, weights: Mapping[str, float], least: int = LEAST_ACCOUNTS) -> Margin:
    """Fit every expert that has a weight to labelled slices; `least` is that of `fit_buying`."""
    settings = recipe.settings

    def grown() -> Trees:
        return fit_trees(data, settings.fit, settings.seed, recipe.rounds, recipe.weighting, settings.economics)

    trees, (linear, buying) = at_once(grown, lambda: fit_others(data, recipe, least), len(data))
    there = {TREES, LINEAR} | ({BUYING} if buying is not None and BUYING in weights else set())
    own = {name: weight for name, weight in weights.items() if name in there}
    return Margin(trees, linear, buying if BUYING in own else None, own)


def fit_others(data: Dataset, recipe: Recipe, least: int = LEAST_ACCOUNTS) -> tuple[Linear, BuyingExpert | None]:
    """Fit the linear expert, and the buying expert on the latest date: its parameters come from no later one.

    Where churn is silence, the outcomes of all rows correct the buying expert.
    """
    rule = recipe.settings.rule
    linear = fit_linear(data.matrix, data.churned, _row_weights(data, recipe.weighting), recipe.penalty)
    buying = fit_buying(data.on(data.dates[-1:]).matrix, rule.lead_days, rule.horizon_days, least)
    if rule.by_silence:
        known = (data.matrix, data.churned, data.accounts, data.as_of)
        buying = teach(buying, *known, rule.lead_days, rule.horizon_days)
    return linear, buying


def penalty_of(data: Dataset, settings: TrainingSettings, weighting: str) -> float:
    """Return the linear expert's penalty, chosen on folds by account."""
    return choose_penalty(data.matrix, data.churned, _row_weights(data, weighting), data.accounts, settings.seed)


def _row_weights(data: Dataset, weighting: str) -> np.ndarray:
    return without_giants(SCHEMES[weighting].weights(data.matrix.value), data.accounts)


def weighted(margins: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Return the weighted sum of experts' log-odds, shape (rows,); one without a weight adds nothing."""
    return np.asarray(sum(weights.get(name, 0.0) * part for name, part in margins.items()))


def to_plain(margin: Margin) -> dict[str, Any]:
    """Return everything but the trees as plain values, for a bundle."""
    return {
        "weights": dict(margin.weights),
        LINEAR: TypeAdapter(Linear).dump_python(margin.linear, mode="json"),
        BUYING: TypeAdapter(BuyingExpert | None).dump_python(margin.buying, mode="json"),
    }


def from_plain(plain: Mapping[str, Any], trees: Trees) -> Margin:
    """Return the margin of plain values and trees.

    Raises
    ------
    KeyError, pydantic.ValidationError
        When something is missing or of another kind.
    """
    return Margin(
        trees,
        TypeAdapter(Linear).validate_python(plain[LINEAR]),
        TypeAdapter(BuyingExpert | None).validate_python(plain[BUYING]),
        TypeAdapter(dict[str, float]).validate_python(plain["weights"]),
    )


def usual_weights(leavers: int, by_silence: bool) -> dict[str, float]:
    """Return the weights that held over books with so many accounts that left; their sum is 1.

    Parameters
    ----------
    leavers : int
        Accounts.
    by_silence : bool
        Whether churn is derived from silence.

    Examples
    --------
    >>> usual_weights(60, by_silence=True)
    {'trees': 0.225, 'linear': 0.15, 'buying': 0.625}
    >>> usual_weights(60, by_silence=False)
    {'trees': 0.25, 'buying': 0.1, 'linear': 0.65}
    """
    prior, rest = PRIOR[by_silence], BUYING if by_silence else LINEAR
    part = leavers / (leavers + HALF_LEAVERS)
    learnt = {name: prior[name] * part for name in ((TREES, LINEAR) if by_silence else (TREES,))}
    kept = learnt if by_silence else learnt | {BUYING: prior[BUYING]}
    return kept | {rest: 1 - sum(kept.values())}


def learn_weights(
    margins: Mapping[str, np.ndarray], churned: np.ndarray, accounts: np.ndarray, usual: Mapping[str, float]
) -> dict[str, float]:
    """Return the weight of each expert that loses least on rows that it did not see.

    Parameters
    ----------
    margins : mapping of expert to array of shape (n,)
        Out-of-fold log-odds.
    churned : bool array of shape (n,)
    accounts : array of shape (n,)
        One account has many rows, which tell little more than one.
    usual : mapping of expert to float
        The weights to which they are drawn.
    """
    names = list(margins)
    rows = np.column_stack([margins[name] for name in names])
    rows = rows - rows.mean(axis=0)
    prior = np.array([usual[name] for name in names])
    prior = prior / prior.sum()
    together = rows @ prior
    scale = float(drawn_weights(together[:, None], churned, np.ones(1), np.full(1, 1e-3))[0][0])
    strength = drawn_strength(rows, churned, accounts, PRIOR_LEAVERS)
    weights, _ = drawn_weights(rows, churned, scale * prior, strength)
    if not weights.any():
        weights = prior
    return dict(zip(names, weights.tolist(), strict=True))


def with_prior(weights: Mapping[str, float], there: Iterable[str], usual: Mapping[str, float]) -> dict[str, float]:
    """Return learnt weights with those of experts that are there but taught by no row: their part of the usual ones.

    Parameters
    ----------
    weights : mapping of expert to float
    there : iterable of str
        Names of experts.
    usual : mapping of expert to float
        Their sum is 1.
    """
    untaught = {name: usual[name] for name in there if name not in weights}
    whole, left = sum(weights.values()), 1 - sum(untaught.values())
    return {name: left * weight for name, weight in weights.items()} | {
        name: whole * share for name, share in untaught.items()
    }
