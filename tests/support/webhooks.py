"""What the tests of events share: a clock to move, a receiver on loopback, scores that change, the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from serving.database.engine import reading, writing
from serving.scoring.scores import Reason, Score
from serving.settings import ServiceSettings
from serving.store import PublicationHook, ScoreStore
from serving.webhooks.changes import TYPES
from serving.webhooks.delivery.delivery import DeliveryWorker
from serving.webhooks.endpoints import Endpoint, add_endpoint, all_endpoints, new_endpoint
from serving.webhooks.event_tables import DELIVERIES, EVENTS

MASTER = "m" * 32
DAY, AT = date(2026, 1, 1), datetime(2026, 1, 1, 6, tzinfo=UTC)
REASONS = (
    Reason("nps", "nps_last", 3.0, None, 0.25, True),
    Reason("segment", "account_country", None, "Österreich", -0.125, False),
    Reason("silence", "silence_never_surveyed", None, None, 0.0, True),
)
SAFE = Score(
    account_id="A1", as_of=DAY, model_version="1", scored_at=AT, churn_probability=0.1, revenue_365d=1000.0,
    value=1200.0, currency="EUR", revenue_at_risk=100.0, expected_profit=-5.0, best_action=None,
    band="safe", threat=False,
    base_probability=0.175, reasons=REASONS, missing_tables=("loops",), collect=(),
)  # fmt: skip
THREAT = replace(SAFE, churn_probability=0.4, revenue_at_risk=400.0, band="at_risk", threat=True)
DATA = {
    "account_id": "A1", "account_name": None, "account_manager": None, "as_of": "2026-01-01", "model_version": "1",
    "currency": "EUR", "changes": list(TYPES[:2]), "before": None,
    "after": {
        "as_of": "2026-01-01", "model_version": "1", "band": "at_risk", "threat": True, "churn_probability": 0.4,
        "revenue_at_risk": 400.0,
    },
}  # fmt: skip


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **step: float) -> None:
        self.at += timedelta(**step)


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Reply = Callable[[Received], tuple[int, Mapping[str, str]]]


@dataclass
class Receiver:
    """A server on loopback that writes down what it gets; `reply` decides what it answers."""

    url: str
    reply: Reply = lambda request: (204, {})
    received: list[Received] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def ids(self) -> list[str]:
        return [request.id for request in self.received]

    def answers(self, status: int, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = lambda request: (status, named)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            lowered = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.path, lowered, body)
            with receiver.lock:
                receiver.received.append(request)
            status, headers = receiver.reply(request)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def own_settings(**changed: Any) -> ServiceSettings:
    """Return settings with a secret, by which loopback may be spoken to."""
    return ServiceSettings(**({"secret": MASTER, "webhook_private": True} | changed))


def worker_of(engine: Engine, clock: Clock, settings: ServiceSettings | None = None, **more: Any) -> DeliveryWorker:
    """Return a worker by a clock, whose jitter is none."""
    return DeliveryWorker(engine, settings or own_settings(), now=clock, **({"chance": lambda: 0.5} | more))


def subscribe(engine: Engine, url: str, **wanted: Any) -> Endpoint:
    """Store a subscription to everything, unless it says otherwise."""
    made = new_endpoint(**({"url": url, "events": TYPES, "now": AT} | wanted))
    with writing(engine) as connection:
        add_endpoint(connection, made)
    return made


def endpoints(engine: Engine) -> list[Endpoint]:
    with reading(engine) as connection:
        return all_endpoints(connection)


def put_event(engine: Engine, endpoint: Endpoint, account_id: str = "A1", at: datetime = AT) -> str:
    """Put an event for an endpoint into the outbox and return its id."""
    event = {
        "event_id": f"evt_{uuid4().hex}", "type": TYPES[0], "account_id": account_id, "run_id": 1, "occurred_at": at,
        "data": DATA | {"account_id": account_id},
    }  # fmt: skip
    delivery = {
        "event_id": event["event_id"], "endpoint_id": endpoint.endpoint_id, "account_id": account_id,
        "state": "pending", "attempts": 0, "next_attempt_at": at,
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(sa.insert(EVENTS), event)
        connection.execute(sa.insert(DELIVERIES), delivery)
    return str(event["event_id"])


def rows(engine: Engine, table: sa.Table) -> list[dict[str, Any]]:
    """Return all rows of a table, the oldest delivery or the smallest id first."""
    with reading(engine) as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()]


def deliveries(engine: Engine) -> list[dict[str, Any]]:
    return rows(engine, DELIVERIES)


def publish(
    store: ScoreStore, *scores: Score, day: int = 0, version: str = "1", hour: float = 0.0, **facts: Any
) -> None:
    """Publish a scoring run of some accounts, named and with an account manager, so many days and hours after `AT`.

    `facts` are more of what is known of the model.
    """
    as_of, at = DAY + timedelta(days=day), AT + timedelta(days=day, hours=hour)
    dated = [replace(score, as_of=as_of, scored_at=at, model_version=version) for score in scores]
    evidence = {
        score.account_id: {"account": {"name": f"{score.account_id} & Söhne", "account_manager": "Eva"}}
        for score in scores
    }
    store.write(dated, evidence, {"version": version} | facts, as_of, at)


@contextmanager
def store_with(url: str, *hooks: PublicationHook) -> Iterator[ScoreStore]:
    """Open a store with hooks; close it with the block."""
    store = ScoreStore(url, hooks)
    try:
        yield store
    finally:
        store.close()
