"""Every example for a CRM is run against the real service and tells what the API answers; so are the guides' commands.

What a language needs that is not on the machine skips its examples.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator, validate
from support.crm import EXAMPLES, HISTORY, SECRETS, Service, example_receiver, front, in_languages, needs, serving
from support.served import ROOT, Json, caller, free_port
from support.webhooks import Clock, own_settings, put_event, subscribe, worker_of

from features.tables import Tables
from serving.api.answers.account_rows import AccountRow
from serving.api.app import create_app
from serving.api.routes.document_routes import documents
from serving.database.engine import open_database
from serving.settings import ServiceSettings
from serving.webhooks.delivery.delivery import Round
from serving.webhooks.delivery.signatures import receiver_secret, standard_signature
from training.bundle.bundle import Bundle

GUIDES = ROOT / "docs" / "crm"
PAGES = sorted(path.stem for path in GUIDES.glob("*.md"))
#: What only examples and their readers set.
OF_EXAMPLES = {"CHURN_RISK_URL", "CHURN_RISK_KEY", "CHURN_RISK_WEBHOOK_SECRET"}
SHOWN = ("account_id", "churn_probability", "band", "revenue_at_risk", "reason_1", "reason_2", "reason_3")
BROKEN = {"account": {"account_id": "broken", "customer_since": "2020-01-01"}, "invoices": [{"invoice_id": "I1"}]}
#: Calls HubSpot's action as HubSpot does, and prints what it gives back.
CALL = "exports.main({inputFields: {account_id: process.argv[1]}}, (given) => console.log(JSON.stringify(given)));"


@pytest.fixture(scope="module")
def service(
    bundle_folder: Path, bundle: Bundle, book: Tables, as_of: date, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with serving(bundle_folder, bundle, book, as_of, tmp_path_factory.mktemp("crm")) as running:
        yield running


@pytest.fixture(scope="module")
def predicted(service: Service) -> Json:
    """Return the score of the invented account."""
    (found,) = service.client.post("/v1/predictions", json=json.loads(HISTORY.read_bytes())).json()["predictions"]
    assert found["account_id"] == "M-1042" and found["band"] != "unknown" and found["reason_3"]
    return dict(found)


def assert_tells(text: str, score: Json) -> None:
    """Demand the fields of a score, one a line."""
    told = dict(line.split(": ", 1) for line in text.splitlines())
    assert list(told) == list(SHOWN)
    assert float(told.pop("churn_probability")) == score["churn_probability"]
    assert float(told.pop("revenue_at_risk")) == score["revenue_at_risk"]
    assert told == {name: score[name] for name in told}


@in_languages("sh", "py", "mjs")
def test_predict(service: Service, predicted: Json, ending: str, tmp_path: Path) -> None:
    done = service.example("predict", ending, tmp_path, HISTORY)
    assert done.returncode == 0, done.stderr
    assert_tells(done.stdout, predicted)


@in_languages("sh", "py", "mjs")
def test_predict_asks_again_with_the_same_key(service: Service, predicted: Json, ending: str, tmp_path: Path) -> None:
    # curl leaves a request alone whose answer was lost.
    troubles = (503, 429) if ending == "sh" else (None, 503, 429)
    with front(service.variables["CHURN_RISK_URL"], *troubles) as (address, seen):
        done = service.example("predict", ending, tmp_path, HISTORY, CHURN_RISK_URL=address)
    assert done.returncode == 0, done.stderr
    assert_tells(done.stdout, predicted)
    assert len(seen) == len(troubles) + 1 and len(set(seen)) == 1
    assert len(seen[0][0]) >= 32 and seen[0][1] == HISTORY.read_bytes()


@in_languages("sh", "py", "mjs")
@pytest.mark.parametrize("name", ["predict", "accounts", "job"])
def test_a_refusal_is_shown_and_ends_it(service: Service, name: str, ending: str, tmp_path: Path) -> None:
    arguments = {"predict": (HISTORY,), "accounts": (), "job": (HISTORY, tmp_path / "results.csv")}[name]
    done = service.example(name, ending, tmp_path, *arguments, CHURN_RISK_KEY=f"crk_{name}{ending}")
    assert done.returncode == 1 and done.stdout == "" and not list(tmp_path.iterdir())
    assert '"status": 401' in done.stderr and "there is no such API key" in done.stderr


@in_languages("sh", "py", "mjs")
def test_a_body_that_is_too_large_is_told_though_it_is_still_being_sent(
    service: Service, ending: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"accounts": "x" * 14_000_000}))
    done = service.example("predict", ending, tmp_path, large)
    assert done.returncode == 1 and "the body is larger than" in done.stderr, done.stderr


@in_languages("sh", "py", "mjs")
def test_accounts(service: Service, ending: str, tmp_path: Path) -> None:
    expected = service.stored(100)
    assert len(expected) > 200 and expected[0]["threat"] and not expected[-1]["threat"]  # Two pages of an example.
    done = service.example("accounts", ending, tmp_path)
    assert done.returncode == 0, done.stderr
    found = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(*row[:3], float(row[3]), float(row[4]), row[5]) for row in found] == [
        (
            row["account_id"],
            row["name"] or "",
            "threat" if row["threat"] else row["band"],
            row["churn_probability"],
            row["revenue_at_risk"],
            row["reason_1"] or "",
        )
        for row in expected
    ]


@in_languages("sh", "py", "mjs")
def test_job(service: Service, predicted: Json, ending: str, tmp_path: Path) -> None:
    body = json.loads(HISTORY.read_bytes())
    (tmp_path / "book.json").write_text(json.dumps(body | {"accounts": [*body["accounts"], BROKEN]}))
    runs = [service.example("job", ending, tmp_path, "book.json", "results.csv", f"nightly-{ending}") for _ in range(2)]
    assert [done.returncode for done in runs] == [0, 0], runs[0].stderr
    job_id, _, counts = runs[0].stdout.partition(" ")
    assert counts == "done: 1 scored, 1 failed\n" and runs[1].stdout == runs[0].stdout
    assert service.client.get(f"/v1/jobs/{job_id}").json()["accounts"] == 2
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        scored, failed = csv.DictReader(file)
    assert (scored["account_id"], scored["status"], scored["band"]) == ("M-1042", "done", predicted["band"])
    assert float(scored["churn_probability"]) == predicted["churn_probability"]
    assert (failed["account_id"], failed["status"], failed["churn_probability"]) == ("broken", "failed", "")
    assert json.loads(failed["problem"])["errors"][0]["pointer"].startswith("/accounts/1/invoices/0/")


@in_languages("py", "mjs")
def test_receiver(ending: str, tmp_path: Path) -> None:
    engine, clock, port = open_database(f"sqlite:///{tmp_path / 'scores.db'}"), Clock(datetime.now(UTC)), free_port()
    endpoint = subscribe(engine, f"http://127.0.0.1:{port}/")
    secret = str(receiver_secret(endpoint, own_settings()))
    event_id = put_event(engine, endpoint, "Ä", at=clock())
    with example_receiver(ending, port, secret, tmp_path) as receiver:
        assert worker_of(engine, clock).run_once() == Round(delivered=1)
        assert [line[:4] for line in receiver.told] == [[event_id, "account.became_threat", "Ä", "at_risk"]]
        assert float(receiver.told[0][4]) == 400.0
        statuses = [
            caller().post(receiver.url, content=body, headers=sent).status_code for body, sent in forged(secret)
        ]
        assert statuses == [401] * len(statuses) and len(receiver.told) == 1
        body, sent = signed(secret, "old", timedelta(minutes=-4))
        replacing = sent | {"webhook-signature": f"v1,{'A' * 43}= {sent['webhook-signature']}"}
        assert caller().post(receiver.url, content=body, headers=replacing).status_code == 204
        assert caller().post(receiver.url, content=b"x" * 1_000_001, headers=sent).status_code == 413
        assert caller().get(receiver.url).status_code in (405, 501)
        assert [line[0] for line in receiver.told] == [event_id, "old"]
    engine.dispose()


def signed(secret: str, event_id: str, ago: timedelta = timedelta()) -> tuple[bytes, dict[str, str]]:
    """Return a ping and its headers, sent some time from now."""
    body, at = b'{"type": "webhook.ping", "data": {}}', datetime.now(UTC) + ago
    signature = standard_signature([secret], event_id, body, at)
    return body, {"webhook-id": event_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def forged(secret: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Yield requests that are not to be believed."""
    body, sent = signed(secret, "evt_1")
    yield body + b" ", sent
    yield body, sent | {"webhook-id": "evt_2"}
    yield body, sent | {"webhook-timestamp": str(int(sent["webhook-timestamp"]) + 1)}
    yield body, sent | {"webhook-signature": sent["webhook-signature"].replace("v1,", "v2,")}
    yield body, sent | {"webhook-signature": sent["webhook-signature"].removeprefix("v1,")}
    yield from ((body, {**sent, name: ""}) for name in sent)
    yield from ((body, {**sent, "webhook-timestamp": text}) for text in ("-1", "1e9", "9" * 5000))
    yield signed("whsec_" + "A" * 43 + "=", "evt_1")
    yield signed(secret, "evt_1", timedelta(minutes=-6))
    yield signed(secret, "evt_1", timedelta(minutes=6))
    yield body, {}


