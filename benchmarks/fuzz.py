"""Ten thousand mutated requests against the live service: none crashes it, and each gets an answer that is documented.

python -m benchmarks fuzz
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from benchmarks.mutations import mutated
from benchmarks.record import record
from benchmarks.serving import bento, make_bundle, payloads, quantiles

REQUESTS, SEED = 10_000, 4
JSON = {"Content-Type": "application/json"}


def fuzz() -> None:
    """Send and record; raises RuntimeError where an answer is a server error or no document names it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_bundle(folder)
        (valid,) = payloads(folder / "book", 3)
        with (
            bento("serving.run.service:ChurnRisk", folder) as address,
            httpx.Client(base_url=address, timeout=60, headers=JSON) as client,
        ):
            found = _sent(client, json.loads(valid))
            client.post("/v1/predictions", content=valid).raise_for_status()
    record("fuzz", {"requests": REQUESTS, "seed": SEED, "summary": found})


def _sent(client: httpx.Client, valid: dict[str, Any]) -> dict[str, Any]:
    said = client.get("/openapi.json").raise_for_status().json()["paths"]["/v1/predictions"]["post"]["responses"]
    statuses: Counter[int] = Counter()
    times: list[float] = []
    for number, body in enumerate(mutated(valid, REQUESTS, SEED)):
        began = time.perf_counter()
        answer = client.post("/v1/predictions", content=body)
        times.append(1000 * (time.perf_counter() - began))
        statuses[answer.status_code] += 1
        if answer.status_code >= 500 or str(answer.status_code) not in said:
            raise RuntimeError(f"request {number} of seed {SEED}: {answer.status_code} {answer.text[:500]}")
    return {"statuses": {str(status): count for status, count in sorted(statuses.items())}, "ms": quantiles(times)}
