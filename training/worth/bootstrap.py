"""Figures with intervals, from resamples of accounts.

In: figures, which are functions of row weights. Out: each figure with its 95 % interval. A resample draws accounts, not
rows, so all dates of an account are drawn together. A paired difference is a figure too: both of its parts are computed
on the same resamples. A figure takes the weights of many resamples at once, since one by one it is Python that costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from features.machine.threads import in_parallel, workers

#: Row weights of shape (..., n) -> the figure under each, shape (...).
Figure = Callable[[np.ndarray], np.ndarray]
Name = TypeVar("Name")
#: Weights held at a time by each thread.
MOST_WEIGHTS = 1_000_000


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


@dataclass(frozen=True, eq=False)
class Difference:
    """The figure `ours` minus `theirs`; many differences may share a part, which `drawn` computes once."""

    ours: Figure
    theirs: Figure

    def __call__(self, weight: np.ndarray) -> np.ndarray:
        """Return the difference under row weights of shape (..., n), shape (...)."""
        return self.ours(weight) - self.theirs(weight)


def difference(ours: Figure, theirs: Figure) -> Figure:
    """Return the figure `ours` minus `theirs`."""
    return Difference(ours, theirs)


def one_by_one(figure: Callable[[np.ndarray], float]) -> Figure:
    """Return the figure of a function that takes the weights of one resample, shape (n,)."""
    return lambda weight: np.apply_along_axis(figure, -1, weight)


def whole(figure: Figure, rows: int) -> float:
    """Return a figure in which every row counts once."""
    return float(figure(np.ones(rows)))


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below, NaN where below is not above 0; arrays of one shape."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=np.asarray(below) > 0)


def mean_over(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of arrays of one shape, place by place, over those that are numbers; NaN where none is."""
    if not parts:
        return np.array(np.nan)
    stacked = np.stack(parts)
    known = ~np.isnan(stacked)
    return ratio(np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0))


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
    draws = drawn(accounts, figures, bootstraps, seed)
    return {name: interval_of(whole(figure, len(accounts)), draws[name]) for name, figure in figures.items()}


def drawn(accounts: np.ndarray, figures: Mapping[Name, Figure], bootstraps: int, seed: int) -> dict[Name, np.ndarray]:
    """Return each figure under the same resamples, shape (bootstraps,); see `intervals`."""
    weights, at_a_time = resamples(accounts, bootstraps, seed), max(1, MOST_WEIGHTS // max(len(accounts), 1))

    def under(weight: np.ndarray) -> list[np.ndarray]:
        computed = _once(weight)
        return [np.broadcast_to(computed(figure), len(weight)) for figure in figures.values()]

    parts: list[list[np.ndarray]] = [[np.empty(0) for _ in figures]]
    while stacks := [np.stack(part) for part in _batches(weights, at_a_time, workers())]:
        parts.extend(in_parallel(under, stacks))
    return {name: np.concatenate(own) for name, own in zip(figures, zip(*parts, strict=True), strict=True)}


def _batches(weights: Iterator[np.ndarray], size: int, count: int) -> list[list[np.ndarray]]:
    """Return the next `count` lists of `size` weights, fewer at the end."""
    return [part for _ in range(count) if (part := list(islice(weights, size)))]


def _once(weight: np.ndarray) -> Callable[[Figure], np.ndarray]:
    """Return a function that computes figures under one array of weights, each part of their differences once."""
    known: dict[Figure, np.ndarray] = {}

    def computed(figure: Figure) -> np.ndarray:
        if isinstance(figure, Difference):
            return computed(figure.ours) - computed(figure.theirs)
        if figure not in known:
            known[figure] = figure(weight)
        return known[figure]

    return computed


def resamples(accounts: np.ndarray, bootstraps: int, seed: int) -> Iterator[np.ndarray]:
    """Yield row weights of shape (n,): how often each row's account was drawn.

    The same accounts, of shape (n,), and the same seed give the same weights.
    """
    codes = np.unique(accounts, return_inverse=True)[1]
    size = codes.max() + 1
    rng = np.random.default_rng(seed)
    for _ in range(bootstraps):
        yield rng.multinomial(size, np.full(size, 1 / size))[codes].astype(float)


def interval_of(value: float, draws: np.ndarray | Sequence[float]) -> Interval:
    """Return a figure with the 95 % percentile interval of its draws, NaN left out."""
    known = np.asarray(draws, float)
    known = known[~np.isnan(known)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (float("nan"), float("nan"))
    return Interval(value, float(low), float(high))
