"""The worker that empties the outbox: it claims due deliveries, sends them and records the results.

Any number of workers may run, in any number of processes. Every event arrives at least once if its receiver answers
within three days of retries. It always has the same `webhook-id`, so a receiver can drop duplicates. An endpoint gets
the events of one account in their order; there is no guaranteed order between accounts.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from traceback import format_tb

from sqlalchemy.engine import Engine

from features.errors import ChurnRiskError, InputError
from serving import metrics
from serving.clock import utc_now
from serving.database.engine import reading, writing
from serving.errors import StoreUnavailable
from serving.loops import Loop
from serving.settings import ServiceSettings
from serving.webhooks.changes import PING
from serving.webhooks.delivery.delivery_claims import Claimed, claim, is_held, release, settle, waiting_endpoints
from serving.webhooks.delivery.messages import Message, body_of
from serving.webhooks.delivery.sending import Answer, Sender
from serving.webhooks.delivery.sentences import worded
from serving.webhooks.delivery.signatures import demand_secret_of, headers
from serving.webhooks.endpoints import Endpoint, endpoint_of
from serving.webhooks.event_retention import purge_events

#: Seconds between two searches for due deliveries.
POLL = 5.0
#: How long a service's worker sends to one endpoint before it searches again for due deliveries to all.
TURN = timedelta(seconds=30)
#: Endpoints that a worker sends to at the same time.
LANES = 8
PURGE_EVERY = timedelta(hours=1)
log = logging.getLogger("churn_risk.webhooks")


@dataclass(frozen=True)
class Round:
    """The results of the deliveries that were due.

    Attributes
    ----------
    delivered, retried, failed, disabled : int
        Number of deliveries by result; `retried` ones failed and will be tried again.
    problems : tuple of str
        One sentence for each endpoint that nothing could be sent to.
    """

    delivered: int = 0
    retried: int = 0
    failed: int = 0
    disabled: int = 0
    problems: tuple[str, ...] = ()


class DeliveryWorker:
    """Delivers the events in the outbox.

    Parameters
    ----------
    engine : Engine
        The score store's database.
    now : callable
        The clock.
    chance : callable
        Returns random numbers from 0 to 1, for the jitter.
    sender : Sender, optional
        Sends the requests; by default a sender with the limits of the settings.
    """

    def __init__(
        self,
        engine: Engine,
        settings: ServiceSettings,
        now: Callable[[], datetime] = utc_now,
        chance: Callable[[], float] = random.random,
        sender: Sender | None = None,
    ) -> None:
        self._engine, self._settings, self._now, self._chance = engine, settings, now, chance
        self._sender = sender or Sender(settings.webhook_seconds, settings.webhook_private)
        self._loop = Loop("webhooks", self._take_turn, POLL, log, "webhooks: a round of deliveries failed")
        self._purged_at: datetime | None = None

    def start(self) -> None:
        """Start to deliver in a separate thread, until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        """Send nothing more, and wait for the current requests."""
        self._loop.stop()

    def run_once(self) -> Round:
        """Deliver everything that is due now; purge old events once an hour.

        Raises
        ------
        StoreUnavailable
            When the database is unavailable; unfinished deliveries are sent again once their leases have run out.
        """
        return self._round(None)[0]

    def _round(self, turn: timedelta | None) -> tuple[Round, bool]:
        """Send due deliveries, to each endpoint no longer than its turn; return also whether some may be left."""
        self._purge()
        with reading(self._engine) as connection:
            waiting = waiting_endpoints(connection, self._now())
        counts: Counter[str] = Counter()
        problems, left = [], False
        with ThreadPoolExecutor(LANES, thread_name_prefix="webhooks") as lanes:
            for done, problem, more in lanes.map(lambda endpoint_id: self._lane(endpoint_id, turn), waiting):
                counts += done
                problems += [problem] if problem else []
                left |= more
        retried = counts["pending"]
        return Round(counts["delivered"], retried, counts["failed"], counts["disabled"], tuple(problems)), left

    def _take_turn(self) -> bool:
        try:
            return self._round(TURN)[1]
        except ChurnRiskError as error:
            log.warning("webhooks: %s", error)
            return False

    def _lane(self, endpoint_id: str, turn: timedelta | None) -> tuple[Counter[str], str | None, bool]:
        """Send the due deliveries to one endpoint; an unexpected failure there does not affect other endpoints."""
        try:
            return self._empty(endpoint_id, turn)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.error("webhooks: nothing more is sent to %s for now: %s", endpoint_id, _where(error))
            return Counter(), f"sending to {endpoint_id} failed unexpectedly; it is logged", False

    def _empty(self, endpoint_id: str, turn: timedelta | None) -> tuple[Counter[str], str | None, bool]:
        """Send the due deliveries to one endpoint, until none is left, the receiver is in trouble or time is up.

        Returns
        -------
        Counter, str or None, bool
            The number of deliveries by result; why nothing can be sent; whether time was up.
        """
        counts: Counter[str] = Counter()
        begun = self._now()

        def over() -> bool:
            return turn is not None and abs(self._now() - begun) >= turn

        while not self._loop.stopping.is_set():
            with writing(self._engine) as connection:
                try:
                    endpoint = endpoint_of(connection, endpoint_id)
                    demand_secret_of(endpoint, self._settings)
                except InputError as error:  # The endpoint was removed, or there is no secret.
                    log.warning("webhooks: nothing is sent to %s: %s", endpoint_id, error)
                    return counts, str(error), False
                claimed = claim(connection, endpoint_id, self._now())
            if not claimed or not self._send_all(endpoint, claimed, counts, over):
                break
            if over():
                return counts, None, True
        return counts, None, False

    def _send_all(
        self, endpoint: Endpoint, claimed: list[Claimed], counts: Counter[str], over: Callable[[], bool]
    ) -> bool:
        """Send claimed deliveries one after the other; return whether the endpoint can take more."""
        for place, delivery in enumerate(claimed):
            if self._loop.stopping.is_set() or self._is_late(delivery) or (place and over()):
                self._give_back(claimed[place:])
                return not self._loop.stopping.is_set()
            answer = self._post(endpoint, delivery)
            if answer is None:
                counts["lost"] += 1
                continue
            with writing(self._engine) as connection:
                state = settle(connection, delivery, answer, self._now(), self._chance())
            counts[state or "lost"] += 1
            metrics.delivered("retried" if state == "pending" else state or "lost")
            _log_delivery(endpoint, delivery, answer)
            if answer.trouble or state == "disabled":
                self._give_back(claimed[place + 1 :])
                return False
        return True

    def _post(self, endpoint: Endpoint, delivery: Claimed) -> Answer | None:
        """Send an event; a message that cannot be made counts as an attempt and does not delay other accounts.

        Returns None and sends nothing when the delivery is obsolete: its account was forgotten, its endpoint was
        removed or disabled, or another worker has it.

        Raises
        ------
        StoreUnavailable
            When the event's reasons cannot be read now.
        """
        try:
            with reading(self._engine) as connection:
                if not is_held(connection, delivery):
                    return None
                message = worded(connection, delivery.message, endpoint.lang)
            return post_event(self._sender, self._settings, endpoint, message, self._now())
        except StoreUnavailable:
            raise
        except Exception as error:
            event_id, what = delivery.message.event_id, type(error).__name__
            log.error("webhooks: %s to %s cannot be made: %s", event_id, endpoint.endpoint_id, _where(error))
            return Answer(None, f"it could not be made: {what}", unmade=True)

    def _is_late(self, delivery: Claimed) -> bool:
        """Whether the lease might run out while the worker waits for the receiver."""
        return self._now() + timedelta(seconds=2 * self._settings.webhook_seconds) > delivery.claimed_until

    def _give_back(self, claimed: list[Claimed]) -> None:
        if claimed:
            with writing(self._engine) as connection:
                release(connection, claimed)

    def _purge(self) -> None:
        now = self._now()
        if self._purged_at is not None and abs(now - self._purged_at) < PURGE_EVERY:
            return
        with writing(self._engine) as connection:
            purge_events(connection, now - timedelta(days=self._settings.webhook_retention_days))
        self._purged_at = now


