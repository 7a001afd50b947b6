"""A worker ends when BentoML's own process is gone: one that is killed takes no worker along.

name_supervisor()   runs in that process, whose workers inherit the environment
Supervised()        runs in each worker, beside the requests

Without it the workers would go on with old settings, jobs and deliveries, on a port that the next `serve` needs.
"""

from __future__ import annotations

import logging
import os
import signal

from serving.loops import Loop

SUPERVISOR = "CHURN_RISK_SUPERVISOR"
PAUSE_SECONDS = 1.0
log = logging.getLogger("churn_risk.running")


def name_supervisor() -> None:
    """Tell the workers which process starts them."""
    os.environ[SUPERVISOR] = str(os.getpid())


class Supervised:
    """Tells this process to stop, as SIGTERM does, once the process that started it is gone.

    Attributes
    ----------
    parent : int or None
        That process, which may be gone already; None where another one started this, as one that serves alone.
    """

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        named = int(os.environ.get(SUPERVISOR, "0"))
        self.parent = named if named and (named == os.getppid() or not _lives(named)) else None
        self._loop = Loop("supervised", self._look, pause, log, "the process that started this one cannot be asked for")

    def start(self) -> None:
        """Look from now on, where there is such a process."""
        if self.parent is not None:
            self._loop.start()

    def stop(self) -> None:
        """Look no more."""
        self._loop.stop()

    def _look(self) -> bool:
        if os.getppid() != self.parent:
            log.warning("the process that started this worker is gone: the worker stops")
            self._loop.stopping.set()
            os.kill(os.getpid(), signal.SIGTERM)
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
