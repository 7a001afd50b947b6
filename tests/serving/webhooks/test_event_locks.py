"""Who changes several deliveries locks them in one order: on PostgreSQL two wait for each other, never in a ring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from support.webhooks import (
    AT,
    SAFE,
    THREAT,
    Clock,
    deliveries,
    own_settings,
    publish,
    put_event,
    store_with,
    subscribe,
)

from serving.database.engine import open_database, reading, writing
from serving.store import ScoreStore
from serving.webhooks.deliveries import redeliver
from serving.webhooks.delivery.delivery_claims import claim, release, settle
from serving.webhooks.delivery.sending import Answer
from serving.webhooks.endpoints import Endpoint, disable_endpoint, remove_endpoint
from serving.webhooks.event_retention import erase_events
from serving.webhooks.event_tables import DELIVERIES, EVENTS
from serving.webhooks.outbox import Outbox

LATER = AT + timedelta(days=1)
Work = Callable[[], object]


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    made = open_database(postgres_url)
    yield made
    made.dispose()


@pytest.fixture
def store(postgres_url: str) -> Iterator[ScoreStore]:
    with store_with(postgres_url, Outbox(own_settings()).publish) as made:
        yield made


def until_one_waits(engine: Engine) -> None:
    """Return when a transaction waits for another's lock."""
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    for _ in range(3000):
        with reading(engine) as connection:
            if connection.execute(waiting).scalar_one():
                return
        Event().wait(0.01)
    raise AssertionError("nobody waits")


def backwards(engine: Engine, endpoint: Endpoint) -> None:
    """Put two accounts' deliveries into the outbox; the first comes last when the table is read as it lies."""
    for account in ("A1", "A2"):
        put_event(engine, endpoint, account)
    with writing(engine) as connection:
        connection.execute(sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == 1).values(attempts=1))


def in_transaction(engine: Engine, change: Callable[[Connection], object]) -> Work:
    def work() -> None:
        with writing(engine) as connection:
            change(connection)

    return work


@pytest.mark.parametrize("who", ["publish", "disable", "gone", "remove", "redeliver"])
def test_against_a_worker_that_gives_back(store: ScoreStore, engine: Engine, who: str) -> None:
    """The worker holds the first delivery and wants the second, which nobody may hold who waits for the first."""
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    publish(store, SAFE, replace(SAFE, account_id="A2"))
    backwards(engine, endpoint)
    with writing(engine) as connection:
        claimed = claim(connection, endpoint.endpoint_id, AT)
    assert [one.delivery_id for one in claimed] == [1, 2]
    state = "failed" if who == "redeliver" else "pending"
    with writing(engine) as connection:
        connection.execute(sa.update(DELIVERIES).values(state=state))
        connection.execute(sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == 1).values(attempts=2))
    works: dict[str, Work] = {
        "publish": lambda: publish(store, THREAT, replace(THREAT, account_id="A2"), day=1),
        "disable": in_transaction(engine, lambda own: disable_endpoint(own, endpoint.endpoint_id, LATER, "gone")),
        "gone": in_transaction(engine, lambda own: settle(own, claimed[1], Answer(410), LATER, 0.5)),
        "remove": in_transaction(engine, lambda own: remove_endpoint(own, endpoint.endpoint_id)),
        "redeliver": in_transaction(engine, lambda own: redeliver(own, endpoint.endpoint_id, LATER)),
    }
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            release(connection, claimed[:1])
            other = pool.submit(works[who])
            until_one_waits(engine)
            release(connection, claimed[1:])
        other.result(60)
    assert {"publish": 4, "remove": 0}.get(who, 2) == len(deliveries(engine))


def test_publishing_against_one_who_removes_the_endpoint(store: ScoreStore, engine: Engine) -> None:
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    publish(store, SAFE)
    put_event(engine, endpoint)
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            remove_endpoint(connection, endpoint.endpoint_id)
            other = pool.submit(publish, store, THREAT, day=1)
            until_one_waits(engine)
        other.result(60)
    assert deliveries(engine) == []


def test_publishing_against_one_who_disables_the_endpoint(store: ScoreStore, engine: Engine) -> None:
    """The event of a run that is published at that moment is among what was missed."""
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    publish(store, SAFE)
    put_event(engine, endpoint)
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            disable_endpoint(connection, endpoint.endpoint_id, AT, "gone")
            other = pool.submit(publish, store, THREAT, day=1)
            until_one_waits(engine)
        other.result(60)
    assert [row["state"] for row in deliveries(engine)] == ["disabled"] * 2


def test_erasing_against_a_worker_that_gives_back(engine: Engine) -> None:
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    backwards(engine, endpoint)
    with writing(engine) as connection:
        claimed = claim(connection, endpoint.endpoint_id, AT)
        connection.execute(sa.update(DELIVERIES).values(account_id="A1"))
        connection.execute(sa.update(EVENTS).values(account_id="A1"))
        first = EVENTS.c.event_id == claimed[0].message.event_id
        connection.execute(sa.update(EVENTS).where(first).values(run_id=2))
        connection.execute(sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == 1).values(attempts=2))
    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            release(connection, claimed[:1])
            other = pool.submit(in_transaction(engine, lambda own: erase_events(own, "A1")))
            until_one_waits(engine)
            release(connection, claimed[1:])
        other.result(60)
    assert deliveries(engine) == []


@pytest.mark.parametrize("status", [200, 500])
def test_a_claim_that_is_lost_while_it_is_settled(engine: Engine, status: int) -> None:
    """Another worker takes it over at that moment: of a failure whoever has it now will tell."""
    clock = Clock()
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    put_event(engine, endpoint)
    with writing(engine) as connection:
        (first,) = claim(connection, endpoint.endpoint_id, clock())
    clock.move(hours=1)

    def settled() -> str | None:
        with writing(engine) as connection:
            return settle(connection, first, Answer(status), clock(), 0.5)

    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as connection:
            (second,) = claim(connection, endpoint.endpoint_id, clock())
            other = pool.submit(settled)
            until_one_waits(engine)
        assert other.result(60) == ("delivered" if status == 200 else None)
    (row,) = deliveries(engine)
    assert (row["claim"], row["attempts"]) == ((None, 0) if status == 200 else (second.claim, 0))
