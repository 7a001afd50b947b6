"""A privacy request: everything that is kept of one account goes, from all tables, in one transaction.

Each part that keeps something of accounts has a function here that deletes it and says what and how much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection, Engine

from serving.database.engine import BUSY_SECONDS, empty_log, writing
from serving.jobs.job_erasure import forget_in_jobs
from serving.repeats.idempotency import forget_answers
from serving.store.runs import serialised
from serving.store.score_retention import forget_scores
from serving.webhooks.event_retention import erase_events

#: Called with (connection, account_id); returns the number of what was removed by its name.
Eraser = Callable[[Connection, str], Mapping[str, int]]


def forget_events(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's events with their deliveries."""
    return {"events": erase_events(connection, account_id)}


ERASERS: tuple[Eraser, ...] = (forget_scores, forget_in_jobs, forget_answers, forget_events)


@dataclass(frozen=True)
class Forgotten:
    """What a privacy request came to.

    Attributes
    ----------
    removed : dict
        How many of what were removed.
    log_emptied : bool
        False where SQLite's write-ahead log, which somebody reads, still holds what was removed.
    """

    removed: dict[str, int]
    log_emptied: bool


def forget(engine: Engine, account_id: str, patience: float = BUSY_SECONDS) -> Forgotten:
    """Remove what is kept of an account.

    A run that is being published goes first: the events it makes of the account are removed with all others. One that
    is still being written may bring the account back: its source must have been rid of it.

    Parameters
    ----------
    patience : float
        Seconds to wait for those who read SQLite's log, so that it can be emptied.
    """
    removed: dict[str, int] = {}
    with writing(engine) as connection:
        serialised(connection)
        for eraser in ERASERS:
            removed |= eraser(connection, account_id)
    return Forgotten(removed, empty_log(engine, patience))
