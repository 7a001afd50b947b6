"""Write a scoring run: begin it, add to it in short transactions, publish it in one; or remove what is left of it.

The input is rows of `scores`, and of the figures that belong to the run. The output is a `PublishedRun`, which the
publishing transaction passes to the hooks. Among runs of the same as-of date and version, the last published one
counts, independent of the clocks.

A run with a fingerprint can be gone on with after its writer died: its scores so far are the first of the whole, and
their number stands beside them, written in the same transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import reading, writing
from serving.database.holds import is_held
from serving.errors import RunLost
from serving.store.figure_tables import OF_A_RUN
from serving.store.score_tables import CURRENT, RUNS, SCORES, newest_run

#: Rows removed in one transaction.
REMOVED_AT_ONCE = 1000
#: Key of PostgreSQL's advisory lock under which runs are published.
PUBLISHING = 4_827_302


@dataclass(frozen=True)
class PublishedRun:
    """A run at the moment of its publication.

    Attributes
    ----------
    run_id : int
    as_of : date
    model_version : str
    scored_at : datetime
    accounts : int
        Number of its scores.
    replaced : int or None
        The run of the same as-of date and version that this one replaces; its scores still exist.
    follows : int or None
        The run that was the newest (greatest as_of, then scored_at) until now.
    newest : bool
        Whether it is the newest run now; a run of a past as-of date is not.
    """

    run_id: int
    as_of: date
    model_version: str
    scored_at: datetime
    accounts: int
    replaced: int | None
    follows: int | None
    newest: bool


PublicationHook = Callable[[Connection, PublishedRun], None]


@dataclass(frozen=True)
class RunWriter:
    """A run during its writing.

    Attributes
    ----------
    writer : str
        The name of its process's hold.
    scored_at : datetime
    begun_with : int
        Scores that a writer before this one has written.
    """

    engine: Engine
    run_id: int
    writer: str
    scored_at: datetime
    begun_with: int = 0

    @classmethod
    def begin(
        cls,
        engine: Engine,
        writer: str,
        model: Mapping[str, Any],
        as_of: date,
        scored_at: datetime,
        now: datetime,
        fingerprint: str | None = None,
    ) -> RunWriter:
        """Begin a new run, which no reader sees yet, and return its writer.

        Parameters
        ----------
        writer : str
            The name of the hold that the process has while it writes.
        model : mapping
            The model's facts; `version` is the version that scored.
        as_of, scored_at : date, datetime
            The run's as-of date and time of scoring.
        now : datetime
            When the run begins.
        fingerprint : str, optional
            What the run is made of, where the same can be made again.
        """
        row = {
            "as_of": as_of,
            "model_version": model["version"],
            "scored_at": scored_at,
            "accounts": 0,
            "model": dict(model),
            "writer": writer,
            "begun_at": now,
            "fingerprint": fingerprint,
        }
        with writing(engine) as connection:
            inserted = connection.execute(sa.insert(RUNS).returning(RUNS.c.run_id), row)
            return cls(engine, inserted.scalar_one(), writer, scored_at)

    @classmethod
    def resume(cls, engine: Engine, writer: str, fingerprint: str, now: datetime) -> RunWriter | None:
        """Take over the unfinished run with this fingerprint whose writer is dead, the one that got furthest.

        Returns None where there is none, or another process took it first.
        """
        columns = (RUNS.c.run_id, RUNS.c.writer, RUNS.c.scored_at, RUNS.c.accounts)
        unfinished = RUNS.c.published_at.is_(None) & (RUNS.c.fingerprint == fingerprint)
        with reading(engine) as connection:
            rows = connection.execute(sa.select(*columns).where(unfinished).order_by(RUNS.c.accounts.desc())).all()
            dead = [row for row in rows if row.writer and not is_held(connection, row.writer)]
        for row in dead:
            own = _unpublished(row.run_id) & (RUNS.c.writer == row.writer)
            with writing(engine) as connection:
                taken = connection.execute(sa.update(RUNS).where(own).values(writer=writer, begun_at=now))
            if taken.rowcount:
                return cls(engine, row.run_id, writer, row.scored_at, row.accounts)
        return None

    def add(self, rows: list[dict[str, Any]], table: sa.Table = SCORES) -> None:
        """Add scores, or rows of another table of a run; raises RunLost."""
        with writing(self.engine) as connection:
            self._demand(connection)
            connection.execute(sa.insert(table), rows)
            if table is SCORES:
                own = sa.update(RUNS).where(RUNS.c.run_id == self.run_id)
                connection.execute(own.values(accounts=RUNS.c.accounts + len(rows)))

    def clear(self, table: sa.Table) -> None:
        """Remove the run's rows in a table, left by a writer before this one, in short transactions; raises RunLost."""
        left = True
        while left:
            with writing(self.engine) as connection:
                self._demand(connection)
                left = connection.execute(_delete_piece(table, self.run_id)).rowcount == REMOVED_AT_ONCE

    def publish(
        self, hooks: Iterable[PublicationHook], now: datetime, model: Mapping[str, Any] | None = None
    ) -> PublishedRun:
        """Publish the run, mark the run that it replaces and call the hooks, in one transaction; raises RunLost.

        The run has as many accounts as scores are there: of what was written, some may be forgotten meanwhile.

        Parameters
        ----------
        hooks : iterable of callables
            See `ScoreStore`.
        now : datetime
        model : mapping, optional
            The model's facts in the place of those that the run began with: some are known at its end only.
        """
        facts = {} if model is None else {"model": dict(model)}
        with writing(self.engine) as connection:
            serialised(connection)
            self._demand(connection)
            follows = connection.execute(newest_run()).first()
            replaced = self._replace(connection, now)
            count = sa.select(sa.func.count()).where(SCORES.c.run_id == self.run_id).scalar_subquery()
            shown = sa.update(RUNS).where(RUNS.c.run_id == self.run_id)
            connection.execute(shown.values(published_at=now, accounts=count, fingerprint=None, **facts))
            newest = connection.execute(newest_run()).one()
            own = connection.execute(sa.select(RUNS).where(RUNS.c.run_id == self.run_id)).one()
            published = PublishedRun(
                run_id=own.run_id,
                as_of=own.as_of,
                model_version=own.model_version,
                scored_at=own.scored_at,
                accounts=own.accounts,
                replaced=replaced,
                follows=follows.run_id if follows else None,
                newest=newest.run_id == self.run_id,
            )
            for hook in hooks:
                hook(connection, published)
            return published

    def drop(self) -> None:
        """Remove everything that was written of the run."""
        remove(self.engine, self.run_id)

    def _demand(self, connection: Connection) -> None:
        """Check that the run still exists, and lock it until this transaction ends; raises RunLost."""
        own = sa.select(RUNS.c.run_id).where(_unpublished(self.run_id), RUNS.c.writer == self.writer)
        if connection.execute(own.with_for_update(key_share=True)).first() is None:
            raise RunLost(
                f"scoring run {self.run_id} was removed while it was being written: its writer had lost the database "
                "for a while. Nothing of it is stored; run it again"
            )

    def _replace(self, connection: Connection, now: datetime) -> int | None:
        own = sa.select(RUNS.c.as_of, RUNS.c.model_version).where(RUNS.c.run_id == self.run_id)
        same = CURRENT & (sa.tuple_(RUNS.c.as_of, RUNS.c.model_version).in_(own))
        replaced_id: int | None = connection.execute(sa.select(RUNS.c.run_id).where(same)).scalar_one_or_none()
        if replaced_id is not None:
            connection.execute(sa.update(RUNS).where(RUNS.c.run_id == replaced_id).values(replaced_at=now))
        return replaced_id


