"""A loop that repeats a step in its own thread until it is stopped, even when a round fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread


class Loop:
    """Repeats a step in a daemon thread.

    Parameters
    ----------
    name : str
        Name of the thread.
    step : callable
        One round; returns whether the next round starts at once. When it raises, the loop logs that and goes on.
    pause : float
        Seconds to wait before the next round when it does not start at once.
    log, failed : Logger, str
        The logger and the message for a round that raised.

    Attributes
    ----------
    stopping : Event
        Set once the loop has to stop; a long step checks it.
    """

    def __init__(self, name: str, step: Callable[[], bool], pause: float, log: logging.Logger, failed: str) -> None:
        self.stopping = Event()
        self._name, self._step, self._pause, self._log, self._failed = name, step, pause, log, failed
        self._thread: Thread | None = None

    def start(self) -> None:
        """Start the loop, which runs until `stop`; a second call does nothing."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """Start no further round, and wait at most `seconds` for the current one."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                goes_on = self._step()
            except Exception:  # The next round may succeed.
                self._log.exception(self._failed)
                goes_on = False
            if not goes_on:
                self.stopping.wait(self._pause)
