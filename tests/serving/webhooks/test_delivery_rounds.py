"""Rounds of deliveries: a long backlog, an event that cannot be made and another's clock hold up nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from support.webhooks import AT, Clock, Receiver, deliveries, own_settings, put_event, subscribe, worker_of

from serving.database.engine import writing
from serving.database.leases import SLACK
from serving.run.forgetting import forget
from serving.webhooks.delivery import delivery
from serving.webhooks.delivery.delivery import LANES, TURN, DeliveryWorker, Round
from serving.webhooks.delivery.delivery_claims import LEASE, Claimed, claim, settle
from serving.webhooks.endpoints import Endpoint, disable_endpoint, remove_endpoint
from serving.webhooks.event_tables import EVENTS


def test_a_round_ends_though_a_backlog_does_not(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """A slow receiver has its turn, then it is looked again what is due to all; nothing stays claimed."""
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(5)]

    def slow(_: object) -> tuple[int, dict[str, str]]:
        clock.at += TURN / 2
        return 200, {}

    receiver.reply = slow
    worker = worker_of(engine, clock)
    assert worker._round(TURN) == (Round(delivered=2), True)
    assert not any(row["claim"] for row in deliveries(engine))
    assert worker._round(TURN) == (Round(delivered=2), True)
    assert worker._round(TURN) == (Round(delivered=1), False)
    assert receiver.ids == ids


def test_a_receiver_in_trouble_is_not_asked_again_at_once(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    for number in range(3):
        put_event(engine, endpoint, f"A{number}")
    receiver.answers(503)
    assert worker_of(engine, clock)._round(TURN) == (Round(retried=1), False)


def test_the_next_round_does_not_wait_while_something_is_left(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(3)]
    arrived = Event()

    def last(_: object) -> tuple[int, dict[str, str]]:
        if len(receiver.received) == len(ids):
            arrived.set()
        return 200, {}

    receiver.reply = last
    monkeypatch.setattr(delivery, "POLL", 3600.0)
    monkeypatch.setattr(delivery, "TURN", timedelta())  # one delivery a round
    worker = DeliveryWorker(engine, own_settings())
    worker.start()
    try:
        assert arrived.wait(60)
    finally:
        worker.stop()
    assert receiver.ids == ids


def test_an_event_that_cannot_be_made_holds_up_no_other_account(
    engine: Engine, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = subscribe(engine, receiver.url, style="slack")
    broken = put_event(engine, endpoint, "Müller")
    others = [put_event(engine, endpoint, f"A{number}") for number in range(3)]
    damaged = {"Müller": "Müller"}
    with writing(engine) as connection:
        connection.execute(sa.update(EVENTS).where(EVENTS.c.event_id == broken).values(data=damaged))
    worker = worker_of(engine, clock)
    with caplog.at_level(logging.ERROR):
        assert worker.run_once() == Round(delivered=3, retried=1)
    assert receiver.ids == others
    first = deliveries(engine)[0]
    assert (first["state"], first["attempts"], first["claim"]) == ("pending", 1, None)
    assert first["next_attempt_at"] == AT + timedelta(seconds=5)
    assert first["last_error"] == "it could not be made: KeyError"
    (record,) = caplog.records
    assert broken in record.getMessage() and "KeyError" in record.getMessage() and "Müller" not in record.getMessage()
    while deliveries(engine)[0]["state"] == "pending":
        clock.move(hours=30)
        worker.run_once()
    assert deliveries(engine)[0]["state"] == "failed" and receiver.ids == others


def test_an_endpoint_with_which_something_is_amiss_holds_up_no_other(
    engine: Engine, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More endpoints than lanes; the first fails where nobody expects it."""
    secret = "Müller"
    made = [subscribe(engine, f"{receiver.url}/{number}") for number in range(3 * LANES)]
    for number, endpoint in enumerate(made):
        put_event(engine, endpoint, f"A{number}")

    def settled(connection: Connection, one: Claimed, *more: Any) -> Any:
        if one.endpoint_id == made[0].endpoint_id:
            raise OverflowError(secret)
        return settle(connection, one, *more)

    monkeypatch.setattr(delivery, "settle", settled)
    with caplog.at_level(logging.ERROR):
        found = worker_of(engine, clock).run_once()
    assert found.delivered == len(made) - 1 and len(found.problems) == 1 and made[0].endpoint_id in found.problems[0]
    (record,) = caplog.records
    assert "OverflowError" in record.getMessage() and secret not in record.getMessage()


def forgotten(engine: Engine, endpoint: Endpoint) -> None:
    forget(engine, "A2")


def removed(engine: Engine, endpoint: Endpoint) -> None:
    with writing(engine) as connection:
        remove_endpoint(connection, endpoint.endpoint_id)


def disabled(engine: Engine, endpoint: Endpoint) -> None:
    with writing(engine) as connection:
        disable_endpoint(connection, endpoint.endpoint_id, AT, "nobody wants it")


@pytest.mark.parametrize(("change", "sent"), [(forgotten, [0, 1, 3]), (removed, [0]), (disabled, [0])])
def test_what_is_withdrawn_after_it_was_claimed_is_not_sent(
    engine: Engine, receiver: Receiver, clock: Clock, change: Callable[[Engine, Endpoint], None], sent: list[int]
) -> None:
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(4)]

    def first(_: object) -> tuple[int, dict[str, str]]:
        if len(receiver.received) == 1:
            change(engine, endpoint)
        return 200, {}

    receiver.reply = first
    worker_of(engine, clock).run_once()
    assert receiver.ids == [ids[number] for number in sent]


def test_a_lease_of_a_worker_whose_clock_is_ahead(engine: Engine, clock: Clock) -> None:
    """It holds; only one that no clock of today can have set is taken over."""
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    put_event(engine, endpoint, at=AT - timedelta(hours=1))
    with writing(engine) as connection:
        (held,) = claim(connection, endpoint.endpoint_id, clock() + SLACK)
        assert claim(connection, endpoint.endpoint_id, clock()) == []
        assert claim(connection, endpoint.endpoint_id, clock() - timedelta(seconds=1)) != []
    assert held.claimed_until == clock() + SLACK + LEASE
