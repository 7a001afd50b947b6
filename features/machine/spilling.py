"""Where DuckDB puts what does not fit into memory: a folder of this process, which goes with it.

A process that is killed cannot remove its folder, which may hold gigabytes. The next process that needs one does: a
living process holds a lock on a file in its folder, and a dead one holds none.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

PREFIX, LOCK = "churn-risk-spill-", "lock"
#: A folder without a lock is being made, or was made by a version that had no locks; nothing runs for so long.
UNLOCKED_SECONDS = 2 * 86_400


def spill_folder() -> Path:
    """Return a folder for one connection, not made yet: DuckDB makes it when memory does not do, and removes it.

    It lies in the folder for temporary files (`TMPDIR`), where only this user can read.
    """
    return _own_folder(os.getpid()) / uuid4().hex


@cache
def _own_folder(process: int) -> Path:
    remove_left_over()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    scratch = folder / f"{LOCK}.new"
    # Open, and so locked, until the process ends. It gets its name when it is locked, so nobody finds it free before.
    lock = os.open(scratch, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    scratch.rename(folder / LOCK)
    # A forked child has a folder of its own and leaves its parent's alone.
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == process else None)
    return folder


def remove_left_over() -> None:
    """Remove the folders of processes that were killed, as far as they are this user's."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # Another process removes the same, or the folder is not ours.
            about = folder.lstat()
            if about.st_uid == os.getuid() and folder.is_dir() and not folder.is_symlink() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    lock = folder / LOCK
    if not lock.is_file():
        return time.time() - folder.stat().st_mtime > UNLOCKED_SECONDS
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
