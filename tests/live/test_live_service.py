"""The built Bento in processes of its own, asked over HTTP as a CRM asks it.

It also keeps its limits of connections, and believes no X-Forwarded-For of anybody on this machine.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from support.living import PATIENCE, Living, living, wait_for
from support.served import START_SECONDS, Json, assert_problem, caller, client_of, histories, process, rows_of

from features.tables import Tables
from serving.api.app import create_app
from serving.api.document.openapi import document
from serving.scoring.evidence import collect_evidence
from serving.scoring.model_facts import model_facts
from serving.scoring.scores import Score
from serving.scoring.scoring import score_book
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

SLASHED, BROKEN = "ÄÖ/7 <b>", "NO-EVIDENCE"
SERVE = [sys.executable, "-m", "serving.cli.main", "serve", "--port"]
CONNECTIONS = 20
#: As `serving.access.rates.FAILURES` has them.
FAILURES = 20
#: Headers come with the first packet of a sound request: it has them long before the time is up.
LIMITS = {"CHURN_RISK_CONNECTIONS": str(CONNECTIONS), "CHURN_RISK_HEADER_SECONDS": "2"}


@dataclass(frozen=True)
class Service:
    """A running service, a client of it, and the scores that were stored before it started."""

    living: Living
    client: httpx.Client
    scores: dict[str, Score]


@pytest.fixture(scope="module")
def service(
    bento_home: Path, bundle: Bundle, book: Tables, as_of: date, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:  # fmt: skip
    folder = tmp_path_factory.mktemp("live")
    url = f"sqlite:///{folder / 'scores.db'}"
    scores = store_scores(book, bundle, as_of, url)
    with (
        living(bento_home, folder, LIMITS | {"CHURN_RISK_STORE_URL": url}) as started,
        httpx.Client(base_url=started.address, timeout=60) as client,
    ):
        yield Service(started, client, scores)


def store_scores(book: Tables, bundle: Bundle, as_of: date, url: str) -> dict[str, Score]:
    """Store the book's scores, and two odd ones: a name to be escaped, and evidence that no report can be made of."""
    scored = score_book(book, as_of, bundle)
    spine = book["accounts"].get_backend().table("spine")
    scores = {score.account_id: score for score in scored.rows()}
    evidence = collect_evidence(book, spine, as_of)
    first = next(iter(scores))
    odd = evidence[first]["account"] | {"account_id": SLASHED, "name": "<img src=x onerror=alert(1)> & Söhne"}
    evidence |= {SLASHED: evidence[first] | {"account": odd}, BROKEN: {"revenue": "secret evidence"}}
    extra = [replace(scores[first], account_id=account_id) for account_id in (SLASHED, BROKEN)]
    store = ScoreStore(url)
    store.write([*scores.values(), *extra], evidence, model_facts(bundle), as_of, scored.scored_at)
    store.close()
    return scores


def test_operations(service: Service) -> None:
    assert service.client.get("/livez").status_code == service.client.get("/readyz").status_code == 200
    metrics = service.client.get("/metrics")
    assert metrics.status_code == 200 and "churn_risk_requests_total" in metrics.text


def test_openapi_is_ours(service: Service) -> None:
    assert service.client.get("/openapi.json").json() == document(create_app())


def test_predictions_over_http_equal_the_batch(service: Service, book_folder: Path, as_of: date) -> None:
    ids = list(service.scores)[:100]
    body = {"as_of": as_of.isoformat(), "accounts": histories(rows_of(book_folder), ids)}
    answer = service.client.post("/v1/predictions", json=body)
    assert answer.status_code == 200
    found = answer.json()
    assert found["model_version"] == "1" and found["request_id"]
    assert [one["account_id"] for one in found["predictions"]] == ids
    for one in found["predictions"]:
        score = service.scores[one["account_id"]]
        assert (one["churn_probability"], one["band"]) == (score.churn_probability, score.band)
        expected = {reason.signal: reason.contribution for reason in score.reasons}
        parts = {reason["signal"]: reason["contribution"] for reason in one["reasons"]}
        assert parts == pytest.approx(expected, abs=1e-5, rel=0)


def test_it_scores_from_elsewhere_as_the_checkout_does(
    service: Service, bundle: Bundle, book_folder: Path, as_of: date
) -> None:
    body = {"as_of": as_of.isoformat(), "accounts": histories(rows_of(book_folder), ["A000002"])}
    answer = service.client.post("/v1/predictions", json=body)
    assert answer.status_code == 200, answer.text
    expected = client_of(bundle, ScoreStore("sqlite://")).post(body).json()["predictions"][0]
    found = answer.json()["predictions"][0]
    assert found["churn_probability"] == expected["churn_probability"]
    assert found["reasons"] == expected["reasons"]


def test_its_workers_run_its_own_code_and_wait_passively(service: Service, bento_home: Path) -> None:
    living = service.living
    wait_for(lambda: f"listening on {living.address}" in living.log.read_text(), "a word that it listens")
    (pid,) = living.workers()
    process = Path(f"/proc/{pid}")
    assert [(process / "cwd").resolve()] == list((bento_home / "bentos" / "churn_risk").glob("*/src"))
    assert "OMP_WAIT_POLICY=PASSIVE" in (process / "environ").read_text().split("\0")


def test_stored_risk(service: Service) -> None:
    for account_id, score in list(service.scores.items())[::60]:
        found = service.client.get(f"/v1/accounts/{account_id}/risk").json()
        assert found["churn_probability"] == score.churn_probability and found["band"] == score.band
        assert [past["as_of"] for past in found["history"]] == [score.as_of.isoformat()]


def test_an_id_with_a_slash_is_found(service: Service) -> None:
    answer = service.client.get("/v1/accounts/%C3%84%C3%96%2F7%20%3Cb%3E/risk")
    assert answer.status_code == 200 and answer.json()["account_id"] == SLASHED


