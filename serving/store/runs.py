"""Write a scoring run: begin it, add to it in short transactions, publish it in one; or remove what is left of it.

The input is rows of `scores`. The output is a `PublishedRun`, which the publishing transaction passes to the hooks.
Among runs of the same as-of date and version, the last published one counts, independent of the clocks.
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
from serving.store.score_tables import CURRENT, MOVES, RUNS, SCORES, newest_run

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
    """A run during its writing; `writer` is the name of its process's hold."""

    engine: Engine
    run_id: int
    writer: str

    @classmethod
    def begin(
        cls, engine: Engine, writer: str, model: Mapping[str, Any], as_of: date, scored_at: datetime, now: datetime
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
        """
        row = {
            "as_of": as_of,
            "model_version": model["version"],
            "scored_at": scored_at,
            "accounts": 0,
            "model": dict(model),
            "writer": writer,
            "begun_at": now,
        }
        with writing(engine) as connection:
            inserted = connection.execute(sa.insert(RUNS).returning(RUNS.c.run_id), row)
            return cls(engine, inserted.scalar_one(), writer)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add scores; raises RunLost."""
        with writing(self.engine) as connection:
            self._demand(connection)
            connection.execute(sa.insert(SCORES), rows)

    def publish(self, accounts: int, hooks: Iterable[PublicationHook], now: datetime) -> PublishedRun:
        """Publish the run, mark the run that it replaces and call the hooks, in one transaction; raises RunLost."""
        with writing(self.engine) as connection:
            serialised(connection)
            self._demand(connection)
            follows = connection.execute(newest_run()).first()
            replaced = self._replace(connection, now)
            shown = sa.update(RUNS).where(RUNS.c.run_id == self.run_id)
            connection.execute(shown.values(published_at=now, accounts=accounts))
            newest = connection.execute(newest_run()).one()
            own = connection.execute(sa.select(RUNS).where(RUNS.c.run_id == self.run_id)).one()
            published = PublishedRun(
                run_id=own.run_id,
                as_of=own.as_of,
                model_version=own.model_version,
                scored_at=own.scored_at,
                accounts=accounts,
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


def sweep(engine: Engine) -> int:
    """Remove every unpublished run whose writer is dead; return how many."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(RUNS.c.run_id, RUNS.c.writer).where(RUNS.c.published_at.is_(None))).all()
        dead = [row.run_id for row in rows if not (row.writer and is_held(connection, row.writer))]
    return sum(remove(engine, run_id) for run_id in dead)


def remove(engine: Engine, run_id: int) -> bool:
    """Remove an unpublished run in short transactions; return whether it existed.

    The first transaction takes the run from its writer, in case that is alive after all: so a partly removed run is
    never published.
    """
    disown = sa.update(RUNS).where(_unpublished(run_id)).values(writer="")
    piece = (
        sa.select(SCORES.c.account_id)
        .where(SCORES.c.run_id == run_id)
        .order_by(SCORES.c.account_id)
        .limit(REMOVED_AT_ONCE)
    )
    delete_piece = sa.delete(SCORES).where(SCORES.c.run_id == run_id, SCORES.c.account_id.in_(piece))
    removed = False
    while not removed:
        with writing(engine) as connection:
            if not connection.execute(disown).rowcount:
                return False
            removed = connection.execute(delete_piece).rowcount < REMOVED_AT_ONCE
            if removed:
                connection.execute(sa.delete(MOVES).where(MOVES.c.run_id == run_id))
                connection.execute(sa.delete(RUNS).where(RUNS.c.run_id == run_id))
    return True
