"""The routes that read: stored risk, report, model; what is said of unknown ones; the OpenAPI document is kept."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from fastapi import Request
from support.documents import faults, operation_of, responses
from support.served import Client, Json, assert_problem, client_of, histories, rows_of
from support.stored import as_json

from features.signal import signal_names
from features.tables import Tables
from serving.api.edge.problems import path_of
from serving.cli.score_targets import into_store, score_into
from serving.scoring.book_scoring import BookScoring
from serving.scoring.scores import Score
from serving.scoring.scoring import score_book
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from serving.words.theme_reasons import themes
from training.bundle.bundle import Bundle

ODD_IDS = (
    "a/b", "a b", "Ä-1", "quo'te", 'dou"ble', "a?b=c", "per%cent", "%2F", "..", "risk", "a/risk", "<i>", "#1", "+1",
)  # fmt: skip
#: RFC 3986, 3.3: segments of pchar.
URI_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+")
Batch = tuple[str, list[Score]]


@pytest.fixture(scope="module")
def batch(book: Tables, bundle: Bundle, as_of: date, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """Return a store's address with the whole book scored at two dates, and the later scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CHURN_RISK_STORE_URL", raising=False)
        settings = ServiceSettings(home=tmp_path_factory.mktemp("routes"))
    for day in (as_of - timedelta(days=31), as_of):
        made = into_store(settings, book, day, bundle, {}, day.isoformat(), lambda version: bundle)
        with BookScoring(book, day, bundle) as scoring, made as target:
            score_into(target, scoring, book, bundle, lambda *_: None, None)
    rows = score_book(book, as_of, bundle).rows()
    return settings.scores_url, [replace(score, scored_at=target.scored_at) for score in rows]


@pytest.fixture(scope="module")
def rows(book_folder: Path) -> dict[str, list[Json]]:
    return rows_of(book_folder)


@pytest.fixture(scope="module")
def client(batch: Batch, bundle: Bundle) -> Client:
    return client_of(bundle, ScoreStore(batch[0]))


