"""The file of an SQLite database under an engine: made for its owner alone, followed when replaced, never made anew.

A connection keeps the file that it has opened, even when that file is deleted or another one takes its name, such as a
restored backup. So the pool compares the file of a connection with the file of that name whenever it hands one out. A
file that has vanished is an error: SQLite would otherwise make an empty database in its place.
"""

from __future__ import annotations

import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError

from training.private_files import make_private_file

#: The key of a connection's file in the record that the pool keeps of it.
OPENED = "churn_risk_file"
#: SQLite writes these beside a database; they have its permissions.
BESIDE = ("-wal", "-shm", "-journal")


#: The engines of this process by their file.
_FILES: WeakKeyDictionary[Engine, Path] = WeakKeyDictionary()


def leave(engine: Engine) -> None:
    """Close all idle connections of this process to an engine's file, those of other engines too.

    A process maps the index of SQLite's log once for all of its connections. A map that was made read-only lasts until
    the last of them is closed.
    """
    path = _FILES.get(engine)
    for other, file in list(_FILES.items()):
        if file == path:
            other.dispose()


def follow(engine: Engine, path: Path) -> None:
    """Let an engine's connections be to the file that has this name now."""
    seen = False
    _FILES[engine] = path.absolute()

    @sa.event.listens_for(engine, "do_connect")
    def _open(_: Any, __: Any, named: list[Any], options: dict[str, Any]) -> None:
        if seen and not path.exists():
            raise sqlite3.OperationalError("its file is gone; `churn-risk store restore` brings a backup back")
        with suppress(OSError):  # SQLite says what is wrong when it opens the file.
            if not seen:
                make_private_file(path)
            _align(path)
        # SQLite makes no file here, so that one which vanishes at this very moment is not made anew either.
        named[:] = [f"file:{quote(str(path.absolute()))}?mode=rw"]
        options["uri"] = True

    @sa.event.listens_for(engine, "connect")
    def _remember(_: Any, record: Any) -> None:
        nonlocal seen
        record.info[OPENED] = identity(path)
        seen = True

    @sa.event.listens_for(engine, "checkout")
    def _compare(_: Any, record: Any, __: Any) -> None:
        if record.info.get(OPENED) != identity(path):
            raise DisconnectionError("another file has the database's name now")


def _align(path: Path) -> None:
    """Give the files beside a database its permissions: those made while it was read-only are read-only too."""
    mode = stat.S_IMODE(path.stat().st_mode)
    for beside in (path.with_name(path.name + end) for end in BESIDE):
        if beside.exists() and stat.S_IMODE(beside.stat().st_mode) != mode:
            beside.chmod(mode)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
