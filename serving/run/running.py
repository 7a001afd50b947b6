"""One worker of the service, put together and taken apart: database, keys, model, and the threads beside the requests.

before_workers(...)         once, in BentoML's own process: logs, a folder for the metrics, the database migrated
running = Running(...)      in each worker
running.start()             watches the bundle, works on jobs, sends webhooks
running.stop()              after the last request: what was begun ends or is given back to the other workers
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from serving import logs, metrics
from serving.access.gate import Gate, has_credentials
from serving.api.edge.runtime import Runtime
from serving.database.engine import connect, open_database
from serving.jobs.runner import JobRunner
from serving.predict.batching import Batcher
from serving.predict.served_model import open_model
from serving.run.listening import asked_addresses, bound_addresses, demand_closed
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from serving.webhooks.delivery.delivery import DeliveryWorker
from training.bundle.bundle import load_bundle
from training.bundle.publishing import bundle_in


class Beside(Protocol):
    """What runs beside the requests."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, and wait until it has ended."""


class Running:
    """A worker's parts.

    Parameters
    ----------
    settings : ServiceSettings
    place : Path
        A bundle, or a folder with a pointer to one.

    Raises
    ------
    TooOpen
        When other machines could reach it and nobody needs a credential.
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
        # Connections of its own: what waits for the database with all others must not keep anybody from being let in.
        self._keys = connect(settings.scores_url)
        self.runtime = Runtime(model, self._store, settings, Gate(self._keys, settings), batcher)
        keep = timedelta(days=settings.job_keep_days)
        jobs = JobRunner(engine, lambda: model.predictor, keep, busy=lambda: batcher.waiting > 0)
        self._threads: tuple[Beside, ...] = (model, jobs, DeliveryWorker(engine, settings))

    def start(self) -> None:
        """Start what runs beside the requests."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop it all at once, so that it takes as long as the slowest, and leave the database, whatever fails."""
        with ExitStack() as last:
            for leave in (metrics.forget_own, self._store.close, self._keys.dispose, self.runtime.access.close):
                last.callback(leave)
            self.runtime.batcher.close()
            with ThreadPoolExecutor(len(self._threads)) as together:
                for stopped in [together.submit(thread.stop) for thread in self._threads]:
                    stopped.result()


def before_workers(settings: ServiceSettings, place: Path) -> None:
    """Do what is to be done once, before BentoML starts its workers, which inherit the environment.

    What they could not start with is said here, where it ends the service: a worker would be started again for ever.
    Raises what `Running` raises.
    """
    logs.configure(settings.log_level, settings.log_format)
    metrics.make_folder()
    load_bundle(bundle_in(place))
    engine = open_database(settings.scores_url)
    demand_closed(asked_addresses(), has_credentials(engine, settings))
    engine.dispose()


def in_worker(settings: ServiceSettings) -> None:
    """Set a worker's process up, before anything is counted or logged in it."""
    logs.configure(settings.log_level, settings.log_format)
    metrics.use_folder()
