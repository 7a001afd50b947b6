"""Engagement of an account: retention actions, referrals, membership of loyalty programmes.

In: accounts, hidden health. Out: flat records, sorted by account and time, with the monthly states that the hazard
needs; and the tables. Account managers sense poor health and act on it. An action lowers the hazard for some months
(`effects.Effects.acted`). So accounts with actions are in poorer health than others, and yet safer than their health
alone says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.simulation.ground import words
from features.simulation.ground.columns import days, instants, labels, numbers, table
from features.simulation.ground.effects import EFFECTS
from features.simulation.ground.health import Health
from features.simulation.ground.moments import by_month, days_within, later, office_instants, sequence
from features.simulation.ground.world import DAY_SECONDS, NEVER, BoolArray, Clock, FloatArray, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids

_ACTS, _ACTS_OF_HEALTH, _SENSE_NOISE, _ACTS_MAX = 0.020, -0.70, 0.7, 0.30
_REFERS, _REFERS_OF_HEALTH = 0.007, 0.50
_CONTACTED, _CONTACT_DAYS, _WON, _WON_DAYS = 0.75, 9.0, 0.28, 80.0
_REWARDS = (0.0, 0.02, 0.05)  # of the revenue won
_JOINED, _JOINED_OF_HEALTH, _LEAVES, _LEAVES_OF_HEALTH = 0.16, 0.05, 0.008, -0.60


@dataclass(frozen=True)
class Actions:
    """Retention actions of a block; `acting` (accounts x months): an action still works on the first of the month."""

    account: IntArray
    number: IntArray
    done: IntArray
    kind: IntArray
    note: IntArray
    acting: BoolArray


@dataclass(frozen=True)
class Referrals:
    """Referrals of a block; instants in the `NEVER` range and NaN are null."""

    account: IntArray
    number: IntArray
    referred: IntArray
    contacted: IntArray
    won: IntArray
    revenue: FloatArray


@dataclass(frozen=True)
class Memberships:
    """Memberships of a block; `member` (accounts x months): a membership runs on the first of the month."""

    account: IntArray
    program: IntArray
    joined_day: IntArray
    left_day: IntArray
    member: BoolArray


def draw_actions(streams: Streams, clock: Clock, accounts: Accounts, health: Health) -> Actions:
    """Draw the actions of one block from health as the account managers sense it, with noise."""
    rng = streams.of("actions")
    sensed = health.level + rng.normal(0.0, _SENSE_NOISE, health.level.shape)
    account, month = by_month(rng, np.minimum(_ACTS * np.exp(_ACTS_OF_HEALTH * sensed), _ACTS_MAX))
    done = office_instants(rng, days_within(rng, clock, month))
    kept = done >= accounts.start_day[account] * DAY_SECONDS
    account, done = account[kept], done[kept]
    order, number = sequence(account, done)
    account, done = account[order], done[order]
    kind = rng.choice(len(words.ACTION_KINDS), size=done.size, p=(0.45, 0.2, 0.1, 0.1, 0.15))
    note = rng.integers(len(words.ACTION_NOTES), size=done.size)
    acting = np.zeros(health.level.shape, dtype=bool)
    month = clock.month_of(done // DAY_SECONDS)
    for after in range(1, EFFECTS.acted_months + 1):
        seen = month + after < clock.months
        acting[account[seen], month[seen] + after] = True
    return Actions(account, number, done, kind, np.where(rng.random(done.size) < 0.6, note, -1), acting)


def draw_referrals(streams: Streams, clock: Clock, accounts: Accounts, health: Health) -> Referrals:
    """Draw the referrals of one block: happy accounts refer more."""
    rng = streams.of("referrals")
    account, month = by_month(rng, _REFERS * np.exp(_REFERS_OF_HEALTH * health.level))
    referred = office_instants(rng, days_within(rng, clock, month))
    kept = referred >= accounts.start_day[account] * DAY_SECONDS
    account, referred = account[kept], referred[kept]
    order, number = sequence(account, referred)
    account, referred = account[order], referred[order]
    n = account.size
    contacted = later(rng, referred, rng.exponential(_CONTACT_DAYS, n))
    won = later(rng, contacted, rng.exponential(_WON_DAYS, n))
    called = rng.random(n) < _CONTACTED
    succeeds = called & (rng.random(n) < _WON)
    revenue = accounts.annual[account] * 0.5 * np.exp(rng.normal(0.0, 0.8, n))
    never = NEVER * DAY_SECONDS
    return Referrals(
        account, number, referred, np.where(called, contacted, never), np.where(succeeds, won, never), revenue
    )


def draw_memberships(streams: Streams, clock: Clock, accounts: Accounts, health: Health) -> Memberships:
    """Draw the memberships of one block; each account joins each programme at most once."""
    rng = streams.of("memberships")
    shape = (accounts.count, len(words.PROGRAMS))
    chance = _JOINED + _JOINED_OF_HEALTH * np.clip(health.mean, -2.0, 2.0)
    account, program = np.nonzero(rng.random(shape) < chance[:, None])
    since = accounts.since_day[account]
    joined = since + (rng.random(account.size) * (clock.end_day - since)).astype(np.int64)
    total = np.cumsum(_LEAVES * np.exp(_LEAVES_OF_HEALTH * health.level), axis=1)
    start = np.clip(clock.month_of(joined), 0, clock.months - 1)
    passed = total[account] - total[account, start][:, None] > rng.exponential(size=account.size)[:, None]
    left = np.maximum(days_within(rng, clock, passed.argmax(axis=1)), joined + 1)
    left = np.where(passed.any(axis=1), left, NEVER)
    first = clock.first_of(np.arange(clock.months))
    runs = (joined[:, None] < first) & (left[:, None] >= first)
    member = np.zeros((accounts.count, clock.months), dtype=bool)
    np.logical_or.at(member, account, runs)
    return Memberships(account, program, joined, left, member)


def actions_table(actions: Actions, accounts: Accounts, limit_day: IntArray, keep: int) -> pa.Table:
    """Return the actions table.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    kept = (actions.account < keep) & (actions.done < limit_day[actions.account] * DAY_SECONDS)
    row = actions.account[kept]
    return table(
        "actions",
        action_id=record_ids("X", accounts, row, actions.number[kept]),
        account_id=account_ids(accounts, row),
        kind=labels(words.ACTION_KINDS, actions.kind[kept]),
        done_at=instants(actions.done[kept]),
        note=labels(words.ACTION_NOTES, actions.note[kept]),
    )


