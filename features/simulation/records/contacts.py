"""Contacts: how many an account has, who joins, who leaves, who decides.

In: accounts, hidden health. Out: `Contacts`, flat and sorted by account and day, with the monthly counts that the
hazard needs; and the table. Contacts leave more often when health is poor. After a churn some contacts are closed in
the records. This trace of churn comes too late to be used, and a time cut must hide it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.simulation.ground import words
from features.simulation.ground.columns import days, flags, labels, table
from features.simulation.ground.effects import EFFECTS, TRACES
from features.simulation.ground.health import Health
from features.simulation.ground.moments import by_month, days_within, sequence
from features.simulation.ground.world import NEVER, BoolArray, Clock, FloatArray, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids

_EXTRA_MEAN = np.array([0.75, 2.1, 6.0])  # beyond the first contact, by segment
_EXTRA_MAX = 14
_JOINS_EACH = 0.006
_LEAVES, _LEAVES_OF_HEALTH = 0.011, -0.35
_REPLACED, _GENERATIONS = 0.72, 3
_DECIDES = 0.12


@dataclass(frozen=True)
class Contacts:
    """Contacts of a block, drawn as if no account ever churned.

    Attributes
    ----------
    account, number, from_day, to_day, role : arrays of contacts
        Sorted by account and first day. `to_day` is `NEVER` while active; `role` -1 is unknown.
    decides, decides_known : arrays of contacts, bool
        Whether each is a decision maker, and whether the records hold that.
    habit, leaning : arrays of contacts
        Log odds added to the chance of an answer; points added to scores.
    active : array of accounts x months
        Contacts on the first of the month.
    decider_left : array of accounts x months, bool
        A decision maker left within `EFFECTS.decision_maker_months`.
    """

    account: IntArray
    number: IntArray
    from_day: IntArray
    to_day: IntArray
    role: IntArray
    decides: BoolArray
    decides_known: BoolArray
    habit: FloatArray
    leaning: FloatArray
    active: IntArray
    decider_left: BoolArray

    def active_on(self, contact: IntArray, day: IntArray) -> BoolArray:
        """Whether the contacts are active on the days; shape as given."""
        return (self.from_day[contact] < day) & (day < self.to_day[contact])

    def pick(self, rng: np.random.Generator, account: IntArray, day: IntArray) -> IntArray:
        """Draw one contact of each account, -1 when the drawn contact is not active on the day; shape (n,)."""
        first = np.searchsorted(self.account, account)
        count = np.searchsorted(self.account, account, side="right") - first
        contact = first + (rng.random(account.size) * count).astype(np.int64)
        return np.where(self.active_on(contact, day), contact, -1)


def draw_contacts(streams: Streams, clock: Clock, accounts: Accounts, health: Health) -> Contacts:
    """Draw the contacts of one block."""
    rng = streams.of("contacts")
    gone = _cumulative_leaving(health)
    account, from_day, decides = _initial(rng, clock, accounts)
    to_day = _leave(rng, clock, gone, account, from_day)
    parts = [(account, from_day, to_day, decides)]
    for _ in range(_GENERATIONS):
        parts.append(_replacements(rng, clock, gone, *parts[-1]))
    parts.append(_newcomers(rng, clock, gone, accounts))
    account, from_day, to_day, decides = (np.concatenate(part) for part in zip(*parts, strict=True))
    order, number = sequence(account, from_day)
    account, from_day, to_day, decides = account[order], from_day[order], to_day[order], decides[order]
    role = rng.integers(len(words.ROLES), size=account.size)
    return Contacts(
        account, number, from_day, to_day,
        role=np.where(rng.random(account.size) < 0.05, -1, np.where(decides, role % 2, role)),
        decides=decides,
        decides_known=rng.random(account.size) >= 0.05,
        habit=rng.normal(0.0, TRACES.contact_habit, account.size),
        leaning=rng.normal(0.0, TRACES.contact_bias, account.size),
        active=_count_active(clock, accounts.count, account, from_day, to_day),
        decider_left=_decider_left(clock, accounts.count, account[decides], to_day[decides]),
    )  # fmt: skip


def _initial(rng: np.random.Generator, clock: Clock, accounts: Accounts) -> tuple[IntArray, IntArray, BoolArray]:
    extra = np.minimum(rng.poisson(_EXTRA_MEAN[accounts.segment]), _EXTRA_MAX)
    account = np.repeat(np.arange(accounts.count), extra + 1)
    first = np.searchsorted(account, account) == np.arange(account.size)
    since = accounts.since_day[account]
    spell = np.where(first, 0.0, np.maximum(clock.start_day - since, 0) * rng.random(account.size))
    return account, since + spell.astype(np.int64), first | (rng.random(account.size) < _DECIDES)


def _cumulative_leaving(health: Health) -> FloatArray:
    """Cumulative hazard that a contact leaves, with a leading 0 (accounts x months + 1)."""
    total = np.cumsum(_LEAVES * np.exp(_LEAVES_OF_HEALTH * health.level), axis=1)
    return np.pad(total, ((0, 0), (1, 0)))


def _leave(rng: np.random.Generator, clock: Clock, gone: FloatArray, account: IntArray, from_day: IntArray) -> IntArray:
    """Return the day on which each contact leaves: invert the cumulative hazard from the contact's first month."""
    start = np.clip(clock.month_of(from_day), 0, clock.months)
    passed = gone[account, 1:] - gone[account, start][:, None] > rng.exponential(size=account.size)[:, None]
    leaves = passed.any(axis=1)
    day = days_within(rng, clock, passed.argmax(axis=1))
    return np.where(leaves, np.maximum(day, from_day + 14), NEVER)


