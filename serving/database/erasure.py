"""A privacy request: everything that is kept of one account goes, from all tables, in one transaction.

Each part that keeps something of accounts has a function here that deletes it and says what and how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.engine import Connection, Engine

from serving.database.engine import empty_log, writing
from serving.events.retention import erase_events
from serving.idempotency import forget_answers
from serving.jobs.erasure import forget_in_jobs
from serving.store.retention import forget_scores

#: Called with (connection, account_id); returns the number of what was removed by its name.
Eraser = Callable[[Connection, str], Mapping[str, int]]


def forget_events(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's events with their deliveries."""
    return {"events": erase_events(connection, account_id)}


ERASERS: tuple[Eraser, ...] = (forget_scores, forget_in_jobs, forget_answers, forget_events)


def forget(engine: Engine, account_id: str) -> dict[str, int]:
    """Remove what is kept of an account; return how many of what.

    A scoring run that is being written at this moment may bring the account back: its source must have been rid of it.
    """
    removed: dict[str, int] = {}
    with writing(engine) as connection:
        for eraser in ERASERS:
            removed |= eraser(connection, account_id)
    empty_log(engine)
    return removed
