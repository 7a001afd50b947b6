"""/v1/jobs over HTTP: made, watched, fetched, cancelled; every account gets what predictions would answer for it."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pandas as pd
import pytest
import sqlalchemy as sa
from support.bulk import START, Quick, names, sent
from support.bulk_client import Bulk
from support.served import Json, assert_problem, histories, rows_of

from serving.access.keys import KeyStore
from serving.access.principal import Scope
from serving.api.answers.job_submission import read_submission
from serving.api.routes import job_routes as jobs
from serving.database.engine import reading
from serving.jobs.job_tables import ACCOUNTS, CHUNKS, JOBS, unpacked
from serving.jobs.ledger import CHUNK
from serving.jobs.runner import JobRunner
from serving.predict.predictor import Call
from serving.scoring.score_files import SCHEMA
from serving.settings import ServiceSettings
from training.bundle.bundle import Bundle

NESTED = ("reasons", "missing_tables", "collect")


@pytest.fixture
def bulk(bundle: Bundle, tmp_path: Path) -> Iterator[Bulk]:
    made = Bulk(bundle, f"sqlite:///{tmp_path / 'scores.db'}", ServiceSettings(job_accounts=100))
    yield made
    made.store.close()


@pytest.fixture
def both(bundle: Bundle, database_url: str) -> Iterator[Bulk]:
    """Return jobs in SQLite and in PostgreSQL."""
    made = Bulk(bundle, database_url)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def rows(book_folder: Path) -> dict[str, list[Json]]:
    return rows_of(book_folder)


def test_the_life_of_a_job(both: Bulk) -> None:
    answer = both.make({"accounts": [sent(name, 10.0) for name in names(CHUNK + 1)]})
    job = answer.json()
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/jobs/{job['job_id']}"
    assert job["request_id"] == answer.headers["x-request-id"]
    counts = ("status", "accounts", "done", "failed", "model_versions")
    assert [job[name] for name in counts] == ["queued", CHUNK + 1, 0, 0, []]
    assert job["as_of"] == START.date().isoformat() and job["started_at"] is None and job["expires_at"] is None
    where = answer.headers["location"]
    problem = assert_problem(both.client.get(f"{where}/results"), 409)
    assert "queued" in problem["detail"]
    runner = JobRunner(both.store.engine, Quick, now=both.clock)  # type: ignore[arg-type]
    runner.step()
    half = both.client.get(where).json()
    assert [half[name] for name in counts] == ["running", CHUNK + 1, CHUNK, 0, ["1"]]
    assert_problem(both.client.get(f"{where}/results"), 409)
    runner.step()
    done = both.client.get(where).json()
    assert [done[name] for name in counts] == ["done", CHUNK + 1, CHUNK + 1, 0, ["1"]]
    assert done["expires_at"].startswith((START + timedelta(days=7)).date().isoformat())
    assert [row["account_id"] for row in both.results(job["job_id"])] == names(CHUNK + 1)


def test_a_job_scores_exactly_as_predictions_do(both: Bulk, rows: dict[str, list[Json]], as_of: date) -> None:
    accounts = histories(rows, [account["account_id"] for account in rows["accounts"]][: CHUNK + 20])
    accounts[3]["invoices"][0]["currency"] = "EUR"
    accounts[4]["invoices"][0]["amount"] = "much"
    accounts[5]["account"]["customer_since"] = as_of.isoformat()
    del accounts[6]["surveys"]
    job = both.made(accounts, as_of)
    both.run()
    found = both.results(job["job_id"])
    assert len(found) == len(accounts)
    scored = 0
    for number, (account, row) in enumerate(zip(accounts, found, strict=True)):
        alone = both.client.post({"as_of": as_of.isoformat(), "accounts": [account]})
        if alone.status_code == 200:
            (expected,) = alone.json()["predictions"]
            got = row | {"as_of": row["as_of"].isoformat()}
            assert row["status"] == "done" and row["problem"] is None
            exact = [*(name for name in SCHEMA.names if name != "scored_at"), "reason_1", "reason_2", "reason_3"]
            assert {name: got[name] for name in exact} == {name: expected[name] for name in exact}
            scored += 1
        else:
            problem = alone.json()
            assert row["status"] == "failed" and row["churn_probability"] is None
            assert row["account_id"] == account["account"]["account_id"]
            errors = [
                error | {"pointer": error["pointer"].replace("/accounts/0", f"/accounts/{number}")}
                for error in problem["errors"]
            ]
            assert row["problem"]["errors"] == errors and row["problem"]["type"] == problem["type"]
            own = problem["detail"].replace("/accounts/0", f"/accounts/{number}")
            assert row["problem"]["detail"] == own and errors[0]["detail"] in own
    facts = both.job(job["job_id"])
    assert (facts["done"], facts["failed"]) == (scored, len(accounts) - scored) and 30 < scored < len(accounts) - 3


def test_csv_says_the_same_as_parquet(bulk: Bulk) -> None:
    accounts = [sent("A", 1.0), sent("Ä;\"'\n", 2.0), {"account": {"account_id": "bad"}}, sent("left")]
    job = bulk.made(accounts)
    bulk.run(Quick(strangers=["left"]))
    answer = bulk.client.get(f"/v1/jobs/{job['job_id']}/results?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-disposition"].endswith(f'{job["job_id"]}.csv"')
    flat = pd.read_csv(io.BytesIO(answer.content), keep_default_na=False, na_values=[""])
    deep = bulk.results(job["job_id"])
    assert list(flat.columns) == list(deep[0])
    assert flat["status"].tolist() == ["done", "done", "failed", "failed"] == [row["status"] for row in deep]
    for number, row in enumerate(deep):
        for name in (*NESTED, "problem"):
            said = flat[name][number]
            assert (None if pd.isna(said) else json.loads(said)) == row[name]
        assert flat["account_id"][number] == row["account_id"]
    assert flat["churn_probability"][0] == deep[0]["churn_probability"] and pd.isna(flat["churn_probability"][2])
    assert flat["as_of"][0] == deep[0]["as_of"].isoformat()


def test_files_are_made_a_few_at_a_time(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for one takes no thread, so that all else is answered meanwhile."""
    job = bulk.made([sent("A", 1.0)])["job_id"]
    bulk.run()
    at_once, most, lock, real = [0], [0], threading.Lock(), jobs.write_results

    def slow(*asked: Any, **said: Any) -> None:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        threading.Event().wait(0.05)
        real(*asked, **said)
        with lock:
            at_once[0] -= 1

    monkeypatch.setattr(jobs, "write_results", slow)

    async def all_of() -> list[int]:
        transport = httpx.ASGITransport(app=bulk.client.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            asked = [client.get(f"/v1/jobs/{job}/results") for _ in range(6)]
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(all_of()) == [200] * 6 and most == [2]


def test_the_day_is_fixed_when_the_job_is_made(bulk: Bulk) -> None:
    job = bulk.made([sent("A", 1.0)])
    bulk.clock.move(days=3)
    bulk.run()
    assert bulk.results(job["job_id"])[0]["as_of"] == START.date()


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/accounts"]),
        ({"accounts": None}, ["/accounts"]),
        ({"accounts": {"0": sent("A")}}, ["/accounts"]),
        ({"accounts": "A"}, ["/accounts"]),
        ({"accounts": []}, ["/accounts"]),
        ({"accounts": [sent(name) for name in names(101)]}, ["/accounts"]),
        ({"accounts": [sent("A"), None, 3, [], "text"]}, [f"/accounts/{number}" for number in (1, 2, 3, 4)]),
        ({"accounts": [sent("A")], "as_of": "soon"}, ["/as_of"]),
        ({"accounts": [sent("A")], "as_of": 3}, ["/as_of"]),
        ({"accounts": [sent("A")], "as_of": "2026-01-06"}, ["/as_of"]),
        ([], [""]),
        (None, [""]),
        ("", [""]),
        ("  ", [""]),
    ],
)
def test_the_envelope_is_judged_at_once(bulk: Bulk, body: Any, pointers: list[str]) -> None:
    assert_problem(bulk.make(body), 422, *pointers)
    assert bulk.client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    "body",
    [
        '{"accounts": [', '{"accounts": [{}', '{"accounts": [{},]}', '{"accounts": [{}],}', '{"accounts": [{}]} x',
        "{'accounts': []}", '{"accounts" []}', '{"accounts": [{} {}]}', "nonsense", b'{"accounts": "\xff\xfe"}',
        '{"accounts": ' + "[" * 9_000, '{"accounts": [{}], "as_of": ' + "9" * 5000 + "}",
    ],
)  # fmt: skip
def test_broken_json(bulk: Bulk, body: str | bytes) -> None:
    assert_problem(bulk.make(body), 400, "")


