"""Locks between processes of one machine, and the repair of a journal that a killed process left half written.

The operating system releases the lock of a process that dies.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Wait for the lock of a file and hold it for the length of a block; a missing file is created."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of an existing file."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


class SystemLock:
    """The journal's lock, held through the operating system.

    Optuna's own lock outlives a killed worker by half a minute.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._held = path, ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock and take it."""
        self._held.enter_context(holding(self._path))
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._held.close()


def mend(journal: Path, lock: SystemLock) -> None:
    """Cut off a last line that a killed worker left unfinished: nothing after it could be read."""
    if not journal.exists():
        return
    lock.acquire()
    try:
        written = journal.read_bytes()
        if not written.endswith(b"\n"):
            with journal.open("r+b") as file:
                file.truncate(written.rfind(b"\n") + 1)
    finally:
        lock.release()
