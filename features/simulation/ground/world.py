"""The settings of a simulated book, its calendar and its random streams.

In: the user's settings (`World`). Out: a `Clock` that turns month numbers into days, and `Streams` that give every part
of the simulation its own random generator. So more draws in one part never shift another part.

Accounts come in blocks of `BLOCK_ACCOUNTS`. A block is always drawn whole, from the seed and its own number only, and
then cut to the accounts asked for. So an account's records depend only on (seed, its number, months, ends_on, null),
and not on the chunks or the number of accounts in the book.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from features.errors import InputError

IntArray = npt.NDArray[np.signedinteger[Any]]
FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

#: Accounts drawn together. A change would change the records of every seed, so it is not a setting.
BLOCK_ACCOUNTS = 500
#: Months of hidden state drawn before the window, so that trends exist on its first day.
BURN_IN_MONTHS = 12
#: Months that the known probability looks ahead (180 days reach into a sixth or seventh month).
AHEAD_MONTHS = 7
DAY_SECONDS = 86_400
#: A day (and, times DAY_SECONDS, an instant) that never comes. It means null in the records.
NEVER = 2_000_000

_STREAMS = (
    "accounts", "health", "contracts", "contacts", "tickets", "surveys", "loops", "actions", "churns", "invoices",
    "referrals", "memberships", "comments", "closings", "people", "channels", "topics", "rewards",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What to simulate.

    Parameters
    ----------
    accounts : int
        Accounts in the book, 1 to 5,000,000.
    seed : int
        0 or more. The same settings and seed give the same records.
    months : int
        Length of the window of records, 3 to 240.
    ends_on : date
        First day of a month, exclusive: every record lies before it.
    null : bool
        The null world: churn comes by chance at a constant hazard and leaves no trace beforehand.
    chunk_accounts : int
        Accounts held in memory at once while writing, a multiple of 500. Never changes the records.

    Raises
    ------
    InputError
        When a setting is outside its range; the message names it.
    """

    accounts: int = 1000
    seed: int = 0
    months: int = 36
    ends_on: date = date(2026, 1, 1)
    null: bool = False
    chunk_accounts: int = 2500

    def __post_init__(self) -> None:
        """Refuse settings outside their range."""
        _require(1 <= self.accounts <= 5_000_000, "accounts", "between 1 and 5,000,000", self.accounts)
        _require(self.seed >= 0, "seed", "0 or more", self.seed)
        _require(3 <= self.months <= 240, "months", "between 3 and 240", self.months)
        _require(self.ends_on.day == 1, "ends_on", "the first day of a month", self.ends_on)
        whole = self.chunk_accounts >= BLOCK_ACCOUNTS and self.chunk_accounts % BLOCK_ACCOUNTS == 0
        _require(whole, "chunk_accounts", f"a positive multiple of {BLOCK_ACCOUNTS}", self.chunk_accounts)

    @property
    def blocks(self) -> int:
        """Number of blocks of the book; the last one may be cut."""
        return -(-self.accounts // BLOCK_ACCOUNTS)

    @property
    def clock(self) -> Clock:
        """The calendar of the window."""
        ends = (self.ends_on.year - 1970) * 12 + self.ends_on.month - 1
        return Clock(first_month=ends - self.months, months=self.months)


def _require(holds: bool, name: str, expected: str, value: object) -> None:
    if not holds:
        raise InputError(f"{name} must be {expected}, not {value}")


@dataclass(frozen=True)
class Clock:
    """The calendar of the window: months count from 0, days from 1970-01-01, instants in seconds from 1970-01-01.

    Methods take and return arrays of any one shape.
    """

    first_month: int
    months: int

    def first_of(self, month: IntArray | int) -> IntArray:
        """Day number of the first of a month; months before and after the window are allowed."""
        stamps = (np.asarray(month, dtype=np.int64) + self.first_month).astype("datetime64[M]")
        return stamps.astype("datetime64[D]").astype(np.int64)

    def days_in(self, month: IntArray) -> IntArray:
        """Number of days of a month."""
        return self.first_of(month + 1) - self.first_of(month)

    def month_of(self, day: IntArray) -> IntArray:
        """Month of a day number."""
        stamps = np.asarray(day, dtype=np.int64).astype("datetime64[D]").astype("datetime64[M]")
        return stamps.astype(np.int64) - self.first_month

    def season_of(self, month: IntArray) -> IntArray:
        """Month of the year, 0 for January."""
        return (month + self.first_month) % 12

    @property
    def start_day(self) -> int:
        """First day of the window."""
        return int(self.first_of(0))

    @property
    def end_day(self) -> int:
        """First day after the window; it has no records."""
        return int(self.first_of(self.months))


@dataclass(frozen=True)
class Streams:
    """Random generators of one block, one for each part of the simulation."""

    seed: int
    block: int

    def of(self, name: str) -> np.random.Generator:
        """Return a fresh generator for that part; the same name always starts the same sequence."""
        key = (self.block, _STREAMS.index(name))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
