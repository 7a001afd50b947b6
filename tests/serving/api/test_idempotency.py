"""Idempotency-Key: a request that is sent again is answered again, and done once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.openapi.utils import get_openapi
from support.bulk import START, score, sent
from support.bulk_client import Bulk
from support.served import Client, Json, assert_problem

from serving.access.keys import KeyStore
from serving.api.edge.repeats import REPLAYED, TEXT
from serving.api.routes import job_routes as jobs
from serving.database.engine import reading, writing
from serving.errors import InProgress, KeyReused, StoreUnavailable, TakenOver
from serving.repeats.idempotency import (
    KEPT,
    NAMED,
    RECORDS,
    Answer,
    Asked,
    Claimed,
    begin,
    delete_expired_records,
    finish,
    forget_answers,
    give_up,
)
from serving.settings import ServiceSettings
from training.bundle.bundle import Bundle

LEASE = timedelta(seconds=60)
ASKED = Asked("key:1", "POST /v1/jobs", "k", "f" * 64)
ANSWER = Answer(202, {"location": "/v1/jobs/1"}, b'{"job_id": 1}')
HEADER_POINTER = "/header/Idempotency-Key"


@pytest.fixture
def bulk(bundle: Bundle, database_url: str) -> Iterator[Bulk]:
    made = Bulk(bundle, database_url, ServiceSettings(secret="s" * 32))
    yield made
    made.store.close()


def ask(client: Client, path: str, body: Any, key: str | None = "k-1") -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.ask("POST", path, content=json.dumps(body), headers={"Content-Type": "application/json"} | headers)


def body_of(path: str, account_id: str = "A1") -> Json:
    return {"account_id": account_id} if path == "/v1/links" else {"accounts": [sent(account_id, 1.0)]}


def records(bulk: Bulk) -> list[Any]:
    with reading(bulk.store.engine) as connection:
        return list(connection.execute(sa.select(RECORDS)).all())


def store_scores(bulk: Bulk, *ids: str) -> None:
    scores = [score(account_id) for account_id in ids]
    bulk.store.write(scores, {}, {"version": "1"}, scores[0].as_of, START)


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/jobs", "/v1/links"])
def test_the_answer_is_given_again(bulk: Bulk, path: str) -> None:
    store_scores(bulk, "A1", "A2")
    first = ask(bulk.client, path, body_of(path))
    assert first.status_code in (200, 201, 202), first.text
    assert REPLAYED.lower() not in first.headers
    bulk.clock.move(hours=23, minutes=59)
    again = ask(bulk.client, path, body_of(path))
    assert again.status_code == first.status_code and again.content == first.content
    assert again.headers[REPLAYED] == "true"
    for name in ("content-type", "location"):
        assert again.headers.get(name) == first.headers.get(name)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    problem = assert_problem(ask(bulk.client, path, body_of(path, "A2")), 422, HEADER_POINTER)
    assert problem["type"].endswith(":key-reused")
    other = ask(bulk.client, path, body_of(path), "k-2")
    assert other.status_code == first.status_code and REPLAYED not in other.headers
    bulk.clock.move(minutes=1)
    anew = ask(bulk.client, path, body_of(path, "A2"))
    assert anew.status_code == first.status_code and REPLAYED not in anew.headers


def test_a_repeated_job_is_made_once(bulk: Bulk) -> None:
    answers = [ask(bulk.client, "/v1/jobs", body_of("/v1/jobs")).json()["job_id"] for _ in range(3)]
    assert len(set(answers)) == 1
    assert len(bulk.client.get("/v1/jobs").json()["jobs"]) == 1


def test_without_the_header_nothing_is_kept(bulk: Bulk) -> None:
    for path in ("/v1/predictions", "/v1/jobs"):
        answers = [ask(bulk.client, path, body_of(path), None) for _ in range(2)]
        assert all(REPLAYED not in answer.headers for answer in answers)
    assert records(bulk) == []
    assert len(bulk.client.get("/v1/jobs").json()["jobs"]) == 2


def test_a_key_belongs_to_who_asks_and_what_for(bulk: Bulk) -> None:
    keys = KeyStore(bulk.store.engine, now=bulk.clock)
    one, other = (bulk.client.with_headers(X_API_Key=keys.create(["score"])[1]) for _ in range(2))
    wanted = ((one, "/v1/jobs"), (other, "/v1/jobs"), (one, "/v1/predictions"))
    asked = [ask(client, path, body_of(path)) for client, path in wanted]
    assert [answer.status_code for answer in asked] == [202, 202, 200]
    assert not any(REPLAYED in answer.headers for answer in asked)
    assert asked[0].json()["job_id"] != asked[1].json()["job_id"]
    assert len(records(bulk)) == 3


@pytest.mark.parametrize("key", ["", " ", "two words", "ü", "k" * 256])
def test_a_key_that_is_none(bulk: Bulk, key: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"idempotency-key", key.encode())]
    answer = bulk.client.ask("POST", "/v1/jobs", content=json.dumps(body_of("")), headers=headers)
    assert_problem(answer, 422, HEADER_POINTER)
    assert records(bulk) == []


@pytest.mark.parametrize("key", ["k" * 255, "!~", "8e03978e-40d5-43e8-bc93-6894a57f9324"])
def test_a_key_may_be_any_visible_text(bulk: Bulk, key: str) -> None:
    answers = [ask(bulk.client, "/v1/jobs", body_of(""), key) for _ in range(2)]
    assert [REPLAYED in answer.headers for answer in answers] == [False, True]


@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/jobs"])
def test_what_was_refused_frees_its_key(bulk: Bulk, path: str) -> None:
    for bad in ({"accounts": []}, {"accounts": [sent("A")], "as_of": "2999-01-01"}, {}):
        assert ask(bulk.client, path, bad).status_code == 422
        assert records(bulk) == []
    assert ask(bulk.client, path, body_of(path)).status_code in (200, 202)


def test_what_failed_frees_its_key(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("serving.api.routes.job_routes.make_job", broken)
        assert_problem(ask(bulk.client, "/v1/jobs", body_of("")), 500)
    assert records(bulk) == []
    assert ask(bulk.client, "/v1/jobs", body_of("")).status_code == 202


def test_while_the_first_is_worked_on_another_is_told_to_wait(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    read, working, go_on = jobs.read_submission, Event(), Event()

    def waiting(*arguments: Any) -> Any:
        working.set()
        assert go_on.wait(60)
        return read(*arguments)

    monkeypatch.setattr(jobs, "read_submission", waiting)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, bulk.client, "/v1/jobs", body_of(""))
        assert working.wait(60)
        problem = ask(bulk.client, "/v1/jobs", body_of(""))
        go_on.set()
        made = first.result(60)
    assert_problem(problem, 409, HEADER_POINTER)
    assert 1 <= int(problem.headers["retry-after"]) <= 60
    assert made.status_code == 202
    assert ask(bulk.client, "/v1/jobs", body_of("")).content == made.content


def test_the_same_key_at_once_makes_one_job(bulk: Bulk) -> None:
    meeting = Barrier(4)

    def one(_: int) -> httpx.Response:
        meeting.wait(60)
        return ask(bulk.client, "/v1/jobs", body_of(""))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(4)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    made = {answer.json()["job_id"] for answer in answers if answer.status_code == 202}
    assert len(made) == 1
    assert [job["job_id"] for job in bulk.client.get("/v1/jobs").json()["jobs"]] == list(made)


def test_a_crash_frees_the_key_after_the_lease(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("serving.api.routes.job_routes.make_job", killed)
        patch.setattr("serving.api.edge.repeats.give_up", lambda *_: None)  # A process that is killed frees nothing.
        with pytest.raises(Killed):
            ask(bulk.client, "/v1/jobs", body_of(""))
    assert_problem(ask(bulk.client, "/v1/jobs", body_of("")), 409, HEADER_POINTER)
    bulk.clock.move(seconds=61)
    assert ask(bulk.client, "/v1/jobs", body_of("")).status_code == 202


def test_one_who_lost_its_lease_makes_no_second_job(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first takes longer than its lease; the second is begun, done, and answered; then the first comes back."""
    read, inner = jobs.read_submission, []

    def slow(*arguments: Any) -> Any:
        if not inner:
            inner.append(None)
            bulk.clock.move(seconds=61)
            with ThreadPoolExecutor(1) as pool:
                inner[0] = pool.submit(ask, bulk.client, "/v1/jobs", body_of("")).result(60)
        return read(*arguments)

    monkeypatch.setattr(jobs, "read_submission", slow)
    late = ask(bulk.client, "/v1/jobs", body_of(""))
    assert_problem(late, 409, HEADER_POINTER)
    assert inner[0].status_code == 202
    assert [job["job_id"] for job in bulk.client.get("/v1/jobs").json()["jobs"]] == [inner[0].json()["job_id"]]