def serialised(connection: Connection) -> None:
    """Wait until no other transaction publishes or hides runs; SQLite has only one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PUBLISHING)))


def _unpublished(run_id: int) -> sa.ColumnElement[bool]:
    """Return the SQL condition for this run, if it is not published."""
    return (RUNS.c.run_id == run_id) & RUNS.c.published_at.is_(None)


def sweep(engine: Engine, resumable_since: datetime | None = None) -> int:
    """Remove every unpublished run whose writer is dead; return how many.

    Those with a fingerprint that were begun, or gone on with, at `resumable_since` or later stay.
    """
    left: sa.ColumnElement[bool] = RUNS.c.published_at.is_(None)
    if resumable_since is not None:
        left &= RUNS.c.fingerprint.is_(None) | (RUNS.c.begun_at < resumable_since)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(RUNS.c.run_id, RUNS.c.writer).where(left)).all()
        dead = [row.run_id for row in rows if not (row.writer and is_held(connection, row.writer))]
    return sum(remove(engine, run_id) for run_id in dead)


def remove(engine: Engine, run_id: int) -> bool:
    """Remove an unpublished run in short transactions; return whether it existed.

    The first transaction takes the run from its writer, in case that is alive after all: so a partly removed run is
    never published.
    """
    disown = sa.update(RUNS).where(_unpublished(run_id)).values(writer="", fingerprint=None)
    pieces = [_delete_piece(table, run_id) for table in (SCORES, *OF_A_RUN)]
    while pieces:
        with writing(engine) as connection:
            if not connection.execute(disown).rowcount:
                return False
            # What is left of the run leaves with it in one transaction, as far as it is one piece.
            while pieces and connection.execute(pieces[0]).rowcount < REMOVED_AT_ONCE:
                del pieces[0]
            if not pieces:
                connection.execute(sa.delete(RUNS).where(RUNS.c.run_id == run_id))
    return True


def _delete_piece(table: sa.Table, run_id: int) -> sa.Delete:
    """Return the statement that removes some of a run's rows in a table."""
    own = list(table.primary_key.columns)[-1]
    piece = sa.select(own).where(table.c.run_id == run_id).order_by(own).limit(REMOVED_AT_ONCE)
    return sa.delete(table).where(table.c.run_id == run_id, own.in_(piece))
