"""Tickets: an account's problems and questions, their severity, and the time until they are closed.

In: accounts, hidden health. Out: `Tickets`, flat and sorted by account and time, and the table. Number and severity
rise as health falls, and the number jumps in the month of a bad shock. Closing delays keep the quantiles of `moments`
over all tickets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.simulation.ground import words
from features.simulation.ground.columns import instants, labels, table
from features.simulation.ground.health import Health
from features.simulation.ground.moments import DelayTail, by_month, days_within, later, office_instants, sequence
from features.simulation.ground.world import DAY_SECONDS, NEVER, Clock, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids
from features.simulation.records.contacts import Contacts, contact_ids

#: Slightly below the target quantiles (6.1, 22, 122), because weekends lengthen the delays.
_TAIL = DelayTail(p50=4.75, p90=19.5, p99=112.0)
_RATE = np.array([0.14, 0.32, 1.1])  # a month, by segment
_RATE_OF_HEALTH, _RATE_OF_SHOCK = -0.40, 2.5
_SEVERITY_CUTS = np.array([-0.6, 0.9, 1.9])
_SEVERITY_OF_HEALTH = -0.4
_DELAY_OF_HEALTH, _DELAY_OF_SEVERITY = -0.25, -0.15
_NEVER_CLOSED = 0.02


@dataclass(frozen=True)
class Tickets:
    """Tickets of a block; `kind` and `severity` -1 are unknown, `closed` is in the `NEVER` range while open."""

    account: IntArray
    number: IntArray
    opened: IntArray
    closed: IntArray
    kind: IntArray
    severity: IntArray


def draw_tickets(streams: Streams, clock: Clock, accounts: Accounts, health: Health) -> Tickets:
    """Draw the tickets of one block, as if no account ever churned."""
    rng = streams.of("tickets")
    rate = _RATE[accounts.segment][:, None] * np.exp(_RATE_OF_HEALTH * health.level)
    account, month = by_month(rng, rate * np.where(health.shocked, 1.0 + _RATE_OF_SHOCK, 1.0))
    opened = office_instants(rng, days_within(rng, clock, month))
    kept = opened >= accounts.start_day[account] * DAY_SECONDS
    account, month, opened = account[kept], month[kept], opened[kept]
    order, number = sequence(account, opened)
    account, month, opened = account[order], month[order], opened[order]
    mood = health.level[account, month]
    severity = np.searchsorted(_SEVERITY_CUTS, _SEVERITY_OF_HEALTH * mood + rng.normal(0.0, 1.0, mood.size))
    raw = _DELAY_OF_HEALTH * mood + _DELAY_OF_SEVERITY * (severity - 1) + rng.normal(0.0, 0.93, mood.size)
    closed = later(rng, opened, _TAIL.days(raw))
    return Tickets(
        account, number, opened,
        closed=np.where(rng.random(mood.size) < _NEVER_CLOSED, NEVER * DAY_SECONDS, closed),
        kind=_kinds(rng, mood.size),
        severity=np.where(rng.random(mood.size) < 0.03, -1, severity),
    )  # fmt: skip


def _kinds(rng: np.random.Generator, count: int) -> IntArray:
    kind = rng.choice(len(words.TICKET_KINDS), size=count, p=(0.4, 0.3, 0.2, 0.1))
    return np.where(rng.random(count) < 0.03, -1, kind)


def tickets_table(
    tickets: Tickets,
    accounts: Accounts,
    contacts: Contacts,
    streams: Streams,
    clock: Clock,
    limit_day: IntArray,
    keep: int,
) -> pa.Table:
    """Return the tickets table. Tickets of a lost account may still be closed after it has left.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    kept = (tickets.account < keep) & (tickets.opened < limit_day[tickets.account] * DAY_SECONDS)
    row, closed = tickets.account[kept], tickets.closed[kept]
    rng = streams.of("topics")
    topic = np.where(rng.random(kept.size) < 0.1, -1, rng.integers(len(words.TOPICS), size=kept.size))
    contact = contacts.pick(rng, tickets.account, tickets.opened // DAY_SECONDS)
    people = contact_ids(contacts, accounts).take(pa.array(np.maximum(contact, 0), mask=contact < 0))
    return table(
        "tickets",
        ticket_id=record_ids("T", accounts, row, tickets.number[kept]),
        account_id=account_ids(accounts, row),
        kind=labels(words.TICKET_KINDS, tickets.kind[kept]),
        severity=labels(words.SEVERITIES, tickets.severity[kept]),
        opened_at=instants(tickets.opened[kept]),
        closed_at=instants(np.where(closed < clock.end_day * DAY_SECONDS, closed, NEVER * DAY_SECONDS)),
        topic=labels(words.TOPICS, topic[kept]),
        contact_id=people.filter(pa.array(kept)),
    )
