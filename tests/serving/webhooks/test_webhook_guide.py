"""The page on webhooks is true: its code verifies a real delivery, its payloads have the fields that are sent."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError
from support.webhooks import DATA, Clock, Received, own_settings, put_event, receiving, subscribe, worker_of

from serving.database.engine import open_database
from serving.webhooks.changes import PING, TYPES
from serving.webhooks.delivery.schedule import DELAYS
from serving.webhooks.delivery.signatures import receiver_secret

GUIDE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text(encoding="utf-8")
NODE = shutil.which("node")
CALL = """
const given = JSON.parse(require("node:fs").readFileSync(0, "utf-8"));
try { console.log(JSON.stringify(verified(Buffer.from(given.body, "base64"), given.headers, given.secret))); }
catch (error) { console.log(JSON.stringify(error.message)); }
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.S)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Received, str]]:
    """Return a request as a receiver gets it now, and its secret."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('guide') / 'scores.db'}")
    clock = Clock(datetime.now(UTC))
    with receiving() as receiver:
        endpoint = subscribe(engine, receiver.url)
        put_event(engine, endpoint, "Ä", at=clock())
        worker_of(engine, clock).run_once()
        (request,) = receiver.received
    engine.dispose()
    yield request, str(receiver_secret(endpoint, own_settings()))


def test_python(sent: tuple[Received, str]) -> None:
    request, secret = sent
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    found = names["verified"](request.body, dict(request.headers), secret)
    assert found["data"]["account_id"] == "Ä"
    with pytest.raises(WebhookVerificationError):
        names["verified"](request.body + b" ", dict(request.headers), secret)


@pytest.mark.skipif(NODE is None, reason="Node is not installed: apt-get install nodejs")
def test_javascript(sent: tuple[Received, str]) -> None:
    request, secret = sent

    def run(body: bytes, **changed: str) -> Any:
        given = {"body": base64.b64encode(body).decode(), "headers": {**request.headers, **changed}, "secret": secret}
        code = blocks("javascript")[0] + CALL
        done = subprocess.run([str(NODE), "-e", code], input=json.dumps(given), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    both = {"webhook-signature": f"v1,AAAA {request.headers['webhook-signature']}"}
    assert run(request.body)["data"]["account_id"] == run(request.body, **both)["data"]["account_id"] == "Ä"
    assert run(request.body + b" ") == "no signature matches"
    assert run(request.body, **{"webhook-timestamp": "1"}) == "too old or too new"


def test_payloads(sent: tuple[Received, str]) -> None:
    real = json.loads(sent[0].body)
    for text in blocks("json"):
        shown = json.loads(text)
        assert list(shown) == list(real) and shown["type"] in TYPES
        assert list(shown["data"]) == [*DATA, "reason_1", "reason_2", "reason_3"] == list(real["data"])
        assert all(
            list(shown["data"][name] or real["data"]["after"]) == list(real["data"]["after"])
            for name in ("before", "after")
        )


def test_what_is_named_is_there() -> None:
    assert all(f"| `{name}` |" in GUIDE for name in (*TYPES, PING))
    for name in re.findall(r"CHURN_RISK_([A-Z_]+[A-Z])", GUIDE):
        assert name.lower() in type(own_settings()).model_fields
    units = {"s": 1, "min": 60, "h": 3600}
    told = re.search(r"but 2xx: (.*?) later", GUIDE, re.S)
    assert told is not None
    spans = re.findall(r"(\d+) (s|min|h)\b", told[1])
    assert [int(number) * units[unit] for number, unit in spans] == [delay.total_seconds() for delay in DELAYS]
