"""`churn-risk webhooks` on the command line, against a receiver on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from standardwebhooks import Webhook
from support.personal import leaks, names_in
from support.served import Done, run_command
from support.stored import SCORE, opened, put
from support.webhooks import MASTER, Receiver, deliveries, put_event, receiving, rows

from serving.database.engine import open_database, reading
from serving.store.score_tables import SCORES
from serving.webhooks.changes import ALERT, PING, SUBSCRIBED, TYPES
from serving.webhooks.endpoints import Endpoint, all_endpoints
from serving.webhooks.event_tables import EVENTS
from training.bundle.bundle import Bundle
from training.settings import Environment

Command = Callable[..., Done]
COMMANDS = ("add", "list", "remove", "enable", "rotate", "test", "deliver", "redeliver")


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("CHURN_RISK_SECRET", MASTER)
    monkeypatch.setenv("CHURN_RISK_WEBHOOK_PRIVATE", "true")

    def run(*arguments: object) -> Done:
        return run_command(monkeypatch, capfd, "webhooks", *arguments)

    return run


@pytest.fixture
def engine(environment: Environment) -> Iterator[Engine]:
    made = open_database(environment.scores_url)
    yield made
    made.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def added(engine: Engine) -> Endpoint:
    with reading(engine) as connection:
        (found,) = all_endpoints(connection)
    return found


def test_help(churn_risk: Command) -> None:
    listed = churn_risk("--help").out
    for command in COMMANDS:
        assert f"│ {command} " in listed
        done = churn_risk(command, "--help")
        assert done.code == 0 and "--json" in done.out


def test_add_shows_the_secret_once(churn_risk: Command, engine: Engine) -> None:
    result = churn_risk("add", "https://crm.example/hook?key=word", "--json").result
    endpoint = added(engine)
    assert result == {
        "endpoint_id": endpoint.endpoint_id, "url": "https://crm.example/…", "events": list(TYPES),
        "account_manager": None, "format": "standard", "lang": "en", "signature": "standard", "disabled_at": None,
        "disabled_because": None, "secret": result["secret"],
    }  # fmt: skip
    assert result["secret"].startswith("whsec_") and endpoint.url == "https://crm.example/hook?key=word"
    said = churn_risk("list")
    assert said.code == 0 and said.out == "" and endpoint.endpoint_id in said.err
    for done in (said, churn_risk("list", "--json")):
        assert "whsec_" not in done.out + done.err and "word" not in done.out + done.err


@pytest.mark.parametrize("command", ["add", "rotate"])
def test_the_secret_alone_is_printed_and_all_else_is_told(churn_risk: Command, engine: Engine, command: str) -> None:
    done = churn_risk("add", "https://crm.example/hook")
    if command == "rotate":
        done = churn_risk("rotate", added(engine).endpoint_id)
    secret = done.out.removesuffix("\n")
    assert secret.startswith("whsec_") and len(secret.split()) == 1
    assert added(engine).endpoint_id in done.err and "shown this once" in done.err and secret not in done.err


def test_a_manager_who_is_nobody_is_told(churn_risk: Command, environment: Environment) -> None:
    with opened(environment.scores_url) as store:
        put(store, SCORE, evidence={SCORE.account_id: {"account": {"account_manager": "Eva Groß"}}})
    misspelt, right = (
        churn_risk("add", "https://crm.example", "--account-manager", who) for who in ("Eva Gros", "Eva Groß")
    )
    assert misspelt.code == right.code == 0 and "warning" not in right.err
    assert "has the account manager 'Eva Gros'; did you mean 'Eva Groß'?" in misspelt.err


def test_add_with_everything(churn_risk: Command, engine: Engine) -> None:
    wanted = ("--event", TYPES[1], "--event", TYPES[2], "--event", TYPES[1], "--account-manager", "Eva", "--lang", "de")
    done = churn_risk("add", "https://hooks.slack.com/services/T0/B0/secret", "--format", "slack", *wanted)
    assert done.code == 0 and done.out == "" and "secret" not in done.err
    endpoint = added(engine)
    assert (endpoint.events, endpoint.account_manager, endpoint.format, endpoint.lang) == (
        (TYPES[1], TYPES[2]), "Eva", "slack", "de",
    )  # fmt: skip
    done = churn_risk("rotate", endpoint.endpoint_id)
    assert done.code == 2 and "not signed with a secret" in done.err and added(engine) == endpoint


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("crm.example",), "must be https://HOST/PATH"),
        (("https://crm.example", "--event", "account.left"), "--event account.left: the types of events are"),
        (("https://crm.example", "--format", "slack", "--signature", "hubspot-v3"), "verifies nothing"),
        (("https://crm.example", "--signature", "hubspot-v3"), "set CHURN_RISK_HUBSPOT_SECRET"),
        (("https://crm.example", "--format", "teams"), "Invalid value"),
    ],
)
def test_add_what_nobody_could_use(churn_risk: Command, engine: Engine, arguments: tuple[str, ...], says: str) -> None:
    done = churn_risk("add", *arguments)
    assert done.code == 2 and says in " ".join(done.err.split())
    assert rows(engine, sa.Table("webhook_endpoints", EVENTS.metadata)) == []


def test_without_a_secret(churn_risk: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHURN_RISK_SECRET")
    done = churn_risk("add", "https://crm.example")
    assert done.code == 2 and "set CHURN_RISK_SECRET to 32 random characters" in done.err
    assert churn_risk("add", "https://crm.example", "--format", "slack").code == 0


def test_private_addresses_are_refused_unless_allowed(churn_risk: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHURN_RISK_WEBHOOK_PRIVATE")
    done = churn_risk("add", "https://10.0.0.1/hook")
    assert done.code == 2 and "is not in the internet" in done.err
    endpoint = churn_risk("add", "https://localhost:9/", "--json").result["endpoint_id"]
    done = churn_risk("test", endpoint, "--json")
    assert done.code == 1 and done.result["status"] is None
    assert "only with CHURN_RISK_WEBHOOK_PRIVATE=true" in done.result["error"]


def test_a_ping(churn_risk: Command, receiver: Receiver) -> None:
    made = churn_risk("add", receiver.url, "--json").result
    done = churn_risk("test", made["endpoint_id"], "--json")
    (request,) = receiver.received
    assert done.code == 0 and done.result == {
        "endpoint_id": made["endpoint_id"], "webhook_id": request.id, "status": 204, "error": None, "answer": "",
    }  # fmt: skip
    body = Webhook(made["secret"]).verify(request.body, dict(request.headers))
    assert body["type"] == PING and body["data"] == {"endpoint_id": made["endpoint_id"]}
    receiver.answers(404)
    done = churn_risk("test", made["endpoint_id"])
    assert done.code == 1 and "did not take it: 404" in done.err


def test_rotate(churn_risk: Command, receiver: Receiver) -> None:
    made = churn_risk("add", receiver.url, "--json").result
    rotated = churn_risk("rotate", made["endpoint_id"], "--json").result
    assert rotated["secret"] != made["secret"]
    churn_risk("test", made["endpoint_id"])
    for secret in (made["secret"], rotated["secret"]):
        Webhook(secret).verify(receiver.received[0].body, dict(receiver.received[0].headers))
    assert "for 24 hours" in churn_risk("rotate", "--help").out
    assert "the secret before signs too" in churn_risk("rotate", made["endpoint_id"]).err


def test_from_a_delivery_that_is_refused_to_one_that_arrives(
    churn_risk: Command, engine: Engine, receiver: Receiver
) -> None:
    endpoint_id = churn_risk("add", receiver.url, "--json").result["endpoint_id"]
    event = put_event(engine, added(engine), at=datetime.now(UTC))
    receiver.answers(410)
    counts = {"delivered": 0, "retried": 0, "failed": 0, "disabled": 0, "problems": []}
    assert churn_risk("deliver", "--json").result == counts | {"disabled": 1}
    (listed,) = churn_risk("list", "--json").result["endpoints"]
    assert listed["deliveries"]["disabled"] == 1 and listed["last_status"] == 410
    assert listed["disabled_because"] == "the receiver answered 410 Gone"
    assert "disabled, holds 1" in " ".join(churn_risk("list").err.split())
    assert churn_risk("redeliver", endpoint_id).code == 2
    assert churn_risk("enable", endpoint_id, "--json").result == {"endpoint_id": endpoint_id, "enabled": True}
    assert churn_risk("redeliver", endpoint_id, "--json").result == {"id": endpoint_id, "deliveries": 1}
    receiver.answers(200)
    done = churn_risk("deliver")
    assert done.code == 0 and done.out == "" and done.err == "1 delivered, 0 retried, 0 failed, 0 disabled\n"
    assert churn_risk("redeliver", event).code == 0
    assert receiver.ids == [event] * 2 and deliveries(engine)[0]["state"] == "pending"


def test_redeliver_makes_due_what_waits_and_says_who_sends_it(
    churn_risk: Command, engine: Engine, receiver: Receiver
) -> None:
    endpoint_id = churn_risk("add", receiver.url, "--json").result["endpoint_id"]
    assert churn_risk("redeliver", endpoint_id).err == "0 deliveries are due again: nothing waits or was given up\n"
    for number in range(2):
        put_event(engine, added(engine), f"A{number}", at=datetime.now(UTC))
    receiver.answers(404)
    said = churn_risk("deliver").err
    assert f"warning: webhooks: {receiver.ids[0]} to {endpoint_id}: 404\n" in said and "libraries" not in said
    receiver.answers(200)
    assert churn_risk("deliver").err.startswith("0 delivered"), "both wait for their next attempt"
    again = "2 deliveries are due again: the running service sends what is due, or `churn-risk webhooks deliver`"
    assert churn_risk("redeliver", endpoint_id).err == f"{again}\n"
    assert churn_risk("deliver").err.startswith("2 delivered")
    put_event(engine, added(engine), at=datetime.now(UTC))
    receiver.answers(503, Retry_After="3600")
    churn_risk("deliver")
    assert "due again: the running" in (said := churn_risk("redeliver", endpoint_id).err) and "UTC on, as the" in said


def test_deliver_says_why_it_cannot(
    churn_risk: Command, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    churn_risk("add", receiver.url)
    put_event(engine, added(engine))
    monkeypatch.delenv("CHURN_RISK_SECRET")
    done = churn_risk("deliver", "--json")
    assert done.code == 1 and "set CHURN_RISK_SECRET" in done.result["problems"][0] and receiver.received == []


@pytest.mark.parametrize("command", ["remove", "enable", "rotate", "test", "redeliver"])
def test_an_endpoint_that_is_not_there(churn_risk: Command, command: str) -> None:
    done = churn_risk(command, "ep_0")
    assert done.code == 2 and done.err.startswith("error: there is no endpoint 'ep_0'")


def test_remove(churn_risk: Command) -> None:
    endpoint_id = churn_risk("add", "https://crm.example", "--json").result["endpoint_id"]
    assert churn_risk("remove", endpoint_id, "--json").result == {"endpoint_id": endpoint_id, "removed": True}
    assert churn_risk("list", "--json").result == {"endpoints": []}


def test_from_the_book_to_the_receiver(
    bundle: Bundle,
    book_folder: Path,
    churn_risk: Command,
    engine: Engine,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """`score` at two dates: what is sent are the changes between the stored scores, with reasons in words.

    Of the people whom the evidence names, nothing is sent to anybody, in no form.
    """
    monkeypatch.setitem(sys.modules, "training.registry.tracking", SimpleNamespace(fetch=lambda environment: bundle))
    churn_risk("add", receiver.url, "--lang", "de")
    every = [word for kind in SUBSCRIBED for word in ("--event", kind)]
    for form in ("standard", "slack"):
        churn_risk("add", f"{receiver.url}/{form}", "--format", form, *every)
    for day in ("2025-09-01", "2025-12-01"):
        assert run_command(monkeypatch, capfd, "score", book_folder, "--as-of", day, "--no-figures").code == 0
    assert churn_risk("deliver").code == 0
    received, names = receiver.received, names_in(book_folder)
    assert leaks(json.dumps([row["evidence"] for row in rows(engine, SCORES)]).encode(), names)
    assert leaks(b"".join(request.body + repr(request).encode() for request in received), names) == []
    assert {request.path for request in received} == {"/hook", "/hook/standard", "/hook/slack"}
    assert any(json.loads(each.body)["type"] == ALERT for each in received if each.path == "/hook/standard")
    found = [json.loads(request.body) for request in received if request.path == "/hook"]
    assert len(found) == len({body["data"]["account_id"] for body in found}) > 5
    stored = {(row["account_id"], row["as_of"].isoformat()): row for row in rows(engine, SCORES)}
    for body in found:
        data = body["data"]
        for standing in filter(None, (data["before"], data["after"])):
            row = stored[data["account_id"], standing["as_of"]]
            assert {name: row[name] for name in ("band", "threat", "churn_probability", "revenue_at_risk")} == {
                name: standing[name] for name in ("band", "threat", "churn_probability", "revenue_at_risk")
            }
        assert data["after"]["as_of"] == "2025-12-01" and body["type"] in data["changes"]
        assert data["account_name"] and "Risiko" in data["reason_1"]
