"""Builds and stops one worker of the service: database, keys, model, and the threads beside the requests.

Settings and a folder with a bundle go in; a `Running` with a `runtime` for the requests comes out.

before_workers(...)         runs once, in BentoML's own process: logs, a folder for the metrics, database migrations
running = Running(...)      runs in each worker
running.start()             watches the bundle, works on jobs, sends webhooks
running.stop()              after the last request: work in progress ends, or other workers take it over
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from serving import logs, metrics
from serving.access.audit import ReadAudit
from serving.access.gate import Gate, has_credentials
from serving.api.edge.runtime import Runtime
from serving.database.engine import connect, open_database, reading
from serving.jobs.runner import JobRunner
from serving.predict.batching import Batcher
from serving.predict.served_model import open_model
from serving.run.announcing import announce
from serving.run.listening import asked_addresses, asked_port, bound_addresses, demand_closed
from serving.run.supervised import Supervised, name_supervisor
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from serving.webhooks.delivery.delivery import DeliveryWorker
from training.bundle.bundle import load_bundle
from training.bundle.publishing import bundle_in
from training.private_files import mend_home

log = logging.getLogger("churn_risk.running")


class Beside(Protocol):
    """A thread that runs beside the requests."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, and wait until it has ended."""


class Running:
    """The parts of a worker.

    Parameters
    ----------
    settings : ServiceSettings
    place : Path
        A bundle, or a folder with a pointer to one.

    Raises
    ------
    TooOpen
        When other machines could reach it and callers need no credential.
    NoModel, BundleDamaged, SignalsDiffer
        When there is nothing to serve.
    StoreUnavailable
        When the database does not answer.
    """

    def __init__(self, settings: ServiceSettings, place: Path) -> None:
        self._store = ScoreStore(settings.scores_url, keep_replaced=timedelta(hours=settings.replaced_hours))
        engine = self._store.engine
        demand_closed(bound_addresses(), has_credentials(engine, settings))
        model, batcher = open_model(place, settings.watch_seconds), Batcher(settings.waiting)
        # The keys have connections of their own: requests that occupy all others must not block authentication.
        self._keys = connect(settings.scores_url)
        with reading(self._keys):  # From now on its file is known: one that vanishes is never made anew.
            pass
        reads = ReadAudit(engine, timedelta(days=settings.audit_days)) if settings.audit else None
        self.runtime = Runtime(model, self._store, settings, Gate(self._keys, settings), batcher, reads)
        keep = timedelta(days=settings.job_keep_days)
        jobs = JobRunner(engine, lambda: model.predictor, keep, busy=lambda: batcher.waiting > 0)
        beside: list[Beside] = [model, jobs, DeliveryWorker(engine, settings), Supervised()]
        self._threads: tuple[Beside, ...] = (*beside, reads) if reads else tuple(beside)

    def start(self) -> None:
        """Start the threads beside the requests."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop all threads in parallel, which takes as long as the slowest, and close the database even on errors."""
        with ExitStack() as last:
            for leave in (metrics.forget_own, self._store.close, self._keys.dispose, self.runtime.access.close):
                last.callback(leave)
            self.runtime.batcher.close()
            with ThreadPoolExecutor(len(self._threads)) as together:
                for stopped in [together.submit(thread.stop) for thread in self._threads]:
                    stopped.result()


def before_workers(settings: ServiceSettings, place: Path) -> None:
    """Run once, before BentoML starts its workers, which inherit the environment.

    A fault that would stop the workers ends the service here: BentoML would restart a failing worker forever. Raises
    the same errors as `Running`.
    """
    logs.configure(settings.log_level, settings.log_format)
    for path in mend_home(settings.home):
        log.warning("others can read %s, which belongs to somebody else", path)
    if settings.source is None:
        log.info("CHURN_RISK_SOURCE names no book: pages offer no what-if, programs send the records along")
    metrics.make_folder()
    name_supervisor()
    load_bundle(bundle_in(place))
    engine = open_database(settings.scores_url)
    credentials = has_credentials(engine, settings)
    engine.dispose()
    demand_closed(asked_addresses(), credentials)
    port = asked_port()
    if port is not None:
        why = "callers need a key or a token" if credentials else "loopback only because there are no API keys"
        announce(next(iter(asked_addresses()), "127.0.0.1"), port, f"{why}; model in {place}")


def in_worker(settings: ServiceSettings) -> None:
    """Set up a worker's process, before it counts or logs anything."""
    logs.configure(settings.log_level, settings.log_format)
    metrics.use_folder()