def test_another_media_type(bulk: Bulk) -> None:
    assert_problem(bulk.make({"accounts": [sent("A")]}, content_type="text/plain"), 415)
    assert bulk.make({"accounts": [sent("A")]}, content_type="application/vnd.crm+json").status_code == 202


@pytest.mark.parametrize("blank", ["", " ", "\r\n\t"])
def test_a_body_is_read_as_json_is_read(blank: str) -> None:
    """Whatever stands before, between and behind the accounts, escaped or not."""
    ids = [r"B\ud800", r"Ä€😀\u00e4", "\u0085", r"\u0041"]
    sources = [json.dumps(sent("A", 1.5), indent=3), "{}", '{"account": [{"}": "]"}], "name": "Ü"}']
    sources += ['{"account": {"account_id": "' + account_id + '"}}' for account_id in ids]
    listed = f"{blank},{blank}".join(sources)
    text = f'{{{blank}"accounts":{blank}[{blank}{listed}{blank}]{blank},{blank}"as_of"{blank}: "2026-01-01"}}{blank}'
    found = read_submission(text.encode(), 100)
    assert [unpacked(account.payload) for account in found.accounts] == json.loads(text)["accounts"]
    assert [account.account_id for account in found.accounts] == ["A", None, None, "B?", "Ä€😀ä", "\u0085", "A"]
    assert found.as_of == date(2026, 1, 1)


