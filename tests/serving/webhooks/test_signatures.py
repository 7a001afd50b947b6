"""Signatures: the library of Standard Webhooks verifies them, in a rotation with either secret; HubSpot's is golden."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy.engine import Engine
from standardwebhooks import Webhook, WebhookVerificationError
from support.webhooks import MASTER, Clock, Receiver, own_settings, put_event, subscribe, worker_of

from features.errors import InputError
from serving.database.engine import open_database, writing
from serving.webhooks.delivery.delivery import Round
from serving.webhooks.delivery.signatures import hubspot_signature, receiver_secret, signing_secret
from serving.webhooks.endpoints import ROTATION, Endpoint, rotate_endpoint

OLD = "o" * 40


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'scores.db'}")
    yield made
    made.dispose()


@pytest.fixture
def clock() -> Clock:
    """The library allows for five minutes around the real time."""
    return Clock(datetime.now(UTC))


def sent(engine: Engine, clock: Clock, endpoint: Endpoint, receiver: Receiver, master: str = MASTER) -> int:
    """Send an event; return the number of signatures that came with it."""
    put_event(engine, endpoint, at=clock())
    assert worker_of(engine, clock, own_settings(secret=master)).run_once() == Round(delivered=1)
    return len(receiver.received[-1].headers["webhook-signature"].split(" "))


def verified(secret: str | None, receiver: Receiver) -> bool:
    request = receiver.received[-1]
    try:
        Webhook(str(secret)).verify(request.body, dict(request.headers))
    except WebhookVerificationError as error:
        assert str(error) == "No matching signature found"
        return False
    return True


def test_the_library_verifies(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    other = subscribe(engine, receiver.url)
    assert sent(engine, clock, endpoint, receiver) == 1
    assert verified(receiver_secret(endpoint, own_settings()), receiver)
    assert not verified(receiver_secret(other, own_settings()), receiver)
    assert not verified(receiver_secret(endpoint, own_settings(secret=OLD)), receiver)


def test_a_body_that_was_changed_is_not_verified(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    endpoint = subscribe(engine, receiver.url)
    sent(engine, clock, endpoint, receiver)
    request = receiver.received[-1]
    library = Webhook(str(receiver_secret(endpoint, own_settings())))
    for body, headers in ((request.body + b" ", {}), (request.body, {"webhook-id": "evt_other"})):
        with pytest.raises(WebhookVerificationError):
            library.verify(body, {**request.headers, **headers})


def test_rotation(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """For a day either secret verifies, then the new one only."""
    before = subscribe(engine, receiver.url)
    with writing(engine) as connection:
        after = rotate_endpoint(connection, before.endpoint_id, clock() - ROTATION + timedelta(seconds=1))
    old, new = (receiver_secret(endpoint, own_settings()) for endpoint in (before, after))
    assert old != new
    assert sent(engine, clock, before, receiver) == 2
    assert verified(old, receiver) and verified(new, receiver)
    clock.move(seconds=1)
    assert sent(engine, clock, before, receiver) == 1
    assert not verified(old, receiver) and verified(new, receiver)


def test_the_master_secret_is_replaced(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    """Both sign while both are set; a rotation then gives the receiver one of the new master's."""
    endpoint = subscribe(engine, receiver.url)
    old = receiver_secret(endpoint, own_settings(secret=OLD))
    both = f"{MASTER}\n{OLD}\n"
    assert sent(engine, clock, endpoint, receiver, both) == 2 and verified(old, receiver)
    with writing(engine) as connection:
        rotated = rotate_endpoint(connection, endpoint.endpoint_id, clock())
    new = receiver_secret(rotated, own_settings(secret=both))
    assert sent(engine, clock, endpoint, receiver, both) == 4
    assert verified(old, receiver) and verified(new, receiver)
    assert sent(engine, clock, endpoint, receiver, MASTER) == 2
    assert not verified(old, receiver) and verified(new, receiver)


def test_a_secret_is_of_one_endpoint_and_generation() -> None:
    made = {signing_secret(master, name, turn) for master in (MASTER, OLD) for name in ("1", "11") for turn in (1, 11)}
    assert len(made) == 8
    for secret in made:
        assert secret.startswith("whsec_") and len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


def test_the_derivation_never_changes() -> None:
    """Receivers hold what came out of it: HKDF-SHA256, worked out by hand from two HMACs (RFC 5869)."""
    assert signing_secret(MASTER, "ep_1", 1) == "whsec_q+xZJJt8T2Xi2NnGS6JKKJfFRlOyoCME6GFuy7h2V+I="


def test_slack_is_not_signed(engine: Engine, receiver: Receiver, clock: Clock) -> None:
    put_event(engine, subscribe(engine, receiver.url, style="slack"), at=clock())
    assert worker_of(engine, clock).run_once() == Round(delivered=1)
    assert "webhook-signature" not in receiver.received[0].headers and receiver.ids


def test_hubspots_own_example() -> None:
    """From the tests of HubSpot's Python client."""
    found = hubspot_signature(
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        "POST",
        "https://www.example.com/webhook_uri",
        b"{'example_field':'example_value'}",
        "15000000",
    )
    assert found == "HPW73RUtKmcYoEDADG0s6MmGFWUzWJKAW07r8RDgcQw="


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://a.example/x%2Fy?z=%3a%40%21%24%27%28%29%2A%2C%3B", "https://a.example/x/y?z=:@!$'()*,;"),
        ("https://a.example/?q=%3F", "https://a.example/?q=?"),
    ],
)
def test_hubspot_decodes_twelve_characters(url: str, same: str) -> None:
    assert hubspot_signature("s", "POST", url, b"", "1") == hubspot_signature("s", "POST", same, b"", "1")


@pytest.mark.parametrize("url", ["https://a.example/%20", "https://a.example/%C3%A4", "https://a.example/%252F"])
def test_hubspot_decodes_no_others(url: str) -> None:
    assert hubspot_signature("s", "POST", url, b"", "1") != hubspot_signature("s", "POST", unquote(url), b"", "1")


def test_hubspot_on_the_wire(engine: Engine, receiver: Receiver, clock: Clock, tmp_path: Path) -> None:
    endpoint = subscribe(engine, f"{receiver.url}?portal=%40", signature="hubspot-v3")
    put_event(engine, endpoint, at=clock())
    (tmp_path / "secret").write_text("client-secret\n")
    settings = own_settings(secret=None, hubspot_secret_file=tmp_path / "secret")
    assert worker_of(engine, clock, settings).run_once() == Round(delivered=1)
    (request,) = receiver.received
    at = request.headers["x-hubspot-request-timestamp"]
    assert at == str(int(clock().timestamp() * 1000))
    expected = hubspot_signature("client-secret", "POST", f"{receiver.url}?portal=@", request.body, at)
    assert request.headers["x-hubspot-signature-v3"] == expected and "webhook-signature" not in request.headers
    assert receiver_secret(endpoint, settings) is None


def test_a_file_of_secrets_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="CHURN_RISK_HUBSPOT_SECRET_FILE"):
        own_settings(hubspot_secret_file=tmp_path / "none").hubspot()
