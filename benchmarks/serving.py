"""What the service's benchmarks share: a model, payloads of raw history, and services in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from features.simulation import World, simulate
from features.sources import open_source
from features.validation import validate
from serving.cli.demo import raw_history
from training.bundle.bundle import stamp_version
from training.making.packing import write_bundle
from training.making.pipeline import Trained, train
from training.settings import FitSettings, TrainingSettings
from training.slices.preparing import prepare

ACCOUNTS, AS_OF = 1500, date(2026, 1, 1)
START_SECONDS = 120
BENTO = (sys.executable, "-m", "bentoml", "serve")


def make_bundle(folder: Path) -> Trained:
    """Write a simulated book to `folder/book` and a model trained on it to `folder/bundle`; return what was trained."""
    simulate(World(accounts=ACCOUNTS), folder / "book")
    tables, settings = validate(open_source(folder / "book")), TrainingSettings(fit=FitSettings())
    trained = train(tables, prepare(tables, settings), settings)
    (folder / "bundle").mkdir()
    write_bundle(folder / "bundle", trained, "2026-01-01T00:00:00+00:00", "benchmark")
    stamp_version(folder / "bundle", "1")
    return trained


def payloads(book: Path, size: int, number: int = 1) -> list[bytes]:
    """Return so many requests of so many accounts each, as JSON; no account twice."""
    churned = set(pd.read_parquet(book / "churns.parquet")["account_id"])
    ids = [name for name in pd.read_parquet(book / "accounts.parquet")["account_id"] if name not in churned]
    wanted = [ids[size * n : size * (n + 1)] for n in range(number)]
    bodies: list[dict[str, Any]] = [
        {"as_of": AS_OF.isoformat(), "accounts": [raw_history(book, name) for name in names]} for names in wanted
    ]
    return [json.dumps(body).encode() for body in bodies]


def quantiles(milliseconds: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile."""
    return {"p50": float(np.quantile(milliseconds, 0.5)), "p99": float(np.quantile(milliseconds, 0.99))}


@contextmanager
def bento(service: str, folder: Path, workers: int = 1) -> Iterator[str]:
    """Serve a BentoML service of `folder`'s bundle by so many processes; yield its address."""
    name = {"serving.run.service:ChurnRisk": "churn_risk", "benchmarks.echo:Echo": "echo"}[service]
    settings = {
        "CHURN_RISK_BUNDLE": str(folder / "bundle"),
        "CHURN_RISK_HOME": str(folder),
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_CONFIG_OPTIONS": f"services.{name}.workers={workers}",
    }
    port = free_port()
    command = [*BENTO, service, "--host", "127.0.0.1", "--port", str(port)]
    with running(command, settings, f"http://127.0.0.1:{port}", "/readyz") as address:
        yield address


@contextmanager
def running(command: list[str], settings: Mapping[str, str], address: str, ready: str) -> Iterator[str]:
    """Run a server until the block ends, from when it says that it is ready."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**os.environ, **settings}, stdout=quiet, stderr=quiet) as process:
        try:
            _wait(address + ready, process)
            yield address
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{address} did not become ready")