@needs("bash", "curl", "jq")
@pytest.mark.parametrize("guide", PAGES)
def test_the_commands_of_a_guide(service: Service, guide: str, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = service.run(["bash", "-c", "\n".join(["set -euo pipefail", *blocks(guide, "sh")])], tmp_path)
    assert done.returncode == 0, done.stderr
    if guide == "own":
        assert_answers(done.stdout)
        assert (tmp_path / "churn-risk.json").read_bytes() == documents(create_app())["openapi"]
        assert (tmp_path / "results.csv").read_text(encoding="utf-8").count("M-1042") == 1
    if guide == "dynamics":
        connector = json.loads((tmp_path / "connector.json").read_bytes())
        validate(connector, cls=OpenAPIV2SpecValidator)
        assert list(connector["securityDefinitions"]) == ["apiKey"] and connector["host"] == "risk.example.com"
        assert (tmp_path / "connector.json").stat().st_size < 10**6


def blocks(guide: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (GUIDES / f"{guide}.md").read_text(encoding="utf-8"), re.S)


def assert_answers(printed: str) -> None:
    """Demand of the own CRM's page that each of its calls was answered as the page says."""
    listed, threats, risk, scored, link, problem, model = _objects(printed)
    assert len(listed["accounts"]) == 200 and listed["next_cursor"]
    assert threats["accounts"] and all(row["threat"] for row in threats["accounts"])
    assert risk["account_id"] == listed["accounts"][0]["account_id"] and risk["history"]
    assert scored["predictions"][0]["account_id"] == "M-1042" and model["model_version"] == "1"
    assert (problem["status"], problem["errors"][-1]["pointer"]) == (422, "/accounts/0/invoices")
    report = caller().get(link["url"])
    assert report.status_code == 200 and '<html lang="de"' in report.text
    assert f"frame-ancestors {SECRETS['CHURN_RISK_FRAME_ANCESTORS']}" in report.headers["content-security-policy"]


def _objects(printed: str) -> Iterator[Json]:
    decoder, at = json.JSONDecoder(), printed.find("{")
    while at >= 0:
        found, end = decoder.raw_decode(printed, at)
        yield found
        at = printed.find("{", end)


@needs("node")
def test_the_action_of_hubspot(service: Service, tmp_path: Path) -> None:
    (action,) = blocks("hubspot", "javascript")
    code = action.replace("https://risk.example.com", service.variables["CHURN_RISK_URL"]) + CALL
    expected = service.stored(200)[0]
    done = service.run(["node", "-e", code, expected["account_id"]], tmp_path)
    found = json.loads(done.stdout)["outputFields"]
    assert len(found) == 8 and found == {name: expected[name] for name in found}
    assert json.loads(service.run(["node", "-e", code, "a/b"], tmp_path).stdout) == {"outputFields": {}}
    refused = service.run(["node", "-e", code, "A1"], tmp_path, CHURN_RISK_KEY="crk_none")
    assert refused.returncode == 1 and "401 there is no such API key (request " in refused.stderr


@pytest.mark.parametrize("page", [GUIDES / f"{name}.md" for name in PAGES] + [EXAMPLES / "README.md"], ids=str)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    document = json.loads(documents(create_app())["openapi"])
    operations = {one["operationId"] for methods in document["paths"].values() for one in methods.values()}
    assert set(re.findall(r"`((?:get|list|create)[A-Z][a-zA-Z]+)`", text)) <= operations
    paths = {path.replace("{account_id}", "$quoted") for path in document["paths"]}
    assert set(re.findall(r"/v1/[a-z$/]+[a-z]", text)) <= paths | {"/v1/accounts/$quoted"}
    settings = {f"CHURN_RISK_{name.upper()}" for name in ServiceSettings.model_fields}
    assert set(re.findall(r"CHURN_RISK_[A-Z_]+[A-Z]", text)) <= settings | OF_EXAMPLES
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links and all((page.parent / link).exists() for link in links)


def test_the_names_of_salesforce_are_those_of_the_list() -> None:
    (row,) = re.findall(r"class Row \{(.*?)\}", blocks("salesforce", "apex")[0], re.S)
    named = [name.strip() for line in re.findall(r"public \w+ ([^;]+);", row) for name in line.split(",")]
    assert len(named) == 10 and set(named) <= set(AccountRow.model_fields)