@pytest.mark.parametrize("lang", ["de", "en"])
def test_report(service: Service, lang: str) -> None:
    answer = service.client.get(f"/v1/accounts/%C3%84%C3%96%2F7%20%3Cb%3E/report?lang={lang}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert f'<html lang="{lang}"' in answer.text and "ÄÖ/7 &lt;b&gt;" in answer.text
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; Söhne" in answer.text
    assert "<img" not in answer.text and "<script" not in answer.text


def test_model(service: Service, bundle: Bundle) -> None:
    found = service.client.get("/v1/model").json()
    assert found["version"] == "1" and found["data_fingerprint"] == bundle.manifest.data_fingerprint
    assert [item["name"] for item in found["signals"]] == bundle.manifest.signals


@pytest.mark.parametrize(
    ("method", "path", "status", "pointers"),
    [
        ("GET", "/nope", 404, ()),
        ("OPTIONS", "/nope", 404, ()),
        ("GET", "/nowhere", 404, ()),
        ("GET", "/schema.json", 404, ()),
        ("GET", "/docs.json", 404, ()),
        ("GET", "/static_content/swagger-ui.css", 404, ()),
        ("POST", "/livez", 405, ()),
        ("TRACE", "/metrics", 405, ()),
        ("GET", "/v1/predictions", 405, ()),
        ("DELETE", "/v1/model", 405, ()),
        ("GET", "/v1/accounts/nobody/risk", 404, ("/path/account_id",)),
        ("GET", "/v1/accounts/nobody/report?lang=fr", 422, ("/query/lang",)),
    ],
)
def test_errors_are_problem_details(
    service: Service, method: str, path: str, status: int, pointers: tuple[str, ...]
) -> None:
    assert_problem(service.client.request(method, path), status, *pointers)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"{", 400, ""),
        (b"\xff", 400, ""),
        (b"[" * 9_000, 400, ""),
        (b'{"accounts": []}', 422, "/accounts"),
        (b'{"as_of": "2199-12-31", "accounts": [{"account": {"account_id": "a", "customer_since": "2020-01-01"}, '
         b'"invoices": []}]}', 422, "/as_of"),
        (b'{"accounts": [{"account": {"account_id": "a", "customer_since": "2020-01-01"}, "invoices": '
         b'[{"invoice_id": "i", "invoiced_on": "2025-01-01", "amount": NaN}]}]}', 422, "/accounts/0/invoices/0/amount"),
    ],
    ids=["cut off", "not UTF-8", "deep", "no accounts", "in the future", "not a number"],
)  # fmt: skip
def test_bad_bodies_are_problem_details(service: Service, body: bytes, status: int, pointer: str) -> None:
    answer = service.client.post("/v1/predictions", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, status, pointer)


def test_an_unexpected_failure_leaks_nothing_and_is_logged(service: Service) -> None:
    answer = service.client.get(f"/v1/accounts/{BROKEN}/report")
    assert_problem(answer, 500)
    assert "secret" not in answer.text and "Error" not in answer.text.replace("Internal Server Error", "")
    log = service.living.log.read_text()
    assert "unexpected failure answering GET /v1/accounts/{account_id}/report" in log and BROKEN not in log
    assert service.client.get("/readyz").status_code == 200


def test_two_services_cannot_share_a_port(service: Service, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process([*SERVE, str(service.living.port)], service.living.home, log) as second:
        assert second.wait(START_SECONDS) == 1
    assert log.read_text().startswith(
        f"error: cannot listen on 127.0.0.1 port {service.living.port} (Address already in use)"
    )
    assert service.client.get("/readyz").status_code == 200


def test_it_listens_on_loopback_only(service: Service) -> None:
    sockets = [line.split()[1:4:2] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = f":{service.living.port:04X}"
    assert [where for where, state in sockets if state == "0A" and where.endswith(port)] == [f"0100007F{port}"]


def test_nothing_of_a_prediction_is_stored(service: Service) -> None:
    body: Json = {"accounts": [{"account": {"account_id": "new", "customer_since": "2020-01-01"}, "invoices": []}]}
    assert service.client.post("/v1/predictions", content=json.dumps(body)).status_code == 415
    assert service.client.post("/v1/predictions", json=body).status_code == 200
    assert_problem(service.client.get("/v1/accounts/new/risk"), 404, "/path/account_id")


def opened(service: Service, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", service.living.port), PATIENCE)
    made.sendall(sent)
    return made


def test_half_open_requests_are_closed(service: Service) -> None:
    with (
        opened(service) as silent,
        opened(service, b"POST /v1/predictions HTTP/1.1\r\nHost: a\r\n") as half,
        suppress(ConnectionResetError),
    ):
        assert (silent.recv(1), half.recv(1)) == (b"", b"")
    assert answered(service)


def test_half_open_requests_do_not_shut_others_out_for_long(service: Service) -> None:
    """More than the service takes are opened; for a moment it is full, and then it answers again by itself."""
    with ExitStack() as stack:
        for _ in range(3 * CONNECTIONS):
            stack.enter_context(opened(service))
        wait_for(lambda: answered(service), "an answer beside half-open requests")


def answered(service: Service) -> bool:
    try:
        return caller().get(f"{service.living.address}/livez", timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False


def test_nobody_chooses_the_address_that_failures_are_counted_under(service: Service) -> None:
    """Not even a caller on this machine, whom uvicorn would believe by default."""
    statuses = [
        caller()
        .get(
            f"{service.living.address}/v1/reports/forged",
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
            timeout=PATIENCE,
        )
        .status_code
        for number in range(FAILURES + 2)
    ]
    assert statuses == [403] * FAILURES + [429] * 2
