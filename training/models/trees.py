"""The model: gradient-boosted trees on signals, weighted by revenue, that have met every table missing.

LightGBM scores a null it never met in training as a 0. So a small share of the rows is learnt from with one table
removed, another share for each table, and one with all optional tables removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import lightgbm
import numpy as np
import pandas as pd

from features.matrix import Matrix, needing
from features.signal import all_signals
from features.tables import OPTIONAL_HISTORY
from training.models.weights import SCHEMES, forgone_profit, without_giants
from training.settings import Economics, FitSettings
from training.slices.dataset import Dataset

#: A category of text counts as one of its own when it holds this share of the rows; rarer ones are null.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Encoder:
    """Columns -> the numbers trees split on: text becomes the index of its category, or null when never met."""

    categories: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, frame: pd.DataFrame, text: Iterable[str]) -> Encoder:
        """Learn the categories of the text columns, the most frequent first; rare ones would be learnt by heart."""
        categories = {}
        for name in text:
            counts = frame[name].value_counts()
            frequent = counts[counts >= LEAST_SHARE * len(frame)]
            categories[name] = tuple(sorted(map(str, frequent.index), key=lambda level: (-counts[level], level)))
        return cls(categories)

    @cached_property
    def _codes(self) -> dict[str, dict[object, float]]:
        return {
            name: {level: float(code) for code, level in enumerate(levels)} for name, levels in self.categories.items()
        }

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the float64 array of shape (rows, columns), nulls as NaN."""
        names = list(map(str, frame.columns))
        text = np.array([name in self.categories for name in names])
        encoded = np.empty(frame.shape)
        encoded[:, ~text] = frame.loc[:, ~text].to_numpy(float)
        for position in np.flatnonzero(text).tolist():
            codes = self._codes[names[position]]
            encoded[:, position] = [codes.get(value, np.nan) for value in frame[names[position]].to_numpy(object)]
        return encoded


@dataclass(frozen=True)
class Trees:
    """A fitted booster with its encoder."""

    booster: lightgbm.Booster
    encoder: Encoder

    def margin(self, matrix: Matrix, rounds: int | None = None) -> np.ndarray:
        """Return the log-odds margin, shape (rows,), after so many rounds (default: all)."""
        return self.margin_of(self.encoder.encode(matrix.signals), rounds)

    def margin_of(self, encoded: np.ndarray, rounds: int | None = None) -> np.ndarray:
        """Return the margin of rows encoded before, shape (rows,)."""
        return np.asarray(self.booster.predict(encoded, raw_score=True, num_iteration=rounds or -1))

    def margins_after(self, encoded: np.ndarray, rounds: Sequence[int]) -> np.ndarray:
        """Return the margins of rows encoded before after each of rising numbers of rounds, shape (steps, rows)."""
        steps = []
        for before, after in pairwise((0, *rounds)):
            more = after - before
            grown = self.booster.predict(encoded, raw_score=True, start_iteration=before, num_iteration=more)
            steps.append(np.asarray(grown) if more else np.zeros(len(encoded)))
        return np.cumsum(steps, axis=0)


def fit_trees(
    data: Dataset,
    settings: FitSettings,
    seed: int,
    rounds: int,
    weighting: str,
    economics: Economics = Economics(),  # noqa: B008 (frozen)
) -> Trees:
    """Fit trees on a dataset.

    Parameters
    ----------
    rounds : int
        Number of boosting rounds, fixed.
    weighting : str
        A scheme of `training.models.weights.SCHEMES`.
    economics : Economics
        Read by the schemes whose objective is profit.
    """
    signals = all_signals()
    encoder = Encoder.of(data.matrix.signals, [signal.name for signal in signals if signal.is_text])
    rows = with_tables_removed(encoder.encode(data.matrix.signals), settings.removed_share, seed)
    weight = without_giants(SCHEMES[weighting].weights(data.matrix.value), data.accounts)
    directions = {signal.name: signal.monotone for signal in signals}
    booster = grow(rows, data.churned, weight, directions, encoder, settings, seed, rounds, weighting, economics)
    return Trees(booster, encoder)


def grow(
    rows: np.ndarray,
    churned: np.ndarray,
    weight: np.ndarray,
    directions: Mapping[str, int],
    encoder: Encoder,
    settings: FitSettings,
    seed: int,
    rounds: int,
    weighting: str,
    economics: Economics,
) -> lightgbm.Booster:
    """Grow the trees on any encoded matrix.

    Parameters
    ----------
    rows : float array of shape (n, columns)
    churned, weight : arrays of shape (n,)
    directions : mapping of column to +1, -1 or 0
        In the order of the columns: whether risk may only rise, only fall, or either with it.
    """
    names = list(directions)
    train = lightgbm.Dataset(
        rows,
        churned,
        weight=None if SCHEMES[weighting].for_profit else weight,
        feature_name=names,
        categorical_feature=[name for name in names if name in encoder.categories],
        free_raw_data=True,
    )
    parameters = settings.parameters(seed)
    parameters["min_data_in_leaf"] = max(5, min(settings.min_data_in_leaf, len(rows) // 50))
    if settings.monotone:
        parameters["monotone_constraints"] = list(directions.values())
    if SCHEMES[weighting].for_profit:
        loss = forgone_profit(churned, weight, economics)
        parameters["objective"] = lambda margin, _: loss(margin)
        train.set_init_score(np.full(len(rows), np.log(churned.mean() / (1 - churned.mean()))))
    return lightgbm.train(parameters, train, num_boost_round=rounds)


def with_tables_removed(encoded: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return a copy of encoded rows, of a `share` of which each history table is removed, other rows for each.

    Invoices too are removed from some, so that an account without any is no stranger; and from some all optional
    tables at once, which is what a CRM that only sends invoices will ask about. Of each at least one row, for any
    share above 0.
    """
    if share <= 0:
        return encoded
    removals = [needing(table) for table in ("invoices", *OPTIONAL_HISTORY)]
    removals.append(np.any([needing(table) for table in OPTIONAL_HISTORY], axis=0))
    count = max(1, round(share * len(encoded)))
    drawn = np.resize(np.random.default_rng(seed).permutation(len(encoded)), count * len(removals))
    removed = encoded.copy()
    for unknown, rows in zip(removals, np.split(drawn, len(removals)), strict=True):
        removed[np.ix_(rows, np.flatnonzero(unknown))] = np.nan
    return removed
