"""Removal of old runs, of replaced runs after a while, of runs that dead writers left, and of all scores of an account;
a contact removed from the evidence that stays.

A purge first hides a run, at once, and then removes it in pieces. So no reader ever sees a part of it, and the next
purge removes what a killed purge has left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import writing
from serving.privacy import without_contact
from serving.store.runs import serialised, sweep
from serving.store.score_tables import MOVES, RUNS, SCORES, newest_run


@dataclass(frozen=True)
class Purged:
    """How many runs a purge removed: scored too long ago, replaced long enough ago, left unfinished by dead writers."""

    old: int
    replaced: int
    abandoned: int


def purge(
    engine: Engine,
    replaced_before: datetime,
    scored_before: datetime | None = None,
    resumable_since: datetime | None = None,
) -> Purged:
    """Remove runs that are no longer needed; the newest run always stays.

    Parameters
    ----------
    replaced_before : datetime
        The purge removes runs that were replaced before this instant.
    scored_before : datetime or None
        It also removes runs that were scored before this instant; None: it keeps the history.
    resumable_since : datetime or None
        It keeps unfinished runs that can be gone on with and were begun at this instant or later; None: it keeps none.
    """
    abandoned = sweep(engine, resumable_since)
    with writing(engine) as connection:
        serialised(connection)
        replaced = _hide(connection, RUNS.c.replaced_at < replaced_before)
        old = 0
        if scored_before is not None:
            newest = connection.execute(newest_run()).first()
            not_newest = RUNS.c.run_id != newest.run_id if newest else sa.true()
            old = _hide(connection, (RUNS.c.scored_at < scored_before) & not_newest)
    sweep(engine, resumable_since)
    return Purged(old, replaced, abandoned)


def forget_scores(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's scores and their evidence from every run, and the sums that it is part of."""
    mine = SCORES.c.account_id == account_id
    connection.execute(sa.delete(MOVES).where(MOVES.c.run_id.in_(sa.select(SCORES.c.run_id).where(mine))))
    counted = RUNS.c.published_at.is_not(None) & RUNS.c.run_id.in_(sa.select(SCORES.c.run_id).where(mine))
    connection.execute(sa.update(RUNS).where(counted).values(accounts=RUNS.c.accounts - 1))
    gone = connection.execute(sa.delete(SCORES).where(mine))
    return {"scores": gone.rowcount}


def forget_contact_in_evidence(connection: Connection, contact_id: str) -> Mapping[str, int]:
    """Remove a contact's name, e-mail and phone from the evidence of every score."""
    written = json.dumps(contact_id)  # as the evidence is stored
    holding = sa.cast(SCORES.c.evidence, sa.Text).contains(written, autoescape=True)
    keys = connection.execute(sa.select(SCORES.c.run_id, SCORES.c.account_id).where(holding)).all()
    count = 0
    for run_id, account_id in keys:
        mine = (SCORES.c.run_id == run_id) & (SCORES.c.account_id == account_id)
        evidence = connection.execute(sa.select(SCORES.c.evidence).where(mine)).scalar_one()
        cleaned, changed = without_contact(evidence, contact_id)
        if changed:
            connection.execute(sa.update(SCORES).where(mine).values(evidence=cleaned))
            count += 1
    return {"scores": count}


def _hide(connection: Connection, which: sa.ColumnElement[bool]) -> int:
    hidden = sa.update(RUNS).where(which, RUNS.c.published_at.is_not(None)).values(published_at=None, writer="")
    return connection.execute(hidden).rowcount
