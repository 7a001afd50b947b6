"""What libraries say while a command works: kept in a file of ours instead of being written between its lines.

A place goes in; the file appears there when a library says something. A library warns who calls it, which is this code;
a user can do nothing about it. What the user must know, a command says in its own words. That a library spoke at all,
`heard` says in one line at the end.

Python's warnings are caught, and log records that no other handler takes. What LightGBM says becomes such a record in
`training.models.spoken`; but its threads know neither a logger nor a level, and print to standard output, where a
command's result goes. `printed_by_libraries` catches that.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from features.console import say

#: The parent of our own loggers: what they warn of is for the user.
OURS = "churn_risk"
FILE = "libraries.log"
#: The logger of what was printed past Python.
PRINTED = "printed"
STDOUT = 1


class _Kept(logging.Handler):
    """Writes records of libraries to a file that appears with the first of them, and says our own to the user."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__()
        self._folder = folder
        self.file: logging.FileHandler | None = None
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write or say a record."""
        if record.name.partition(".")[0] == OURS:
            say(f"{record.levelname.lower()}: {record.getMessage()}")
            return
        try:
            self.file = self.file or self._opened()
        except (OSError, ValueError):  # no room, or settings that cannot be read, which the command will say itself
            return
        self.count += 1
        self.file.emit(record)

    def _opened(self) -> logging.FileHandler:
        path = self._folder() / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        return file


@contextmanager
def heard(folder: Callable[[], Path]) -> Iterator[None]:
    """Keep what libraries say during a block in a file, and say at the end that there is something.

    Parameters
    ----------
    folder : callable
        Returns the folder of the file; it is asked, and made, when there is something to keep.
    """
    kept, root = _Kept(folder), logging.getLogger()
    kept.setLevel(logging.WARNING)
    root.addHandler(kept)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(kept)
        if kept.file is not None:
            kept.file.close()
            times = "once" if kept.count == 1 else f"{kept.count} times"
            say(f"note: libraries warned {times}; what they said is kept in {kept.file.baseFilename}")


@contextmanager
def printed_by_libraries() -> Iterator[None]:
    """Turn what is printed to standard output during a block into log records; a result is printed after it."""
    sys.stdout.flush()
    before = os.dup(STDOUT)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), STDOUT)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(before, STDOUT)
            os.close(before)
            caught.seek(0)
            for line in filter(str.strip, caught.read().decode("utf-8", "replace").splitlines()):
                logging.getLogger(PRINTED).warning("%s", line.strip())
