"""The service's own metrics (Prometheus), summed over its workers.

Labels are routes, methods, statuses, bands, table names, steps and outcomes, never a path, an account or a key. So the
number of labels is bounded, and the metrics hold nothing personal. BentoML's metrics, which name paths, are switched
off.

`PROMETHEUS_MULTIPROC_DIR` names a folder into which the workers write files. The worker that answers a request for the
metrics adds the files up. Without the variable (in tests) there is one process and no file. This module imports the
library only when it first needs it, because the library reads the variable on import.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, get_args

Step = Literal["parse", "wait", "matrix", "explain", "serialise"]
STEPS: tuple[Step, ...] = get_args(Step)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
#: This service's own folder. BentoML names one for all services of a user and empties it when one of them starts.
OWN_FOLDER = "CHURN_RISK_METRICS_FOLDER"
MEMORY = "/dev/shm"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: In seconds: a request takes from a millisecond up to the longest permitted time.
REQUEST_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STEP_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1, 5)
BATCH_BUCKETS = (1, 2, 3, 5, 8, 12, 20, 35, 60, 100, 200, 400)


class Metrics:
    """Every metric that the process counts; `serving.api.answers.stored_metrics` reads the others from the database."""

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
        self.cautions = Counter("cautions", "Answers and chunks of jobs with something to know", ["code"], **own)
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
    """Return this process's metrics; the first call makes them."""
    return Metrics()


def answered(route: str, method: str, status: int, seconds: float, reason: str | None = None) -> None:
    """Count an answer.

    Parameters
    ----------
    route : str
        The route's template, such as "/v1/accounts/{account_id}/risk".
    method : str
        The HTTP method; unusual methods are counted as "other".
    status : int
        The HTTP status; 400 and above also count as rejected.
    seconds : float
        Time until the end of the answer.
    reason : str, optional
        The code of an error; by default its status in words.
    """
    metrics, verb = made(), method if method in METHODS else "other"
    metrics.requests.labels(route, verb, str(status)).inc()
    metrics.seconds.labels(route, verb).observe(seconds)
    if status >= HTTPStatus.BAD_REQUEST:
        metrics.rejected.labels(reason or _words(status)).inc()


def predicted(band: str, missing: Collection[str] = ()) -> None:
    """Count a score, and the tables that were missing for it."""
    metrics = made()
    metrics.predictions.labels(band).inc()
    for table in missing:
        metrics.missing.labels(table).inc()


def cautioned(codes: Iterable[str]) -> None:
    """Count what an answer or a chunk of a job warns of, once for each code."""
    for code in codes:
        made().cautions.labels(code).inc()


def step(name: Step) -> AbstractContextManager[Any]:
    """Return a context manager that times a step of a prediction."""
    return made().steps[name].time()


def step_took(name: Step, seconds: float) -> None:
    """Record the time of a step that other code measured."""
    made().steps[name].observe(seconds)


def waiting(change: int) -> None:
    """Count predictions that start (1) or stop (-1) waiting."""
    made().waiting.inc(change)


def merged(accounts: int) -> None:
    """Record the number of accounts that were merged into one matrix."""
    made().batches.observe(accounts)


def serves(version: str, instead_of: str | None = None) -> None:
    """Record which model version answers from now on, and count the change when it replaces another version."""
    metrics = made()
    if instead_of is not None:
        metrics.model.labels(instead_of).set(0)
        metrics.swaps.inc()
    metrics.model.labels(version).set(1)


def bundle_refused() -> None:
    """Count a published bundle that the service could not load."""
    made().refusals.inc()


def delivered(outcome: str) -> None:
    """Count a webhook that was sent; `serving.webhooks` names the outcome: 'delivered', 'retried', 'failed', ..."""
    made().deliveries.labels(outcome).inc()


def exposition(*collectors: Any) -> tuple[bytes, str]:
    """Return all metrics in Prometheus' text format, and its media type.

    Parameters
    ----------
    collectors : objects with `collect`
        They read further metrics from the database at this moment.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    own: CollectorRegistry = made().registry
    if os.environ.get(FOLDER):
        own = CollectorRegistry()
        MultiProcessCollector(own)  # type: ignore[no-untyped-call]
    further = CollectorRegistry()
    for collector in collectors:
        further.register(collector)
    return generate_latest(own) + generate_latest(further), CONTENT_TYPE_LATEST


def make_folder() -> None:
    """Make a folder for the files of this service's workers, which inherit its name; this process removes it at exit.

    The folder lies in memory where the system offers that. The workers map the files into memory, so a full disk would
    end the workers with a signal at their next count.
    """
    in_memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = os.environ[OWN_FOLDER] = tempfile.mkdtemp(prefix="churn-risk-metrics-", dir=in_memory)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def use_folder() -> None:
    """Write into the service's folder from now on, and forget the dead worker that this one replaces."""
    if OWN_FOLDER in os.environ:
        os.environ[FOLDER] = os.environ[OWN_FOLDER]
    forget_dead()


def forget_dead() -> None:
    """Remove dead workers from the gauges of live workers: a killed worker could not do so itself."""
    from prometheus_client.multiprocess import mark_process_dead

    folder = os.environ.get(FOLDER)
    for path in Path(folder).glob("gauge_live*.db") if folder else ():
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            mark_process_dead(int(pid), folder)  # type: ignore[no-untyped-call]


def forget_own() -> None:
    """Remove this worker from the gauges of live workers when it ends."""
    from prometheus_client.multiprocess import mark_process_dead

    if folder := os.environ.get(FOLDER):
        mark_process_dead(os.getpid(), folder)  # type: ignore[no-untyped-call]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # The process exists, but belongs to another user.
        return True
    return True


def _words(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "-")
    except ValueError:
        return str(status)
