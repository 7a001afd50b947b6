"""A local midnight in a date column is the day before in UTC: every answer on records that were sent says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.bundles import graded
from support.served import Client, Json, client_of, histories, rows_of
from support.stored import SCORE, opened, put

from features.tables import TABLES, Kind
from serving.api.edge.runtime import Runtime
from serving.jobs.runner import JobRunner
from serving.predict.cut_days import TABLE_OF
from serving.predict.history import PredictionRequest
from training.bundle.bundle import Bundle

DATES = [column.name for table in TABLES.values() for column in table.columns if column.kind is Kind.DATE]


@pytest.fixture(scope="module")
def history(book_folder: Path) -> Json:
    """An account whose invoices and start are local midnights, one invoice a midnight in UTC."""
    (found,) = histories(rows_of(book_folder), ["A000001"])
    invoices = [row | {"invoiced_on": f"{row['invoiced_on']}T00:00:00+01:00"} for row in found["invoices"]]
    invoices[0]["invoiced_on"] = f"{found['invoices'][0]['invoiced_on']}T00:00:00Z"
    return found | {"invoices": invoices}


@pytest.fixture
def client(bundle: Bundle, history: Json, tmp_path: Path) -> Iterator[Client]:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        put(store, replace(SCORE, account_id=history["account"]["account_id"]))
        yield client_of(graded(bundle, "B"), store)


def test_a_request_counts_what_it_cuts() -> None:
    account = {"account": {"account_id": "A", "customer_since": "2020-03-01 00:00+02:00"}, "invoices": []}
    known = {"known": {"tickets": {"since": "2020-03-01T12:00Z"}}}
    body = {"as_of": "2025-03-01T00:00:00+01:00", "accounts": [account | known, account, account]}
    request = PredictionRequest.model_validate(body)
    assert (request.as_of, request.cut) == (date(2025, 2, 28), {"as_of": 1})
    assert [each.cut for each in request.accounts[:2]] == [
        {"accounts.customer_since": 1, "known.since": 1},
        {"accounts.customer_since": 1},
    ]


def test_predictions_warn(client: Client, history: Json, as_of: date) -> None:
    body = {"as_of": f"{as_of}T01:00:00Z", "accounts": [history]}
    (warning,) = client.post(body).json()["warnings"]
    cut = len(history["invoices"]) - 1
    assert warning["code"] == "dates" and f"(as_of 1, invoices.invoiced_on {cut})" in warning["detail"]
    german = client.ask("POST", "/v1/predictions?lang=de", json=body).json()["warnings"][0]["detail"]
    assert german.startswith("Zeitpunkte in Datumsspalten wurden auf ihren Tag in UTC gekürzt")


def test_jobs_warn_once_of_all(client: Client, history: Json, as_of: date) -> None:
    made = client.ask("POST", "/v1/jobs", json={"as_of": f"{as_of}T01:00:00Z", "accounts": [history]}).json()
    assert [warning["code"] for warning in made["warnings"]] == ["dates"]
    served: Runtime = client.app.state.runtime
    runner = JobRunner(served.store.engine, lambda: served.predictor)
    while runner.step():
        pass
    (warning,) = client.get(f"/v1/jobs/{made['job_id']}").json()["warnings"]
    assert f"(as_of 1, invoices.invoiced_on {len(history['invoices']) - 1})" in warning["detail"]


def test_what_if_warns_as_predictions_do(client: Client, history: Json, as_of: date) -> None:
    path = f"/v1/accounts/{history['account']['account_id']}/what-if"
    body = {"edits": [{"kind": "action_done", "action": "call"}], "as_of": f"{as_of}", "records": history}
    (warning,) = client.ask("POST", path, json=body).json()["warnings"]
    assert warning == client.post({"as_of": f"{as_of}", "accounts": [history]}).json()["warnings"][0]


def test_each_date_column_is_of_one_table() -> None:
    assert sorted(TABLE_OF) == sorted(DATES)
