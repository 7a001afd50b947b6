"""The document's own examples, posted as they are: each is taken, and scores rest on signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.documents import operation_of, operations
from support.gates import SECRET
from support.reports import evidence_of
from support.served import Client, Json, client_of
from support.stored import SCORE, opened, put

from features.figures.figure import figure_names
from serving.api.document.openapi import document as document_of
from serving.jobs.ledger import outcomes
from serving.jobs.runner import JobRunner
from serving.settings import ServiceSettings
from training.bundle.bundle import Bundle

ACCOUNT = "A-1042"
#: What a history of eleven tables leaves without a value is little.
MOST_NULLS = 0.25


@pytest.fixture(scope="module")
def client(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('examples') / 'scores.db'}") as store:
        put(store, replace(SCORE, account_id=ACCOUNT), evidence={ACCOUNT: evidence_of()})
        yield client_of(bundle, store, ServiceSettings(secret=SECRET))


@pytest.fixture(scope="module")
def document(client: Client) -> Json:
    return document_of(client.app)


def body_of(operation: Json) -> Json:
    body: Json = operation["requestBody"]["content"]["application/json"]["example"]
    return body


def nulls(reasons: list[Json]) -> float:
    return sum(reason["value"] is None and reason["value_text"] is None for reason in reasons) / len(reasons)


def test_every_example_of_a_body_is_taken(client: Client, document: Json) -> None:
    seen = set()
    for name, operation in operations(document):
        if name.startswith("post ") and "requestBody" in operation:
            path = name.removeprefix("post ").replace("{account_id}", ACCOUNT)
            answer = client.ask("POST", path, json=body_of(operation))
            assert answer.is_success, (path, answer.text)
            seen.add(operation["operationId"])
    assert seen == {"predict", "createJob", "askWhatIf", "giveFeedback", "addStep", "createLink"}


def test_the_example_of_a_prediction_has_signals_and_no_warning_of_amounts(client: Client, document: Json) -> None:
    answer = client.post(body_of(operation_of(document, "predict"))).json()
    (score,) = answer["predictions"]
    assert nulls(score["reasons"]) < MOST_NULLS and score["missing_tables"] == []
    assert [warning for warning in answer["warnings"] if warning["code"] != "grade"] == []


def test_the_example_of_a_job_has_signals(client: Client, document: Json) -> None:
    made = client.ask("POST", "/v1/jobs", json=body_of(operation_of(document, "createJob"))).json()
    served = client.app.state.runtime
    runner = JobRunner(served.store.engine, lambda: served.predictor)
    while runner.step():
        pass
    ((done,),) = outcomes(served.store.engine, made["job_id"])
    assert done.state == "done" and nulls(done.found["reasons"]) < MOST_NULLS


def test_the_example_of_an_edit_moves_something(client: Client, document: Json) -> None:
    answer = client.ask(
        "POST", f"/v1/accounts/{ACCOUNT}/what-if", json=body_of(operation_of(document, "askWhatIf"))
    ).json()
    assert [edit["kind"] for edit in answer["each"]] == ["loop_closed"]
    assert answer["before"]["band"] != "unknown"


def test_examples_name_what_is_there_and_agree(document: Json) -> None:
    parameters = {
        (operation["operationId"], one["name"]): one.get("example")
        for _, operation in operations(document) for one in operation.get("parameters", ())
    }  # fmt: skip
    assert parameters["getFigure", "name"] in figure_names()
    assert len(set(parameters["predict", "Idempotency-Key"])) > 10
    answer = operation_of(document, "predict")["responses"]["200"]["content"]["application/json"]["example"]
    (score,) = answer["predictions"]
    assert answer["model"]["version"] == answer["model_version"] == score["model_version"]
    moved = sum(reason["contribution"] for reason in score["reasons"])
    assert score["base_probability"] + moved == pytest.approx(score["churn_probability"])
