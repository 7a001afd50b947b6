"""Takes note of who read which account, without slowing an answer: a thread writes the notes to the database.

An answer only puts a note into memory. Every second the thread writes what has come, and when the service stops it
writes the rest. A worker that is killed loses the notes of its last second at most. While the database cannot be
written, notes wait in memory, a hundred thousand lines at most; what is lost beyond that is logged and counted.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy.engine import Engine

from serving import metrics
from serving.access.reads import Read, What, purge_reads, write_reads
from serving.clock import utc_now
from serving.database.engine import writing
from serving.errors import StoreUnavailable
from serving.loops import Loop

#: Seconds between two writes, and lines that are written in one transaction.
PAUSE, BATCH = 1.0, 2000
#: Lines that wait at most while the database cannot be written.
MOST = 100_000
#: Time between two removals of old lines.
EXPIRY = timedelta(hours=1)
#: Seconds that the service waits at its end for a write that is under way.
LAST_SECONDS = 30.0
log = logging.getLogger("churn_risk.audit")


class ReadAudit:
    """Collects notes of reads and writes them in its own thread.

    Parameters
    ----------
    engine : Engine
    keep : timedelta
        How long lines are kept.
    now : callable
        The clock.
    most : int
        Lines that wait at most.
    """

    def __init__(
        self, engine: Engine, keep: timedelta, now: Callable[[], datetime] = utc_now, most: int = MOST
    ) -> None:
        self._engine, self._keep, self._now, self._most = engine, keep, now, most
        self._notes: deque[Read] = deque()
        self._lines, self._lost = 0, 0
        self._changing, self._writing = Lock(), Lock()
        self._purged_at: datetime | None = None
        self._loop = Loop("read-audit", self._round, PAUSE, log, "the audit of reads failed")

    def start(self) -> None:
        """Start the thread, which writes until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        """End the thread and write what is left."""
        self._loop.stop(LAST_SECONDS)
        try:
            self.flush()
        except StoreUnavailable as error:
            log.error("%d lines of the audit of reads are lost: %s", self._lines, error)
            metrics.audit_lost(self._lines)

    def note(self, principal: str, route: str, what: What, account_ids: Sequence[str], request_id: str) -> None:
        """Take note of an answer that shows accounts; it is written within a second."""
        if account_ids:
            self._put([Read(self._now(), principal, route, what, tuple(account_ids), request_id)])

    def flush(self) -> None:
        """Write all notes that are there; raises StoreUnavailable, and keeps what is not written."""
        with self._writing:
            while batch := self._take():
                try:
                    with writing(self._engine) as connection:
                        write_reads(connection, batch)
                except BaseException:
                    self._put_back(batch)
                    raise

    def _round(self) -> bool:
        try:
            self.flush()
            self._purge()
        except StoreUnavailable as error:
            log.warning("the audit of reads waits for the database: %s", error)
        self._tell_lost()
        return False

    def _purge(self) -> None:
        now = self._now()
        if self._purged_at is None or not timedelta(0) <= now - self._purged_at < EXPIRY:
            self._purged_at = now
            with writing(self._engine) as connection:
                purge_reads(connection, now - self._keep)

    def _take(self) -> list[Read]:
        """Return the oldest notes, up to a batch of lines; one note is never divided."""
        batch: list[Read] = []
        with self._changing:
            lines = 0
            while self._notes and (not batch or lines + len(self._notes[0].account_ids) <= BATCH):
                lines += len(self._notes[0].account_ids)
                batch.append(self._notes.popleft())
            self._lines -= lines
        return batch

    def _put(self, notes: Sequence[Read]) -> None:
        with self._changing:
            self._notes.extend(notes)
            self._lines += sum(len(note.account_ids) for note in notes)
            self._shorten()

    def _put_back(self, notes: Sequence[Read]) -> None:
        with self._changing:
            self._notes.extendleft(reversed(notes))
            self._lines += sum(len(note.account_ids) for note in notes)
            self._shorten()

    def _shorten(self) -> None:
        """Drop the oldest notes beyond what may wait."""
        while self._lines > self._most and len(self._notes) > 1:
            dropped = len(self._notes.popleft().account_ids)
            self._lines -= dropped
            self._lost += dropped

    def _tell_lost(self) -> None:
        with self._changing:
            lost, self._lost = self._lost, 0
        if lost:
            log.error("%d lines of the audit of reads are lost: the database took none for too long", lost)
            metrics.audit_lost(lost)
