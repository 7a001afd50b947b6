"""32 clients at once against the service, beside BentoML's echo and `mlflow models serve` given the same work.

All run on loopback in processes of their own, one after the other, each with as many workers as the machine has cores;
the clients are threads of a process of their own, each with one kept-alive connection and one account after another
from raw history. `mlflow models serve` runs the very same predictor on the very same bodies. What one client alone
gets through is measured first: how much more 32 do is what merging their requests brings.

    python -m benchmarks load            # 300 seconds of ours; CHURN_RISK_LOAD_SECONDS for another length
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.record import record
from benchmarks.serving import bento, free_port, make_bundle, payloads, quantiles, running

CLIENTS, WARM_UP_SECONDS, SHORT_SECONDS = 32, 5.0, 60.0
CORES = os.cpu_count() or 1
SECONDS = float(os.environ.get("CHURN_RISK_LOAD_SECONDS", "300"))
JSON = {"Content-Type": "application/json"}


def load() -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_bundle(folder)
        bodies = payloads(folder / "book", 1, 2 * CLIENTS)
        short = min(SHORT_SECONDS, SECONDS)
        with bento("serving.run.service:ChurnRisk", folder, CORES) as address:
            alone = _loaded(folder, f"{address}/v1/predictions", bodies, 1, short)
            ours = _loaded(folder, f"{address}/v1/predictions", bodies, CLIENTS, SECONDS)
        with bento("benchmarks.echo:Echo", folder, CORES) as address:
            echo = _loaded(folder, f"{address}/echo", bodies, CLIENTS, short)
        with _mlflow(folder) as address:
            wrapped = [json.dumps({"inputs": {"body": [body.decode()]}}).encode() for body in bodies]
            mlflow = _loaded(folder, f"{address}/invocations", wrapped, CLIENTS, short)
    figures = {"one client": alone, "32 clients": ours, "echo, 32 clients": echo, "mlflow, 32 clients": mlflow}
    summary = {
        "errors": sum(found["errors"] for found in figures.values()),
        "32 clients over one, throughput": ours["per_second"] / alone["per_second"],
        "over mlflow models serve, throughput": ours["per_second"] / mlflow["per_second"],
        "p99 over echo's": ours["ms"]["p99"] / echo["ms"]["p99"],
    }
    record("load", {"clients": CLIENTS, "seconds": SECONDS, "summary": summary, "figures": figures})


def _loaded(folder: Path, address: str, bodies: list[bytes], clients: int, seconds: float) -> dict[str, Any]:
    """Ask from a process of its own, so that the clients share no interpreter with anybody."""
    task = folder / "task.json"
    task.write_text(json.dumps([address, [body.decode() for body in bodies], clients, seconds]))
    done = subprocess.run([sys.executable, "-m", "benchmarks.load", task], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def ask(address: str, bodies: list[bytes], clients: int, seconds: float) -> dict[str, Any]:
    """Let so many clients ask for so many seconds, after a warm-up."""
    began = time.perf_counter() + WARM_UP_SECONDS
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(lambda n: _client(address, bodies[n:] + bodies[:n], began, seconds), range(clients)))
    times = [1000 * took for own, _ in found for took in own]
    errors = sum(failed for _, failed in found)
    return {"answers": len(times), "errors": errors, "per_second": len(times) / seconds, "ms": quantiles(times)}


def _client(address: str, bodies: list[bytes], began: float, seconds: float) -> tuple[list[float], int]:
    """Ask one request after another; return the seconds that each sound answer took, and the number of others."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    times, errors, number = [], 0, 0
    while (start := time.perf_counter()) < began + seconds:
        try:
            connection.request("POST", parts.path, bodies[number % len(bodies)], JSON)
            answer = connection.getresponse()
            sound = answer.read() != b"" and answer.status == 200
        except (OSError, http.client.HTTPException):
            sound = False
            connection.close()
        if start >= began:
            times += [time.perf_counter() - start] if sound else []
            errors += not sound
        number += 1
    connection.close()
    return times, errors


@contextmanager
def _mlflow(folder: Path) -> Iterator[str]:
    import mlflow

    model = folder / "mlflow-model"
    code = str(Path(__file__).with_name("mlflow_model.py"))
    mlflow.pyfunc.save_model(model, python_model=code, artifacts={"bundle": str(folder / "bundle")})
    port = free_port()
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    workers = ["--workers", str(CORES)]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), *options, *workers]
    # MLflow starts uvicorn by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_WAIT_POLICY": "PASSIVE", "PATH": path}
    with running(command, settings, f"http://127.0.0.1:{port}", "/ping") as address:
        yield address


if __name__ == "__main__":
    address, bodies, clients, seconds = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(ask(address, [body.encode() for body in bodies], clients, seconds)))
