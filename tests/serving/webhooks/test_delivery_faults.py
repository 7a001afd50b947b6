"""Workers that die, meet or stall: nothing is lost, and what is sent twice carries the same id."""

from __future__ import annotations

import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from support.served import process
from support.webhooks import (
    Clock,
    Receiver,
    deliveries,
    own_settings,
    put_event,
    subscribe,
    worker_of,
)

from serving.database.engine import open_database, writing
from serving.errors import StoreUnavailable
from serving.webhooks.delivery import delivery
from serving.webhooks.delivery.delivery import DeliveryWorker, Round
from serving.webhooks.delivery.delivery_claims import BATCH, LEASE, claim, release, settle
from serving.webhooks.delivery.sending import Answer


def test_two_workers_at_once_send_each_event_once(
    database_url: str, engine: Engine, receiver: Receiver, clock: Clock
) -> None:
    """Each has its own engine, as in another process; they start together and share the work."""
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(3 * BATCH)]
    both, other = Barrier(2), open_database(database_url)

    def work(own: Engine) -> Round:
        both.wait()
        return worker_of(own, clock).run_once()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(work, (engine, other)))
    other.dispose()
    assert sum(part.delivered for part in done) == len(ids)
    assert sorted(receiver.ids) == sorted(ids)


def test_a_claim_is_one_workers_alone(engine: Engine, clock: Clock) -> None:
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    for number in range(BATCH + 5):
        put_event(engine, endpoint, f"A{number}")
    with writing(engine) as connection:
        first, second, third = (claim(connection, endpoint.endpoint_id, clock()) for _ in range(3))
    assert (len(first), len(second), third) == (BATCH, 5, [])
    assert [one.delivery_id for one in first] < [one.delivery_id for one in second]
    with writing(engine) as connection:
        release(connection, second)
        assert [one.message for one in claim(connection, endpoint.endpoint_id, clock())] == [
            one.message for one in second
        ]


def test_what_is_heard_after_the_lease_has_run_out(engine: Engine, clock: Clock) -> None:
    """A failure is the next worker's business; a success is one, whoever had it, and is never undone."""
    endpoint = subscribe(engine, "http://127.0.0.1:9/")
    put_event(engine, endpoint)
    with writing(engine) as connection:
        (first,) = claim(connection, endpoint.endpoint_id, clock())
        clock.at += LEASE
        (second,) = claim(connection, endpoint.endpoint_id, clock())
        assert settle(connection, first, Answer(500), clock(), 0.5) is None
    assert deliveries(engine)[0]["claim"] == second.claim and deliveries(engine)[0]["attempts"] == 0
    with writing(engine) as connection:
        assert settle(connection, first, Answer(200), clock(), 0.5) == "delivered"
        assert settle(connection, second, Answer(500), clock(), 0.5) is None
    assert deliveries(engine)[0]["state"] == "delivered"


KILLED = """
from datetime import datetime
from serving.database.engine import open_database
from support.webhooks import Clock, worker_of
worker_of(open_database({url!r}), Clock()).run_once()
"""


@pytest.mark.server
def test_kill_in_the_middle_of_a_delivery(
    database_url: str, engine: Engine, receiver: Receiver, clock: Clock, tmp_path: Path
) -> None:
    """The receiver has the first event and has not answered yet: all are sent once the lease has run out."""
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(3)]
    arrived, over = Event(), Event()

    def hold(_: object) -> tuple[int, dict[str, str]]:
        arrived.set()
        over.wait()
        return 200, {}

    receiver.reply = hold
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})" + KILLED.format(url=database_url)
    with process([sys.executable, "-c", code], tmp_path / "home", tmp_path / "log") as working:
        assert arrived.wait(60), (tmp_path / "log").read_text()
        working.send_signal(signal.SIGKILL)
        assert working.wait(60) == -signal.SIGKILL
    over.set()
    receiver.answers(200)
    worker = worker_of(engine, clock)
    assert worker.run_once() == Round()
    clock.at += LEASE
    assert worker.run_once() == Round(delivered=3)
    assert receiver.ids == [ids[0], *ids]


def test_a_lease_that_is_about_to_run_out_is_not_overrun(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """Slow answers use it up: the rest is given back and claimed anew."""
    endpoint = subscribe(engine, receiver.url)
    ids = [put_event(engine, endpoint, f"A{number}") for number in range(BATCH)]
    claims = set()

    def slow(_: object) -> tuple[int, dict[str, str]]:
        claims.add(next(row["claim"] for row in deliveries(engine) if row["state"] == "pending"))
        clock.at += timedelta(seconds=19)
        return 200, {}

    receiver.reply = slow
    assert worker_of(engine, clock).run_once() == Round(delivered=BATCH)
    assert receiver.ids == ids and len(claims) == 2


def test_the_worker_of_a_service(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It works in a thread of its own, gets over a database that is gone for a while, and ends when it is told."""
    endpoint = subscribe(engine, receiver.url)
    looked, failures = Event(), [StoreUnavailable("gone"), RuntimeError("a bug")]
    whole = DeliveryWorker._round

    def round_of(self: DeliveryWorker, turn: Any) -> tuple[Round, bool]:
        if failures:
            raise failures.pop(0)
        done = whole(self, turn)
        if done[0].delivered:
            looked.set()
        return done

    monkeypatch.setattr(DeliveryWorker, "_round", round_of)
    monkeypatch.setattr(delivery, "POLL", 0.01)
    worker = DeliveryWorker(engine, own_settings())
    with caplog.at_level(logging.WARNING, logger=delivery.__name__):
        worker.start()
        event = put_event(engine, endpoint)
        assert looked.wait(60)
        worker.stop()
    assert receiver.ids == [event]
    assert [record.message for record in caplog.records] == ["webhooks: gone", "webhooks: a round of deliveries failed"]


def test_stopping_gives_back_what_was_not_begun(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    for number in range(5):
        put_event(engine, endpoint, f"A{number}")
    worker = worker_of(engine, clock)

    def last(_: object) -> tuple[int, dict[str, str]]:
        worker.stop()
        return 200, {}

    receiver.reply = last
    assert worker.run_once() == Round(delivered=1)
    assert not any(row["claim"] for row in deliveries(engine))
    receiver.answers(200)
    assert worker_of(engine, clock).run_once() == Round(delivered=4)


def test_logs_tell_nothing_of_whom_it_is_about(
    engine: Engine, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = subscribe(engine, f"{receiver.url}/T0/secret")
    event = put_event(engine, endpoint, "Müller")
    receiver.answers(500)
    with caplog.at_level(logging.DEBUG):
        worker_of(engine, clock).run_once()
    told = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("churn_risk"))
    assert event in told and endpoint.endpoint_id in told and "500" in told
    assert "Müller" not in told and "secret" not in told
