"""Signals as standardised columns, for models that add up terms: signed logs, clipped; nulls marked; text by level.

In: a matrix. Out: a float array of shape (rows, columns), each column of mean 0 over the rows that were learnt from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from features.matrix import Matrix
from features.signal import all_signals

#: How many standard deviations a column may lie from its mean: what lies further counts no more.
CLIPPED = 3.0
#: A level of a text, or a null, that fewer rows or more than all but so few have, gets no column.
LEAST_SHARE = 0.01
#: So many rows become columns at a time: each step between makes a copy of them.
BLOCK = 16_384


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
        return cls.learnt(matrix)[0]

    @classmethod
    def learnt(cls, matrix: Matrix) -> tuple[Columns, np.ndarray]:
        """Learn scales and shares from the rows of a matrix, and return its columns too, shape (rows, columns)."""
        columns = cls._scaled(matrix)
        standard = columns(matrix)
        return replace(columns, means=tuple(standard.mean(axis=0).tolist())), standard

    @classmethod
    def _scaled(cls, matrix: Matrix) -> Columns:
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
        return cls(scales, nulls, levels)

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
        return by_blocks(self._block, matrix)

    def _block(self, matrix: Matrix) -> np.ndarray:
        at, numbers = self._plan, numbers_of(matrix)
        # In place: most of the time goes into arrays of this size.
        standard = signed_log(numbers[:, at.scaled])
        standard -= at.mean
        standard /= at.deviation
        np.clip(standard, -CLIPPED, CLIPPED, out=standard)
        standard[np.isnan(standard)] = 0.0
        texts = {name: matrix.signals[name].to_numpy(object) for name in self.level_shares}
        levels = [texts[name] == level for name, levels in self.level_shares.items() for level in levels]
        marks = np.column_stack([np.isnan(numbers[:, at.nulls]), *levels]).astype(float)
        return np.hstack([standard, (marks - at.shares) / at.shares_deviation])

    @cached_property
    def _plan(self) -> _Plan:
        place = {name: number for number, name in enumerate(number_names())}
        levels = [share for by_level in self.level_shares.values() for share in by_level.values()]
        shares = np.array([*self.null_shares.values(), *levels])
        return _Plan(
            scaled=np.array([place[name] for name in self.scales], int),
            mean=np.array([scale.mean for scale in self.scales.values()]),
            deviation=np.array([scale.deviation for scale in self.scales.values()]),
            nulls=np.array([place[name] for name in self.null_shares], int),
            shares=shares,
            shares_deviation=np.sqrt(shares * (1 - shares)),
        )


@dataclass(frozen=True)
class _Plan:
    """Which numbers of a matrix become columns, and what is taken off them; arrays, so that one row costs little."""

    scaled: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    nulls: np.ndarray
    shares: np.ndarray
    shares_deviation: np.ndarray


@cache
def number_names() -> tuple[str, ...]:
    """Return the signals that are numbers, in their order."""
    return tuple(signal.name for signal in all_signals() if not signal.is_text)


@cache
def _number_places() -> np.ndarray:
    return np.flatnonzero([not signal.is_text for signal in all_signals()])


def numbers_of(matrix: Matrix) -> np.ndarray:
    """Return the signals that are numbers, shape (rows, numbers), in the order of `number_names`."""
    return np.asarray(matrix.signals.iloc[:, _number_places()].to_numpy(float))


def by_blocks(columns_of: Callable[[Matrix], np.ndarray], matrix: Matrix) -> np.ndarray:
    """Return what a function of each row by itself makes of a matrix, shape (rows, columns), a block at a time.

    The whole is held once; what the function holds on the way, for one block only.
    """
    if len(matrix) <= BLOCK:
        return columns_of(matrix)
    first = columns_of(matrix.take(np.arange(BLOCK)))
    # In the blocks' own order of memory: sums over columns then round as those of an undivided matrix do.
    made = np.empty((len(matrix), first.shape[1]), order="F" if first.flags.f_contiguous else "C")
    made[:BLOCK] = first
    for start in range(BLOCK, len(matrix), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(matrix)))
        made[start : start + len(rows)] = columns_of(matrix.take(rows))
    return made


def signed_log(value: np.ndarray) -> np.ndarray:
    """Return sign(v) log(1 + |v|), shape as given."""
    return np.copysign(np.log1p(np.abs(value)), value)


def _frequent(share: float) -> bool:
    return LEAST_SHARE <= share <= 1 - LEAST_SHARE
