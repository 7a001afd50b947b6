"""Contracts: terms of mostly a year, renewed with a price change. Accounts leave most often at the end of a term.

In: accounts, hidden health. Out: `Contracts`, flat terms sorted by account, with the matrices that the hazard and the
invoices need; and the table. Terms are drawn as if no account ever left; `contracts_table` cuts them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.simulation.ground.columns import days, numbers, table
from features.simulation.ground.effects import EFFECTS
from features.simulation.ground.health import Health
from features.simulation.ground.world import AHEAD_MONTHS, BoolArray, Clock, FloatArray, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids

_CONTRACT_SHARE = 0.74
_TERM_MONTHS, _TERM_SHARES = (12, 24, 36), (0.86, 0.11, 0.03)
_RISE_MEAN, _RISE_SPREAD, _RISE_OF_HEALTH = 0.03, 0.03, 0.006


@dataclass(frozen=True)
class Contracts:
    """Terms of a block.

    Attributes
    ----------
    held : array of accounts, bool
        Whether the account has contracts.
    sign_day : array of accounts
        Day of the month, 1 to 28, on which terms begin.
    account, starts_day, ends_day, annual_value, price_change : arrays of terms
        Sorted by account and start; `price_change` is NaN on an account's first term.
    to_end : array of accounts x (months + AHEAD_MONTHS)
        Months until the month in which the running term ends; 99 without a contract.
    price : array of accounts x months
        Price level; 1 at the first term in the window.
    rise : array of accounts x months, bool
        Whether a price rise above `EFFECTS.price_rise_above` lies within the last `EFFECTS.price_rise_months`.
    """

    held: BoolArray
    sign_day: IntArray
    account: IntArray
    starts_day: IntArray
    ends_day: IntArray
    annual_value: FloatArray
    price_change: FloatArray
    to_end: IntArray
    price: FloatArray
    rise: BoolArray


@dataclass(frozen=True)
class _Plan:
    """Each account's terms: whether it has any, month and day of the first one, and their length in months."""

    held: BoolArray
    month: IntArray
    day: IntArray
    length: IntArray

    def first_term(self) -> IntArray:
        """Number of the term before the one that runs at the start of the window, shape (accounts,).

        It is 0 for accounts that join later.
        """
        return np.asarray(np.maximum(-self.month // self.length - 1, 0))


def draw_contracts(streams: Streams, clock: Clock, accounts: Accounts, health: Health) -> Contracts:
    """Draw the terms of one block."""
    rng = streams.of("contracts")
    plan = _plan(rng, clock, accounts)
    terms = clock.months // min(_TERM_MONTHS) + 3
    number = plan.first_term()[:, None] + np.arange(terms)
    start = plan.month[:, None] + number * plan.length[:, None]
    change = _price_changes(rng, number, start, health)
    level = np.cumprod(1.0 + np.where(np.arange(terms) == 0, 0.0, np.nan_to_num(change)), axis=1)
    price, rise = _price_by_month(clock, start, level, change)
    starts_day, ends_day = _term_days(clock, plan, start)
    keep = plan.held[:, None] & (start < clock.months) & (ends_day >= clock.start_day)
    volume = np.take_along_axis(health.volume, np.clip(start, 0, clock.months - 1), axis=1)
    value = np.maximum(np.round(accounts.annual[:, None] * np.exp(volume) * level, -1), 10.0)
    row = np.broadcast_to(np.arange(accounts.count)[:, None], keep.shape)
    return Contracts(
        plan.held, plan.day, row[keep], starts_day[keep], ends_day[keep], value[keep], change[keep],
        _months_to_end(clock, plan),
        np.where(plan.held[:, None], price, 1.0),
        rise & plan.held[:, None],
    )  # fmt: skip


def _plan(rng: np.random.Generator, clock: Clock, accounts: Accounts) -> _Plan:
    n = accounts.count
    month = clock.month_of(accounts.since_day)
    own = accounts.since_day - clock.first_of(month) + 1
    # Some accounts sign on the first of the next month. So do all that join on a day that not every month has.
    first = (own > 28) | ((rng.random(n) < 0.4) & (accounts.since_day < clock.start_day - 31))
    return _Plan(
        held=rng.random(n) < _CONTRACT_SHARE,
        month=np.where(first, month + 1, month),
        day=np.where(first, 1, own),
        length=rng.choice(_TERM_MONTHS, size=n, p=_TERM_SHARES).astype(np.int64),
    )


def _price_changes(rng: np.random.Generator, number: IntArray, start: IntArray, health: Health) -> FloatArray:
    """Price change of each term, smaller for an unhappy account; NaN on the first term."""
    month = np.clip(start, 0, health.level.shape[1] - 1)
    mood = np.take_along_axis(health.level, month, axis=1)
    change = rng.normal(_RISE_MEAN, _RISE_SPREAD, number.shape) + _RISE_OF_HEALTH * mood
    return np.where(number == 0, np.nan, np.round(np.clip(change, -0.08, 0.15), 3))


def _price_by_month(
    clock: Clock, start: IntArray, level: FloatArray, change: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Price level, and whether a recent term raised it markedly, by month (accounts x months)."""
    month = np.arange(clock.months)
    price = np.ones((start.shape[0], clock.months))
    rise = np.zeros(price.shape, dtype=bool)
    for term in range(1, start.shape[1]):
        begun = month - start[:, [term]]
        price = np.where(begun >= 0, level[:, [term]], price)
        recent = (begun >= 0) & (begun < EFFECTS.price_rise_months)
        rise |= recent & (change[:, [term]] > EFFECTS.price_rise_above)
    return price, rise


def _term_days(clock: Clock, plan: _Plan, start: IntArray) -> tuple[IntArray, IntArray]:
    offset = plan.day[:, None] - 1
    return clock.first_of(start) + offset, clock.first_of(start + plan.length[:, None]) + offset - 1


def _months_to_end(clock: Clock, plan: _Plan) -> IntArray:
    """Months until the month with the term's last day; for terms that begin on the first, the month before."""
    month = np.arange(clock.months + AHEAD_MONTHS)
    passed = month - plan.month[:, None] + (plan.day == 1)[:, None]
    left = -passed % plan.length[:, None]
    left = np.where((left == 0) & (passed <= 0), plan.length[:, None], left)
    return np.where(plan.held[:, None], left, 99)


def term_end_days(clock: Clock, contracts: Contracts, account: IntArray, month: IntArray) -> IntArray:
    """Return the last day of a term that ends in a given month, shape (n,).

    Parameters
    ----------
    account, month : int arrays of shape (n,)
        Index of the account in the block, and month of the window.
    """
    day = contracts.sign_day[account]
    return np.where(day == 1, clock.first_of(month + 1) - 1, clock.first_of(month) + day - 2)


def contracts_table(contracts: Contracts, accounts: Accounts, limit_day: IntArray, keep: int) -> pa.Table:
    """Return the contracts table: the terms that began before `limit_day`, churn or the end of the window.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    kept = (contracts.account < keep) & (contracts.starts_day < limit_day[contracts.account])
    row = contracts.account[kept]
    number = np.arange(row.size) - np.searchsorted(row, row) + 1
    return table(
        "contracts",
        contract_id=record_ids("K", accounts, row, number),
        account_id=account_ids(accounts, row),
        starts_on=days(contracts.starts_day[kept]),
        ends_on=days(contracts.ends_day[kept]),
        annual_value=numbers(contracts.annual_value[kept], 2),
        price_change=numbers(contracts.price_change[kept], 3),
    )
