"""The service's own metrics (Prometheus), summed over its workers.

Labels are routes, methods, statuses, bands, table names, steps and outcomes: never a path, an account or a key, so
that their number is bounded and nothing personal is counted. BentoML's metrics, which name paths, are switched off.

Workers write into files of a folder that `PROMETHEUS_MULTIPROC_DIR` names, and whichever of them is asked adds them up;
without the variable (in tests) there is one process and no file. Nothing is made before it is first needed: the
library looks at the variable when it is imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Collection
from contextlib import AbstractContextManager
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, get_args

Step = Literal["parse", "wait", "matrix", "explain", "serialise"]
STEPS: tuple[Step, ...] = get_args(Step)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
#: The folder that BentoML names is one for all services of a user, and emptied whenever one of them starts.
OWN_FOLDER = "CHURN_RISK_METRICS_FOLDER"
MEMORY = "/dev/shm"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Seconds; a request may take from a millisecond to the longest time it is given.
REQUEST_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STEP_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1, 5)
BATCH_BUCKETS = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 200, 400)


class Metrics:
    """Every metric counted under way; what is read off the database stands in `serving.api.answers.stored_metrics`."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        own: dict[str, Any] = {"namespace": "churn_risk", "registry": self.registry}
        self.requests = Counter("requests", "Requests answered", ["route", "method", "status"], **own)
        self.seconds = Histogram(
            "request_seconds", "Time until the answer's end", ["route", "method"], buckets=REQUEST_BUCKETS, **own
        )
        self.rejected = Counter("rejected_requests", "Requests answered by an error", ["reason"], **own)
        self.predictions = Counter("predictions", "Accounts scored from raw history", ["band"], **own)
        self.missing = Counter("missing_tables", "Accounts scored without a table", ["table"], **own)
        steps = Histogram("step_seconds", "Time of a step of a prediction", ["step"], buckets=STEP_BUCKETS, **own)
        self.steps = {name: steps.labels(name) for name in STEPS}
        self.waiting = Gauge(
            "waiting_predictions", "Predictions that wait for a matrix", multiprocess_mode="livesum", **own
        )
        self.batches = Histogram("batch_accounts", "Accounts merged into one matrix", buckets=BATCH_BUCKETS, **own)
        self.model = Gauge(
            "model_info", "Workers that serve a model version", ["model_version"], multiprocess_mode="livesum", **own
        )
        self.swaps = Counter("bundle_swaps", "Changes of the model under way", **own)
        self.refusals = Counter("bundle_failures", "Published bundles that were refused", **own)
        self.deliveries = Counter("webhook_deliveries", "Webhooks sent", ["outcome"], **own)


@cache
def made() -> Metrics:
    """Return this process's metrics, made when they are first asked for."""
    return Metrics()


def answered(route: str, method: str, status: int, seconds: float, reason: str | None = None) -> None:
    """Count an answer.

    Parameters
    ----------
    route : str
        Its template, as "/v1/accounts/{account_id}/risk".
    reason : str, optional
        What an error says it is; by default its status in words.
    """
    metrics, verb = made(), method if method in METHODS else "other"
    metrics.requests.labels(route, verb, str(status)).inc()
    metrics.seconds.labels(route, verb).observe(seconds)
    if status >= HTTPStatus.BAD_REQUEST:
        metrics.rejected.labels(reason or _words(status)).inc()


def predicted(band: str, missing: Collection[str] = ()) -> None:
    """Count a score, and the tables that were not known for it."""
    metrics = made()
    metrics.predictions.labels(band).inc()
    for table in missing:
        metrics.missing.labels(table).inc()


def step(name: Step) -> AbstractContextManager[Any]:
    """Return a context manager that times a step of a prediction."""
    return made().steps[name].time()


def step_took(name: Step, seconds: float) -> None:
    """Record the time of a step that was measured elsewhere."""
    made().steps[name].observe(seconds)


def waiting(change: int) -> None:
    """Count predictions that begin (1) or end (-1) to wait."""
    made().waiting.inc(change)


def merged(accounts: int) -> None:
    """Record how many accounts were merged into one matrix."""
    made().batches.observe(accounts)


def serves(version: str, instead_of: str | None = None) -> None:
    """Say which model version answers from now on, and count the change where it takes the place of another."""
    metrics = made()
    if instead_of is not None:
        metrics.model.labels(instead_of).set(0)
        metrics.swaps.inc()
    metrics.model.labels(version).set(1)


def bundle_refused() -> None:
    """Count a published bundle that could not be taken up."""
    made().refusals.inc()


def delivered(outcome: str) -> None:
    """Count a webhook that was sent: 'delivered', 'failed', 'disabled' or whatever `serving.webhooks` calls it."""
    made().deliveries.labels(outcome).inc()


def exposition(*collectors: Any) -> tuple[bytes, str]:
    """Return all metrics in Prometheus' text format, and its media type.

    Parameters
    ----------
    others : objects with `collect`
        What is read off the database at this moment.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    own: CollectorRegistry = made().registry
    if os.environ.get(FOLDER):
        own = CollectorRegistry()
        MultiProcessCollector(own)  # type: ignore[no-untyped-call]
    beside = CollectorRegistry()
    for collector in collectors:
        beside.register(collector)
    return generate_latest(own) + generate_latest(beside), CONTENT_TYPE_LATEST


def make_folder() -> None:
    """Make a folder for the files of this service's workers, which inherit its name; it goes when this process ends.

    In memory where there is a place for that: the files are mapped, so that a full disk would end the workers by a
    signal at their next count.
    """
    in_memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = os.environ[OWN_FOLDER] = tempfile.mkdtemp(prefix="churn-risk-metrics-", dir=in_memory)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def use_folder() -> None:
    """Write into the service's folder from now on, and forget the worker whose place this one takes."""
    if OWN_FOLDER in os.environ:
        os.environ[FOLDER] = os.environ[OWN_FOLDER]
    forget_dead()


def forget_dead() -> None:
    """Take workers that are gone out of what counts the living: one that was killed could not do so itself."""
    from prometheus_client.multiprocess import mark_process_dead

    folder = os.environ.get(FOLDER)
    for path in Path(folder).glob("gauge_live*.db") if folder else ():
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call]


def forget_own() -> None:
    """Take this worker out of what counts the living, as it ends."""
    from prometheus_client.multiprocess import mark_process_dead

    if folder := os.environ.get(FOLDER):
        mark_process_dead(os.getpid(), folder)  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True


def _words(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "-")
    except ValueError:
        return str(status)