@pytest.fixture(scope="module")
def odd(bundle: Bundle, batch: Batch, as_of: date, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Return a client of a store whose accounts have odd ids and names."""
    store = ScoreStore(f"sqlite:///{tmp_path_factory.mktemp('odd') / 'scores.db'}")
    scores = [replace(batch[1][0], account_id=account_id) for account_id in ODD_IDS]
    evidence = {
        account_id: {"account": {"account_id": account_id, "name": f"<script>alert('{account_id}')</script> & Söhne"}}
        for account_id in ODD_IDS
    }
    store.write(scores, evidence, {"version": "1"}, as_of, datetime.now(UTC))
    return client_of(bundle, store)


def test_risk_is_the_stored_score(client: Client, batch: Batch) -> None:
    for score in batch[1][::40]:
        answer = client.get(f"/v1/accounts/{score.account_id}/risk")
        assert answer.status_code == 200
        found = answer.json()
        assert datetime.fromisoformat(found.pop("scored_at")) == score.scored_at
        history, request_id = found.pop("history"), found.pop("request_id")
        assert found.pop("model")["version"] == score.model_version and len(found.pop("warnings")) < 3
        assert all(found.pop(f"reason_{place}") for place in (1, 2, 3))
        expected = as_json(score)
        del expected["scored_at"]
        assert found.pop("crm_url") is None and found == expected
        assert request_id and [past["as_of"] for past in history] == sorted(past["as_of"] for past in history)
        assert history[-1]["churn_probability"] == score.churn_probability


def test_risk_adds_up(client: Client, batch: Batch) -> None:
    found = client.get(f"/v1/accounts/{batch[1][0].account_id}/risk").json()
    total = found["base_probability"] + sum(reason["contribution"] for reason in found["reasons"])
    assert total == pytest.approx(found["churn_probability"], abs=1e-9, rel=0)


def test_risk_equals_the_prediction_from_raw_history(
    client: Client, batch: Batch, rows: dict[str, list[Json]], as_of: date
) -> None:
    account_id = batch[1][3].account_id
    stored = client.get(f"/v1/accounts/{account_id}/risk").json()
    (found,) = client.predict(as_of, histories(rows, [account_id]))
    assert found["churn_probability"] == stored["churn_probability"] and found["band"] == stored["band"]
    assert set(found) == set(stored) - {"history", "request_id", "model", "warnings", "crm_url"}


@pytest.mark.parametrize("account_id", ODD_IDS)
def test_odd_ids_are_found(odd: Client, account_id: str) -> None:
    address = f"/v1/accounts/{quote(account_id, safe='').replace('..', '%2E%2E')}"
    answer = odd.get(f"{address}/risk")
    assert answer.status_code == 200, answer.text
    assert answer.json()["account_id"] == account_id
    assert odd.get(f"{address}/report").status_code == 200


@pytest.mark.parametrize("lang", ["de", "en"])
def test_report(client: Client, batch: Batch, lang: str) -> None:
    answer = client.get(f"/v1/accounts/{batch[1][0].account_id}/report?lang={lang}&format=html")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert f'<html lang="{lang}"' in answer.text and batch[1][0].account_id in answer.text
    assert "<script" not in answer.text


def test_report_is_english_by_default(client: Client, batch: Batch) -> None:
    assert '<html lang="en"' in client.get(f"/v1/accounts/{batch[1][0].account_id}/report").text


def test_names_are_escaped_in_the_report(odd: Client) -> None:
    page = odd.get("/v1/accounts/%3Ci%3E/report?lang=de").text
    assert "&lt;script&gt;alert" in page and "&amp; Söhne" in page
    assert "<script" not in page and "<i>" not in page


def test_model(client: Client, bundle: Bundle) -> None:
    found = client.get("/v1/model").json()
    assert found["version"] == "1" and found["grade"] in "ABCD"
    assert [item["name"] for item in found["signals"]] == list(signal_names())
    assert found["rule"] == {"horizon_days": 180, "lead_days": 0, "silence_days": None}
    assert found["metrics"]["roc_auc"] == bundle.manifest.verdict["metrics"]["model"]["roc_auc"]
    assert found["slices"] == [day.isoformat() for day in bundle.manifest.slices]
    assert found["reference"]["threat_value"] == bundle.reference.threat_value


@pytest.mark.parametrize("view", ["risk", "report"])
def test_unknown_account(client: Client, view: str) -> None:
    problem = assert_problem(client.get(f"/v1/accounts/nobody%20here/{view}"), 404, "/path/account_id")
    assert "'nobody here'" in problem["detail"]


@pytest.mark.parametrize(
    ("sent", "instance"),
    [
        (b"/v1/accounts/100%25/risk", "/v1/accounts/100%25/risk"),
        (b"/v1/accounts/a%2Fb/risk", "/v1/accounts/a%2Fb/risk"),
        (b"/v1/accounts/%C3%84%20%3Ci%3E/risk", "/v1/accounts/%C3%84%20%3Ci%3E/risk"),
        (b"/v1/accounts/a@b:c;d,e/risk", "/v1/accounts/a@b:c;d,e/risk"),
        (b"/v1/accounts/100%/risk", "/v1/accounts/100%25/risk"),
        (b"/v1/accounts/%zz%4/risk", "/v1/accounts/%25zz%254/risk"),
        (b'/v1/accounts/\xc3\x84 "<i>^|/risk', "/v1/accounts/%C3%84%20%22%3Ci%3E%5E%7C/risk"),
        (None, "/v1/accounts/100%25%20%C3%84/b/risk"),
    ],
    ids=str,
)
def test_an_instance_is_a_valid_path(sent: bytes | None, instance: str) -> None:
    """As it was sent, where that is a path; a server need not say how it was sent."""
    scope = {"type": "http", "path": unquote((sent or b"/v1/accounts/100% \xc3\x84/b/risk").decode()), "raw_path": sent}
    found = path_of(Request(scope))
    assert found == instance and URI_PATH.fullmatch(found)


def test_an_unknown_account_whose_id_is_odd(client: Client) -> None:
    for account_id in ("100%25", "a%2Fb", "%25zz", "%C3%84"):
        assert_problem(client.get(f"/v1/accounts/{account_id}/risk"), 404, "/path/account_id")


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("lang=fr", ["/query/lang"]),
        ("lang=", ["/query/lang"]),
        ("format=docx", ["/query/format"]),
        ("lang=fr&format=docx", ["/query/lang", "/query/format"]),
    ],
)
def test_unknown_language_or_format(client: Client, batch: Batch, query: str, pointers: list[str]) -> None:
    assert_problem(client.get(f"/v1/accounts/{batch[1][0].account_id}/report?{query}"), 422, *pointers)


@pytest.mark.parametrize(
    "path", ["/nope", "/v1", "/v1/accounts/", "/v1/accounts/A1", "/v1/model/", "/v2/model", "/docs", "/x%20y"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_unknown_route(client: Client, method: str, path: str) -> None:
    assert_problem(client.ask(method, path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/predictions", "POST"),
        ("DELETE", "/v1/predictions", "POST"),
        ("POST", "/v1/model", "GET"),
        ("POST", "/v1/accounts", "GET"),
        ("OPTIONS", "/v1/model", "GET"),
        ("PUT", "/v1/accounts/A1/risk", "GET"),
        ("PATCH", "/v1/accounts/A1/report", "GET"),
        ("BREW", "/v1/model", "GET"),
    ],
)
def test_wrong_method(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.ask(method, path)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == allowed


def test_an_unexpected_failure_leaks_nothing(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScoreStore):
        def latest(self, account_id: str) -> Any:
            raise RuntimeError("password=hunter2 at /srv/secret.py")

    with caplog.at_level(logging.ERROR, logger="churn_risk.api"):
        answer = client_of(bundle, Broken("sqlite://")).get("/v1/accounts/A1/risk")
    problem = assert_problem(answer, 500)
    assert "hunter2" not in answer.text and "RuntimeError" not in answer.text
    assert problem["detail"].startswith("an unexpected failure")
    assert "hunter2" in caplog.text and "GET /v1/accounts/{account_id}/risk" in caplog.text


# The OpenAPI document


@pytest.fixture(scope="module")
def document(client: Client) -> Json:
    found: Json = client.get("/openapi.json").json()
    return found


def test_answers_keep_the_document(
    client: Client, document: Json, batch: Batch, rows: dict[str, list[Json]], as_of: date
) -> None:
    ids = [score.account_id for score in batch[1][:30]]
    sent = histories(rows, ids)
    sent[0] = {"account": sent[0]["account"], "invoices": []}
    where = f"/v1/accounts/{ids[0]}"
    asked = {"as_of": as_of.isoformat(), "accounts": sent}
    answers = [
        ("predict", client.post(asked)),
        ("predict", client.post("{")),
        ("predict", client.post({"accounts": []})),
        ("predict", client.post({"accounts": []}, "text/plain")),
        ("getRisk", client.get(f"{where}/risk")),
        ("getRisk", client.get("/v1/accounts/nobody/risk")),
        ("getModel", client.get("/v1/model")),
        ("getReport", client.get("/v1/accounts/nobody/report")),
        ("getReport", client.get(f"{where}/report?lang=xx")),
    ]
    assert [answer.status_code for _, answer in answers] == [200, 400, 422, 415, 200, 404, 200, 404, 422]
    for name, answer in answers:
        response = responses(document, operation_of(document, name))[str(answer.status_code)]
        content = response["content"][answer.headers["content-type"]]
        assert faults(document, content["schema"], answer.json(), closed=True) == []


def test_the_request_that_is_sent_keeps_the_document(
    document: Json, batch: Batch, rows: dict[str, list[Json]], as_of: date
) -> None:
    body = {"as_of": as_of.isoformat(), "accounts": histories(rows, [batch[1][0].account_id])}
    schema = operation_of(document, "predict")["requestBody"]["content"]["application/json"]["schema"]
    # Instants without an offset are taken too, as UTC; the document asks for one.
    found = [fault for fault in faults(document, schema, body, closed=True) if "is not a 'date-time'" not in fault]
    assert found == []
    assert faults(document, schema, {"accounts": [{"account": {}}]})


def test_the_examples_of_the_document_work(client: Client, document: Json) -> None:
    body = operation_of(document, "predict")["requestBody"]["content"]["application/json"]["example"]
    (found,) = client.post(body).json()["predictions"]
    assert found["account_id"] == body["accounts"][0]["account"]["account_id"]


def test_the_weightiest_reasons_stand_beside_the_list(client: Client, batch: Batch) -> None:
    score = batch[1][0]
    stored = client.get(f"/v1/accounts/{score.account_id}/risk").json()
    largest = [abs(theme.contribution) for theme in themes(score.reasons)][:3]
    for place, contribution in enumerate(largest, start=1):
        theme, said = stored[f"reason_{place}"].split(": ", 1)
        effect, fact = said.split(" points. ", 1)
        assert theme and fact and effect.endswith(f" {100 * contribution:.1f}")
