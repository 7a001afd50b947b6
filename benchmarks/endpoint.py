"""From raw history over HTTP to a score with reasons, beside BentoML echoing the same payload in the same run.

Both services run in processes of their own on loopback, one worker each; requests go out one after another over one
kept-alive connection, ours and the echo's in turn, after a warm-up. The ratio is the figure; the times are for
orientation.

    python -m benchmarks endpoint
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from benchmarks.record import record
from features.simulation import World, simulate
from features.sources import open_source
from features.validation import validate
from serving.demo import raw_history
from training.bundle import stamp_version, write_bundle
from training.pipeline import train
from training.settings import FitSettings, TrainingSettings

ACCOUNTS, AS_OF = 1500, date(2026, 1, 1)
WARM_UP, REQUESTS = 20, 300
SIZES = (1, 100)
START_SECONDS = 120


def endpoint() -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        simulate(World(accounts=ACCOUNTS), folder / "book")
        _train(folder)
        ours = stack.enter_context(_serving("serving.service:ChurnRisk", folder))
        echo = stack.enter_context(_serving("benchmarks.echo:Echo", folder))
        figures = {f"{size} accounts": _compare(ours, echo, _payload(folder / "book", size)) for size in SIZES}
    record("endpoint", {"requests": REQUESTS, "summary": figures})


def _train(folder: Path) -> None:
    trained = train(validate(open_source(folder / "book")), TrainingSettings(fit=FitSettings()))
    (folder / "bundle").mkdir()
    write_bundle(folder / "bundle", trained, "2026-01-01T00:00:00+00:00", "benchmark")
    stamp_version(folder / "bundle", "1")


def _payload(book: Path, size: int) -> bytes:
    customers = _customers(book)[:size]
    body: dict[str, Any] = {"as_of": AS_OF.isoformat(), "accounts": [raw_history(book, name) for name in customers]}
    return json.dumps(body).encode()


def _customers(book: Path) -> list[str]:
    churned = set(pd.read_parquet(book / "churns.parquet")["account_id"])
    return [name for name in pd.read_parquet(book / "accounts.parquet")["account_id"] if name not in churned]


def _compare(ours: str, echo: str, payload: bytes) -> dict[str, Any]:
    times: dict[str, list[float]] = {"ours": [], "echo": []}
    addresses = {"ours": f"{ours}/v1/predictions", "echo": f"{echo}/echo"}
    with httpx.Client(timeout=60) as client:
        for number in range(WARM_UP + REQUESTS):
            for name, address in addresses.items():
                began = time.perf_counter()
                answer = client.post(address, content=payload, headers={"Content-Type": "application/json"})
                took = time.perf_counter() - began
                answer.raise_for_status()
                if number >= WARM_UP:
                    times[name].append(1000 * took)
    found = {f"{name}_ms": _quantiles(values) for name, values in times.items()}
    ratio = {key: found["ours_ms"][key] / found["echo_ms"][key] for key in ("p50", "p99")}
    return {"payload_bytes": len(payload), **found, "ratio_to_echo": ratio}


def _quantiles(values: list[float]) -> dict[str, float]:
    return {"p50": float(np.quantile(values, 0.5)), "p99": float(np.quantile(values, 0.99))}


@contextmanager
def _serving(service: str, folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "CHURN_RISK_BUNDLE": str(folder / "bundle"),
        "CHURN_RISK_HOME": str(folder),
        "BENTOML_DO_NOT_TRACK": "true",
    }
    command = [sys.executable, "-m", "bentoml", "serve", service, "--host", "127.0.0.1", "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=quiet, stderr=quiet) as process:
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"{address} did not become ready")
