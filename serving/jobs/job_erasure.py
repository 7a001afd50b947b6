"""Privacy requests: one account's input and outcome leave all jobs, and the counts follow; or a contact's name does."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.jobs.job_tables import ACCOUNTS, JOBS, packed_text, unpacked
from serving.privacy import account_key, mentions, without_contact

#: Accounts that are read at a time.
READ = 500


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


def forget_contact_in_jobs(connection: Connection, contact_id: str) -> Mapping[str, int]:
    """Remove a contact's name, e-mail and phone from the inputs and outcomes of all jobs."""
    place = (ACCOUNTS.c.job_id, ACCOUNTS.c.number)
    columns = sa.select(*place, ACCOUNTS.c.payload, ACCOUNTS.c.outcome).order_by(*place)
    count, last = 0, ("", -1)
    while rows := connection.execute(columns.where(sa.tuple_(*place) > sa.tuple_(*last)).limit(READ)).all():
        last = rows[-1].job_id, rows[-1].number
        for row in rows:
            changes = {name: _cleaned(getattr(row, name), contact_id) for name in ("payload", "outcome")}
            kept = {name: content for name, content in changes.items() if content is not None}
            if kept:
                mine = (ACCOUNTS.c.job_id == row.job_id) & (ACCOUNTS.c.number == row.number)
                connection.execute(sa.update(ACCOUNTS).where(mine).values(**kept))
                count += 1
    return {"job_accounts": count}


def _cleaned(content: bytes | None, contact_id: str) -> bytes | None:
    """Return packed JSON without a contact; None when there is nothing to change."""
    if content is None or not mentions(zlib.decompress(content).decode("utf-8"), contact_id):
        return None
    cleaned, changed = without_contact(unpacked(content), contact_id)
    return packed_text(json.dumps(cleaned)) if changed else None
