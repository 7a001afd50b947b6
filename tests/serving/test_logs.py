"""The service's logs: one object a line from every logger, with the ids of its request, and nothing of accounts."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from support.served import ROOT, Client, Json, client_of

from serving.store import ScoreStore
from training.bundle.bundle import Bundle

#: Logs as the service's parts do, and as BentoML and uvicorn set themselves up before it.
PROGRAM = """
import asyncio, logging, sys
from bentoml._internal.log import configure_server_logging
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from serving import logs
configure_server_logging()
logs.configure(sys.argv[1], sys.argv[2])
logs.configure(sys.argv[1], sys.argv[2])
ours = logging.getLogger("churn_risk.api")
ours.info("grüß", extra={"route": "/v1/model", "status": 200})
ours.debug("fine")
logging.getLogger("bentoml.serve").info("from BentoML")
logging.getLogger("uvicorn.error").warning("from uvicorn")
logging.getLogger("uvicorn.access").info("127.0.0.1 GET /v1/accounts/SECRET/risk")
logging.getLogger("uvicorn.access").error("127.0.0.1 GET /v1/accounts/SECRET/risk")
logging.getLogger("sqlalchemy").info("SECRET")
token = logs.in_request({"request_id": "r-1"})
with TracerProvider().get_tracer("t").start_as_current_span("s"):
    ours.info("in a request")
async def thread():
    await asyncio.to_thread(ours.info, "in its thread")
asyncio.run(thread())
try:
    1 / 0
except ZeroDivisionError:
    ours.exception("failed\\nbadly")
logs.out_of_request(token)
ours.info("after it")
"""
#: Fails as libraries do whose texts quote what they were given, and as we do.
QUOTING = """
import logging, sys
from pydantic import BaseModel
from features.errors import AccountUnknown
from serving import logs
from serving.errors import StoreUnavailable
logs.configure("INFO", sys.argv[1])
class Account(BaseModel):
    account_id: int
try:
    try:
        try:
            Account(account_id="SECRET")
        except ValueError as error:
            error.add_note("SECRET")
            raise AccountUnknown("there is no score of account SECRET") from error
    except AccountUnknown as error:
        raise ExceptionGroup("SECRET", [error, KeyError("SECRET")])
except ExceptionGroup:
    try:
        raise StoreUnavailable("the database is away")
    except StoreUnavailable:
        logging.getLogger("uvicorn.error").exception("failed")
"""


def written(*words: str, program: str = PROGRAM) -> str:
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture(scope="module")
def lines() -> list[Json]:
    return [json.loads(line) for line in written("INFO", "json").splitlines()]


def test_every_logger_writes_one_object_a_line(lines: list[Json]) -> None:
    assert [(line["logger"], line["level"], line["message"]) for line in lines] == [
        ("churn_risk.api", "INFO", "grüß"),
        ("bentoml.serve", "INFO", "from BentoML"),
        ("uvicorn.error", "WARNING", "from uvicorn"),
        ("churn_risk.api", "INFO", "in a request"),
        ("churn_risk.api", "INFO", "in its thread"),
        ("churn_risk.api", "ERROR", "failed\nbadly"),
        ("churn_risk.api", "INFO", "after it"),
    ]
    assert all(datetime.fromisoformat(line["time"]).utcoffset() is not None for line in lines)


def test_a_line_has_what_was_given_with_it(lines: list[Json]) -> None:
    assert set(lines[0]) == {"time", "level", "logger", "message", "route", "status"}
    assert (lines[0]["route"], lines[0]["status"]) == ("/v1/model", 200)
    assert "ZeroDivisionError" in lines[5]["exc_info"]


def test_the_lines_of_a_request_bear_its_ids(lines: list[Json]) -> None:
    assert [line.get("request_id") for line in lines] == [None, None, None, "r-1", "r-1", "r-1", None]
    assert len(lines[3]["trace_id"]) == 32 and len(lines[3]["span_id"]) == 16
    assert int(lines[3]["trace_id"], 16) and "trace_id" not in lines[6]


def test_addresses_and_paths_of_uvicorn_are_left_out() -> None:
    assert "SECRET" not in written("DEBUG", "json")


def test_the_level_is_that_of_our_own_lines() -> None:
    assert '"fine"' in written("DEBUG", "json")
    errors = [json.loads(line) for line in written("ERROR", "json").splitlines()]
    assert [line["message"] for line in errors if line["logger"].startswith("churn_risk")] == ["failed\nbadly"]


def test_as_text() -> None:
    text = written("INFO", "text").splitlines()
    assert text[0].endswith(" INFO churn_risk.api grüß route=/v1/model status=200")
    assert any(" churn_risk.api in a request request_id=r-1 trace_id=" in line for line in text)
    assert text[-1].endswith(" INFO churn_risk.api after it")


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_exception_quotes_what_it_was_given(form: str) -> None:
    text = written(form, program=QUOTING)
    trail = json.loads(text)["exc_info"] if form == "json" else text
    kinds = (
        "ValidationError",
        "AccountUnknown",
        "ExceptionGroup",
        "KeyError",
        "StoreUnavailable: the database is away",
    )
    assert "SECRET" not in text and all(kind in trail for kind in kinds)
    assert 'File "<string>", line' in trail


# Requests


@pytest.fixture
def client(bundle: Bundle, tmp_path: Path) -> Client:
    return client_of(bundle, ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}"))


def told(caplog: pytest.LogCaptureFixture) -> list[Json]:
    names = ("method", "route", "status", "principal_id", "problem", "request_bytes", "response_bytes")
    found = [record for record in caplog.records if record.name == "churn_risk.requests"]
    assert all(record.__dict__["duration_ms"] >= 0 for record in found)
    return [{name: record.__dict__[name] for name in names} for record in found]


def test_a_request_is_told_by_template_and_principal(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "churn_risk"):
        client.get("/v1/accounts/SECRET%2F1/risk?utm_source=SECRET")
        sent = client.post({"accounts": []})
        client.get("/SECRET?token=SECRET")
    risk, prediction, unknown = told(caplog)
    assert (risk["method"], risk["route"], risk["status"]) == ("GET", "/v1/accounts/{account_id}/risk", 404)
    assert (risk["principal_id"], risk["problem"], risk["request_bytes"]) == ("local", "account-unknown", None)
    assert (prediction["route"], prediction["status"]) == ("/v1/predictions", 422)
    assert prediction["request_bytes"] == len('{"accounts": []}') and prediction["response_bytes"] == len(sent.content)
    assert (unknown["route"], unknown["status"], unknown["principal_id"]) == ("unmatched", 404, None)
    assert not any("SECRET" in str(record.__dict__) for record in caplog.records if record.name.startswith("churn"))


def test_probes_are_told_only_on_request_or_when_they_fail(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "churn_risk"):
        for path in ("/livez", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200
        assert not told(caplog)
        client.app.state.runtime = None
        client.get("/readyz")
    assert [(line["route"], line["status"]) for line in told(caplog)] == [("/readyz", 503)]


def test_an_unexpected_failure_names_no_account(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ScoreStore, account_id: str) -> None:
        raise RuntimeError("a failure of the store")

    monkeypatch.setattr(ScoreStore, "latest", fail)
    with caplog.at_level(logging.INFO, "churn_risk"):
        assert client.get("/v1/accounts/SECRET/risk").status_code == 500
    failure, request = caplog.records
    assert failure.getMessage() == "unexpected failure answering GET /v1/accounts/{account_id}/risk"
    assert failure.exc_info is not None and request.__dict__["problem"] == "internal"
