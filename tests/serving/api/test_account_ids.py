"""One limit of an account's id everywhere: tables, requests, paths, jobs, links, the store."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from support.reports import evidence_of, score_of
from support.served import Client, Json, assert_problem, client_of
from support.stored import SCORE, put

from features.errors import InputError, InvalidTables
from features.sources import open_source
from features.tables import LONGEST_ID
from features.validation import validate
from serving.jobs.runner import JobRunner
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

LONGEST, TOO_LONG = "ä" * LONGEST_ID, "ä" * (LONGEST_ID + 1)


@pytest.fixture
def client(bundle: Bundle, tmp_path: Path) -> Client:
    settings = ServiceSettings(secret="a master secret of more than 32 characters")
    return client_of(bundle, ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}"), settings)


def sent(account_id: str) -> Json:
    return {"account": {"account_id": account_id, "customer_since": "2020-01-01"}, "invoices": []}


def book(folder: Path, account_id: str) -> Path:
    folder.mkdir()
    pd.DataFrame([{"account_id": account_id, "customer_since": "2020-01-01"}]).to_csv(
        folder / "accounts.csv", index=False
    )
    invoice = {"invoice_id": "i", "account_id": account_id, "invoiced_on": "2025-01-01", "amount": 1}
    pd.DataFrame([invoice]).to_csv(folder / "invoices.csv", index=False)
    return folder


def test_in_tables(tmp_path: Path) -> None:
    assert validate(open_source(book(tmp_path / "good", LONGEST))).frames["accounts"].count().execute() == 1
    with pytest.raises(InvalidTables) as raised:
        validate(open_source(book(tmp_path / "bad", TOO_LONG)))
    (problem,) = raised.value.problems
    assert (problem.table, problem.column, problem.rule) == ("accounts", "account_id", "longer than 256 characters")


def test_in_predictions(client: Client) -> None:
    assert client.post({"accounts": [sent(LONGEST)]}).status_code == 200
    problem = assert_problem(client.post({"accounts": [sent(TOO_LONG)]}), 422, "/accounts/0/account/account_id")
    assert "at most 256 characters" in problem["errors"][0]["detail"] and TOO_LONG not in json.dumps(problem)


@pytest.mark.parametrize("path", ["/v1/accounts/{}/risk", "/v1/accounts/{}/report"])
def test_in_paths(client: Client, path: str) -> None:
    score = score_of(account_id=LONGEST)
    put(client.app.state.runtime.store, score, evidence={LONGEST: evidence_of()})
    assert client.get(path.format(LONGEST)).status_code == 200
    problem = assert_problem(client.get(path.format(TOO_LONG)), 422, "/path/account_id")
    assert "at most 256 characters" in problem["errors"][0]["detail"]


def test_in_links(client: Client) -> None:
    problem = assert_problem(client.ask("POST", "/v1/links", json={"account_id": TOO_LONG}), 422, "/account_id")
    assert "at most 256 characters" in problem["errors"][0]["detail"]


def test_in_jobs(client: Client) -> None:
    body = {"accounts": [sent(LONGEST), sent(TOO_LONG)]}
    made = client.ask("POST", "/v1/jobs", json=body).json()
    served = client.app.state.runtime
    runner = JobRunner(served.store.engine, lambda: served.predictor, timedelta(days=1))
    while runner.step():
        pass
    job = client.get(f"/v1/jobs/{made['job_id']}").json()
    assert (job["done"], job["failed"]) == (1, 1)
    results = client.get(f"/v1/jobs/{made['job_id']}/results?format=csv").text
    assert LONGEST in results and TOO_LONG not in results and "at most 256 characters" in results


def test_in_the_store() -> None:
    store = ScoreStore("sqlite://")
    put(store, replace(SCORE, account_id=LONGEST))
    with pytest.raises(InputError, match="more than 256 characters"):
        put(store, replace(SCORE, account_id=TOO_LONG, as_of=date(2026, 2, 1)))
