"""A book from its first file to its pages, as a user runs it on a machine with 8 GiB: the commands, one after another.

Each command is a process of its own, which the kernel refuses more than 8 GiB (see `benchmarks.measured`): `simulate`,
which writes some thousand accounts at a time, `validate`, `features` at one date, `train`, which draws accounts of a
large book, `score` with reasons, evidence and figures into a store in SQLite. Then the service is started and asked for
a page of the portfolio, a page of the endpoint and a report from the stored run. Seconds, processor seconds and peaks
are those of the operating system, start of Python included; over the sizes from 10,000 accounts on each step's
processor time grows with an exponent.

    CHURN_RISK_MOST_ROWS=30000 python -m benchmarks million
    CHURN_RISK_MILLION_ACCOUNTS=300000,1000000 CHURN_RISK_MILLION_FOLDER=/var/tmp python -m benchmarks million

A million accounts need 40 GB in the folder for temporary files, or in the one named. `CHURN_RISK_MOST_ROWS` and
`CHURN_RISK_MEMORY` (by default 3 GiB within this limit) count as ever. A size that the same committed code has measured
is not measured again. In a named folder everything stays until a size has ended: a run that is broken off goes on with
the step that it was in, and what each step took says by which code.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.measured import family, limited, measured
from benchmarks.record import record, resumed
from benchmarks.serving import free_port, running
from features.console import say
from features.machine.memory import MEMORY
from training.registry.tracking import code_version
from training.settings import Environment

#: What `make bench` measures; larger books by the variable.
ACCOUNTS = (20_000, 100_000)
AS_OF = "2026-01-01"
MOST_BYTES = 8 * 2**30
CHURN_RISK = (sys.executable, "-W", "ignore", "-m", "serving.cli.main")
#: The exponent is that of sizes from here on; below, what a process takes to start counts for most.
LEAST_ACCOUNTS = 10_000
#: Accounts on a page.
PAGE = 50
COMMANDS = ("simulate", "validate", "features", "train", "score")
Run = dict[str, Any]


def million() -> None:
    """Measure every size, the smallest first; record what each step took and how it grows."""
    said = os.environ.get("CHURN_RISK_MILLION_ACCOUNTS", ",".join(map(str, ACCOUNTS)))
    runs: dict[str, dict[str, Run]] = {}
    for size in map(int, said.split(",")):
        key = f"{size}-{Environment().most_rows}"
        runs[str(size)] = resumed("million", key, partial(_size, size))
        _record(runs)  # So that what was measured is there if a larger size fails.


def _record(runs: dict[str, dict[str, Run]]) -> None:
    told = {size: {name: _told(run) for name, run in steps.items()} for size, steps in runs.items()}
    exponents = {name: _exponent(runs, name) for name in COMMANDS}
    settings = {
        "most_gib": MOST_BYTES / 2**30,
        "most_rows": Environment().most_rows,
    }
    record("million", {"summary": told | {"exponents": exponents}, **settings, "exponents": exponents, "sizes": runs})


def _size(accounts: int) -> dict[str, Run]:
    named = os.environ.get("CHURN_RISK_MILLION_FOLDER")
    if named is None:
        with tempfile.TemporaryDirectory() as scratch:
            return _steps(accounts, Path(scratch))
    folder = Path(named) / f"million-{accounts}"
    folder.mkdir(parents=True, exist_ok=True)
    steps = _steps(accounts, folder)
    shutil.rmtree(folder)
    return steps


def _steps(accounts: int, folder: Path) -> dict[str, Run]:
    """Run all of it at one size; return by step what it took and what it said."""
    book, environment = folder / "book", _environment(folder)
    asked = {
        "simulate": ("simulate", "--accounts", str(accounts), "--seed", "1", "--out", str(book)),
        "validate": ("validate", str(book)),
        "features": ("features", str(book), "--as-of", AS_OF, "--out", str(folder / "matrix.parquet")),
        "train": ("train", str(book)),
        "score": ("score", str(book), "--as-of", AS_OF),
    }
    steps: dict[str, Run] = {}
    for name, words in asked.items():
        steps[name] = _once(folder, name, partial(_ran, words, environment))
        say(f"{accounts:,} accounts, {name}: {steps[name]}")
    steps["score"]["store_gib"] = (folder / "home" / "scores.db").stat().st_size / 2**30
    steps["serve"] = _once(folder, "serve", partial(_served, environment))
    say(f"{accounts:,} accounts, serve: {steps['serve']}")
    return steps


def _once(folder: Path, name: str, make: Callable[[], Run]) -> Run:
    """Return what a step took, by which code; kept in the folder, so that it is not run again."""
    path = folder / f"{name}.json"
    if not path.is_file():
        made = make() | {"code_version": code_version()}
        path.write_text(json.dumps(made), encoding="utf-8")
    kept: Run = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _ran(words: Sequence[str], environment: dict[str, str]) -> Run:
    """Run a command to its end; return what it took and what it said."""
    run, printed = measured(limited([*CHURN_RISK, *words, "--json"], MOST_BYTES), environment=environment)
    return {**run, **_said(json.loads(printed))}


def _environment(folder: Path) -> dict[str, str]:
    """Return the variables of a user who keeps everything in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_RISK_", "MLFLOW_"))}
    said = {name: os.environ[name] for name in ("CHURN_RISK_MOST_ROWS", MEMORY) if name in os.environ}
    (folder / "tmp").mkdir(exist_ok=True)
    return kept | said | {"CHURN_RISK_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}


def _said(answer: Run) -> Run:
    """Return of a command's answer how much it was about."""
    found = {name: answer[name] for name in ("rows", "accounts", "grade", "revenue_at_risk") if name in answer}
    if isinstance(found.get("rows"), dict):
        found["rows"] = sum(found["rows"].values())
    return found | ({"roc_auc": answer["metrics"]["roc_auc"]} if "metrics" in answer else {})


def _served(environment: dict[str, str]) -> Run:
    """Start the service, ask it, and return what each answer took and what its processes held at most."""
    port = free_port()
    command = limited([*CHURN_RISK, "serve", "--port", str(port)], MOST_BYTES)
    with running(command, environment, f"http://127.0.0.1:{port}", "/readyz") as address:
        page, seconds = _asked(f"{address}/v1/accounts?limit={PAGE}")
        account = page.json()["accounts"][0]["account_id"]
        told = {"endpoint_page": seconds}
        for name, path in (("report", f"/v1/accounts/{account}/report?lang=en"), ("portfolio_page", "/?lang=en")):
            told[name] = _asked(f"{address}{path}")[1]
        peaks = [_peak(number) for number in family(os.getpid())[1:]]
    return {"answer_seconds": told, "processes": len(peaks), "peak_gib": max(peaks)}


def _asked(address: str) -> tuple[httpx.Response, float]:
    """Return an answer, and the seconds that it took."""
    begun = time.perf_counter()
    answer = httpx.get(address, timeout=120).raise_for_status()
    return answer, time.perf_counter() - begun


def _peak(number: int) -> float:
    """Return the most memory that a living process has held, in GiB."""
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    kib = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
    return int(kib) / 2**20


def _told(run: Run) -> str:
    seconds = f"{run['processor_seconds']:.0f} s, " if "processor_seconds" in run else ""
    return f"{seconds}{run['peak_gib']:.2f} GiB"


def _exponent(runs: dict[str, dict[str, Run]], name: str) -> float | None:
    """Return by which power of the accounts a step's processor time grows; None with a single size."""
    points = [(int(size), steps[name]["processor_seconds"]) for size, steps in runs.items()]
    points = [point for point in points if point[0] >= LEAST_ACCOUNTS]
    if len(points) < 2:
        return None
    sizes, seconds = zip(*points, strict=True)
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
