"""Figures with intervals, from resamples of accounts.

In: figures, which are functions of row weights. Out: each figure with its 95 % interval. A resample draws accounts, not
rows, so all dates of an account are drawn together. A paired difference is a figure too: both of its parts are computed
on the same resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Figure = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the interval as plain values, None for NaN."""
        return plain(self)

    @property
    def above(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0


def plain(figures: Any) -> dict[str, Any]:
    """Return a dataclass of figures as plain values, None for NaN."""
    return {name: None if value != value else value for name, value in asdict(figures).items()}


def difference(ours: Figure, theirs: Figure) -> Figure:
    """Return the figure `ours` minus `theirs`."""
    return lambda weight: ours(weight) - theirs(weight)


def mean_of(figures: Sequence[float | None]) -> float:
    """Return the mean of the figures that are numbers; NaN when none is."""
    known = np.array(figures, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")


def intervals(accounts: np.ndarray, figures: Mapping[str, Figure], bootstraps: int, seed: int) -> dict[str, Interval]:
    """Return each figure with its 95 % percentile interval, all figures on the same resamples.

    Parameters
    ----------
    accounts : array of shape (n,)
        The account of each row. A resample weighs each row by how often its account was drawn.
    figures : mapping of name to function of weights of shape (n,)
    bootstraps : int
        Number of resamples.
    """
    draws: dict[str, list[float]] = {name: [] for name in figures}
    for weight in resamples(accounts, bootstraps, seed):
        for name, figure in figures.items():
            draws[name].append(figure(weight))
    every = np.ones(len(accounts))
    return {name: interval_of(figure(every), draws[name]) for name, figure in figures.items()}


def resamples(accounts: np.ndarray, bootstraps: int, seed: int) -> Iterator[np.ndarray]:
    """Yield row weights of shape (n,): how often each row's account was drawn.

    The same accounts, of shape (n,), and the same seed give the same weights.
    """
    codes = np.unique(accounts, return_inverse=True)[1]
    size = codes.max() + 1
    rng = np.random.default_rng(seed)
    for _ in range(bootstraps):
        yield rng.multinomial(size, np.full(size, 1 / size))[codes].astype(float)


def interval_of(value: float, draws: Sequence[float]) -> Interval:
    """Return a figure with the 95 % percentile interval of its draws, NaN left out."""
    known = np.array(draws)
    known = known[~np.isnan(known)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (float("nan"), float("nan"))
    return Interval(value, float(low), float(high))
