"""Deliveries by a clock that is moved: what arrives, when it is tried again, what is given up, and in which order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from support.webhooks import (
    AT,
    SAFE,
    THREAT,
    Clock,
    Receiver,
    deliveries,
    endpoints,
    own_settings,
    publish,
    put_event,
    receiving,
    rows,
    store_with,
    subscribe,
    worker_of,
)

from features.errors import InputError
from serving.database.engine import reading, writing
from serving.webhooks.deliveries import redeliver, standing_of
from serving.webhooks.delivery.delivery import Round
from serving.webhooks.delivery.schedule import DELAYS, HORIZON, JITTER, LONGEST_PAUSE, asked_pause, next_attempt
from serving.webhooks.endpoints import enable_endpoint, remove_endpoint
from serving.webhooks.event_retention import erase_events
from serving.webhooks.event_tables import EVENTS
from serving.webhooks.outbox import Outbox


def test_from_a_score_to_the_receiver(database_url: str, engine: Engine, receiver: Receiver, clock: Clock) -> None:
    subscribe(engine, receiver.url)
    with store_with(database_url, Outbox(own_settings()).publish) as store:
        publish(store, SAFE)
        publish(store, THREAT, day=1)
    clock.move(days=1)
    assert worker_of(engine, clock).run_once() == Round(delivered=1)
    (request,) = receiver.received
    assert request.path == "/hook" and request.headers["content-type"] == "application/json"
    body = json.loads(request.body)
    assert set(body) == {"type", "timestamp", "data"} and body["type"] == "account.became_threat"
    assert body["timestamp"] == "2026-01-02T06:00:00.000000Z"
    assert body["data"]["after"]["band"] == "at_risk" and "risk by 25.0 points" in body["data"]["reason_1"]
    (delivery,) = deliveries(engine)
    assert (delivery["state"], delivery["last_status"], delivery["claim"]) == ("delivered", 204, None)
    assert worker_of(engine, clock).run_once() == Round()
    assert len(receiver.received) == 1


def test_a_receiver_that_is_down_for_a_day(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """Every event arrives in the end, and the receiver can tell those that it already has."""
    endpoint = subscribe(engine, receiver.url)
    ids = {put_event(engine, endpoint, f"A{number}") for number in range(25)}
    taken: list[str] = []
    receiver.answers(503)
    worker = worker_of(engine, clock)
    while clock.at < AT + timedelta(hours=24):
        assert worker.run_once().delivered == 0
        clock.move(minutes=10)
    receiver.reply = lambda request: (taken.append(request.id), (200, {}))[1]
    receiver.received.clear()
    while clock.at < AT + timedelta(hours=76) and len(taken) < 25:
        assert worker.run_once().failed == 0
        clock.move(minutes=10)
    assert sorted(taken) == sorted(ids)
    assert {row["state"] for row in deliveries(engine)} == {"delivered"}


def test_a_receiver_that_never_comes_back(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    event = put_event(engine, endpoint)
    receiver.answers(500)
    worker, tried = worker_of(engine, clock), [clock.at]
    assert worker.run_once() == Round(retried=1)
    for delay in DELAYS:
        clock.at += delay - timedelta(seconds=1)
        assert worker.run_once() == Round()
        clock.move(seconds=1)
        done = worker.run_once()
        tried.append(clock.at)
    assert done == Round(failed=1)
    assert tried[-1] - AT == timedelta(hours=75, minutes=35, seconds=5)
    assert receiver.ids == [event] * 10
    assert [request.headers["webhook-timestamp"] for request in receiver.received] == [
        str(int(at.timestamp())) for at in tried
    ]
    clock.move(days=10)
    assert worker.run_once() == Round()
    receiver.answers(200)
    with writing(engine) as connection:
        assert redeliver(connection, endpoint.endpoint_id, clock()) == 1
        assert redeliver(connection, event, clock()) == 1
    assert worker.run_once() == Round(delivered=1)
    assert receiver.ids == [event] * 11


@given(st.integers(1, 9), st.floats(0, 1, exclude_max=True))
def test_jitter_stays_within_its_bounds(attempts: int, chance: float) -> None:
    again = next_attempt(attempts, AT, chance)
    assert again is not None
    delay = (again - AT) / DELAYS[attempts - 1]
    assert 1 - JITTER - 1e-6 <= delay <= 1 + JITTER + 1e-6
    assert again - AT <= HORIZON


@pytest.mark.parametrize(
    "header", [f"Thu, 01 Jan 2026 00:05:00 +{'9' * 20}", "Thu, 01 Jan 0001 00:00:00 +2300", "01 Jan 99999 00:00:00 GMT"]
)
def test_a_date_that_is_none_asks_for_no_pause(header: str) -> None:
    assert asked_pause(header, AT) in (None, timedelta())


@given(st.text() | st.integers(0, 10**30).map(str) | st.datetimes().map(lambda at: f"{at:%a, %d %b %Y %H:%M:%S} GMT"))
def test_any_retry_after_gives_a_pause_within_bounds(header: str) -> None:
    pause = asked_pause(header, AT)
    assert pause is None or timedelta() <= pause <= LONGEST_PAUSE


@pytest.mark.parametrize(("header", "seconds"), [("3600", 3600), ("Thu, 01 Jan 2026 08:00:00 GMT", 7200)])
def test_a_receiver_that_asks_to_be_left_alone(
    engine: Engine, receiver: Receiver, clock: Clock, header: str, seconds: int
) -> None:
    """Nothing is sent to it until then, of other accounts neither; other endpoints are not concerned."""
    endpoint, other = subscribe(engine, receiver.url), subscribe(engine, f"{receiver.url}/other")
    put_event(engine, endpoint)
    receiver.answers(429, Retry_After=header)
    worker = worker_of(engine, clock)
    assert worker.run_once() == Round(retried=1)
    receiver.answers(200)
    put_event(engine, endpoint, "A2", clock())
    put_event(engine, other, "A2", clock())
    clock.move(seconds=seconds - 1)
    assert worker.run_once() == Round(delivered=1) and receiver.received[-1].path == "/hook/other"
    clock.move(seconds=1)
    assert worker.run_once() == Round(delivered=2)


@pytest.mark.parametrize("header", ["soon", "-1"])
def test_what_cannot_be_read_asks_for_nothing(engine: Engine, receiver: Receiver, clock: Clock, header: str) -> None:
    put_event(engine, subscribe(engine, receiver.url))
    receiver.answers(503, Retry_After=header)
    worker = worker_of(engine, clock)
    assert worker.run_once() == Round(retried=1)
    clock.move(seconds=5)
    assert worker.run_once() == Round(retried=1)


def test_gone_disables_the_endpoint(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(3)]
    receiver.answers(410)
    worker = worker_of(engine, clock)
    assert worker.run_once() == Round(disabled=1)
    assert receiver.ids == ids[:1]
    assert [row["state"] for row in deliveries(engine)] == ["disabled"] * 3
    (found,) = endpoints(engine)
    assert found.disabled_at == clock() and found.disabled_because == "the receiver answered 410 Gone"
    with writing(engine) as connection:
        with pytest.raises(InputError, match="is disabled: `churn-risk webhooks enable"):
            redeliver(connection, endpoint.endpoint_id, clock())
        assert redeliver(connection, ids[0], clock()) == 0
        enable_endpoint(connection, endpoint.endpoint_id)
    receiver.answers(200)
    assert worker.run_once() == Round()
    with writing(engine) as connection:
        assert redeliver(connection, endpoint.endpoint_id, clock()) == 3
    assert worker.run_once() == Round(delivered=3)
    assert receiver.ids[1:] == ids


@pytest.mark.parametrize("status", [302, 400, 404])
def test_what_is_refused_holds_nobody_up(engine: Engine, receiver: Receiver, clock: Clock, status: int) -> None:
    """Neither other accounts nor a later event of the same; a redirect is not followed."""
    endpoint = subscribe(engine, receiver.url)
    first, second, other = (put_event(engine, endpoint, name) for name in ("A1", "A1", "A2"))
    elsewhere = {"Location": receiver.url + "/elsewhere"}
    receiver.reply = lambda request: (status, elsewhere) if request.id == first else (200, {})
    assert worker_of(engine, clock).run_once() == Round(delivered=2, retried=1)
    assert receiver.ids == [first, other, second]
    assert {request.path for request in receiver.received} == {"/hook"}


def test_an_account_is_told_of_in_order(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """A later event of an account waits for the earlier one, though that one is to be tried later."""
    endpoint = subscribe(engine, receiver.url)
    first = put_event(engine, endpoint)
    receiver.answers(500)
    worker = worker_of(engine, clock)
    worker.run_once()
    clock.move(seconds=5)
    worker.run_once()
    second, other = put_event(engine, endpoint, at=clock()), put_event(engine, endpoint, "A2", clock())
    receiver.answers(200)
    assert worker.run_once() == Round(delivered=1)
    assert receiver.ids == [first, first, other]
    clock.move(minutes=5)
    assert worker.run_once() == Round(delivered=2)
    assert receiver.ids[3:] == [first, second]


def test_news_of_an_account_brings_the_old_along(
    database_url: str, engine: Engine, receiver: Receiver, clock: Clock
) -> None:
    """After an outage the latest state arrives with the next run, behind what came before it."""
    subscribe(engine, receiver.url)
    receiver.answers(500)
    with store_with(database_url, Outbox(own_settings()).publish) as store:
        publish(store, SAFE)
        publish(store, THREAT, day=1)
        clock.move(days=1)
        worker = worker_of(engine, clock)
        for delay in DELAYS[:7]:
            worker.run_once()
            clock.at += delay
        clock.at = AT + timedelta(days=2)
        publish(store, SAFE, day=2)
    receiver.answers(200)
    receiver.received.clear()
    assert worker.run_once() == Round(delivered=2)
    bands = [json.loads(request.body)["data"]["after"]["band"] for request in receiver.received]
    assert bands == ["at_risk", "safe"]


def test_one_receiver_in_trouble_does_not_hold_up_another(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    with receiving() as broken:
        broken.answers(502)
        for url in (broken.url, receiver.url):
            endpoint = subscribe(engine, url)
            for number in range(30):
                put_event(engine, endpoint, f"A{number}")
        assert worker_of(engine, clock).run_once() == Round(delivered=30, retried=1)
    assert len(broken.received) == 1 and len(set(receiver.ids)) == 30
    released = [row for row in deliveries(engine) if row["state"] == "pending"]
    assert len(released) == 30 and not any(row["claim"] or row["claimed_until"] for row in released)


def test_nobody_there(engine: Engine, clock: Clock) -> None:
    with receiving() as receiver:
        endpoint = subscribe(engine, receiver.url)
    put_event(engine, endpoint)
    assert worker_of(engine, clock).run_once() == Round(retried=1)
    (delivery,) = deliveries(engine)
    assert delivery["last_status"] is None and "Connection refused" in delivery["last_error"]
    with reading(engine) as connection:
        standing = standing_of(connection, endpoint.endpoint_id)
    assert standing["deliveries"] == {"pending": 1, "delivered": 0, "failed": 0, "disabled": 0}
    assert standing["last_attempt_at"] == clock() and standing["last_error"] == delivery["last_error"]


def test_without_a_secret_nothing_is_sent_and_nothing_counts(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    standard, hubspot = subscribe(engine, receiver.url), subscribe(engine, receiver.url, signature="hubspot-v3")
    slack = subscribe(engine, receiver.url, style="slack")
    for endpoint in (standard, hubspot, slack):
        put_event(engine, endpoint, "A1")
    settings = own_settings(secret=None)
    done = worker_of(engine, clock, settings).run_once()
    assert done.delivered == 1 and len(done.problems) == 2
    assert all("set CHURN_RISK_" in problem for problem in done.problems)
    states = {row["endpoint_id"]: (row["state"], row["attempts"]) for row in deliveries(engine)}
    assert states == {
        standard.endpoint_id: ("pending", 0),
        hubspot.endpoint_id: ("pending", 0),
        slack.endpoint_id: ("delivered", 1),
    }


def test_what_was_never_tried_is_due_whatever_clock_put_it_there(
    engine: Engine, receiver: Receiver, clock: Clock
) -> None:
    put_event(engine, subscribe(engine, receiver.url), at=AT + timedelta(hours=20))
    assert worker_of(engine, clock).run_once() == Round(delivered=1)


def test_the_clock_is_put_back(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """What a clock that ran ahead has set for its future is not waited for."""
    endpoint = subscribe(engine, receiver.url)
    clock.move(days=400)
    put_event(engine, endpoint, at=clock())
    receiver.answers(503, Retry_After="86400")
    worker = worker_of(engine, clock)
    assert worker.run_once() == Round(retried=1)
    clock.at = AT
    receiver.answers(200)
    assert worker.run_once() == Round(delivered=1)
    (request,) = receiver.received[1:]
    assert request.headers["webhook-timestamp"] == str(int(AT.timestamp()))


def test_events_are_kept_for_a_while(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    put_event(engine, endpoint)
    worker = worker_of(engine, clock)
    worker.run_once()
    clock.move(days=29)
    receiver.answers(500)
    waiting = put_event(engine, endpoint, "A2", at=AT)
    worker.run_once()
    assert len(rows(engine, EVENTS)) == 2
    clock.move(days=1, seconds=1)
    worker.run_once()
    assert [row["event_id"] for row in rows(engine, EVENTS)] == [waiting]
    assert [row["event_id"] for row in deliveries(engine)] == [waiting]


def test_an_account_is_forgotten(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    put_event(engine, endpoint, "A1")
    put_event(engine, endpoint, "A2")
    with writing(engine) as connection:
        assert erase_events(connection, "A1") == 1
    assert [row["account_id"] for row in rows(engine, EVENTS) + deliveries(engine)] == ["A2"] * 2
    assert worker_of(engine, clock).run_once() == Round(delivered=1)


def test_an_endpoint_is_removed(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    put_event(engine, endpoint)
    with writing(engine) as connection:
        remove_endpoint(connection, endpoint.endpoint_id)
    assert worker_of(engine, clock).run_once() == Round() and deliveries(engine) == []


@pytest.mark.parametrize("wanted", ["evt_0", "ep_0", ""])
def test_what_is_not_there_cannot_be_sent_again(engine: Engine, wanted: str) -> None:
    with writing(engine) as connection, pytest.raises(InputError, match="there is no"):
        redeliver(connection, wanted, datetime.now(UTC))
