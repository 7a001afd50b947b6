"""A step repeated in a thread of its own, until it is stopped, whatever one round comes to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread


class Loop:
    """Repeats a step in a daemon thread.

    Parameters
    ----------
    name : str
        The thread's.
    step : callable
        One round; returns whether another is to follow at once. What it raises is logged, and the loop goes on.
    pause : float
        Seconds to wait before another round where none is to follow at once.
    log, failed : Logger, str
        Where a round that raised is told of, and how.

    Attributes
    ----------
    stopping : Event
        Set once it is to stop; a long step looks at it.
    """

    def __init__(self, name: str, step: Callable[[], bool], pause: float, log: logging.Logger, failed: str) -> None:
        self.stopping = Event()
        self._name, self._step, self._pause, self._log, self._failed = name, step, pause, log, failed
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin, until `stop`; where it has begun, nothing happens."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Begin no other round, and wait for the one under way, no longer than `seconds`."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                goes_on = self._step()
            except Exception:  # whatever became of one round, the next may be sound
                self._log.exception(self._failed)
                goes_on = False
            if not goes_on:
                self.stopping.wait(self._pause)
