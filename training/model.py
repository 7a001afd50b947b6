"""The model: gradient-boosted trees on signals, weighted by revenue, that have met every table missing.

LightGBM scores a null it never met in training as a 0. So a sample of the rows is copied with each table removed, and
once with all optional ones removed, the copies sharing the weight of their original: the total weight is unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
import pandas as pd

from features.matrix import Matrix, needing
from features.signal import all_signals
from features.tables import OPTIONAL_HISTORY
from training.dataset import Dataset
from training.settings import FitSettings
from training.weights import SCHEMES

#: A category of text counts as one of its own when it holds this share of the rows; rarer ones are null.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Encoder:
    """Signals -> the numbers trees split on: text becomes the index of its category, or null when never met."""

    categories: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, matrix: Matrix) -> Encoder:
        """Learn the categories of the text signals, the most frequent first; rare ones would be learnt by heart."""
        found = {}
        for item in all_signals():
            if item.is_text:
                counts = matrix.signals[item.name].value_counts()
                frequent = counts[counts >= LEAST_SHARE * len(matrix)]
                found[item.name] = tuple(sorted(map(str, frequent.index), key=lambda name: (-counts[name], name)))
        return cls(found)

    def encode(self, matrix: Matrix) -> np.ndarray:
        """Return the float64 array of shape (rows, signals), nulls as NaN."""
        columns = []
        for name, column in matrix.signals.items():
            if name in self.categories:
                codes = pd.Index(self.categories[str(name)], dtype=object).get_indexer(pd.Index(column)).astype(float)
                columns.append(np.where(codes < 0, np.nan, codes))
            else:
                columns.append(column.to_numpy(float))
        return np.column_stack(columns)


@dataclass(frozen=True)
class Trees:
    """A fitted booster with its encoder."""

    booster: lightgbm.Booster
    encoder: Encoder

    def margin(self, matrix: Matrix, rounds: int | None = None) -> np.ndarray:
        """Return the log-odds margin, shape (rows,), after so many rounds (default: all)."""
        encoded = self.encoder.encode(matrix)
        return np.asarray(self.booster.predict(encoded, raw_score=True, num_iteration=rounds or -1))


def fit_trees(data: Dataset, settings: FitSettings, seed: int, rounds: int, weighting: str) -> Trees:
    """Fit trees on a dataset.

    Parameters
    ----------
    rounds : int
        Number of boosting rounds, fixed.
    weighting : str
        A scheme of `training.weights.SCHEMES`.
    """
    encoder = Encoder.of(data.matrix)
    weight = SCHEMES[weighting](data.matrix.value)
    rows, churned, weights = with_tables_removed(data, weight, settings.copies_share, seed, encoder)
    names = [item.name for item in all_signals()]
    train = lightgbm.Dataset(
        rows,
        churned,
        weight=weights,
        feature_name=names,
        categorical_feature=[name for name in names if name in encoder.categories],
        free_raw_data=True,
    )
    parameters = settings.parameters(seed)
    parameters["min_data_in_leaf"] = max(5, min(settings.min_data_in_leaf, len(data) // 50))
    if settings.monotone:
        parameters["monotone_constraints"] = [item.monotone for item in all_signals()]
    return Trees(lightgbm.train(parameters, train, num_boost_round=rounds), encoder)


def with_tables_removed(
    data: Dataset, weight: np.ndarray, share: float, seed: int, encoder: Encoder
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return encoded rows, labels and weights with the copies appended; the total weight is that of `weight`.

    Copies are made for each history table (invoices too, so that an account without any is no stranger), and for all
    optional tables at once, which is what a CRM that only sends invoices will ask about; of each at least one.
    """
    removals = [needing(table) for table in ("invoices", *OPTIONAL_HISTORY)]
    removals.append(np.any([needing(table) for table in OPTIONAL_HISTORY], axis=0))
    rng = np.random.default_rng(seed)
    encoded = encoder.encode(data.matrix)
    blocks, picks = [encoded], [np.arange(len(data))]
    for unknown in removals:
        pick = np.flatnonzero(rng.random(len(data)) < share)
        if share > 0 and not len(pick):
            pick = rng.integers(len(data), size=1)
        block = encoded[pick]
        block[:, unknown] = np.nan
        blocks.append(block)
        picks.append(pick)
    origin = np.concatenate(picks)
    copies = np.bincount(origin, minlength=len(data))
    return np.vstack(blocks), data.churned[origin], (weight / copies)[origin]