def referrals_table(
    referrals: Referrals, accounts: Accounts, streams: Streams, clock: Clock, limit_day: IntArray, keep: int
) -> pa.Table:
    """Return the referrals table. A referral may still be won after the referring account has left.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    kept = (referrals.account < keep) & (referrals.referred < limit_day[referrals.account] * DAY_SECONDS)
    row, end = referrals.account[kept], clock.end_day * DAY_SECONDS
    contacted, won = referrals.contacted[kept], referrals.won[kept]
    share = streams.of("rewards").choice(_REWARDS, size=kept.size)[kept]
    return table(
        "referrals",
        referral_id=record_ids("R", accounts, row, referrals.number[kept]),
        account_id=account_ids(accounts, row),
        referred_at=instants(referrals.referred[kept]),
        contacted_at=instants(np.where(contacted < end, contacted, NEVER * DAY_SECONDS)),
        won_at=instants(np.where(won < end, won, NEVER * DAY_SECONDS)),
        revenue=numbers(np.where(won < end, referrals.revenue[kept], np.nan), 2),
        reward=numbers(np.where((won < end) & (share > 0), share * referrals.revenue[kept], np.nan), 0),
    )


def memberships_table(memberships: Memberships, accounts: Accounts, limit_day: IntArray, keep: int) -> pa.Table:
    """Return the memberships table; a membership that runs at churn stays open.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    limit = limit_day[memberships.account]
    kept = (memberships.account < keep) & (memberships.joined_day < limit)
    left = np.where(memberships.left_day < limit, memberships.left_day, NEVER)
    return table(
        "memberships",
        account_id=account_ids(accounts, memberships.account[kept]),
        program=labels(words.PROGRAMS, memberships.program[kept]),
        joined_on=days(memberships.joined_day[kept]),
        left_on=days(left[kept]),
    )
