"""A privacy request: removes one account's input and outcome from all jobs and updates the counts of the jobs."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.jobs.job_tables import ACCOUNTS, JOBS
from serving.privacy import account_key


def forget_in_jobs(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Delete an account from every job; a worker that scores it at this moment writes no outcome for it."""
    mine = ACCOUNTS.c.account_key == account_key(account_id)
    jobs = connection.execute(sa.select(ACCOUNTS.c.job_id).where(mine).distinct().order_by(ACCOUNTS.c.job_id)).scalars()
    gone = 0
    for job_id in jobs.all():
        connection.execute(sa.select(JOBS.c.job_id).where(JOBS.c.job_id == job_id).with_for_update())
        here = mine & (ACCOUNTS.c.job_id == job_id)
        states = connection.execute(sa.delete(ACCOUNTS).where(here).returning(ACCOUNTS.c.state)).scalars().all()
        less = {
            "accounts": JOBS.c.accounts - len(states),
            "done": JOBS.c.done - states.count("done"),
            "failed": JOBS.c.failed - states.count("failed"),
        }
        connection.execute(sa.update(JOBS).where(JOBS.c.job_id == job_id).values(**less))
        gone += len(states)
    return {"job_accounts": gone}
