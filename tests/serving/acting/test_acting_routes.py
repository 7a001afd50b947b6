"""Steps and feedback over HTTP: stored once with who and when, one's own accounts only, forgotten and carried over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from support.pages import Site
from support.portfolios import ACCOUNTS, EVA, JAN, evidence, score_of
from support.served import Client, assert_problem, run_command
from support.stored import opened, put

from serving.access.reads import READS
from serving.acting.acting_tables import FEEDBACK, STEPS
from serving.acting.acts import NewStep
from serving.acting.step_changes import changes_of
from serving.database.engine import open_database, reading, writing
from serving.run.backup import back_up, restore
from serving.run.forgetting import forget

STEP = {"kind": "call", "what": "=Ask why", "owner": "Eva", "due_on": "2099-02-01"}
Sent = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('acting') / 'scores.db'}") as store:
        put(store, *map(score_of, ACCOUNTS), evidence=evidence())
        made = Site(store, rate_limit="100000/minute")
        yield made
        made.app.state.runtime.access.close()


@pytest.fixture(scope="module")
def eva(site: Site) -> Client:
    return Client(site.app, {"X-API-Key": site.key("read", "feedback", account_manager=EVA)})


def rows(site: Site, table: sa.Table = STEPS) -> int:
    with reading(site.store.engine) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_a_step_from_its_plan_to_its_end(site: Site, eva: Client) -> None:
    made = eva.ask("POST", "/v1/accounts/E%2F2/steps", json=STEP)
    assert made.status_code == 200 and made.json()["done_at"] is None
    assert {name: made.json()[name] for name in STEP} == STEP and made.json()["account_id"] == "E/2"
    number = made.json()["step_id"]
    eva.ask("POST", "/v1/accounts/E%2F2/steps", json=STEP | {"due_on": "2099-01-15"})
    done = [eva.ask("POST", "/v1/accounts/E%2F2/steps", json={"step_id": number}).json() for _ in range(2)]
    assert done[0]["done_at"] == done[1]["done_at"] is not None
    assert (
        done[0]["created_by"] == done[0]["done_by"] == eva.get("/v1/accounts/E%2F2/steps").json()["steps"][1]["done_by"]
    )
    listed = eva.get("/v1/accounts/E%2F2/steps").json()["steps"]
    assert [step["done_at"] is None for step in listed] == [True, False]
    assert listed[1]["created_by"] == listed[1]["done_by"] and listed[1]["done_by"].startswith("key:")
    assert_problem(eva.ask("POST", "/v1/accounts/E1/steps", json={"step_id": number}), 404, "/step_id")


def test_an_open_step_is_changed_and_a_done_one_is_not(site: Site, eva: Client) -> None:
    number = eva.ask("POST", "/v1/accounts/E1/steps", json=STEP).json()["step_id"]
    new = {"kind": "visit", "what": "Go there", "due_on": "2099-03-01"}
    made = eva.ask("POST", "/v1/accounts/E1/steps", json=new | {"step_id": number}).json()
    assert made["done_at"] is None and {name: made[name] for name in STEP} == STEP | new, "the owner stays"
    with writing(site.store.engine) as connection:
        connection.execute(STEPS.update().where(STEPS.c.step_id == number).values(due_on=date(2026, 1, 2)))
        assert changes_of(connection, "E1")[number][0].was == NewStep(**STEP | {"due_on": date(2099, 2, 1)})
    late = eva.ask("POST", "/v1/accounts/E1/steps", json={"step_id": number, "owner": "Jan"})
    assert (late.status_code, late.json()["owner"]) == (200, "Jan"), "what is overdue may stay so"
    for wrong in ({"owner": " "}, {"due_on": "2026-01-01"}):
        assert_problem(
            eva.ask("POST", "/v1/accounts/E1/steps", json=wrong | {"step_id": number}), 422, *map("/".__add__, wrong)
        )
    assert_problem(eva.ask("POST", "/v1/accounts/E/2/steps", json={"step_id": number, "what": "x"}), 404, "/step_id")
    eva.ask("POST", "/v1/accounts/E1/steps", json={"step_id": number})
    assert_problem(eva.ask("POST", "/v1/accounts/E1/steps", json={"step_id": number, "what": "x"}), 422, "/step_id")
    with writing(site.store.engine) as connection:
        connection.execute(STEPS.delete().where(STEPS.c.step_id == number))


def test_feedback_is_of_the_score_that_was_seen(eva: Client) -> None:
    said = eva.ask("POST", "/v1/accounts/E1/feedback", json={"verdict": "wrong", "text": " They renewed "}).json()
    assert (said["churn_probability"], said["model_version"], said["text"]) == (0.42, "1", "They renewed")
    assert said["created_by"].startswith("key:") and said["request_id"]


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("steps", {}, ["/what", "/owner", "/due_on"]),
        ("steps", STEP | {"owner": " "}, ["/owner"]),
        ("steps", STEP | {"due_on": "31.1.2026"}, ["/due_on"]),
        ("steps", STEP | {"due_on": "1999-01-01"}, ["/due_on"]),
        ("steps", STEP | {"kind": "fax"}, ["/kind"]),
        ("steps", STEP | {"what": "x" * 501}, ["/what"]),
        ("steps", STEP | {"by": "me"}, ["/by"]),
        ("steps", {"step_id": 0}, ["/step_id"]),
        ("feedback", {}, ["/verdict"]),
        ("feedback", {"verdict": "wrong"}, ["/text"]),
        ("feedback", {"verdict": "note", "text": "  "}, ["/text"]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_incomplete_is_stored_nowhere(
    site: Site, eva: Client, path: str, body: Sent, pointers: list[str]
) -> None:
    before = rows(site), rows(site, FEEDBACK)
    assert_problem(eva.ask("POST", f"/v1/accounts/E1/{path}", json=body), 422, *pointers)
    assert (rows(site), rows(site, FEEDBACK)) == before


def test_a_request_that_is_sent_again_stores_nothing_more(site: Site, eva: Client) -> None:
    before, headers = rows(site), {"Idempotency-Key": "plan-1"}
    answers = [eva.ask("POST", "/v1/accounts/E1/steps", json=STEP, headers=headers) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1 and rows(site) == before + 1
    assert_problem(eva.ask("POST", "/v1/accounts/E1/steps", json=STEP | {"owner": "Jan"}, headers=headers), 422,
                   "/header/Idempotency-Key")  # fmt: skip
    without = [eva.ask("POST", "/v1/accounts/E1/steps", json=STEP).json()["step_id"] for _ in range(2)]
    assert len(set(without)) == 2


def test_nobody_reads_or_writes_what_is_another_s(site: Site, eva: Client) -> None:
    jan = Client(site.app, {"X-API-Key": site.key("read", "feedback", account_manager=JAN)})
    before = rows(site), rows(site, FEEDBACK)
    for method, path, body in (
        ("GET", "steps", None), ("POST", "steps", STEP), ("POST", "steps", {"step_id": 1}),
        ("POST", "feedback", {"verdict": "agree"}),
    ):  # fmt: skip
        content = {} if body is None else {"json": body}
        theirs = assert_problem(jan.ask(method, f"/v1/accounts/E1/{path}", **content), 404, "/path/account_id")
        missing = assert_problem(jan.ask(method, f"/v1/accounts/ghost/{path}", **content), 404, "/path/account_id")
        assert theirs["detail"].replace("E1", "ghost") == missing["detail"]
    reader = Client(site.app, {"X-API-Key": site.key("read")})
    assert reader.ask("POST", "/v1/accounts/E1/steps", json=STEP).status_code == 403
    assert (rows(site), rows(site, FEEDBACK)) == before


def test_what_was_done_becomes_actions_to_train_on(
    site: Site, eva: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    eva.ask("POST", "/v1/accounts/E3/feedback", json={"verdict": "handled", "text": "Called on Monday"})
    monkeypatch.setenv("CHURN_RISK_STORE_URL", site.store.url)
    for name in ("actions.parquet", "actions.csv"):
        done = run_command(monkeypatch, capsys, "store", "actions", "--out", tmp_path / name, "--json")
        assert (done.code, done.result["rows"]) == (0, 2), done.err
    table = pq.read_table(tmp_path / "actions.parquet").to_pylist()
    assert [(row["account_id"], row["kind"], row["note"]) for row in table] == [
        ("E/2", "call", "=Ask why"), ("E3", "handled", "Called on Monday"),
    ]  # fmt: skip
    assert len({row["action_id"] for row in table}) == 2 and all(row["done_at"].tzinfo for row in table)
    assert ",'=Ask why" in (tmp_path / "actions.csv").read_text("utf-8")
    refused = run_command(monkeypatch, capsys, "store", "actions", "--out", tmp_path / "actions.txt")
    assert refused.code == 2 and "actions.txt" in refused.err and not (tmp_path / "actions.txt").exists()


def test_they_are_in_a_backup_and_gone_when_forgotten(site: Site, eva: Client, tmp_path: Path) -> None:
    back_up(site.store.url, tmp_path / "backup.db")
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    open_database(url).dispose()
    restore(url, tmp_path / "backup.db")
    engine = open_database(url)
    with reading(engine) as connection:
        assert connection.execute(STEPS.select()).all() and connection.execute(FEEDBACK.select()).all()
    forgotten = forget(engine, "E1")
    assert forgotten.removed["steps"] and forgotten.removed["feedback"] and forgotten.removed["repeated_answers"]
    with reading(engine) as connection:
        for table in (STEPS, FEEDBACK):
            assert "E1" not in json.dumps([row.account_id for row in connection.execute(table.select())])
        assert connection.execute(READS.select()).all() == []
    engine.dispose()
