"""Reasons are put into words when an event is sent, and an endpoint that is disabled misses nothing for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from support.webhooks import (
    SAFE,
    THREAT,
    Clock,
    Receiver,
    deliveries,
    own_settings,
    publish,
    store_with,
    subscribe,
    worker_of,
)

from serving.database.engine import writing
from serving.store import ScoreStore
from serving.store.score_tables import SCORES
from serving.webhooks.deliveries import redeliver
from serving.webhooks.delivery.delivery import Round
from serving.webhooks.endpoints import disable_endpoint, enable_endpoint
from serving.webhooks.outbox import Outbox

NAMES = ("reason_1", "reason_2", "reason_3")


@pytest.fixture
def store(database_url: str) -> Iterator[ScoreStore]:
    with store_with(database_url, Outbox(own_settings()).publish) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    """A clock after two runs."""
    made = Clock()
    made.move(days=1)
    return made


def said(receiver: Receiver, path: str = "/hook") -> list[str | None]:
    """Return the reasons in the one message to a path."""
    (body,) = (json.loads(request.body) for request in receiver.received if request.path == path)
    return [body["data"][name] for name in NAMES]


def test_each_endpoint_reads_its_language(store: ScoreStore, engine: Engine, receiver: Receiver, clock: Clock) -> None:
    subscribe(engine, receiver.url)
    subscribe(engine, f"{receiver.url}/de", lang="de")
    publish(store, SAFE)
    publish(store, THREAT, day=1)
    assert worker_of(engine, clock).run_once() == Round(delivered=2)
    english, german = said(receiver), said(receiver, "/hook/de")
    assert english[0] is not None and ": raises the estimated risk by 25.0 points. " in english[0]
    assert german[0] is not None and "25,0" in german[0] and None not in english + german


def test_people_read_the_grade_of_the_model(
    store: ScoreStore, engine: Engine, receiver: Receiver, clock: Clock
) -> None:
    """As beside every score; not where no figure stands."""
    subscribe(engine, receiver.url, lang="de", style="slack")
    other = replace(SAFE, account_id="A2")
    publish(store, SAFE, other, grade="D")
    publish(store, THREAT, replace(other, band="unknown"), day=1, grade="D")
    worker_of(engine, clock).run_once()
    texts = [json.loads(request.body)["text"].split("\n") for request in receiver.received]
    graded, unknown = sorted(texts, key=lambda text: "Abwanderungsrisiko" not in text[1])
    assert graded[-2].startswith("Modellnote D: ") and "A1" in graded[0]
    assert "A2" in unknown[0] and not any("Modellnote" in line for line in unknown)


def test_of_the_run_that_made_the_event(
    database_url: str, store: ScoreStore, engine: Engine, receiver: Receiver, clock: Clock
) -> None:
    """A later run has other reasons; what is sent late still tells of its own."""
    subscribe(engine, receiver.url)
    publish(store, SAFE)
    publish(store, THREAT, day=1)
    with store_with(database_url) as quiet:
        publish(quiet, SAFE, day=2)
        with writing(engine) as connection:
            connection.execute(sa.update(SCORES).where(SCORES.c.run_id == 3).values(reasons=[]))
    worker_of(engine, clock).run_once()
    assert None not in said(receiver)


def test_a_score_that_is_gone(store: ScoreStore, engine: Engine, receiver: Receiver, clock: Clock) -> None:
    subscribe(engine, receiver.url)
    publish(store, SAFE)
    publish(store, THREAT, day=1)
    with writing(engine) as connection:
        connection.execute(sa.delete(SCORES))
    assert worker_of(engine, clock).run_once() == Round(delivered=1)
    assert said(receiver) == [None] * 3


def test_what_an_endpoint_missed_while_it_was_disabled(
    store: ScoreStore, engine: Engine, receiver: Receiver, clock: Clock
) -> None:
    endpoint = subscribe(engine, receiver.url)
    publish(store, SAFE)
    with writing(engine) as connection:
        disable_endpoint(connection, endpoint.endpoint_id, clock(), "the receiver answered 410 Gone")
    publish(store, THREAT, day=1)
    publish(store, SAFE, day=2)
    clock.at += timedelta(days=1)
    assert [row["state"] for row in deliveries(engine)] == ["disabled"] * 2
    with writing(engine) as connection:
        enable_endpoint(connection, endpoint.endpoint_id)
    worker = worker_of(engine, clock)
    assert worker.run_once() == Round()
    with writing(engine) as connection:
        assert redeliver(connection, endpoint.endpoint_id, clock()) == 2
    assert worker.run_once() == Round(delivered=2)
    bands = [json.loads(request.body)["data"]["after"]["band"] for request in receiver.received]
    assert bands == ["at_risk", "safe"]
