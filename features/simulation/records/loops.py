"""Loops: feedback that someone must follow up, at which level, and how soon it is closed, if ever.

In: accounts, hidden health, surveys. Out: `Loops`, flat and sorted by account and time, with the monthly state that the
hazard needs; and the table. Poor scores open loops. The account manager's skill closes them sooner; good health helps
a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import expit

from features.simulation.ground import words
from features.simulation.ground.columns import instants, labels, table
from features.simulation.ground.health import Health
from features.simulation.ground.moments import DelayTail, by_month, days_within, later, office_instants, sequence
from features.simulation.ground.world import DAY_SECONDS, NEVER, BoolArray, Clock, FloatArray, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids, record_ids
from features.simulation.records.surveys import Surveys, survey_ids

_TAIL = DelayTail(p50=4.0, p90=20.0, p99=125.0)
_OPENED_BY_CLASS = np.array([0.85, 0.30, 0.05])  # detractor, passive, promoter
_UNPROMPTED = 0.006  # loops a month that no survey opened
_NEVER_LEVEL, _NEVER_OF_SKILL, _NEVER_OF_HEALTH = -1.8, -0.5, -0.10
_DELAY_OF_SKILL, _DELAY_OF_HEALTH = -0.45, -0.05
_LEFT_OPEN_DAYS, _REMEMBERED_MONTHS, _FAST_HOURS = 90, 12, 48


@dataclass(frozen=True)
class Loops:
    """Loops of a block, and their monthly state for the hazard.

    Attributes
    ----------
    account, number, survey, level, opened, closed : arrays of loops
        `survey` -1 is feedback without a survey; `level` -1 is unknown; `closed` in the `NEVER` range is never closed.
    left_open : array of accounts x months, bool
        Whether, on the first of the month, a loop opened within a year has been open for 90 days.
    closed_fast : array of accounts x months, bool
        Whether the last loop closed within a year took at most 48 hours.
    """

    account: IntArray
    number: IntArray
    survey: IntArray
    level: IntArray
    opened: IntArray
    closed: IntArray
    left_open: BoolArray
    closed_fast: BoolArray


def draw_loops(streams: Streams, clock: Clock, accounts: Accounts, health: Health, surveys: Surveys) -> Loops:
    """Draw the loops of one block, as if no account ever churned."""
    rng = streams.of("loops")
    prompted, unprompted = _from_surveys(rng, surveys), _unprompted(rng, clock, accounts)
    account, survey, opened = (np.concatenate(part) for part in zip(prompted, unprompted, strict=True))
    begun = (opened < clock.end_day * DAY_SECONDS) & (opened >= accounts.start_day[account] * DAY_SECONDS)
    account, survey, opened = account[begun], survey[begun], opened[begun]
    order, number = sequence(account, opened)
    account, survey, opened = account[order], survey[order], opened[order]
    mood = health.level[account, clock.month_of(opened // DAY_SECONDS)]
    closed = _closings(rng, accounts.manager_skill[account], mood, opened)
    return Loops(
        account, number, survey,
        _levels(rng, accounts.segment[account]),
        opened, closed,
        left_open=_left_open(clock, accounts.count, account, opened, closed),
        closed_fast=_closed_fast(clock, accounts.count, account, opened, closed),
    )  # fmt: skip


def _from_surveys(rng: np.random.Generator, surveys: Surveys) -> tuple[IntArray, IntArray, IntArray]:
    kind = (surveys.score >= 7).astype(np.int64) + (surveys.score >= 9)
    opens = (surveys.score >= 0) & (rng.random(kind.size) < _OPENED_BY_CLASS[kind])
    survey = np.flatnonzero(opens)
    opened = later(rng, surveys.answered[survey], rng.exponential(0.6, survey.size))
    return surveys.account[survey], survey, opened


def _unprompted(rng: np.random.Generator, clock: Clock, accounts: Accounts) -> tuple[IntArray, IntArray, IntArray]:
    account, month = by_month(rng, np.full((accounts.count, clock.months), _UNPROMPTED))
    opened = office_instants(rng, days_within(rng, clock, month))
    return account, np.full(account.size, -1), opened


def _closings(rng: np.random.Generator, skill: FloatArray, mood: FloatArray, opened: IntArray) -> IntArray:
    """Return the instant at which each loop closes; in the `NEVER` range for a loop that never does."""
    never = rng.random(opened.size) < expit(_NEVER_LEVEL + _NEVER_OF_SKILL * skill + _NEVER_OF_HEALTH * mood)
    raw = _DELAY_OF_SKILL * skill + _DELAY_OF_HEALTH * mood + rng.normal(0.0, 0.88, opened.size)
    return np.where(never, NEVER * DAY_SECONDS, later(rng, opened, _TAIL.days(raw)))


def _levels(rng: np.random.Generator, segment: IntArray) -> IntArray:
    level = np.searchsorted((0.7, 0.95), rng.random(segment.size) + 0.1 * (segment - 0.5))
    return np.where(rng.random(segment.size) < 0.03, -1, level).astype(np.int64)


def _left_open(clock: Clock, n: int, account: IntArray, opened: IntArray, closed: IntArray) -> BoolArray:
    state = np.zeros((n, clock.months), dtype=bool)
    for month, first in enumerate(clock.first_of(np.arange(clock.months)) * DAY_SECONDS):
        age = (first - opened) // DAY_SECONDS
        state[account[(age >= _LEFT_OPEN_DAYS) & (age <= 365) & (closed >= first)], month] = True
    return state


def _closed_fast(clock: Clock, n: int, account: IntArray, opened: IntArray, closed: IntArray) -> BoolArray:
    """Whether the last loop closed within a year was closed fast (accounts x months)."""
    speed = np.full((n, clock.months + 1), -1)
    closings = np.flatnonzero(closed < clock.end_day * DAY_SECONDS)
    closings = closings[np.argsort(closed[closings], kind="stable")]
    fast = closed[closings] - opened[closings] <= _FAST_HOURS * 3600
    speed[account[closings], clock.month_of(closed[closings] // DAY_SECONDS) + 1] = fast
    month = np.arange(clock.months + 1)
    last = np.maximum.accumulate(np.where(speed >= 0, month, -_REMEMBERED_MONTHS - 1), axis=1)
    held = np.take_along_axis(speed, np.maximum(last, 0), axis=1)
    return np.asarray((held == 1) & (month - last < _REMEMBERED_MONTHS))[:, : clock.months]


def loops_table(
    loops: Loops, accounts: Accounts, surveys: Surveys, sent: BoolArray, limit_day: IntArray, keep: int
) -> pa.Table:
    """Return the loops table of the surveys that were sent. A loop still open when its account leaves stays open.

    Parameters
    ----------
    sent : bool array of shape (surveys,)
        Whether each survey was sent.
    limit_day : int array of shape (accounts,)
        See `Fate`.
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    limit = limit_day[loops.account] * DAY_SECONDS
    sent = sent[loops.survey] | (loops.survey < 0)
    kept = (loops.account < keep) & (loops.opened < limit) & sent
    row, survey = loops.account[kept], loops.survey[kept]
    ids = survey_ids(surveys, accounts).take(pa.array(np.maximum(survey, 0), mask=survey < 0))
    return table(
        "loops",
        loop_id=record_ids("L", accounts, row, loops.number[kept]),
        account_id=account_ids(accounts, row),
        survey_id=ids,
        level=labels(words.LEVELS, loops.level[kept]),
        opened_at=instants(loops.opened[kept]),
        closed_at=instants(np.where(loops.closed < limit, loops.closed, NEVER * DAY_SECONDS)[kept]),
    )