def post_event(
    sender: Sender, settings: ServiceSettings, endpoint: Endpoint, message: Message, now: datetime
) -> Answer:
    """Send one event to an endpoint and return the answer.

    Parameters
    ----------
    settings : ServiceSettings
        They have the secrets that sign.
    now : datetime
        The time of the signature.

    Raises
    ------
    InputError
        When there is no secret to sign with.
    """
    body = body_of(message, endpoint)
    return sender.post(endpoint.url, headers(endpoint, settings, message.event_id, body, now), body)


def ping(sender: Sender, settings: ServiceSettings, endpoint: Endpoint, event_id: str, now: datetime) -> Answer:
    """Send a test event to an endpoint, regardless of its subscription, and return the answer.

    Parameters
    ----------
    settings : ServiceSettings
        They have the secrets that sign.
    event_id : str
        The `webhook-id` of the test.
    now : datetime
        The time of the event and of the signature.

    Raises
    ------
    InputError
        When there is no secret to sign with.
    """
    message = Message(event_id, PING, now, {"endpoint_id": endpoint.endpoint_id})
    return post_event(sender, settings, endpoint, message, now)


def _where(error: Exception) -> str:
    """Return an exception's type and traceback without its text, which may name an account."""
    return "\n".join([type(error).__name__, *format_tb(error.__traceback__)])


def _log_delivery(endpoint: Endpoint, delivery: Claimed, answer: Answer) -> None:
    """Log a delivery without naming its account."""
    text = "webhooks: %s to %s: %s"
    event_id, what = delivery.message.event_id, answer.status or answer.error
    log.log(logging.INFO if answer.taken else logging.WARNING, text, event_id, endpoint.endpoint_id, what)
