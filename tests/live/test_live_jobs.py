"""A job of the real service: made over HTTP, alone as the quota has it, stopped midway, finished by the next one."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic, sleep

import httpx
import pyarrow.parquet as pq
import sqlalchemy as sa
from support.served import START_SECONDS, Json, free_port, histories, process, rows_of, wait_until_ready

from serving.database.engine import connect, reading
from serving.jobs.job_tables import CHUNKS

#: Enough that a service is stopped before the job is done, however quick the machine.
COPIES = 4


@contextmanager
def running(bundle_folder: Path, url: str, log: Path) -> Iterator[httpx.Client]:
    """Serve; end the service, as an operator would, with the block."""
    port = free_port()
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", str(port)]
    variables = {"CHURN_RISK_STORE_URL": url, "CHURN_RISK_BUNDLE": str(bundle_folder), "CHURN_RISK_JOBS_WAITING": "1"}
    with process(command, log.with_suffix(".home"), log, variables) as started:
        wait_until_ready(f"http://127.0.0.1:{port}", started, log)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client


def wait_for(client: httpx.Client, address: str, reached: Callable[[Json], bool]) -> Json:
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline:
        job: Json = client.get(address).json()
        if reached(job):
            return job
        sleep(0.05)
    raise AssertionError(f"the job does not go on: {job}")


def test_a_job_goes_on_after_a_restart(bundle_folder: Path, book_folder: Path, as_of: date, tmp_path: Path) -> None:
    url, rows = f"sqlite:///{tmp_path / 'scores.db'}", rows_of(book_folder)
    base = histories({"accounts": rows["accounts"], "invoices": []}, [row["account_id"] for row in rows["accounts"]])
    accounts = [
        {"account": one["account"] | {"account_id": f"{one['account']['account_id']}-{copy}"}, "invoices": []}
        for copy in range(COPIES)
        for one in base
    ]
    body = {"as_of": as_of.isoformat(), "accounts": accounts}
    with running(bundle_folder, url, tmp_path / "first") as client:
        made = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "one"})
        assert made.status_code == 202, made.text
        refused = client.post("/v1/jobs", json=body)
        assert refused.status_code == 429 and refused.json()["type"].endswith(":quota-reached"), refused.text
        assert int(refused.headers["retry-after"]) >= 2 and len(client.get("/v1/jobs").json()["jobs"]) == 1
        address = made.headers["location"]
        half = wait_for(client, address, lambda job: job["done"] > 0)
        assert half["status"] == "running" and half["done"] < len(accounts)
    engine = connect(url)
    with reading(engine) as connection:
        left = connection.execute(sa.select(CHUNKS.c.claim)).scalars().all()
    engine.dispose()
    assert left and set(left) == {None}  # What was begun was finished, and nothing is held.
    with running(bundle_folder, url, tmp_path / "second") as client:
        again = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "one"})
        assert again.content == made.content and again.headers["idempotency-replayed"] == "true"
        job = wait_for(client, address, lambda job: job["status"] != "running")
        assert (job["status"], job["done"] + job["failed"]) == ("done", len(accounts))
        file = client.get(f"{address}/results").content
    found = pq.read_table(io.BytesIO(file)).to_pylist()
    assert [row["account_id"] for row in found] == [account["account"]["account_id"] for account in accounts]
    assert sum(row["status"] == "done" for row in found) == job["done"] > len(accounts) / 2
