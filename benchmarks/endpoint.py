"""From raw history over HTTP to a score with reasons, beside BentoML echoing the same payload in the same run.

Both services run in processes of their own on loopback as they come; requests go out one after another over one
kept-alive connection, ours and the echo's in turn, after a warm-up. The ratio is the figure; the times are for
orientation. With a hundred accounts in a call, the ratio is that of one account's share of the call to the echo of a
single account.

    python -m benchmarks endpoint
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks.record import record
from benchmarks.serving import bento, make_bundle, payloads, quantiles

WARM_UP, REQUESTS = 20, 300
SIZES = (1, 100)


def endpoint() -> None:
    """Measure and record."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        make_bundle(folder)
        ours = stack.enter_context(bento("serving.run.service:ChurnRisk", folder))
        echo = stack.enter_context(bento("benchmarks.echo:Echo", folder))
        figures = {f"{size} accounts": _compare(ours, echo, payloads(folder / "book", size)[0]) for size in SIZES}
    single = figures["1 accounts"]["echo_ms"]["p50"]
    share = figures["100 accounts"]["ours_ms"]["p50"] / 100
    summary = {
        "one account, p50 over echo's": figures["1 accounts"]["ratio_to_echo"]["p50"],
        "an account's share of a call of 100, p50 over echo's of one": share / single,
    }
    record("endpoint", {"requests": REQUESTS, "summary": summary, "figures": figures})


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
    found = {f"{name}_ms": quantiles(values) for name, values in times.items()}
    ratio = {key: found["ours_ms"][key] / found["echo_ms"][key] for key in ("p50", "p99")}
    return {"payload_bytes": len(payload), **found, "ratio_to_echo": ratio}
