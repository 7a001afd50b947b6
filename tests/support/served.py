"""What the tests of the serving layer share: raw histories as requests have them, a client, a home with a champion.

`Client` asks the app in this process, as a server would; `histories` turns tables into what a caller sends; a book in
a folder can be made again without some tables, or with some of them empty.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from subprocess import PIPE, Popen
from time import monotonic, sleep
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI

from features.errors import ChurnRiskError
from features.tables import HISTORY, TABLES
from serving.access.gate import Gate
from serving.api.app import create_app
from serving.api.edge.runtime import Runtime
from serving.cli import main as cli
from serving.predict.batching import Batcher
from serving.predict.predictor import Predictor
from serving.predict.served_model import ServedModel
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

ROOT = Path(__file__).parents[2]
PROBLEM_KEYS = {"type", "title", "status", "detail", "instance", "request_id", "errors"}
START_SECONDS = 120
Json = dict[str, Any]


class Client:
    """HTTP against an app in this process; what the app raises becomes an answer, as in a server.

    It asks from this machine, unless an address says otherwise; `headers` go with every request, such as a key.
    """

    def __init__(self, app: FastAPI, headers: Mapping[str, str] | None = None, address: str = "127.0.0.1") -> None:
        self.app, self._headers = app, dict(headers or {})
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))

    def with_headers(self, address: str = "127.0.0.1", **headers: str) -> Client:
        """Return a client of the same app that sends other headers: `Authorization="..."`, `X_API_Key="..."`."""
        return Client(self.app, {name.replace("_", "-"): value for name, value in headers.items()}, address)

    def ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        async def one() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://127.0.0.1", headers=self._headers
            ) as client:
                return await client.request(method, path, **content)

        return asyncio.run(one())

    def get(self, path: str) -> httpx.Response:
        return self.ask("GET", path)

    def post(self, body: Any, content_type: str = "application/json") -> httpx.Response:
        """Ask for predictions; text and bytes are sent as they are."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.ask("POST", "/v1/predictions", content=content, headers={"Content-Type": content_type})

    def predict(self, as_of: date, accounts: list[Json]) -> list[Json]:
        """Return the predictions for any number of accounts, a hundred in a call."""
        found = []
        for start in range(0, len(accounts), 100):
            answer = self.post({"as_of": as_of.isoformat(), "accounts": accounts[start : start + 100]})
            assert answer.status_code == 200, answer.text
            found += answer.json()["predictions"]
        return found


def client_of(
    bundle: Bundle, store: ScoreStore, settings: ServiceSettings | None = None, access: Gate | None = None
) -> Client:
    """Return a client of an app that serves a bundle and a store, to whoever the gate lets in."""
    app, chosen = create_app(), settings or ServiceSettings()
    access = access or Gate(store.engine, chosen)
    app.state.runtime = Runtime(ServedModel(Predictor(bundle)), store, chosen, access, Batcher(chosen.waiting))
    return Client(app)


def assert_problem(answer: httpx.Response, status: int, *pointers: str) -> Json:
    """Demand a problem detail with exactly these JSON pointers, and nothing of the inside."""
    body: Json = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(body) == PROBLEM_KEYS and body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["title"] and body["detail"] and body["type"].startswith("urn:churn-risk:problem:")
    assert body["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert [error["pointer"] for error in body["errors"]] == list(pointers), body
    assert all(error["detail"] for error in body["errors"])
    assert not any(word in answer.text for word in ("Traceback", ".py", "pydantic", "duckdb", "Value error"))
    return body


def rows_of(folder: Path) -> dict[str, list[Json]]:
    """Return every row of every table of a folder of Parquet files, dates and instants as ISO text."""
    found = {}
    for name in TABLES:
        path = folder / f"{name}.parquet"
        if path.is_file():
            found[name] = json.loads(
                json.dumps(pq.read_table(path).to_pylist(), default=lambda value: value.isoformat())
            )
    return found


def histories(rows: Mapping[str, list[Json]], ids: Collection[str]) -> list[Json]:
    """Return accounts as a request has them; a table that is not in `rows` is absent."""
    made = {account["account_id"]: {"account": account} for account in rows["accounts"]}
    wanted = {account_id: made[account_id] for account_id in ids}
    for name in (*HISTORY, "churns"):
        if name in rows:
            for history in wanted.values():
                history[name] = []
            for row in rows[name]:
                if row["account_id"] in wanted:
                    wanted[row["account_id"]][name].append(row)
    return list(wanted.values())


def changed_book(book: Path, folder: Path, absent: Collection[str] = (), empty: Collection[str] = ()) -> Path:
    """Return a folder with the same book, some tables left out and some without a row."""
    folder.mkdir(parents=True)
    for path in book.glob("*.parquet"):
        if path.stem in empty:
            pq.write_table(pq.read_table(path).slice(0, 0), folder / path.name)
        elif path.stem not in absent:
            (folder / path.name).symlink_to(path)
    return folder


@dataclass(frozen=True)
class Done:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Json:
        """Standard output as the one JSON object that it must be."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def run_command(patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], *arguments: object) -> Done:
    """Run `churn-risk` in this process, from the words of the command line to the exit code."""
    patch.setattr(sys, "argv", ["churn-risk", *map(str, arguments)])
    capture.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capture.readouterr()
    return Done(int(ended.value.code or 0), out, err)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def process(
    command: list[str], home: Path, log: Path, variables: Mapping[str, str] | None = None, piped: bool = False
) -> Iterator[Popen[bytes]]:
    """Run a command with a home and a working directory of its own; end it with the block.

    What it writes goes to `log`, standard output to a pipe where `piped`.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_RISK_", "MLFLOW_T"))}
    working = log.with_suffix(".working")
    working.mkdir(exist_ok=True)
    own = clean | {"CHURN_RISK_HOME": str(home), "PYTHONPATH": str(ROOT)} | dict(variables or {})
    with log.open("wb") as output:
        pipe = PIPE if piped else None
        with Popen(command, env=own, cwd=working, stdin=pipe, stdout=pipe or output, stderr=output) as started:
            try:
                yield started
            finally:
                started.terminate()


@cache
def caller() -> httpx.Client:
    """Return a client that opens a connection for every request, as `httpx.get` does.

    The trusted certificates are read once, not for every request, which costs more than the request.
    """
    return httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


def wait_until_ready(address: str, started: Popen[bytes], log: Path) -> None:
    """Poll `/readyz` until it answers; fail with the log when the process ends or the time is up."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and started.poll() is None:
        try:
            if caller().get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        sleep(0.1)
    raise ChurnRiskError(f"the service did not become ready:\n{log.read_text()}")
