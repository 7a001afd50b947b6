"""The hazard of churn of each month, and the probability of churn within 180 days, from the hidden and visible state.

In: the state of a block. Out: `Hazards`, matrices of accounts x months.

The hazard of a month is the cumulative hazard over that month given the state on its first day:

    base x exp(-b(health) x freedom) x (effects of the state) x (term and tenure in that month)

with b piecewise linear, steeper below 0, and freedom larger at a term's end, when an unhappy account can go.

`probability_180d` at the first of a month is E[1 - exp(-H)] given the state on that day, where H is the cumulative
hazard of the next 180 days. The expectation runs over the paths that health may take. Health returns to the account's
mean as its process does, plus a deviation that grows with time, of five sizes weighted as in Gauss-Hermite quadrature
(as if normal). The effects of the state fade towards those of an ordinary account by `Effects.persistence` per month.
The contract's calendar and tenure are known exactly. A part of a month counts in proportion to its days. So the
probability is the best forecast for an observer of the hidden state, except for small terms: future contacts, actions
and renewals are averages. It ignores a notice that was already given (`churns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.simulation.ground.effects import EFFECTS, TRACES
from features.simulation.ground.health import Health, innovation_variance
from features.simulation.ground.world import AHEAD_MONTHS, Clock, FloatArray
from features.simulation.records.accounts import Accounts
from features.simulation.records.contacts import Contacts
from features.simulation.records.contracts import Contracts
from features.simulation.records.engagement import Actions, Memberships
from features.simulation.records.loops import Loops

_MEAN_MONTH_DAYS = 365.25 / 12
_HORIZON_DAYS = 180
_HAZARD_MAX = 1.5
_NODES = 5


@dataclass(frozen=True)
class Hazards:
    """True hazards of a block (accounts x months): of the month, and the probability of churn within 180 days."""

    monthly: FloatArray
    probability_180d: FloatArray


def null_hazards(clock: Clock, accounts: Accounts) -> Hazards:
    """Return the hazards of the null world: the same on every day for every account."""
    daily = EFFECTS.null_hazard / _MEAN_MONTH_DAYS
    days = clock.days_in(np.arange(clock.months))
    monthly = np.tile(daily * days, (accounts.count, 1))
    return Hazards(monthly, np.full(monthly.shape, 1.0 - np.exp(-daily * _HORIZON_DAYS)))


def true_hazards(
    clock: Clock,
    accounts: Accounts,
    health: Health,
    contracts: Contracts,
    contacts: Contacts,
    loops: Loops,
    actions: Actions,
    memberships: Memberships,
) -> Hazards:
    """Return the hazards of one block from everything that was drawn for it."""
    calendar = _calendar(clock, accounts, contracts)
    state = _state(accounts, health, contracts, contacts, loops, actions, memberships)
    freedom = _freedom(contracts)
    logs = [calendar[:, k : k + clock.months] + _state_ahead(state, k) for k in range(AHEAD_MONTHS)]
    without_health = [EFFECTS.monthly_hazard * np.exp(log) for log in logs]
    monthly = np.minimum(without_health[0] * _health_effect(health.level, freedom[:, : clock.months]), _HAZARD_MAX)
    return Hazards(monthly, _probability(clock, health, freedom, without_health))


def _probability(clock: Clock, health: Health, freedom: FloatArray, without_health: Sequence[FloatArray]) -> FloatArray:
    """Average the probability over the paths of health, one per node; all other effects are expected values."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    survives = np.zeros(without_health[0].shape)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        total = np.zeros(without_health[0].shape)
        for ahead, hazard in enumerate(without_health):
            effect = _health_effect(_path(health, ahead, node), freedom[:, ahead : ahead + clock.months])
            total += _share_within(clock, ahead) * np.minimum(hazard * effect, _HAZARD_MAX)
        survives += weight * np.exp(-total)
    return np.asarray(1.0 - survives)


def _calendar(clock: Clock, accounts: Accounts, contracts: Contracts) -> FloatArray:
    """Log effects of term and tenure (accounts x months + AHEAD_MONTHS)."""
    steps = [contracts.to_end == 0, contracts.to_end == 1, contracts.to_end < 99]
    ratios = [EFFECTS.term_ends, EFFECTS.term_ends_next, EFFECTS.term_runs]
    term = np.select(steps, np.log(ratios).tolist(), 0.0)
    tenure = clock.first_of(np.arange(clock.months + AHEAD_MONTHS)) - accounts.since_day[:, None]
    return np.asarray(term + np.log(EFFECTS.first_year) * (tenure < 365))


def _state(
    accounts: Accounts,
    health: Health,
    contracts: Contracts,
    contacts: Contacts,
    loops: Loops,
    actions: Actions,
    memberships: Memberships,
) -> FloatArray:
    """Log effects of every state that lasts for some months (accounts x months)."""
    segment = np.log([EFFECTS.small, 1.0, EFFECTS.enterprise])[accounts.segment]
    state = segment[:, None] + EFFECTS.shrinking * health.shrunk
    for ratio, holds in (
        (EFFECTS.single_contact, contacts.active == 1),
        (EFFECTS.no_contact, contacts.active == 0),
        (EFFECTS.decision_maker_left, contacts.decider_left),
        (EFFECTS.loop_left_open, loops.left_open),
        (EFFECTS.loop_closed_fast, loops.closed_fast),
        (EFFECTS.price_rise, contracts.rise),
        (EFFECTS.acted, actions.acting),
        (EFFECTS.member, memberships.member),
    ):
        state = state + np.log(ratio) * holds
    return np.asarray(state)


def _state_ahead(state: FloatArray, ahead: int) -> FloatArray:
    return EFFECTS.usual_effect + EFFECTS.persistence**ahead * (state - EFFECTS.usual_effect)


def _freedom(contracts: Contracts) -> FloatArray:
    """Factor on the health effect (accounts x months + AHEAD_MONTHS): below 1 in a term, above 1 at its end."""
    ends = contracts.to_end <= 1
    return np.where(contracts.to_end == 99, 1.0, np.where(ends, EFFECTS.free, EFFECTS.bound))


def _health_effect(level: FloatArray, freedom: FloatArray) -> FloatArray:
    slope = np.where(level < 0, EFFECTS.health_below, EFFECTS.health_above)
    return np.exp(-slope * level * freedom)


def _path(health: Health, ahead: int, node: float) -> FloatArray:
    """Health some months ahead (accounts x months): its expectation plus `node` standard deviations of its changes."""
    kept = TRACES.monthly_memory**ahead
    spread = np.sqrt(innovation_variance() * (1 - kept**2) / (1 - TRACES.monthly_memory**2))
    mean = health.mean[:, None]
    return np.asarray(mean + kept * (health.level - mean) + node * spread)


def _share_within(clock: Clock, ahead: int) -> FloatArray:
    """Share of the days of the month `ahead` that lie within the 180 days, shape (months,)."""
    month = np.arange(clock.months)
    first, last = clock.first_of(month + ahead), clock.first_of(month + ahead + 1)
    end = clock.first_of(month) + _HORIZON_DAYS
    return np.clip((end - first) / (last - first), 0.0, 1.0)
