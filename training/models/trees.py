"""The model: gradient-boosted trees on signals, weighted by revenue, trained with every table missing in some rows.

In: a dataset. Out: `Trees`, which map a matrix to log-odds margins of shape (rows,).

LightGBM scores a null that it never met in training as a 0. So for each history table a small share of the rows loses
that table, and one more share loses all optional tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import lightgbm
import numpy as np
import pandas as pd

from features.matrix import Matrix, needing, relying_on
from features.signal import all_signals
from features.tables import OPTIONAL_HISTORY
from training.contacting import Economics
from training.experts.shap_tables import ShapTables
from training.models.ground import Ground
from training.models.weights import SCHEMES, without_giants
from training.settings import FitSettings
from training.slices.dataset import Dataset

#: A text category needs at least this share of the rows to count as its own category; rarer ones become null.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Encoder:
    """Turn columns into the numbers that trees split on: text becomes the index of its category, or null if unknown."""

    categories: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, frame: pd.DataFrame, text: Iterable[str]) -> Encoder:
        """Learn the categories of the text columns, the most frequent first.

        Rare categories are left out, because trees would memorise the outcomes of their few rows.
        """
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
        encoded[:, ~text] = frame.iloc[:, np.flatnonzero(~text)].to_numpy(float)
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
        """Return the log-odds margin after `rounds` rounds (default: all), shape (rows,)."""
        return self.margin_of(self.encoder.encode(matrix.signals), rounds)

    @property
    def smallest_leaf(self) -> int:
        """Rows in the smallest leaf, of those that its tree drew.

        LightGBM's least number of rows in a leaf is no count: a row counts by its share of the leaf's Hessian, weight
        times p (1 - p). So heavy rows, and without weights those that the trees are unsure of, make smaller leaves.
        """
        counts = [line.partition("=")[2].split() for line in self._text.splitlines() if line.startswith("leaf_count=")]
        return min((int(count) for tree in counts for count in tree), default=0)

    def shap_values(self, encoded: np.ndarray) -> np.ndarray:
        """Return path-dependent SHAP values of encoded rows, and behind them the mean margin: (rows, signals + 1)."""
        if self._tables is None:
            return np.asarray(self.booster.predict(encoded, pred_contrib=True))
        return self._tables(encoded)

    @cached_property
    def _tables(self) -> ShapTables | None:
        return ShapTables.of(self.booster)

    @cached_property
    def _text(self) -> str:
        return str(self.booster.model_to_string())

    def margin_of(self, encoded: np.ndarray, rounds: int | None = None) -> np.ndarray:
        """Return the margin of encoded rows of shape (rows, columns); the result has shape (rows,)."""
        return np.asarray(self.booster.predict(encoded, raw_score=True, num_iteration=rounds or -1))

    def margins_after(self, encoded: np.ndarray, rounds: Sequence[int]) -> np.ndarray:
        """Return the margins of encoded rows after each of rising numbers of rounds, shape (steps, rows)."""
        steps = []
        for before, after in pairwise((0, *rounds)):
            more = after - before
            grown = self.booster.predict(encoded, raw_score=True, start_iteration=before, num_iteration=more)
            steps.append(np.asarray(grown) if more else np.zeros(len(encoded)))
        return np.cumsum(steps, axis=0)


@dataclass(frozen=True)
class Grower:
    """Labelled rows, encoded and binned once, on which trees are grown under several weightings.

    Attributes
    ----------
    ground : Ground
        n rows.
    encoder : Encoder
    value : array of shape (n,)
        Yearly value of the accounts, in currency.
    accounts : array of shape (n,)
    """

    ground: Ground
    encoder: Encoder
    value: np.ndarray
    accounts: np.ndarray

    @classmethod
    def of(cls, data: Dataset, settings: FitSettings, seed: int) -> Grower:
        """Encode a dataset, with every table removed in some rows."""
        signals = all_signals()
        encoder = Encoder.of(data.matrix.signals, [signal.name for signal in signals if signal.is_text])
        rows = with_tables_removed(encoder.encode(data.matrix.signals), settings.removed_share, seed)
        directions = {signal.name: signal.monotone for signal in signals}
        ground = Ground(rows, data.churned, directions, encoder.categories, settings, seed)
        return cls(ground, encoder, data.matrix.value, data.accounts)

    def grow(self, rounds: int, weighting: str, economics: Economics) -> Trees:
        """Grow trees; the parameters are those of `fit_trees`."""
        weight = without_giants(SCHEMES[weighting].weights(self.value), self.accounts)
        return Trees(self.ground.grow(weight, rounds, weighting, economics), self.encoder)


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
        Only the schemes with the profit objective read it.
    """
    return Grower.of(data, settings, seed).grow(rounds, weighting, economics)


def with_tables_removed(encoded: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return a copy of encoded rows in which a `share` of the rows loses each history table, other rows per table.

    Some rows lose the invoices, so that the trees know accounts without any. Some rows lose all optional tables at
    once, as when a CRM sends only invoices. Some lose what relies on invitations, or on the times of answers, as when
    only answers were exported. For a share above 0, each removal affects at least one row.

    Parameters
    ----------
    encoded : float array of shape (rows, signals)
    share : float
        0-1.
    """
    if share <= 0:
        return encoded
    removals = [needing(table) for table in ("invoices", *OPTIONAL_HISTORY)]
    removals.append(np.any([needing(table) for table in OPTIONAL_HISTORY], axis=0))
    removals += [relying_on("invitations"), relying_on("answer_times")]
    count = max(1, round(share * len(encoded)))
    drawn = np.resize(np.random.default_rng(seed).permutation(len(encoded)), count * len(removals))
    removed = encoded.copy()
    for unknown, rows in zip(removals, np.split(drawn, len(removals)), strict=True):
        removed[np.ix_(rows, np.flatnonzero(unknown))] = np.nan
    return removed
