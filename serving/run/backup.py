"""Backup and restore of the whole database, as one file: whole or not at all, checked before it counts.

A backup is an SQLite file with the tables of the database, whether that is SQLite or PostgreSQL, so it can be restored
into either. It is taken while the service runs: one state of the database, from SQLite by its online backup, from
PostgreSQL in one transaction. A restore first checks a copy of the file and brings it up to date; then it puts all of
it into the database in one transaction, or, where the database's file is gone or damaged, by one renaming. Running
services go on with what was restored.

What was forgotten or revoked since the backup is back after a restore: forget and revoke it again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from urllib.parse import quote
from uuid import uuid4

import sqlalchemy as sa

from serving.access.keys import KEYS
from serving.access.page_sessions import SESSIONS
from serving.access.reads import READS
from serving.acting.acting_tables import STEPS
from serving.database.engine import BUSY_SECONDS, connect, empty_log, open_database, reading, sqlite_path, writing
from serving.database.metadata import metadata
from serving.database.migrate import scripts
from serving.database.sqlite_file import BESIDE
from serving.database.transfer import copy_rows
from serving.digest.digest_tables import DIGESTS
from serving.errors import BackupUnusable, DatabaseTooNew, StoreUnavailable
from serving.jobs.job_tables import JOBS
from serving.repeats.idempotency import RECORDS
from serving.store.score_tables import RUNS
from serving.webhooks.event_tables import EVENTS
from training.bundle.durable import to_disk
from training.private_files import make_private_file

#: A table of each package that keeps some: together they put all tables on the metadata.
KNOWN = (KEYS, READS, SESSIONS, STEPS, JOBS, RECORDS, RUNS, EVENTS, DIGESTS)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True)
class Copied:
    """What stands in a backup, or was restored from one.

    Attributes
    ----------
    revision : str
        The migration at which it stands.
    rows : dict of str to int
        Number of rows by table.
    """

    revision: str
    rows: dict[str, int]


def back_up(url: str, file: Path) -> Copied:
    """Write a backup of the database to a file, which replaces an older one only when the new one is complete.

    Raises
    ------
    BackupUnusable
        When there is no database, or the file is the database itself.
    StoreUnavailable
        When the database does not answer, or the file cannot be written.
    """
    database = sqlite_path(sa.make_url(url))
    if database is not None:
        _demand_apart(database, file)
        if not database.is_file():
            raise BackupUnusable(f"there is no database at {database}")
    with _told(file), _scratch(file) as scratch:
        if database is None:
            _export(url, scratch)
        else:
            with closing(_opened(database)) as source, closing(sqlite3.connect(scratch)) as target:
                source.backup(target)
        found = _checked(scratch, database or file)
        _put(scratch, file)
    return found


def restore(url: str, file: Path) -> Copied:
    """Replace all that the database holds by a backup; the database is made if it does not exist.

    Raises
    ------
    BackupUnusable, DatabaseTooNew
        When the file is no sound backup, or of a later version of churn-risk; nothing is changed then.
    StoreUnavailable
        When the database cannot be written; it is as it was then.
    """
    database = sqlite_path(sa.make_url(url))
    if not file.is_file():
        raise BackupUnusable(f"{file}: there is no such file")
    if database is None:
        with _told(file), TemporaryDirectory() as folder:
            scratch = Path(folder) / "backup.db"
            found = _prepared(file, scratch)
            _import(url, scratch)
            return found
    _demand_apart(database, file)
    with _told(database), _scratch(database) as scratch:
        found = _prepared(file, scratch)
        if _is_sound(database):
            _overwrite(database, scratch)
        else:
            for end in ("", *BESIDE):  # SQLite would take a log that was left for this database's.
                database.with_name(database.name + end).unlink(missing_ok=True)
            _put(scratch, database)
    return found


def _prepared(file: Path, scratch: Path) -> Copied:
    """Copy a backup to `scratch`, check it and bring it up to date."""
    with _judged(file), closing(_opened(file)) as source, closing(sqlite3.connect(scratch)) as target:
        source.backup(target)
    _checked(scratch, file)
    open_database(f"sqlite:///{scratch}").dispose()
    return _checked(scratch, file)


def _checked(path: Path, named: Path) -> Copied:
    """Demand that an SQLite file is a sound database of ours; it is one file afterwards, without a log.

    Raises
    ------
    BackupUnusable, DatabaseTooNew
        They name the file `named`.
    """
    with _judged(named), closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=DELETE").fetchall()
        faults = [row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
        faults += [
            f"a row of {row[0]} refers to none of {row[2]}" for row in database.execute("PRAGMA foreign_key_check")
        ]
        if faults:
            raise BackupUnusable(f"{named} is damaged: {faults[0]}")
        there = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", RUNS.name} <= there:
            raise BackupUnusable(f"{named} is no backup of churn-risk's database")
        revision = str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        names = sorted(there & set(metadata.tables))
        rows = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    if revision not in {script.revision for script in scripts().walk_revisions()}:
        raise DatabaseTooNew(f"{named} stands at migration {revision}, which this version of churn-risk does not know")
    return Copied(revision, rows)


def _export(url: str, scratch: Path) -> None:
    """Copy a PostgreSQL database, or one in memory, into an SQLite file."""
    source, target = open_database(url), open_database(f"sqlite:///{scratch}")
    try:
        with reading(source) as rows, writing(target) as copy:
            copy_rows(rows, copy, metadata.sorted_tables)
    finally:
        source.dispose()
        target.dispose()


def _import(url: str, scratch: Path) -> None:
    """Copy an SQLite file into a PostgreSQL database, in one transaction."""
    source, target = connect(f"sqlite:///{scratch}"), open_database(url)
    try:
        with reading(source) as rows, writing(target) as copy:
            copy_rows(rows, copy, metadata.sorted_tables)
    finally:
        source.dispose()
        target.dispose()


def _overwrite(database: Path, scratch: Path) -> None:
    """Put a file's content into a database that may be in use, in one transaction of SQLite."""
    until = monotonic() + BUSY_SECONDS

    def waiting(status: int, *_: int) -> None:
        if status in BUSY and monotonic() >= until:
            raise StoreUnavailable(f"{database} is being written by somebody else; try again")

    with closing(sqlite3.connect(scratch)) as source, closing(sqlite3.connect(database, timeout=0)) as target:
        source.backup(target, progress=waiting)
    engine = connect(f"sqlite:///{database}")
    try:
        empty_log(engine, seconds=1)  # What was there before is in the log no longer than necessary.
    finally:
        engine.dispose()


