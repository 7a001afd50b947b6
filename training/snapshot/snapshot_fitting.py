"""Fit a model on a snapshot, as `training.models.fitting` does on slices, but with stratified folds.

In: a dataset of one date, candidate settings and a `Grower`. Out: a `FittedSnapshot`.

A snapshot is small, so the fit differs in two points. Several sizes of trees may compete, unweighted, before the
weighting is chosen. Several boosters are grown on other draws of rows and columns, and their margins are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from training.models.calibration import Platt, fit_platt
from training.models.choice import UNWEIGHTED, Choice, choose
from training.models.fitting import schemes_of
from training.models.folds import OutOfFold, Split, curves, margins_at, round_steps
from training.models.ground import Ground
from training.models.trees import Encoder, Trees
from training.models.weights import SCHEMES, without_giants
from training.settings import TrainingSettings
from training.slices.dataset import Dataset


@dataclass(frozen=True)
class Ensemble:
    """Boosters that share one encoder; the margin is the mean of their margins."""

    members: tuple[Trees, ...]

    def margin(self, signals: pd.DataFrame) -> np.ndarray:
        """Return the mean log-odds margin, shape (rows,)."""
        encoded = self.members[0].encoder.encode(signals)
        return np.asarray(np.mean([trees.margin_of(encoded) for trees in self.members], axis=0))

    def margins_after(self, signals: pd.DataFrame, rounds: Sequence[int]) -> np.ndarray:
        """Return the mean log-odds margins after each of rising numbers of rounds, shape (steps, rows)."""
        encoded = self.members[0].encoder.encode(signals)
        return np.asarray(np.mean([trees.margins_after(encoded, rounds) for trees in self.members], axis=0))


@dataclass(frozen=True)
class Grower:
    """How an ensemble is grown: as by `training.models.trees.fit_trees` for a book, but without removed tables.

    Attributes
    ----------
    text : frozenset of str
        Columns that hold text.
    directions : mapping of column to +1, -1 or 0
        In the order of the columns.
    boosters : int
        1 or more.
    """

    text: frozenset[str]
    directions: Mapping[str, int]
    boosters: int

    def __post_init__(self) -> None:
        """Raise ValueError for fewer than one booster."""
        if self.boosters < 1:
            raise ValueError(f"boosters={self.boosters} must be 1 or more")

    def fit(self, data: Dataset, settings: TrainingSettings, rounds: int, weighting: str) -> Ensemble:
        """Grow the boosters, one per seed from `settings.seed` on.

        Parameters
        ----------
        rounds : int
            Number of boosting rounds, fixed.
        weighting : str
            A scheme of `training.models.weights.SCHEMES`.
        """
        encoder = Encoder.of(data.matrix.signals, sorted(self.text))
        rows = encoder.encode(data.matrix.signals)
        weight = without_giants(SCHEMES[weighting].weights(data.matrix.value), data.accounts)
        fit, economics = settings.fit, settings.economics
        grounds = [
            Ground(rows, data.churned, self.directions, encoder.categories, fit, seed)
            for seed in range(settings.seed, settings.seed + self.boosters)
        ]
        grown = [ground.grow(weight, rounds, weighting, economics) for ground in grounds]
        return Ensemble(tuple(Trees(booster, encoder) for booster in grown))


@dataclass(frozen=True)
class FittedSnapshot:
    """A model of a snapshot: the best settings, the choice of the folds, the ensemble and its sigmoid."""

    settings: TrainingSettings
    choice: Choice
    ensemble: Ensemble
    calibrator: Platt

    def probability(self, signals: pd.DataFrame) -> np.ndarray:
        """Return churn probabilities in (0, 1), shape (rows,)."""
        return self.calibrator(self.ensemble.margin(signals))


def fit_snapshot(data: Dataset, candidates: Sequence[TrainingSettings], grower: Grower) -> FittedSnapshot:
    """Choose settings, weighting and rounds on folds, calibrate on their margins, grow trees on every row.

    Parameters
    ----------
    data : Dataset
        Rows of one date, one per account.
    candidates : sequence of TrainingSettings
        Of several, the one that ranks best is used; they are compared unweighted unless the settings name a weighting.
    """
    settings = candidates[0]
    if len(candidates) > 1:
        settings = max(candidates, key=lambda candidate: _ranking(data, candidate, grower))
    folds = _out_of_fold(data, settings, schemes_of(settings), grower)
    choice = choose(data, folds, settings)
    ensemble = grower.fit(data, settings, choice.rounds, choice.weighting)
    margin, valid = margins_at(folds, choice.weighting, choice.rounds, settings)
    return FittedSnapshot(settings, choice, ensemble, fit_platt(margin, data.churned[valid]))


def _ranking(data: Dataset, settings: TrainingSettings, grower: Grower) -> float:
    scheme = settings.weighting or UNWEIGHTED
    folds = _out_of_fold(data, settings, (scheme,), grower)
    return choose(data, folds, replace(settings, weighting=scheme)).schemes[scheme].ranking


def _out_of_fold(data: Dataset, settings: TrainingSettings, schemes: Sequence[str], grower: Grower) -> list[OutOfFold]:
    stratified = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.seed)
    splits = stratified.split(data.churned, data.churned)
    return [_at_split(data, split, settings, schemes, grower) for split in splits]


def _at_split(
    data: Dataset, split: Split, settings: TrainingSettings, schemes: Sequence[str], grower: Grower
) -> OutOfFold:
    """Compute one fold, as `training.models.folds.out_of_fold` does for a book."""
    learnt, judged = data.take(split[0]), data.take(split[1])
    rounds, margins = round_steps(settings), {}
    for scheme in schemes:
        ensemble = grower.fit(learnt, settings, settings.fit.max_rounds, scheme)
        margins[scheme] = ensemble.margins_after(judged.matrix.signals, rounds)
    return OutOfFold(*split, margins, {scheme: curves(judged, steps) for scheme, steps in margins.items()})
