"""The hidden state of each account: a slowly varying health, its shocks, and the volume of business that follows it.

In: one block's random stream. Out: `Health`, matrices of accounts x months. No table holds any of it, but every table
depends on it.

Health is an autoregressive process around the account's own mean, with occasional shocks. The log volume of business is
a smoothed part of health plus a slow process of its own, so shrinking invoices hold information that scores lack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.simulation.ground.effects import TRACES
from features.simulation.ground.world import BLOCK_ACCOUNTS, BURN_IN_MONTHS, BoolArray, Clock, FloatArray, Streams

_BAD_SHAPE, _BAD_SCALE = 4.0, 0.35
_GOOD_SHAPE, _GOOD_SCALE = 4.0, 0.25
_VOLUME_OF_HEALTH, _VOLUME_SMOOTHING = 0.25, 0.30
_VOLUME_MEMORY, _VOLUME_SPREAD = 0.93, 0.27


@dataclass(frozen=True)
class Health:
    """Hidden state of a block (accounts x months of the window).

    Attributes
    ----------
    mean : array of accounts
        The level to which an account's health returns.
    level : array
        Health in each month.
    shocked : array of bool
        Whether a bad shock struck in that month.
    volume : array
        Log volume of business; 0 is ordinary.
    shrunk : array
        How far log volume lies below its mean of the 12 months before, cut to -.8 to .8. Negative when it grew.
    """

    mean: FloatArray
    level: FloatArray
    shocked: BoolArray
    volume: FloatArray
    shrunk: FloatArray


def innovation_variance() -> float:
    """Return the variance that one month adds to health, shocks included."""
    plain = TRACES.monthly_spread**2 * (1 - TRACES.monthly_memory**2)
    bad = TRACES.bad_shock_rate * _BAD_SHAPE * (_BAD_SHAPE + 1) * _BAD_SCALE**2
    good = TRACES.good_shock_rate * _GOOD_SHAPE * (_GOOD_SHAPE + 1) * _GOOD_SCALE**2
    return plain + bad + good


def draw_health(streams: Streams, clock: Clock) -> Health:
    """Draw the hidden state of one block, with a burn-in before the window."""
    rng = streams.of("health")
    shape = (BLOCK_ACCOUNTS, BURN_IN_MONTHS + clock.months)
    mean = rng.normal(0.0, TRACES.account_spread, BLOCK_ACCOUNTS)
    bad, good = rng.random(shape) < TRACES.bad_shock_rate, rng.random(shape) < TRACES.good_shock_rate
    step = _steps(rng, bad, good)
    start = rng.normal(0.0, np.sqrt(innovation_variance() / (1 - TRACES.monthly_memory**2)), BLOCK_ACCOUNTS)
    level = mean[:, None] + _remember(start, step, TRACES.monthly_memory)
    volume = _VOLUME_OF_HEALTH * _smooth(level) + _own_volume(rng, shape)
    inside = slice(BURN_IN_MONTHS, None)
    return Health(mean, level[:, inside], bad[:, inside], volume[:, inside], _shrunk(volume))


def _steps(rng: np.random.Generator, bad: BoolArray, good: BoolArray) -> FloatArray:
    """Monthly innovations with mean 0: the ordinary ones and the shocks."""
    spread = TRACES.monthly_spread * np.sqrt(1 - TRACES.monthly_memory**2)
    fall = bad * rng.gamma(_BAD_SHAPE, _BAD_SCALE, bad.shape)
    rise = good * rng.gamma(_GOOD_SHAPE, _GOOD_SCALE, good.shape)
    drift = TRACES.bad_shock_rate * _BAD_SHAPE * _BAD_SCALE - TRACES.good_shock_rate * _GOOD_SHAPE * _GOOD_SCALE
    return rng.normal(0.0, spread, bad.shape) - fall + rise + drift


def _remember(start: FloatArray, step: FloatArray, memory: float) -> FloatArray:
    """Autoregressive sum of the steps along the months."""
    level = np.empty_like(step)
    state = start
    for month in range(step.shape[1]):
        state = memory * state + step[:, month]
        level[:, month] = state
    return level


def _smooth(level: FloatArray) -> FloatArray:
    """Exponential mean of health: business follows health some months later."""
    return _remember(level[:, 0], _VOLUME_SMOOTHING * level, 1 - _VOLUME_SMOOTHING)


def _own_volume(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    start = rng.normal(0.0, _VOLUME_SPREAD, shape[0])
    step = rng.normal(0.0, _VOLUME_SPREAD * np.sqrt(1 - _VOLUME_MEMORY**2), shape)
    return _remember(start, step, _VOLUME_MEMORY)


def _shrunk(volume: FloatArray) -> FloatArray:
    total = np.cumsum(volume, axis=1)
    before = total[:, BURN_IN_MONTHS - 1 : -1].copy()
    before[:, 1:] -= total[:, : -BURN_IN_MONTHS - 1]
    return np.clip(before / BURN_IN_MONTHS - volume[:, BURN_IN_MONTHS:], -0.8, 0.8)
