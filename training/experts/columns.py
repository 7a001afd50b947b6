"""Signals as standardised columns, for models that add up terms: signed logs, clipped; nulls marked; text by level.

In: a matrix. Out: a float array of shape (rows, columns), each column of mean 0 over the rows that were learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from features.matrix import Matrix
from features.signal import all_signals

#: How many standard deviations a column may lie from its mean: what lies further counts no more.
CLIPPED = 3.0
#: A level of a text, or a null, that fewer rows or more than all but so few have, gets no column.
LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of a signal's signed log over the rows in which it is known."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Columns:
    """How signals become columns.

    Attributes
    ----------
    scales : mapping of signal to Scale
        The numbers that vary.
    null_shares : mapping of signal to float
        Share of nulls of the signals whose nulls are marked by a column.
    level_shares : mapping of signal to mapping of level to float
        Share of each frequent level of a text.
    means : tuple of float
        Mean of each column over the rows that were learnt from: not quite 0, for what lies far out is clipped.
    """

    scales: dict[str, Scale]
    null_shares: dict[str, float]
    level_shares: dict[str, dict[str, float]]
    means: tuple[float, ...] = ()

    @classmethod
    def of(cls, matrix: Matrix) -> Columns:
        """Learn scales and shares from the rows of a matrix."""
        scales, nulls, levels = {}, {}, {}
        for signal in all_signals():
            column = matrix.signals[signal.name]
            if signal.is_text:
                shares = column.value_counts(normalize=False) / max(len(column), 1)
                levels[signal.name] = {
                    str(level): float(share) for level, share in shares.items() if _frequent(float(share))
                }
                continue
            logs = signed_log(column.to_numpy(float))
            known = logs[~np.isnan(logs)]
            if len(known) and known.std() > 0:
                scales[signal.name] = Scale(float(known.mean()), float(known.std()))
            if _frequent(share := 1 - len(known) / max(len(logs), 1)):
                nulls[signal.name] = share
        columns = cls(scales, nulls, levels)
        return replace(columns, means=tuple(columns(matrix).mean(axis=0).tolist()))

    @property
    def owners(self) -> list[str]:
        """The signal of each column."""
        of_levels = [name for name, levels in self.level_shares.items() for _ in levels]
        return [*self.scales, *self.null_shares, *of_levels]

    @property
    def directions(self) -> np.ndarray:
        """+1, -1 or 0 for each column: whether risk rises or falls with it, or both; shape (columns,)."""
        by_name = {signal.name: signal.monotone for signal in all_signals()}
        others = len(self.owners) - len(self.scales)
        return np.array([*(by_name[name] for name in self.scales), *[0] * others])

    def __call__(self, matrix: Matrix) -> np.ndarray:
        """Return the columns of a matrix, shape (rows, columns); a null counts as the mean."""
        numbers = matrix.signals[list(self.scales)].to_numpy(float)
        mean, deviation = (np.array([getattr(s, part) for s in self.scales.values()]) for part in ("mean", "deviation"))
        standard = np.clip((signed_log(numbers) - mean) / deviation, -CLIPPED, CLIPPED)
        nulls = matrix.signals[list(self.null_shares)].isna().to_numpy(float)
        texts = [
            (matrix.signals[name] == level).to_numpy(float)[:, None]
            for name, levels in self.level_shares.items()
            for level in levels
        ]
        marks = np.hstack([nulls, *texts])
        return np.hstack([np.nan_to_num(standard, nan=0.0), (marks - self._shares) / self._deviations])

    @property
    def _shares(self) -> np.ndarray:
        levels = [share for by_level in self.level_shares.values() for share in by_level.values()]
        return np.array([*self.null_shares.values(), *levels])

    @property
    def _deviations(self) -> np.ndarray:
        return np.sqrt(self._shares * (1 - self._shares))


def signed_log(value: np.ndarray) -> np.ndarray:
    """Return sign(v) log(1 + |v|), shape as given."""
    return np.sign(value) * np.log1p(np.abs(value))


def _frequent(share: float) -> bool:
    return LEAST_SHARE <= share <= 1 - LEAST_SHARE
