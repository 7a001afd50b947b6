"""A privacy request beside work that is under way: nothing of the account is left when the work ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from starlette.requests import Request
from starlette.types import Message
from support.bulk import sent
from support.bulk_client import Bulk
from support.served import run_command
from support.stored import AT, opened, put, scores

from serving.api.answers.rendering import rendered_predictions
from serving.api.edge.repeats import accounts_in
from serving.database.engine import open_database, reading, writing
from serving.repeats.idempotency import RECORDS, forget_answers
from serving.run.forgetting import Forgotten, forget
from serving.settings import ServiceSettings
from serving.store.runs import PublishedRun
from serving.webhooks.event_tables import EVENTS
from training.bundle.bundle import Bundle

EVIDENCE = {"A1": {"account": {"name": "Unmistakable Ltd"}, "text": "Unmistakable " * 2000}}
NOTHING = {"scores": 0, "figures": 0, "job_accounts": 0, "repeated_answers": 0, "events": 0, "steps": 0, "feedback": 0,
           "digest_standings": 0, "alert_cases": 0}  # fmt: skip


@pytest.fixture
def bulk(bundle: Bundle, database_url: str) -> Iterator[Bulk]:
    made = Bulk(bundle, database_url, ServiceSettings(secret="s" * 32))
    yield made
    made.store.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Return an SQLite store with a conspicuous account in it."""
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    with opened(url) as store:
        put(store, *scores(3), evidence=EVIDENCE)
        made = open_database(url)
        yield made
        made.dispose()


def in_files(folder: Path) -> bool:
    return any(b"Unmistakable" in path.read_bytes() for path in folder.iterdir())


def test_a_log_that_is_read_is_said_to_hold_it_still(engine: Engine, tmp_path: Path) -> None:
    with reading(engine) as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM scores")).scalar_one() == 3
        found = forget(engine, "A1", patience=0)
        assert found == Forgotten(NOTHING | {"scores": 1}, log_emptied=False)
        assert in_files(tmp_path)
    assert forget(engine, "A1", patience=0) == Forgotten(NOTHING, log_emptied=True)
    assert not in_files(tmp_path)


def test_who_reads_the_log_is_waited_for(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM scores")).scalar_one() == 3
        monkeypatch.setattr("serving.database.engine.sleep", lambda _: connection.rollback())
        assert forget(engine, "A1").log_emptied
    assert not in_files(tmp_path)


def test_the_command_says_that_it_is_to_be_run_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", str(engine.url))
    monkeypatch.setattr("serving.run.forgetting.empty_log", lambda *_: False)
    done = run_command(monkeypatch, capsys, "store", "forget", "A1", "--json")
    assert done.code == 1 and "run this command again" in done.err
    assert json.loads(done.out)["removed"]["scores"] == 1 and json.loads(done.out)["log_emptied"] is False
    monkeypatch.undo()
    monkeypatch.setenv("CHURN_RISK_STORE_URL", str(engine.url))
    done = run_command(monkeypatch, capsys, "store", "forget", "A1")
    assert done.code == 0 and "again" not in done.err


def test_a_prediction_under_way_is_not_kept_once_its_account_is_forgotten(
    bulk: Bulk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, gone = bulk.store.engine, []

    def forgetting(*arguments: Any) -> bytes:
        with writing(store) as connection:
            gone.append(forget_answers(connection, "A1")["repeated_answers"])
        return rendered_predictions(*arguments)

    monkeypatch.setattr("serving.api.routes.prediction_routes.rendered_predictions", forgetting)
    for account_id in ("A1", "A2"):
        headers = {"Content-Type": "application/json", "Idempotency-Key": account_id}
        body = json.dumps({"accounts": [sent(account_id, 1.0)]})
        answer = bulk.client.ask("POST", "/v1/predictions", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
    assert gone == [1, 0]
    with reading(store) as connection:
        assert connection.execute(sa.select(RECORDS.c.key)).scalars().all() == ["A2"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"accounts": [sent("A"), sent("Ä\x00"), sent("A")]}, {"A", "Ä\x00"}),
        ({"account_id": "A"}, {"A"}),
        ({"accounts": [1, {"account": 2}, {"account": {"account_id": 5}}, {"account": {"account_id": "B"}}]}, {"B"}),
        ({"accounts": 3, "account_id": None}, set()),
        ({"accounts": {"account": {"account_id": "A"}}}, set()),
        (["account_id"], set()),
        ("account_id", set()),
    ],
)  # fmt: skip
def test_whom_a_body_names(body: Any, named: set[str]) -> None:
    assert named_in(json.dumps(body).encode()) == named


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\xfd", b'{"accounts": [{"account"', b"[" * 100_000])
def test_what_cannot_be_read_names_nobody(body: bytes) -> None:
    assert named_in(body) == set()


def named_in(body: bytes) -> set[str]:
    """Return whom a request with this body names."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return asyncio.run(accounts_in(Request({"type": "http", "headers": []}, receive)))


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/jobs", "/v1/links"])
@pytest.mark.parametrize("body", ["[1]", "{}", '{"accounts": [1]}', '{"accounts": 3}', '{"account_id": 3}', '"A"', "{"])
def test_a_body_that_names_nobody_is_refused_as_ever(bulk: Bulk, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    assert bulk.client.ask("POST", path, content=body, headers=headers).status_code in (400, 422)


def test_events_of_a_run_that_is_being_published_are_forgotten_too(postgres_url: str) -> None:
    """SQLite has one writer only: there whoever forgets waits anyway."""
    engine = open_database(postgres_url)
    begun: list[Future[Forgotten]] = []

    def forgetting(connection: Connection, run: PublishedRun) -> None:
        connection.execute(sa.insert(EVENTS), event(run))
        begun.append(pool.submit(forget, engine, "A1"))
        while not begun[0].done() and not waits(engine):
            pass

    with ThreadPoolExecutor(1) as pool, opened(postgres_url, on_publish=[forgetting]) as store:
        put(store, *scores(3))
        assert begun[0].result(60).removed == NOTHING | {"scores": 1, "events": 1}
    with reading(engine) as connection:
        assert connection.execute(sa.select(EVENTS.c.account_id)).all() == []
    engine.dispose()


def event(run: PublishedRun) -> dict[str, Any]:
    named = {"event_id": "evt_1", "type": "account.band_changed", "account_id": "A1", "data": {}}
    return named | {"run_id": run.run_id, "occurred_at": AT}


def waits(engine: Engine) -> bool:
    """Whether somebody waits for an advisory lock."""
    with reading(engine) as connection:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(connection.execute(sa.text(waiting)).scalar_one())
