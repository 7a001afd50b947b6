"""/livez, /readyz and /metrics: what they say, to whom, and when the service cannot do its work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.core import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from support.gates import Clock
from support.served import ROOT, Client, assert_problem, client_of, histories, rows_of

from serving import metrics
from serving.access.gate import Gate
from serving.access.keys import KEYS, KeyStore
from serving.api.answers.stored_metrics import StoredMetrics
from serving.api.app import create_app
from serving.database.engine import writing
from serving.errors import StoreUnavailable
from serving.jobs.job_tables import JOBS
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from serving.store.score_tables import RUNS
from serving.webhooks.event_tables import DELIVERIES, ENDPOINTS, EVENTS
from training.bundle.bundle import Bundle

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ScoreStore]:
    made = ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}")
    yield made
    made.close()


@pytest.fixture
def client(bundle: Bundle, store: ScoreStore) -> Client:
    return client_of(bundle, store)


def samples(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample of /metrics by its name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"churn_risk_{name}", frozenset(labels.items())


# Alive and ready


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
def test_alive(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "alive", "request_id": answer.headers["x-request-id"]}


def test_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready", "model_version": "1", "request_id": answer.headers["x-request-id"],
    }  # fmt: skip


def test_a_service_that_is_starting_is_alive_and_not_ready() -> None:
    starting = Client(create_app())
    assert starting.get("/livez").status_code == 200
    assert_problem(starting.get("/readyz"), 503)
    assert starting.get("/readyz").headers["retry-after"]


def test_without_its_database_it_is_alive_and_not_ready(client: Client, store: ScoreStore) -> None:
    with writing(store.engine) as connection:
        connection.execute(sa.text("ALTER TABLE score_runs RENAME TO away"))
    assert_problem(client.get("/readyz"), 503)
    assert client.get("/livez").status_code == 200
    with writing(store.engine) as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO score_runs"))
    assert client.get("/readyz").status_code == 200


# Metrics


def test_requests_are_counted_by_template_and_rejections_by_reason(client: Client) -> None:
    before = samples(client)
    for account_id in ("SECRET-1", "SECRET-2"):
        assert client.get(f"/v1/accounts/{account_id}/risk").status_code == 404
    client.get("/no/such/SECRET-3")
    client.ask("BREW", "/livez")
    assert client.post(b"\xff").status_code == 400, "refused before a route is looked for"
    after = samples(client)
    risk = {"route": "/v1/accounts/{account_id}/risk", "method": "GET"}
    grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
    assert grown[key("requests_total", **risk, status="404")] == 2
    assert grown[key("request_seconds_count", **risk)] == 2
    assert grown[key("requests_total", route="unmatched", method="GET", status="404")] == 1
    assert grown[key("requests_total", route="/v1/predictions", method="POST", status="400")] == 1
    assert grown[key("rejected_requests_total", reason="account-unknown")] == 2
    assert grown[key("rejected_requests_total", reason="not-found")] == 1
    assert any(dict(labels).get("method") == "other" for _, labels in after)
    assert "SECRET" not in client.get("/metrics").text


def test_predictions_are_counted_by_band_missing_table_and_step(client: Client, book_folder: Path, as_of: date) -> None:
    rows = rows_of(book_folder)
    accounts = histories({name: rows[name] for name in rows if name != "loops"}, ["A000001", "A000002"])
    before = samples(client)
    assert len(client.predict(as_of, accounts)) == 2
    after = samples(client)
    grown = {name: value - before.get(name, 0.0) for name, value in after.items()}
    assert sum(grown.get(key("predictions_total", band=band), 0) for band in ("at_risk", "safe", "unknown")) == 2
    assert grown[key("missing_tables_total", table="loops")] == 2
    for step in metrics.STEPS:
        assert grown[key("step_seconds_count", step=step)] == 1, step
        assert grown[key("step_seconds_sum", step=step)] >= 0
    assert grown[key("batch_accounts_sum")] == 2 and after[key("waiting_predictions")] == 0
    assert after[key("model_info", model_version="1")] == 1


def test_an_admin_of_one_account_manager_sees_no_metrics(bundle: Bundle, store: ScoreStore) -> None:
    """Such a key was made before it was refused."""
    _, token = KeyStore(store.engine).create(["admin"])
    with writing(store.engine) as connection:
        connection.execute(sa.update(KEYS).values(account_manager="Anna Berg"))
    gated = client_of(bundle, store, access=Gate(store.engine, ServiceSettings()))
    assert_problem(gated.with_headers(Authorization=f"Bearer {token}").get("/metrics"), 403)


def test_without_its_keys_a_request_is_answered_before_its_route(
    bundle: Bundle, store: ScoreStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(*_: Any) -> None:
        asked.append("keys")
        raise StoreUnavailable("away")

    monkeypatch.setattr(KeyStore, "list", away)
    clock = Clock()
    client = client_of(bundle, store, access=Gate(store.engine, ServiceSettings(), clock.now, clock.tick))
    for _ in range(3):
        answer = client.post("not JSON")
        assert assert_problem(answer, 503)["type"].endswith(":store-away") and int(answer.headers["retry-after"]) > 0
    assert asked == ["keys"], "a failure is remembered, and the route does not ask again"


def test_with_keys_only_an_admin_sees_metrics(bundle: Bundle, store: ScoreStore) -> None:
    keys = KeyStore(store.engine)
    tokens = {scope: keys.create([scope])[1] for scope in ("read", "score", "feedback", "admin")}  # type: ignore[list-item]
    gated = client_of(bundle, store, access=Gate(store.engine, ServiceSettings()))
    assert_problem(gated.get("/metrics"), 401)
    for scope, token in tokens.items():
        answer = gated.with_headers(Authorization=f"Bearer {token}").get("/metrics")
        assert answer.status_code == (200 if scope == "admin" else 403), scope
    assert gated.get("/livez").status_code == gated.get("/readyz").status_code == 200


# Off the database


def stored(engine: sa.Engine, now: datetime = NOW) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(StoredMetrics(engine, lambda: now))
    found = {}
    for family in registry.collect():
        for one in family.samples:
            found[one.name.removeprefix("churn_risk_") + "".join(f"/{value}" for value in one.labels.values())] = (
                one.value
            )
    return found


def run(as_of: date, scored_at: datetime, **changes: object) -> dict[str, object]:
    row = {
        "as_of": as_of, "model_version": "1", "scored_at": scored_at, "accounts": 1, "model": {}, "writer": "w",
        "published_at": scored_at, "replaced_at": None, "begun_at": scored_at,
    }  # fmt: skip
    return row | changes


def test_an_empty_database_has_no_ages(engine: sa.Engine) -> None:
    assert stored(engine) == {"store_up": 1.0, "webhooks_waiting": 0.0}


def test_the_age_is_that_of_the_newest_published_scores(engine: sa.Engine) -> None:
    scored = NOW - timedelta(hours=30)
    with writing(engine) as connection:
        connection.execute(sa.insert(RUNS), [
            run(date(2026, 2, 1), NOW - timedelta(days=20)),
            run(date(2026, 2, 27), scored),
            run(date(2026, 2, 28), NOW, published_at=None),
            run(date(2026, 2, 27), scored - timedelta(days=1), replaced_at=scored),
        ])  # fmt: skip
    found = stored(engine)
    assert found["scores_age_seconds"] == 30 * 3600
    assert found["scores_as_of_age_seconds"] == 2 * 86400 + 12 * 3600
    moved = stored(engine, NOW - timedelta(days=10))
    assert moved["scores_age_seconds"] == 30 * 3600 - 10 * 86400, "a clock that was wrong shows as an age below 0"


def test_the_tables_of_the_newest_scores_have_ages(engine: sa.Engine) -> None:
    last = (NOW.date() - timedelta(days=300)).isoformat()
    facts = {"freshness": {"invoices": {"last": last}, "surveys": {"last": NOW.date().isoformat()}}}
    with writing(engine) as connection:
        connection.execute(sa.insert(RUNS), [run(date(2026, 2, 27), NOW, model=facts)])
    found = stored(engine)
    assert (found["table_age_days/invoices"], found["table_age_days/surveys"]) == (300, 0)


def test_jobs_are_counted_by_status_and_webhooks_that_wait(engine: sa.Engine) -> None:
    job = {"principal": "local", "as_of": NOW.date(), "accounts": 1, "done": 0, "failed": 0, "model_versions": [],
           "given_up": False, "created_at": NOW}  # fmt: skip
    statuses = ("queued", "running", "running", "done")
    endpoint = {"endpoint_id": "e", "url": "https://crm.example", "events": [], "format": "standard", "lang": "en",
                "signature": "standard", "generation": 1, "created_at": NOW}  # fmt: skip
    event = {"type": "t", "account_id": "A", "run_id": 1, "occurred_at": NOW, "data": {}}
    delivery = {"endpoint_id": "e", "account_id": "A", "attempts": 0, "next_attempt_at": NOW}
    states = ("pending", "delivered", "pending", "failed")
    with writing(engine) as connection:
        connection.execute(sa.insert(JOBS), [job | {"job_id": str(i), "status": s} for i, s in enumerate(statuses)])
        connection.execute(sa.insert(ENDPOINTS), endpoint)
        connection.execute(sa.insert(EVENTS), [event | {"event_id": str(i)} for i in range(len(states))])
        connection.execute(
            sa.insert(DELIVERIES), [delivery | {"event_id": str(i), "state": s} for i, s in enumerate(states)]
        )
    found = stored(engine)
    assert {name: value for name, value in found.items() if name.startswith("jobs")} == {
        "jobs/queued": 1, "jobs/running": 2, "jobs/done": 1,
    }  # fmt: skip
    assert found["webhooks_waiting"] == 2


def test_metrics_are_there_without_the_database(client: Client, store: ScoreStore) -> None:
    with writing(store.engine) as connection:
        connection.execute(sa.text("ALTER TABLE score_runs RENAME TO away"))
    found = samples(client)
    assert found[key("store_up")] == 0 and key("webhooks_waiting") not in found
    assert key("model_info", model_version="1") in found


# Several workers

#: Writes metrics as a worker does and ends as it is told.
WORKER = """
import os, sys
from serving import metrics
metrics.use_folder()
metrics.serves("7"); metrics.waiting(2); metrics.answered("/livez", "GET", 200, 0.01)
with metrics.step("matrix"):
    pass