def test_a_prediction_is_answered_though_it_cannot_be_kept(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr("serving.api.edge.repeats.finish", full)
    assert ask(bulk.client, "/v1/predictions", body_of("")).status_code == 200


def test_a_forgotten_account_stands_in_no_kept_answer(bulk: Bulk) -> None:
    for key, account_id in (("k-1", "A1"), ("k-2", "A2"), ("k-3", "A1")):
        assert ask(bulk.client, "/v1/predictions", body_of("", account_id), key).status_code == 200
    with writing(bulk.store.engine) as connection:
        assert forget_answers(connection, "A1") == {"repeated_answers": 2}
    assert [record.key for record in records(bulk)] == ["k-2"]
    with reading(bulk.store.engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(NAMED)).scalar_one() == 1


def test_answers_expire(bulk: Bulk) -> None:
    engine = bulk.store.engine
    begin(engine, ASKED, START, LEASE)
    ask(bulk.client, "/v1/predictions", body_of(""))
    assert delete_expired_records(engine, START + KEPT - timedelta(seconds=1)) == 0
    assert delete_expired_records(engine, START + KEPT) == 2
    assert records(bulk) == []


def test_a_claim_is_given_up_or_taken_over_and_then_keeps_nothing(bulk: Bulk) -> None:
    engine = bulk.store.engine
    first = begin(engine, ASKED, START, LEASE)
    assert isinstance(first, Claimed)
    with pytest.raises(InProgress) as waiting:
        begin(engine, ASKED, START + timedelta(seconds=19.5), LEASE)
    assert waiting.value.seconds == 41
    with pytest.raises(KeyReused):
        begin(engine, replace(ASKED, fingerprint="0" * 64), START, LEASE)
    second = begin(engine, ASKED, START + LEASE, LEASE, ("A1", "A1"))
    assert isinstance(second, Claimed)
    with pytest.raises(TakenOver), writing(engine) as connection:
        finish(connection, first, ANSWER, START)
    give_up(engine, first)
    with writing(engine) as connection:
        finish(connection, second, ANSWER, START + LEASE)
    give_up(engine, second)
    assert begin(engine, ASKED, START + LEASE, LEASE) == ANSWER


def test_the_header_is_documented(bulk: Bulk) -> None:
    document = get_openapi(title="t", version="1", routes=bulk.client.app.routes)
    for path in ("/v1/predictions", "/v1/jobs", "/v1/links"):
        operation = document["paths"][path]["post"]
        (header,) = (one for one in operation.get("parameters", []) if one["in"] == "header")
        assert header["name"] == "Idempotency-Key" and header["description"] == TEXT and not header["required"]
        assert "409" in operation["responses"]
    assert "Idempotency-Key" not in str([item.get("get") for item in document["paths"].values()])
    assert len(TEXT) < 1000