def test_what_a_job_does_not_know_is_refused(bulk: Bulk) -> None:
    """A misspelt as_of would score today."""
    body = '{"othér": {"accounts": [1]}, "asof": "2026-01-01", "accounts": [{}], "more": [{}, []]}'
    problem = assert_problem(bulk.make(body), 422, "/othér", "/asof", "/more")
    assert {error["detail"] for error in problem["errors"]} == {"there is no such field"}


def test_the_place_of_broken_json_is_a_character(bulk: Bulk) -> None:
    problem = assert_problem(bulk.make('{"ö": "€😀", "accounts": [}'), 400, "")
    assert problem == assert_problem(bulk.client.post('{"ö": "€😀", "accounts": [}'), 400, "") | {
        "instance": "/v1/jobs",
        "request_id": problem["request_id"],
    }


def test_odd_accounts_are_reported_and_others_scored(both: Bulk) -> None:
    odd: list[Json] = [{}, {"account": None}, {"account": {"account_id": "B\ud800"}, "invoices": []}, {"invoices": 3}]
    job = both.made([*odd, sent("A")])
    both.run(Quick())
    found = both.results(job["job_id"])
    assert [row["status"] for row in found] == ["failed"] * 4 + ["done"]
    assert all(row["problem"]["errors"][0]["pointer"].startswith(f"/accounts/{n}") for n, row in enumerate(found[:4]))


