"""The accounts of a book: size, segment, industry, country, account manager, first day as a customer.

In: one block's random stream. Out: `Accounts`, one entry an account of the block, and its table.

Yearly revenue is lognormal. Its spread is so wide that the top tenth of accounts holds about 64 % (measured on Online
Retail II: 63.6 %). Sizes are drawn evenly over the quantiles of a block, so books of one size differ little in
concentration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from features.simulation.ground import words
from features.simulation.ground.columns import days, labels, table
from features.simulation.ground.world import BLOCK_ACCOUNTS, Clock, FloatArray, IntArray, Streams

_REVENUE_MEDIAN, _REVENUE_SPREAD = 14_000.0, 1.50
_JOIN_SHARE = 0.22
_TENURE_MEAN_DAYS, _TENURE_MAX_DAYS = 1500.0, 7300


@dataclass(frozen=True)
class Accounts:
    """One block of accounts; indices point into the word lists, -1 is unknown.

    All arrays have shape (accounts,). `annual` is the revenue of a year at ordinary volume, `start_day` the first day
    on which events can be recorded.
    """

    number: IntArray
    names: list[str]
    segment: IntArray
    industry: IntArray
    country: IntArray
    manager: IntArray
    since_day: IntArray
    start_day: IntArray
    annual: FloatArray

    @property
    def count(self) -> int:
        """Accounts in the block."""
        return int(self.number.size)

    @property
    def manager_skill(self) -> FloatArray:
        """How promptly each account's manager follows up, shape (accounts,).

        The skill is fixed per person, with mean 0 and standard deviation about 1.
        """
        skill = np.linspace(-1.5, 1.5, len(words.MANAGERS))
        return np.where(self.manager >= 0, skill[self.manager], 0.0)

    @property
    def german(self) -> np.ndarray:
        """Whether the account's people write German, shape (accounts,)."""
        return (self.country >= 0) & (self.country < words.GERMAN_COUNTRIES)


def draw_accounts(streams: Streams, clock: Clock) -> Accounts:
    """Draw one block of accounts."""
    rng, n = streams.of("accounts"), BLOCK_ACCOUNTS
    size = ndtri((rng.permutation(n) + rng.random(n)) / n)
    rank = size + rng.normal(0.0, 0.4, n)
    since = _since_days(rng, clock, n)
    country = rng.choice(len(words.COUNTRIES), size=n, p=words.COUNTRY_SHARES)
    return Accounts(
        number=streams.block * n + np.arange(1, n + 1),
        names=words.company_names(rng, n),
        segment=(rank > 0.15).astype(np.int64) + (rank > 1.4),
        industry=_partly_unknown(rng, rng.integers(len(words.INDUSTRIES), size=n), 0.03),
        country=_partly_unknown(rng, country.astype(np.int64), 0.02),
        manager=_partly_unknown(rng, rng.integers(len(words.MANAGERS), size=n), 0.02),
        since_day=since,
        start_day=np.maximum(since, clock.start_day),
        annual=_REVENUE_MEDIAN * np.exp(_REVENUE_SPREAD * size),
    )


def _since_days(rng: np.random.Generator, clock: Clock, n: int) -> IntArray:
    """Return the first day of each account as a customer: most days lie before the window, the others evenly in it."""
    tenure = np.minimum(rng.exponential(_TENURE_MEAN_DAYS, n), _TENURE_MAX_DAYS)
    old = clock.start_day - 1 - tenure.astype(np.int64)
    new = clock.start_day + (rng.random(n) * (clock.end_day - clock.start_day)).astype(np.int64)
    return np.where(rng.random(n) < _JOIN_SHARE, new, old)


def _partly_unknown(rng: np.random.Generator, index: IntArray, share: float) -> IntArray:
    return np.where(rng.random(index.size) < share, -1, index)


def accounts_table(accounts: Accounts) -> pa.Table:
    """Return the contract's accounts table."""
    return table(
        "accounts",
        account_id=account_ids(accounts),
        name=pa.array(accounts.names),
        segment=labels(words.SEGMENTS, accounts.segment),
        industry=labels(words.INDUSTRIES, accounts.industry),
        country=labels(words.COUNTRIES, accounts.country),
        account_manager=labels(words.MANAGERS, accounts.manager),
        customer_since=days(accounts.since_day),
    )


def account_ids(accounts: Accounts, row: IntArray | None = None) -> pa.Array:
    """Return the ids (A000123) of all accounts, or of the accounts at the indices `row`, shape (rows,)."""
    ids = pa.array([f"A{number:06d}" for number in accounts.number])
    return ids if row is None else ids.take(pa.array(row))


def record_ids(letter: str, accounts: Accounts, row: IntArray, number: IntArray) -> pa.Array:
    """Return ids such as I0000123-0001: the account's number, then the record's number within the account.

    Parameters
    ----------
    letter : str
        First letter of the ids, one per table.
    row : int array of shape (records,)
        Index of each record's account in the block.
    number : int array of shape (records,)
        Number of each record within its account, from 1.
    """
    pairs = zip(accounts.number[row].tolist(), number.tolist(), strict=True)
    return pa.array([f"{letter}{account:07d}-{record:04d}" for account, record in pairs], type=pa.string())
