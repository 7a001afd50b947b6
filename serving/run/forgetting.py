"""Privacy requests: the id of an account or a contact goes in, the counts of what was removed come out.

One transaction removes everything that all tables keep of the account. Each part of the service that keeps data of
accounts has a function here that removes it and returns what it removed, and how much. The audit of reads alone keeps
its lines: who has read an account must be answerable as long as the law lets us keep that. They lose the account's id
and keep its digest, which finds them for who knows the id, until they have had their time.

A contact is forgotten within the accounts that stay: its name, e-mail and phone leave every record that has its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection, Engine

from serving.access.reads import pseudonymise_reads
from serving.acting.acts import forget_acting
from serving.database.engine import BUSY_SECONDS, empty_log, writing
from serving.digest.digest_ledger import forget_in_digests
from serving.jobs.job_erasure import forget_contact_in_jobs, forget_in_jobs
from serving.repeats.idempotency import forget_answers, forget_contact_in_answers
from serving.store.figure_tables import forget_figures
from serving.store.runs import serialised
from serving.store.score_retention import forget_contact_in_evidence, forget_scores
from serving.webhooks.alert_cases import forget_alerts
from serving.webhooks.event_retention import erase_contact, erase_events

#: Called with (connection, id of an account or contact); returns the number of removed records by their kind.
Eraser = Callable[[Connection, str], Mapping[str, int]]


def forget_events(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's events with their deliveries; return their number."""
    return {"events": erase_events(connection, account_id)}


def forget_contact_in_events(connection: Connection, contact_id: str) -> Mapping[str, int]:
    """Remove a contact's name, e-mail and phone from all events; return their number."""
    return {"events": erase_contact(connection, contact_id)}


ERASERS: tuple[Eraser, ...] = (
    forget_scores,
    forget_figures,
    forget_in_jobs,
    forget_answers,
    forget_events,
    forget_acting,
    forget_in_digests,
    forget_alerts,
)
CONTACT_ERASERS: tuple[Eraser, ...] = (
    forget_contact_in_evidence,
    forget_contact_in_jobs,
    forget_contact_in_answers,
    forget_contact_in_events,
)


@dataclass(frozen=True)
class Forgotten:
    """The result of a privacy request.

    Attributes
    ----------
    removed : dict of kind to int
        How many records of each kind were removed, or cleaned of a contact.
    reads_pseudonymised : int
        How many lines of the audit lost the account's id.
    log_emptied : bool
        False if SQLite's write-ahead log still holds the removed records, because another process reads it.
    """

    removed: dict[str, int]
    log_emptied: bool
    reads_pseudonymised: int = 0


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
        reads = pseudonymise_reads(connection, account_id)
    return Forgotten(removed, empty_log(engine, patience), reads)


def forget_contact(engine: Engine, contact_id: str, patience: float = BUSY_SECONDS) -> Forgotten:
    """Remove a contact's name, e-mail and phone from everything that is kept; see `forget`.

    The contact's id, role and answers stay: they are the account's history.
    """
    removed: dict[str, int] = {}
    with writing(engine) as connection:
        serialised(connection)
        for eraser in CONTACT_ERASERS:
            removed |= eraser(connection, contact_id)
    return Forgotten(removed, empty_log(engine, patience))
