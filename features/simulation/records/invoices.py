"""Invoices: each account's own rhythm, seasons, volume that follows health, and credit notes.

In: accounts, hidden health, contracts. Out: the flat invoices of a block and the table. Amounts shrink with volume,
which falls before an unhappy account leaves. Health alone causes this: the simulation never looks at a later churn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.simulation.ground.columns import days, numbers, table
from features.simulation.ground.health import Health
from features.simulation.ground.moments import days_within, sequence
from features.simulation.ground.world import BoolArray, Clock, FloatArray, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids
from features.simulation.records.contracts import Contracts

_MONTHLY, _QUARTERLY, _IRREGULAR = 0, 1, 2
_RHYTHM_HELD, _RHYTHM_FREE = (0.62, 0.28, 0.10), (0.30, 0.10, 0.60)
_NOISE = np.array([0.10, 0.10, 0.45])
_SEASON_SWING, _SEASON_SWING_HELD = 0.22, 0.06
_PAUSES, _PAUSES_OF_HEALTH = 0.012, -0.45
_CREDITS, _CREDITS_OF_HEALTH, _CREDITS_MAX = 0.042, -0.35, 0.25


@dataclass(frozen=True)
class Invoices:
    """Invoices and credit notes of a block, sorted by account and day."""

    account: IntArray
    number: IntArray
    day: IntArray
    amount: FloatArray


def draw_invoices(streams: Streams, clock: Clock, accounts: Accounts, health: Health, contracts: Contracts) -> Invoices:
    """Draw the invoices of one block, as if no account ever churned."""
    rng = streams.of("invoices")
    rhythm = _rhythms(rng, contracts.held)
    rate = np.exp(rng.uniform(np.log(0.3), np.log(2.5), accounts.count))
    account, month, share = _issue(rng, clock, rhythm, rate, health)
    day = _issue_days(rng, clock, rhythm, account, month)
    level = accounts.annual[account] * share * np.exp(health.volume[account, month]) * contracts.price[account, month]
    noise = np.exp(rng.normal(0.0, 1.0, account.size) * _NOISE[rhythm[account]])
    season = _seasons(clock, rng, contracts.held)[account, clock.season_of(month)]
    amount = np.maximum(level * noise * season, 5.0)
    credit = _credit_notes(rng, day, amount, health.level[account, month])
    account = np.concatenate([account, account[credit[0]]])
    day, amount = np.concatenate([day, credit[1]]), np.concatenate([amount, credit[2]])
    kept = (day >= accounts.start_day[account]) & (day < clock.end_day)
    account, day, amount = account[kept], day[kept], amount[kept]
    order, number = sequence(account, day)
    return Invoices(account[order], number, day[order], amount[order])


def _rhythms(rng: np.random.Generator, held: BoolArray) -> IntArray:
    u = rng.random(held.size)
    under_contract = np.searchsorted(np.cumsum(_RHYTHM_HELD[:2]), u)
    return np.where(held, under_contract, np.searchsorted(np.cumsum(_RHYTHM_FREE[:2]), u))


def _issue(
    rng: np.random.Generator, clock: Clock, rhythm: IntArray, rate: FloatArray, health: Health
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return account, month and share of the year's revenue of every invoice, shape (invoices,)."""
    n, month = rhythm.size, np.arange(clock.months)
    phase = rng.integers(3, size=n)
    monthly = np.broadcast_to((rhythm == _MONTHLY)[:, None], (n, month.size))
    quarterly = (rhythm == _QUARTERLY)[:, None] & (month % 3 == phase[:, None])
    paused = rng.random((n, month.size)) < _PAUSES * np.exp(_PAUSES_OF_HEALTH * health.level)
    free = np.where((rhythm == _IRREGULAR)[:, None], rng.poisson(rate[:, None], (n, month.size)), 0)
    count = np.where(monthly | quarterly, ~paused, free)
    share = np.select([rhythm == _MONTHLY, rhythm == _QUARTERLY], [1 / 12, 1 / 4], 1 / (12 * rate))
    row, column = np.indices(count.shape)
    account = np.repeat(row.ravel(), count.ravel())
    return account, np.repeat(column.ravel(), count.ravel()), share[account]


def _issue_days(
    rng: np.random.Generator, clock: Clock, rhythm: IntArray, account: IntArray, month: IntArray
) -> IntArray:
    """Return the account's own day of the month plus or minus two days, or any day when the rhythm is irregular."""
    own = rng.integers(2, 26, size=rhythm.size)[account] + rng.integers(-2, 3, size=account.size)
    regular = clock.first_of(month) + np.maximum(own, 0)
    return np.where(rhythm[account] == _IRREGULAR, days_within(rng, clock, month), regular)


def _seasons(clock: Clock, rng: np.random.Generator, held: BoolArray) -> FloatArray:
    """Seasonal factors (accounts x 12): a yearly wave with its own peak, and a dip in August."""
    peak = rng.choice([2, 5, 10, 11], size=held.size)
    swing = np.where(held, _SEASON_SWING_HELD, _SEASON_SWING)[:, None]
    month = np.arange(12)
    wave = np.cos(2 * np.pi * (month - peak[:, None]) / 12)
    return np.asarray(1.0 + swing * wave - swing * 0.6 * (month == 7))


def _credit_notes(
    rng: np.random.Generator, day: IntArray, amount: FloatArray, mood: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the index of each credited invoice, the day of the credit note, and its amount (negative)."""
    chance = np.minimum(_CREDITS * np.exp(_CREDITS_OF_HEALTH * mood), _CREDITS_MAX)
    of = np.flatnonzero(rng.random(day.size) < chance)
    part = rng.beta(1.4, 4.0, of.size) + 0.01
    return (
        of,
        day[of] + rng.integers(3, 26, size=of.size),
        -np.maximum(amount[of] * np.minimum(part, 1.0), 1.0),
    )


def invoices_table(invoices: Invoices, accounts: Accounts, limit_day: IntArray, keep: int) -> pa.Table:
    """Return the invoices table.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    kept = (invoices.account < keep) & (invoices.day < limit_day[invoices.account])
    row = invoices.account[kept]
    return table(
        "invoices",
        invoice_id=record_ids("I", accounts, row, invoices.number[kept]),
        account_id=account_ids(accounts, row),
        invoiced_on=days(invoices.day[kept]),
        amount=numbers(invoices.amount[kept], 2),
    )
