"""How far the level of all probabilities moves from what was known to what comes, and what that means for a loss.

A model ranks accounts by what it knows of each. How many leave altogether also moves with the season and with what
happens to the whole market, and a model of a horizon below a year carries the season of the dates that it learnt from.
So the interval of a predicted loss holds two things: chance, account by account, and the level, for all at once.

In: dated probabilities of fits that had not seen the rows, and outcomes. Out: a `Level`; with probabilities and
revenues, a `Loss`.

The level of a date is the shift in log-odds at which its probabilities add up to those who left. What it came to be is
compared with the mean of the dates whose outcomes were known by then, as it would have been for a model made on that
day. Chance in the levels themselves is taken off, and a prior stands in where the dates are few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pandas.util import hash_array
from scipy.optimize import brentq
from scipy.special import expit, logit

#: The prior: a spread in log-odds, and for how many periods that do not overlap it stands.
PRIOR_SPREAD, PRIOR_PERIODS = 0.2, 4.0
#: Share of the losses that the interval holds.
COVERAGE = 0.8
DRAWS = 500
#: The largest accounts are drawn one by one, all others together, at so many levels between the draws' ends.
DRAWN_ALONE, LEVELS = 512, 33
WIDEST = 20.0


@dataclass(frozen=True)
class Level:
    """How far the level was off at past dates.

    Attributes
    ----------
    spread : float
        Standard deviation in log-odds.
    periods : float
        Number of periods without common outcomes on which it rests, the prior's included.
    dates : int
        As-of dates at which it was measured; 0: it is the prior.
    """

    spread: float
    periods: float
    dates: int

    def as_dict(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Loss:
    """The mean of a predicted loss with its 80 % interval, which holds the mean; in currency."""

    expected: float
    low: float
    high: float


def level_from(plain: Mapping[str, float]) -> Level:
    """Return a level from its plain values."""
    return Level(float(plain["spread"]), float(plain["periods"]), int(plain["dates"]))


def level_of(as_of: np.ndarray, probability: np.ndarray, churned: np.ndarray, known_after_days: int) -> Level:
    """Measure how far the level of each date was off from what was known by then.

    Parameters
    ----------
    as_of, probability, churned : arrays of shape (n,)
        Days; 0-1, of fits that had not seen the row's account; bool.
    known_after_days : int
        Days until the outcomes of a date are known.
    """
    days = np.unique(as_of)
    levels, chance = np.array([_shift(probability[as_of == day], churned[as_of == day]) for day in days]).T
    off, noise = [], []
    for number, day in enumerate(days):
        known = days + np.timedelta64(known_after_days, "D") <= day
        if known.any():
            off.append(levels[number] - levels[known].mean())
            noise.append(chance[number] + chance[known].sum() / known.sum() ** 2)
    reach = 0.0 if not off else 1 + (days[-1] - days[-len(off)]) / np.timedelta64(known_after_days, "D")
    moved = max(0.0, float(np.mean(np.square(off)) - np.mean(noise))) if off else 0.0
    periods = PRIOR_PERIODS + reach
    spread = np.sqrt((PRIOR_PERIODS * PRIOR_SPREAD**2 + reach * moved) / periods)
    return Level(float(spread), float(periods), len(off))


def _shift(probability: np.ndarray, churned: np.ndarray) -> tuple[float, float]:
    """Return the level of one date in log-odds, and the variance that chance gives it."""
    rows = len(churned)
    odds = logit(np.clip(probability, 1e-9, 1 - 1e-9))
    left = rows * (churned.sum() + 0.5) / (rows + 1)  # neither nobody nor everybody
    shift = brentq(lambda by: expit(odds + by).sum() - left, -WIDEST - odds.max(), WIDEST - odds.min())
    risk = expit(odds + shift)
    return float(shift), float(1 / np.sum(risk * (1 - risk)))


def predicted_loss(
    probability: np.ndarray, revenue: np.ndarray, level: Level, accounts: Sequence[str] | None = None, seed: int = 0
) -> Loss:
    """Return the mean of the loss, and an interval that holds the loss in four of five cases at least.

    Where one account holds most of the money, the loss is mostly small and seldom large: its mean then lies above nine
    tenths of all draws, and the interval reaches as far as the mean. So it does where the mean lies below.

    Parameters
    ----------
    probability, revenue : arrays of shape (n,)
        0-1; currency, what is below 0 counts as 0.
    level : Level
    accounts : sequence of str, optional
        Their ids: an account leaves in the same draws whatever accounts stand beside it, so that no part of a book has
        a mean or an end of the interval above the whole's (of more than 512 accounts, but for a normal sum of the small
        ones). By default, their places.
    seed : int
        Of the draws: who leaves, and where the level lies.
    """
    at_stake = np.maximum(revenue, 0.0)
    rng = np.random.default_rng(seed)
    shifts = level.spread * rng.standard_t(level.periods, DRAWS)
    odds = logit(np.clip(probability, 1e-12, 1 - 1e-12))
    by_size = np.argsort(-at_stake, kind="stable")
    large, small = by_size[:DRAWN_ALONE], by_size[DRAWN_ALONE:]
    lost = np.zeros(DRAWS)
    if len(large):
        names = np.arange(len(odds), dtype=np.uint64) if accounts is None else np.array(accounts, dtype=object)
        leaves = _chance(hash_array(names[large]), seed) < expit(odds[large, None] + shifts)
        lost += at_stake[large] @ leaves
    if len(small):
        lost += _together(odds[small], at_stake[small], shifts, rng.standard_normal(DRAWS))
    low, high = np.quantile(lost, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    expected = float(probability @ at_stake)
    return Loss(expected, min(float(low), expected), max(float(high), expected))


def _together(odds: np.ndarray, at_stake: np.ndarray, shifts: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Return what many small accounts lose in each draw: a normal sum around a mean that moves with the level."""
    grid = np.linspace(shifts.min(), shifts.max(), LEVELS)
    mean, variance = np.array([_moments(expit(odds + shift), at_stake) for shift in grid]).T
    sums = np.interp(shifts, grid, mean) + normal * np.sqrt(np.interp(shifts, grid, variance))
    return np.asarray(np.maximum(sums, 0.0))


def _moments(share: np.ndarray, at_stake: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of what accounts lose that leave alone, each with its probability."""
    return float(share @ at_stake), float((share * (1 - share)) @ at_stake**2)


def _chance(numbers: np.ndarray, seed: int) -> np.ndarray:
    """Return chances from 0 to 1 of accounts and draws, shape (k, DRAWS): the same for the same number."""
    draws = hash_array(np.arange(seed * DRAWS, (seed + 1) * DRAWS, dtype=np.uint64))
    return hash_array((numbers[:, None] ^ draws).ravel()).reshape(-1, DRAWS) / 2.0**64
