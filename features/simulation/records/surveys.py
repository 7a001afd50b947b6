"""Surveys: half-yearly relationship waves to all active contacts, and transactional ones after tickets.

In: accounts, hidden health, contacts, tickets. Out: `Surveys`, flat and sorted by account and time, and the table.
Health influences whether a contact answers, how soon, and with what score. Contacts differ in habit and leaning, and
single answers are noisy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import expit

from features.simulation.ground import words
from features.simulation.ground.columns import flags, instants, labels, table
from features.simulation.ground.effects import TRACES
from features.simulation.ground.health import Health
from features.simulation.ground.moments import later, office_instants, sequence
from features.simulation.ground.world import DAY_SECONDS, NEVER, Clock, FloatArray, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids
from features.simulation.records.contacts import Contacts, contact_ids
from features.simulation.records.tickets import Tickets

_WAVE_MONTHS = 6
_NEVER_SURVEYED = 0.06
_AFTER_TICKET = 0.30
_REPLY_DAYS, _REPLY_SPREAD, _REPLY_OF_HEALTH, _REPLY_MAX = 1.6, 1.1, -0.35, 60.0
_TICKET_SCORE_DROP = 0.35
_BOUNCES = 0.05
KINDS = ("relationship", "transactional")


@dataclass(frozen=True)
class Surveys:
    """Invitations of a block; `contact` -1 is unknown, `answered` in the `NEVER` range and `score` -1 are no answer."""

    account: IntArray
    number: IntArray
    contact: IntArray
    kind: IntArray
    sent: IntArray
    answered: IntArray
    score: IntArray


def draw_surveys(
    streams: Streams, clock: Clock, accounts: Accounts, health: Health, contacts: Contacts, tickets: Tickets
) -> Surveys:
    """Draw the surveys of one block, as if no account ever churned."""
    rng = streams.of("surveys")
    surveyed = rng.random(accounts.count) >= _NEVER_SURVEYED
    waves = _waves(rng, clock, accounts, contacts)
    after = _after_tickets(rng, contacts, tickets)
    account, contact, sent, burden = (np.concatenate(part) for part in zip(waves, after, strict=True))
    kind = np.repeat([0, 1], [waves[0].size, after[0].size])
    begins = (accounts.start_day[account] + 30) * DAY_SECONDS
    kept = surveyed[account] & (sent >= begins) & (sent < clock.end_day * DAY_SECONDS)
    account, contact, sent, burden, kind = (part[kept] for part in (account, contact, sent, burden, kind))
    order, number = sequence(account, sent)
    account, contact, sent, burden, kind = (part[order] for part in (account, contact, sent, burden, kind))
    mood = health.level[account, clock.month_of(sent // DAY_SECONDS)]
    answered, score = _answers(rng, contacts, contact, sent, mood, burden)
    return Surveys(account, number, contact, kind, sent, answered, score)


_Invitations = tuple[IntArray, IntArray, IntArray, FloatArray]


def _waves(rng: np.random.Generator, clock: Clock, accounts: Accounts, contacts: Contacts) -> _Invitations:
    """Return the invitations of the waves: every account has its own two months of the year, and a day per wave."""
    phase = rng.integers(_WAVE_MONTHS, size=accounts.count)
    number = np.arange(-(-clock.months // _WAVE_MONTHS))
    month = phase[:, None] + _WAVE_MONTHS * number
    day = clock.first_of(month) + rng.integers(0, 26, size=month.shape)
    sent = office_instants(rng, day.ravel()).reshape(day.shape)
    wave = sent[contacts.account]
    contact = np.broadcast_to(np.arange(contacts.account.size)[:, None], wave.shape)
    active = contacts.active_on(contact, wave // DAY_SECONDS)
    chosen = contact[active]
    return contacts.account[chosen], chosen, wave[active], np.zeros(chosen.size)


def _after_tickets(rng: np.random.Generator, contacts: Contacts, tickets: Tickets) -> _Invitations:
    """Return the invitations after closed tickets, about a day later; a slow ticket lowers the score."""
    asked = (tickets.closed < NEVER * DAY_SECONDS) & (rng.random(tickets.account.size) < _AFTER_TICKET)
    account, closed = tickets.account[asked], tickets.closed[asked]
    sent = later(rng, closed, 0.5 + rng.random(account.size))
    contact = contacts.pick(rng, account, sent // DAY_SECONDS)
    days = np.maximum((closed - tickets.opened[asked]) / DAY_SECONDS, 0.2)
    return account, contact, sent, np.log(days / 6.1)


def _answers(
    rng: np.random.Generator,
    contacts: Contacts,
    contact: IntArray,
    sent: IntArray,
    mood: FloatArray,
    burden: FloatArray,
) -> tuple[IntArray, IntArray]:
    """Return when each invitation was answered, and its score, shape (invitations,)."""
    known = contact >= 0
    habit = np.where(known, contacts.habit[contact], 0.0)
    leaning = np.where(known, contacts.leaning[contact], 0.0)
    chance = expit(TRACES.answer_level + TRACES.answer_slope * mood + habit)
    replies = rng.random(sent.size) < chance
    wait = _REPLY_DAYS * np.exp(_REPLY_OF_HEALTH * mood + _REPLY_SPREAD * rng.normal(size=sent.size))
    answered = later(rng, sent, np.minimum(wait, _REPLY_MAX))
    points = TRACES.score_mean + TRACES.score_slope * mood + leaning - _TICKET_SCORE_DROP * burden
    points = points + rng.normal(0.0, TRACES.score_noise, sent.size)
    score = np.clip(np.round(points), 0, 10).astype(np.int64)
    return np.where(replies, answered, NEVER * DAY_SECONDS), np.where(replies, score, -1)


def survey_ids(surveys: Surveys, accounts: Accounts) -> pa.Array:
    """Return the ids of all surveys of the block."""
    return record_ids("S", accounts, surveys.account, surveys.number)


def surveys_table(
    surveys: Surveys,
    accounts: Accounts,
    contacts: Contacts,
    streams: Streams,
    limit_day: IntArray,
    stop_day: IntArray,
    keep: int,
) -> pa.Table:
    """Return the surveys table.

    Parameters
    ----------
    limit_day : int array of shape (accounts,)
        See `Fate`.
    stop_day : int array of shape (accounts,)
        First day without invitations: churn, notice or the end of the window.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    account = surveys.account
    kept = (account < keep) & (surveys.sent < stop_day[account] * DAY_SECONDS)
    known = surveys.answered < limit_day[account] * DAY_SECONDS
    score = np.where(known, surveys.score, -1)
    said = words.comments(streams.of("comments"), score, accounts.german[account])
    comments = [text if answered else None for text, answered in zip(said, known, strict=True)]
    comment = pa.array(comments, type=pa.string())
    mask = pa.array(kept)
    contact = np.where(surveys.contact >= 0, surveys.contact, 0)
    people = contact_ids(contacts, accounts).take(pa.array(contact, mask=surveys.contact < 0))
    channel, bounced = _ways(streams, surveys)
    bounced = np.where(bounced < limit_day[account] * DAY_SECONDS, bounced, NEVER * DAY_SECONDS)
    return table(
        "surveys",
        survey_id=survey_ids(surveys, accounts).filter(mask),
        account_id=account_ids(accounts, account[kept]),
        contact_id=people.filter(mask),
        kind=labels(KINDS, surveys.kind[kept]),
        sent_at=instants(surveys.sent[kept]),
        answered_at=instants(np.where(known, surveys.answered, NEVER * DAY_SECONDS)[kept]),
        score=pa.array(score[kept], mask=score[kept] < 0),
        comment=comment.filter(mask),
        channel=labels(words.CHANNELS, channel[kept]),
        bounced_at=instants(bounced[kept]),
        anonymous=flags(surveys.contact[kept] < 0, np.ones(int(kept.sum()), dtype=bool)),
    )


def _ways(streams: Streams, surveys: Surveys) -> tuple[IntArray, IntArray]:
    """Return the channel of each invitation, and when it bounced: within minutes, and only what got no answer."""
    rng = streams.of("channels")
    n = surveys.account.size
    channel = rng.choice(len(words.CHANNELS), size=n, p=(0.8, 0.12, 0.08))
    fails = (rng.random(n) < _BOUNCES) & (channel == 0) & (surveys.answered >= NEVER * DAY_SECONDS)
    bounced = surveys.sent + 1 + (rng.random(n) * 900).astype(np.int64)
    return channel.astype(np.int64), np.where(fails, bounced, NEVER * DAY_SECONDS)