def _is_sound(database: Path) -> bool:
    """Whether a database is there and can be written into."""
    if not database.is_file():
        return False
    try:
        with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as opened:
            opened.execute("SELECT count(*) FROM sqlite_master").fetchall()
            return bool(opened.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.OperationalError:  # It is locked, or may not be opened.
        raise
    except sqlite3.DatabaseError:
        return False


def _opened(path: Path) -> sqlite3.Connection:
    """Open an SQLite file to read it, without making one."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _demand_apart(database: Path, file: Path) -> None:
    if file.absolute() == database.absolute() or (file.exists() and database.exists() and file.samefile(database)):
        raise BackupUnusable(f"{file} is the database itself")


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """Yield a new private file beside `path`; it is removed at the end, with what SQLite keeps beside it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{uuid4().hex[:8]}")
    make_private_file(scratch)
    try:
        yield scratch
    finally:
        for end in ("", *BESIDE):
            scratch.with_name(scratch.name + end).unlink(missing_ok=True)


def _put(scratch: Path, path: Path) -> None:
    """Rename a finished file; it is on the disk before, and the name after."""
    to_disk(scratch)
    scratch.replace(path)
    to_disk(path.parent)


@contextmanager
def _judged(file: Path) -> Iterator[None]:
    """Raise BackupUnusable for a file that SQLite cannot read as a database."""
    try:
        yield
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise BackupUnusable(f"{file} is damaged, or no backup: {error}") from error


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise StoreUnavailable for a file that cannot be opened or written."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise StoreUnavailable(f"{path} cannot be read or written: {error}") from error
