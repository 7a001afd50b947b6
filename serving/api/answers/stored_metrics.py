"""Metrics that are read from the database on request: the scores' age, the number of jobs and of waiting webhooks.

Every worker returns the same values. When the database does not answer, the metrics are left out and
`churn_risk_store_up` is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import reading
from serving.errors import StoreUnavailable
from serving.jobs.job_tables import JOBS
from serving.store.score_tables import RUNS, newest_run
from serving.webhooks.event_tables import DELIVERIES

PREFIX = "churn_risk_"


class StoredMetrics:
    """A collector over a database.

    Parameters
    ----------
    engine : Engine
    now : callable
        The clock for the ages.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine, self._now = engine, now

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the metrics are known only once the database has answered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of this moment."""
        try:
            with reading(self._engine) as connection:
                families = [*_ages(connection, self._now()), _jobs(connection), _waiting(connection)]
        except StoreUnavailable:
            families = []
        yield _gauge("store_up", "Whether the database answers", float(bool(families)))
        yield from families


def _ages(connection: Connection, now: datetime) -> Iterator[Metric]:
    """Yield the age of the newest scores; nothing while there are none."""
    run = connection.execute(newest_run()).first()
    if run is not None:
        known_until = datetime.combine(run.as_of, time(), UTC)
        scored, known = (now - run.scored_at).total_seconds(), (now - known_until).total_seconds()
        yield _gauge("scores_age_seconds", "Since the newest stored scores were made", scored)
        yield _gauge("scores_as_of_age_seconds", "Since the as-of date of the newest stored scores", known)
        yield _tables(connection, run.run_id, now)


def _tables(connection: Connection, run_id: int, now: datetime) -> Metric:
    """Return how long ago the last record of each table was that the newest scores rest on."""
    family = GaugeMetricFamily(
        f"{PREFIX}table_age_days", "Since the last record of a table of the newest stored scores", labels=["table"]
    )
    facts = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == run_id)).scalar_one()
    for table, age in (facts.get("freshness") or {}).items():
        family.add_metric([table], (now.date() - date.fromisoformat(age["last"])).days)
    return family


def _jobs(connection: Connection) -> Metric:
    counts = GaugeMetricFamily(f"{PREFIX}jobs", "Jobs that are kept, by status", labels=["status"])
    for status, count in connection.execute(sa.select(JOBS.c.status, sa.func.count()).group_by(JOBS.c.status)):
        counts.add_metric([status], count)
    return counts


def _waiting(connection: Connection) -> Metric:
    pending = sa.select(sa.func.count()).where(DELIVERIES.c.state == "pending")
    return _gauge("webhooks_waiting", "Webhooks still to be delivered", connection.execute(pending).scalar_one())


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}{name}", documentation, value)