def _replacements(
    rng: np.random.Generator,
    clock: Clock,
    gone: FloatArray,
    account: IntArray,
    from_day: IntArray,
    to_day: IntArray,
    decides: BoolArray,
) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """Replace most contacts that leave within three months."""
    replaced = (to_day < NEVER) & (rng.random(account.size) < _REPLACED)
    starts = to_day[replaced] + (rng.random(int(replaced.sum())) * 90).astype(np.int64)
    row, role = account[replaced], decides[replaced]
    kept = starts < clock.end_day
    row, starts, role = row[kept], starts[kept], role[kept]
    return row, starts, _leave(rng, clock, gone, row, starts), role


def _newcomers(
    rng: np.random.Generator, clock: Clock, gone: FloatArray, accounts: Accounts
) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    rate = _JOINS_EACH * (1.0 + _EXTRA_MEAN[accounts.segment])
    account, month = by_month(rng, np.broadcast_to(rate[:, None], (accounts.count, clock.months)))
    day = days_within(rng, clock, month)
    kept = day >= accounts.since_day[account]
    account, day = account[kept], day[kept]
    return account, day, _leave(rng, clock, gone, account, day), rng.random(account.size) < _DECIDES


def _count_active(clock: Clock, n: int, account: IntArray, from_day: IntArray, to_day: IntArray) -> IntArray:
    first = clock.first_of(np.arange(clock.months))
    counts = [np.bincount(account[(from_day < day) & (to_day >= day)], minlength=n) for day in first]
    return np.stack(counts, axis=1).astype(np.int64)


def _decider_left(clock: Clock, n: int, account: IntArray, to_day: IntArray) -> BoolArray:
    left = np.zeros((n, clock.months), dtype=bool)
    gone = to_day < clock.end_day
    row, month = account[gone], clock.month_of(to_day[gone])
    for after in range(1, EFFECTS.decision_maker_months + 1):
        seen = month + after < clock.months
        left[row[seen], month[seen] + after] = True
    return left


def contacts_table(
    contacts: Contacts,
    accounts: Accounts,
    streams: Streams,
    clock: Clock,
    churn_day: IntArray,
    limit_day: IntArray,
    keep: int,
) -> pa.Table:
    """Return the contacts table. Two in five contacts of a lost account are closed at its churn or within a month.

    Parameters
    ----------
    churn_day, limit_day : int arrays of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    rng = streams.of("closings")
    closing = (rng.random(contacts.account.size) < 0.4, rng.integers(0, 31, size=contacts.account.size))
    limit = limit_day[contacts.account]
    after = np.where(closing[0], churn_day[contacts.account] + closing[1], NEVER)
    to_day = np.where(contacts.to_day < limit, contacts.to_day, np.where(after < clock.end_day, after, NEVER))
    kept = (contacts.account < keep) & (contacts.from_day < limit)
    row = contacts.account[kept]
    people = words.people(streams.of("people"), accounts.names, contacts.account)
    name, email, phone = (pa.array(column, type=pa.string()).filter(pa.array(kept)) for column in people)
    return table(
        "contacts",
        contact_id=contact_ids(contacts, accounts).filter(pa.array(kept)),
        account_id=account_ids(accounts, row),
        role=labels(words.ROLES, contacts.role[kept]),
        decision_maker=flags(contacts.decides[kept], contacts.decides_known[kept]),
        valid_from=days(contacts.from_day[kept]),
        valid_to=days(to_day[kept]),
        name=name,
        email=email,
        phone=phone,
    )


def contact_ids(contacts: Contacts, accounts: Accounts) -> pa.Array:
    """Return the ids of all contacts of the block."""
    return record_ids("C", accounts, contacts.account, contacts.number)
