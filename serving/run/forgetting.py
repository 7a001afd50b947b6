"""A privacy request: an account's id goes in, the counts of what was removed come out.

One transaction removes everything that all tables keep of the account. Each part of the service that keeps data of
accounts has a function here that removes it and returns what it removed, and how much.
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

#: Called with (connection, account_id); returns the number of removed records by their kind.
Eraser = Callable[[Connection, str], Mapping[str, int]]


def forget_events(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's events with their deliveries; return their number."""
    return {"events": erase_events(connection, account_id)}


ERASERS: tuple[Eraser, ...] = (forget_scores, forget_in_jobs, forget_answers, forget_events)


@dataclass(frozen=True)
class Forgotten:
    """The result of a privacy request.

    Attributes
    ----------
    removed : dict of kind to int
        How many records of each kind were removed.
    log_emptied : bool
        False if SQLite's write-ahead log still holds the removed records, because another process reads it.
    """

    removed: dict[str, int]
    log_emptied: bool


def forget(engine: Engine, account_id: str, patience: float = BUSY_SECONDS) -> Forgotten:
    """Remove everything that is kept of an account.

    The removal waits for a run that is being published, so it also removes the events that this run makes of the
    account. A run that is still being written may bring the account back: remove the account from its source first.

    Parameters
    ----------
    engine : Engine
        The database of scores, jobs and events.
    account_id : str
    patience : float
        Seconds to wait for readers of SQLite's log, so that it can be emptied.
    """
    removed: dict[str, int] = {}
    with writing(engine) as connection:
        serialised(connection)
        for eraser in ERASERS:
            removed |= eraser(connection, account_id)
    return Forgotten(removed, empty_log(engine, patience))
