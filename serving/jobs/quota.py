"""How much one key may have waiting: so many accounts and jobs that are not finished; above it, it has to come back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.errors import QuotaReached
from serving.jobs.job_tables import FINISHED, JOBS

#: Seconds until the next attempt, where nothing tells how quickly the key's jobs are scored; and their bounds.
UNKNOWN_SECONDS, LEAST_SECONDS, MOST_SECONDS = 60, 2, 3600


def demand_room(
    connection: Connection, principal: str, accounts: int, most_accounts: int, most_jobs: int, now: datetime
) -> None:
    """Raise QuotaReached if a principal has too much waiting for one more job.

    A principal without waiting jobs always has room for one.

    Parameters
    ----------
    accounts : int
        Accounts of the new job.
    most_accounts, most_jobs : int
        How many accounts and jobs of one principal may wait.
    """
    mine = (JOBS.c.principal == principal) & JOBS.c.status.not_in(FINISHED)
    columns = (JOBS.c.accounts, JOBS.c.done, JOBS.c.failed, JOBS.c.started_at)
    jobs = connection.execute(sa.select(*columns).where(mine)).all()
    if not jobs:
        return
    waiting = sum(job.accounts - job.done - job.failed for job in jobs)
    too_many = waiting + accounts - most_accounts
    if too_many <= 0 and len(jobs) < most_jobs:
        return
    has = f"{waiting:,} accounts in {len(jobs)} jobs of this key wait already"
    may = f"at most {most_accounts:,} accounts in {most_jobs} jobs may wait"
    raise QuotaReached(f"{has}; {may}", _seconds(jobs, max(too_many, 1), now))


def _seconds(jobs: Sequence[Any], accounts: int, now: datetime) -> int:
    """Return after how many seconds so many accounts will be scored, at the pace of the key's running jobs."""
    started = [job.started_at for job in jobs if job.started_at is not None and job.done + job.failed]
    elapsed = (now - min(started)).total_seconds() if started else 0.0
    if elapsed <= 0:
        return UNKNOWN_SECONDS
    pace = sum(job.done + job.failed for job in jobs) / elapsed
    return min(max(math.ceil(accounts / pace), LEAST_SECONDS), MOST_SECONDS)
