"""Jobs over HTTP for the tests: an app in this process, a clock that is moved, and a runner that works when told."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import httpx
import pyarrow.parquet as pq

from serving.access.gate import Gate
from serving.jobs.runner import JobRunner
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from support.bulk import Clock
from support.served import Client, Json, client_of
from training.bundle.bundle import Bundle


class Bulk:
    """A client of the jobs of one service, with a runner that works when it is told."""

    def __init__(self, bundle: Bundle, url: str, settings: ServiceSettings | None = None) -> None:
        self.store, self.clock = ScoreStore(url), Clock()
        chosen = settings or ServiceSettings()
        access = Gate(self.store.engine, chosen, now=self.clock)
        self.client = client_of(bundle, self.store, chosen, access)

    def make(self, body: Any, client: Client | None = None, content_type: str = "application/json") -> httpx.Response:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return (client or self.client).ask("POST", "/v1/jobs", content=content, headers={"Content-Type": content_type})

    def made(self, accounts: list[Json], as_of: date | None = None) -> Json:
        body = {"accounts": accounts} | ({} if as_of is None else {"as_of": as_of.isoformat()})
        answer = self.make(body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def run(self, predictor: Any = None) -> None:
        found = predictor or self.client.app.state.runtime.predictor
        runner = JobRunner(self.store.engine, lambda: found, now=self.clock)
        while runner.step():
            pass

    def job(self, job_id: str) -> Json:
        return dict(self.client.get(f"/v1/jobs/{job_id}").json())

    def results(self, job_id: str) -> list[Json]:
        answer = self.client.get(f"/v1/jobs/{job_id}/results")
        assert answer.status_code == 200, answer.text
        return list(pq.read_table(io.BytesIO(answer.content)).to_pylist())