if sys.argv[1] == "shown":
    sys.stdout.write(metrics.exposition()[0].decode())
if sys.argv[1] == "stopped":
    metrics.forget_own()
os._exit(0)
"""


def worker(folder: Path, ending: str) -> str:
    variables = os.environ | {"CHURN_RISK_METRICS_FOLDER": str(folder), "PROMETHEUS_MULTIPROC_DIR": "/nowhere"}
    command = [sys.executable, "-c", WORKER, ending]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_counts_of_workers_add_up_and_only_the_living_serve(tmp_path: Path) -> None:
    worker(tmp_path, "killed")
    worker(tmp_path, "stopped")
    text = worker(tmp_path, "shown")

    def value(name: str) -> float:
        (found,) = re.findall(rf"^churn_risk_{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found)

    assert value('requests_total{method="GET",route="/livez",status="200"}') == 3
    assert value('step_seconds_count{step="matrix"}') == 3
    assert value('model_info{model_version="7"}') == 1 and value("waiting_predictions") == 2


def test_counts_are_kept_where_no_full_disk_ends_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are mapped into memory: on a full disk a worker would get a signal at its next count."""
    monkeypatch.setenv(metrics.OWN_FOLDER, "")
    kept: list[Callable[[], None]] = []
    monkeypatch.setattr(metrics.atexit, "register", lambda *asked, **more: kept.append(partial(*asked, **more)))
    metrics.make_folder()
    folder = Path(os.environ[metrics.OWN_FOLDER])
    assert folder.is_dir() and (folder.parent == Path(metrics.MEMORY)) == os.access(metrics.MEMORY, os.W_OK)
    (at_the_end,) = kept
    at_the_end()
    assert not folder.exists()


@pytest.mark.parametrize("record", [
    lambda: metrics.step_took("matrix", 0.01),
    lambda: metrics.answered("/livez", "GET", 200, 0.01),
    lambda: metrics.predicted("safe", ("loops",)),
    lambda: metrics.merged(5),
], ids=["step", "answer", "prediction", "batch"])  # fmt: skip
def test_nothing_is_labelled_anew_once_it_was_seen(record: Callable[[], None]) -> None:
    """What is counted in every request makes no new series each time, or memory would grow with the requests."""
    record()
    series = sum(len(family.samples) for family in metrics.made().registry.collect())
    for _ in range(100):
        record()
    assert sum(len(family.samples) for family in metrics.made().registry.collect()) == series
