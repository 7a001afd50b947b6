"""Every route that shows a stored account to somebody leaves a line in the audit; a refusal leaves none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.bulk import sent
from support.bulk_client import Bulk
from support.gates import SECRET
from support.served import Client, Done, run_command
from support.stored import SCORE, put

from serving.access.audit import ReadAudit
from serving.access.keys import KeyStore
from serving.access.reads import list_reads
from serving.api.edge.runtime import Runtime
from serving.database.engine import reading
from serving.run.running import Running
from serving.settings import ServiceSettings
from training.bundle.bundle import Bundle


class Audited(Bulk):
    """A service with an audit that writes when told."""

    def __init__(self, bundle: Bundle, url: str) -> None:
        super().__init__(bundle, url, ServiceSettings(secret=SECRET))
        self.reads = ReadAudit(self.store.engine, timedelta(days=30))
        runtime: Runtime = self.client.app.state.runtime
        self.client.app.state.runtime = replace(runtime, reads=self.reads)
        managers = {"A1": "Anna", "B1": "Bernd"}
        evidence = {name: {"account": {"account_id": name, "account_manager": who}} for name, who in managers.items()}
        put(self.store, *(replace(SCORE, account_id=name) for name in managers), evidence=evidence)
        self.keys = KeyStore(self.store.engine)

    def key(self, *scopes: str, manager: str | None = None) -> tuple[str, Client]:
        key, token = self.keys.create(scopes, manager)
        self.clock.move(seconds=2)
        return f"key:{key.id}", self.client.with_headers(Authorization=f"Bearer {token}")

    def lines(self) -> list[tuple[str, str, str, str | None]]:
        self.reads.flush()
        with reading(self.store.engine) as connection:
            found = list_reads(connection)
        return sorted((row["principal"], row["what"], row["route"], row["account_id"]) for row in found)


@pytest.fixture
def service(bundle: Bundle, database_url: str) -> Iterator[Audited]:
    made = Audited(bundle, database_url)
    yield made
    made.store.close()


def test_each_route_that_shows_an_account(service: Audited) -> None:
    me, client = service.key("read", "score")
    answers = [client.get("/v1/accounts"), client.get("/v1/accounts/A1/risk"), client.get("/v1/accounts/B1/report")]
    body = json.dumps({"account_id": "B1"})
    made = client.ask("POST", "/v1/links", content=body, headers={"Content-Type": "application/json"})
    answers += [made, service.client.get("/v1" + made.json()["url"].partition("/v1")[2])]
    assert [answer.status_code for answer in answers] == [200] * 5
    job = service.make({"accounts": [sent("J1", 1.0), sent("J2", 2.0)]}, client).json()["job_id"]
    service.run()
    assert client.get(f"/v1/jobs/{job}/results?format=csv").status_code == 200
    assert service.lines() == sorted([
        (me, "list", "/v1/accounts", "A1"),
        (me, "list", "/v1/accounts", "B1"),
        (me, "risk", "/v1/accounts/{account_id}/risk", "A1"),
        (me, "report", "/v1/accounts/{account_id}/report", "B1"),
        (me, "link", "/v1/links", "B1"),
        (f"link:{me}", "report", "/v1/reports/{token}", "B1"),
        (me, "job result", "/v1/jobs/{job_id}/results", "J1"),
        (me, "job result", "/v1/jobs/{job_id}/results", "J2"),
    ])  # fmt: skip


def test_only_what_was_shown(service: Audited) -> None:
    anna, client = service.key("read", manager="Anna")
    statuses = [
        client.get(path).status_code
        for path in ("/v1/accounts/B1/risk", "/v1/accounts/B1/report", "/v1/accounts/X/risk", "/v1/model", "/readyz")
    ]
    assert statuses == [404, 404, 404, 200, 200]
    assert service.client.get("/v1/accounts/A1/risk").status_code == 401
    assert client.get("/v1/accounts?account_manager=Bernd").json()["accounts"] == []
    assert service.lines() == []
    assert client.get("/v1/accounts").status_code == 200
    assert service.lines() == [(anna, "list", "/v1/accounts", "A1")]


def test_the_command_tells_it(
    service: Audited, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHURN_RISK_STORE_URL", database_url)

    def run(*words: object) -> Done:
        return run_command(monkeypatch, capsys, "store", *words)

    me, client = service.key("read")
    answer = client.get("/v1/accounts/A1/risk")
    client.get("/v1/accounts")
    service.reads.flush()
    found = run("audit", "--account", "A1", "--json").result
    assert found["more"] is False and [row["what"] for row in found["reads"]] == ["list", "risk"]
    line = found["reads"][1]
    assert line == {
        "at": line["at"], "principal": me, "what": "risk", "route": "/v1/accounts/{account_id}/risk",
        "account_id": "A1", "request_id": answer.headers["x-request-id"],
    }  # fmt: skip
    assert run("audit", "--by", "key:nobody", "--json").result == {"reads": [], "more": False}
    assert run("audit", "--since", "2100-01-01", "--json").result["reads"] == []
    short = run("audit", "--limit", 1)
    assert short.code == 0 and me in short.err.replace("\n", "") and "only the newest 1" in short.err
    done = run("forget", "A1", "--json").result
    assert done["reads_pseudonymised"] == 2 and "reads" not in done["removed"]
    again = run("audit", "--account", "A1", "--json").result["reads"]
    assert [row["account_id"] for row in again] == [None, None], "the audit survives whom it tells of"
    monkeypatch.setenv("CHURN_RISK_AUDIT_DAYS", "1")
    assert run("purge", "--json").result["reads"] == 0


@pytest.mark.parametrize("on", [True, False])
def test_a_worker_writes_it_unless_it_is_switched_off(bundle_folder: Path, tmp_path: Path, on: bool) -> None:
    url = f"sqlite:///{tmp_path / 'scores.db'}"
    running = Running(ServiceSettings(store_url=url, audit=on), bundle_folder)
    reads = running.runtime.reads
    assert (reads is not None) is on
    assert any(thread is reads for thread in running._threads) is on
    running.start()
    if reads is not None:
        reads.note("key:1", "/r", "risk", ["A1"], "r")
    running.stop()
    with reading(running._store.engine) as connection:
        assert len(list_reads(connection)) == int(on), "what was noted is there once it has stopped"
    running._store.engine.dispose()