def test_cancelled_over_http(both: Bulk) -> None:
    job = both.made([sent(name) for name in names(CHUNK + 2)])
    runner = JobRunner(both.store.engine, Quick, now=both.clock)  # type: ignore[arg-type]
    runner.step()
    for _ in range(2):
        answer = both.client.ask("POST", f"/v1/jobs/{job['job_id']}/cancel")
        assert answer.status_code == 200 and answer.json()["status"] == "cancelled"
    assert not runner.step()
    found = both.results(job["job_id"])
    assert [row["status"] for row in found] == ["done"] * CHUNK + ["cancelled"] * 2
    assert [row["account_id"] for row in found] == names(CHUNK + 2) and found[-1]["problem"] is None


def test_cancelling_a_finished_job_changes_nothing(bulk: Bulk) -> None:
    job = bulk.made([sent("A")])
    bulk.run(Quick())
    done = bulk.job(job["job_id"])
    again = bulk.client.ask("POST", f"/v1/jobs/{job['job_id']}/cancel").json()
    assert again | {"request_id": ""} == done | {"request_id": ""}


def test_jobs_are_listed_newest_first_in_pages(both: Bulk) -> None:
    made = []
    for number in range(5):
        made.append(both.made([sent(f"A{number}")])["job_id"])
        both.clock.move(seconds=number % 2)  # Some are made in the same instant.
    whole = [job["job_id"] for job in both.client.get("/v1/jobs").json()["jobs"]]
    assert sorted(whole) == sorted(made) and whole[0] == made[4] and whole[-1] in made[:2]
    paged, cursor = [], ""
    for _ in range(3):
        page = both.client.get(f"/v1/jobs?limit=2{cursor}").json()
        paged += [job["job_id"] for job in page["jobs"]]
        cursor = f"&cursor={page['next_cursor']}"
        both.made([sent("new")])  # A job that is made meanwhile moves nothing.
    assert paged == whole and page["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "WzFd", "W10", "%00", "bnVsbA", "é", "a" * 5000])
def test_a_damaged_cursor(both: Bulk, cursor: str) -> None:
    assert_problem(both.client.get(f"/v1/jobs?cursor={cursor}"), 422, "/query/cursor")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01T12:00:00", "now"])
def test_a_cursor_at_no_instant(both: Bulk, at: str) -> None:
    cursor = urlsafe_b64encode(json.dumps([at, str(UUID(int=7))]).encode()).decode().rstrip("=")
    assert_problem(both.client.get(f"/v1/jobs?cursor={cursor}"), 422, "/query/cursor")


def test_an_empty_cursor_is_none(both: Bulk) -> None:
    made = both.made([sent("A1")])["job_id"]
    assert [job["job_id"] for job in both.client.get("/v1/jobs?cursor=").json()["jobs"]] == [made]


@pytest.mark.parametrize("limit", ["0", "101", "x"])
def test_a_limit_out_of_range(bulk: Bulk, limit: str) -> None:
    assert_problem(bulk.client.get(f"/v1/jobs?limit={limit}"), 422, "/query/limit")


@pytest.mark.parametrize("job_id", ["5f3b1c9e-0b7a-4f56-9a53-0d9f5b1f2c11", "x", "%00", "%F0%9F%98%80", "' OR 1=1"])
@pytest.mark.parametrize(("method", "what"), [("GET", ""), ("GET", "/results"), ("POST", "/cancel")])
def test_an_unknown_job(both: Bulk, job_id: str, method: str, what: str) -> None:
    problem = both.client.ask(method, f"/v1/jobs/{job_id}{what}").json()
    assert problem["status"] == 404 and [error["pointer"] for error in problem["errors"]] == ["/path/job_id"]


def test_an_expired_job_is_gone_before_it_is_deleted(bulk: Bulk) -> None:
    job = bulk.made([sent("A")])
    bulk.run(Quick())
    bulk.clock.move(days=7)
    assert bulk.client.get(f"/v1/jobs/{job['job_id']}").status_code == 404
    assert bulk.client.get(f"/v1/jobs/{job['job_id']}/results").status_code == 404
    assert bulk.client.get("/v1/jobs").json()["jobs"] == []


def test_only_its_maker_and_an_admin_see_a_job(both: Bulk) -> None:
    keys = KeyStore(both.store.engine, now=both.clock)
    scopes: dict[str, Scope] = {"maker": "score", "other": "score", "reader": "read", "admin": "admin"}
    clients = {name: both.client.with_headers(X_API_Key=keys.create([scope])[1]) for name, scope in scopes.items()}
    job = both.make({"accounts": [sent("A")]}, clients["maker"]).json()
    both.run(Quick())
    address = f"/v1/jobs/{job['job_id']}"
    for name, status in {"maker": 200, "other": 404, "reader": 403, "admin": 200}.items():
        answers = [clients[name].get(address), clients[name].get(f"{address}/results")]
        answers.append(clients[name].ask("POST", f"{address}/cancel"))
        assert [answer.status_code for answer in answers] == [status] * 3, name
    seen = {name: len(clients[name].get("/v1/jobs").json().get("jobs", [])) for name in clients}
    assert seen == {"maker": 1, "other": 0, "reader": 0, "admin": 1}
    assert both.client.get(address).status_code == 401
    assert both.make({"accounts": [sent("A")]}, clients["reader"]).status_code == 403


def test_a_key_with_too_much_waiting_comes_back_when_it_is_told_to(bundle: Bundle, database_url: str) -> None:
    """The quota over HTTP: no half of a job is made, another key has its own, and what is done waits no more."""
    bulk = Bulk(bundle, database_url, ServiceSettings(jobs_waiting=9, jobs_waiting_accounts=3))
    keys = KeyStore(bulk.store.engine, now=bulk.clock)
    one, other = (bulk.client.with_headers(X_API_Key=keys.create(["score"])[1]) for _ in range(2))
    assert bulk.make({"accounts": [sent("A"), sent("B")]}, one).status_code == 202
    refused = bulk.make({"accounts": [sent("C"), sent("D")]}, one)
    problem = assert_problem(refused, 429)
    assert problem["type"].endswith(":quota-reached") and refused.headers["retry-after"] == "60"
    assert "2 accounts in 1 jobs of this key wait already; at most 3 accounts in 9 jobs may wait" in problem["detail"]
    assert [job["accounts"] for job in one.get("/v1/jobs").json()["jobs"]] == [2]
    assert bulk.make({"accounts": [sent("C"), sent("D")]}, other).status_code == 202
    assert bulk.make({"accounts": [sent("C")]}, one).status_code == 202, "it fits beside the two"
    bulk.run(Quick())
    assert bulk.make({"accounts": [sent("C"), sent("D")]}, one).status_code == 202
    bulk.store.close()


def test_a_full_disk_makes_no_half_of_a_job(bulk: Bulk) -> None:
    def full(connection: Any, *_: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 10}")

    engine = bulk.store.engine
    engine.dispose()
    sa.event.listen(engine, "connect", full)
    accounts = [sent(uuid4().hex, *[float(number) for number in range(30)]) for _ in range(100)]
    answer = bulk.make({"accounts": accounts})
    assert_problem(answer, 503)
    sa.event.remove(engine, "connect", full)
    engine.dispose()
    with reading(engine) as connection:
        for table in (JOBS, ACCOUNTS, CHUNKS):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0
    assert bulk.make({"accounts": accounts}).status_code == 202


def test_accounts_are_kept_as_they_came(bulk: Bulk) -> None:
    """Nothing of an account is looked at when the job is made: its text is what is scored."""
    account = sent("A", 0.1) | {"extra": [1, {"deep": None}]}
    wanted = copy.deepcopy(account)
    bulk.made([account])
    seen = []

    class Seeing(Quick):
        def predict_each(self, calls: Sequence[Call]) -> list[Any]:
            seen.extend(calls[0].histories)
            return super().predict_each(calls)

    bulk.run(Seeing())
    assert seen[0].invoices[0].amount == wanted["invoices"][0]["amount"]
