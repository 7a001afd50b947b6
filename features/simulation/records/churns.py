"""Who leaves, and when: chance and the hazards decide, nothing else.

In: the hazards of a block. Out: `Fate`, one entry per account, and the tables churns and true_hazards.

Each account has an exponential threshold. It leaves on the day on which its cumulative hazard passes the threshold.
When its contract ends in that month, it most often leaves on the last day of the term instead. Some accounts give
notice up to 90 days before and get no surveys from then on: this trace of churn shows before the churn. The null world
has neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.simulation.ground import words
from features.simulation.ground.columns import days, labels, numbers, table
from features.simulation.ground.world import NEVER, Clock, IntArray, Streams
from features.simulation.records.accounts import Accounts, account_ids
from features.simulation.records.contracts import Contracts, term_end_days
from features.simulation.records.hazards import Hazards

_AT_TERM_END = 0.8
_NOTICE_STOPS_SURVEYS, _NOTICE_MAX_DAYS = 0.35, 90
_REASON_SHARES = (0.24, 0.26, 0.24, 0.16, 0.10)


@dataclass(frozen=True)
class Fate:
    """Whether and when the accounts of a block leave. All arrays have shape (accounts,).

    Attributes
    ----------
    churn_day : array
        Day on which the account leaves; `NEVER` when it stays through the window.
    limit_day : array
        First day without records: churn or the end of the window.
    survey_stop_day : array
        First day without invitations: the day of the notice, or else `limit_day`.
    reason : array
        Index of the reason; -1 is unknown.
    """

    churn_day: IntArray
    limit_day: IntArray
    survey_stop_day: IntArray
    reason: IntArray


def draw_fate(
    streams: Streams, clock: Clock, accounts: Accounts, contracts: Contracts, hazards: Hazards, null: bool
) -> Fate:
    """Draw who leaves and when.

    Parameters
    ----------
    null : bool
        Whether it is the null world: no churn at the end of a term, and no notice.
    """
    rng, n = streams.of("churns"), accounts.count
    threshold, at_end = rng.exponential(size=n), rng.random(n) < _AT_TERM_END
    noticed, notice = rng.random(n) < _NOTICE_STOPS_SURVEYS, rng.integers(0, _NOTICE_MAX_DAYS + 1, size=n)
    reason = rng.choice(len(words.REASONS), size=n, p=_REASON_SHARES)
    known = rng.random(n) < 0.8
    churn, month = _churn_days(clock, accounts, hazards, threshold)
    ends = contracts.to_end[np.arange(n), month] == 0
    if not null:
        last = term_end_days(clock, contracts, np.arange(n), month)
        at_last = np.where(at_end, last, np.minimum(churn, last))
        churn = np.where((churn < NEVER) & ends & (last > accounts.since_day), at_last, churn)
    limit = np.minimum(churn, clock.end_day)
    stop = np.where(noticed & (churn < NEVER) & (not null), np.minimum(limit, churn - notice), limit)
    return Fate(churn, limit, stop, np.where(known & (churn < NEVER), reason, -1).astype(np.int64))


def _churn_days(clock: Clock, accounts: Accounts, hazards: Hazards, threshold: np.ndarray) -> tuple[IntArray, IntArray]:
    """Return the day on which the cumulative hazard passes the threshold, and its month."""
    joined = clock.month_of(accounts.since_day)
    at_risk = np.where(np.arange(clock.months) > joined[:, None], hazards.monthly, 0.0)
    total = np.cumsum(at_risk, axis=1)
    passed = total > threshold[:, None]
    month = passed.argmax(axis=1)
    row = np.arange(accounts.count)
    within = at_risk[row, month]
    part = (threshold - (total[row, month] - within)) / np.where(within > 0, within, 1.0)
    day = clock.first_of(month) + (np.clip(part, 0.0, 0.999) * clock.days_in(month)).astype(np.int64)
    return np.where(passed.any(axis=1), day, NEVER), month


def churns_table(fate: Fate, accounts: Accounts, keep: int) -> pa.Table:
    """Return the churns table."""
    row = np.flatnonzero(fate.churn_day[:keep] < NEVER)
    return table(
        "churns",
        account_id=account_ids(accounts, row),
        churned_on=days(fate.churn_day[row]),
        reason=labels(words.REASONS, fate.reason[row]),
    )


def hazards_table(hazards: Hazards, fate: Fate, accounts: Accounts, clock: Clock, keep: int) -> pa.Table:
    """Return the true hazards of the customers on the first of each month, by account and month.

    Parameters
    ----------
    keep : int
        Accounts of the block that the book keeps, from the first on.
    """
    first = clock.first_of(np.arange(clock.months))
    customer = (accounts.since_day[:, None] < first) & (fate.churn_day[:, None] >= first)
    row, month = np.nonzero(customer[:keep])
    return table(
        "true_hazards",
        account_id=account_ids(accounts, row),
        as_of=days(first[month]),
        hazard=numbers(hazards.monthly[row, month], 9),
        probability_180d=numbers(hazards.probability_180d[row, month], 9),
    )
