"""How long a training takes at three sizes of book, beside another checkout on the same books.

A book is simulated once a size. Each training is a process of its own, ours and the other's by turns: slices, model,
rivals, verdict and findings, without registering. The figure is the median; over the sizes it grows with an exponent.
CHURN_RISK_BASE names the folder of the other checkout: without it there is no ratio.

    CHURN_RISK_BASE=../base python -m benchmarks train
    CHURN_RISK_TRAIN_ACCOUNTS=1500 python -m benchmarks train
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from features.console import say
from features.simulation import World, simulate

ACCOUNTS = (1_500, 5_000, 20_000)
REPEATS = 3
OURS = Path(__file__).parent.parent
TRAIN = """
import json, sys, time
start, used = time.perf_counter(), time.process_time()
from features.sources import open_source
from features.validation import validate
from training.making.pipeline import train
from training.settings import TrainingSettings
from training.slices.preparing import prepare
tables, settings = validate(open_source(sys.argv[1])), TrainingSettings()
made = train(tables, prepare(tables, settings), settings)
print(json.dumps({"seconds": time.perf_counter() - start, "processor_seconds": time.process_time() - used,
                  "roc_auc": made.verdict.metrics["model"].roc_auc, "grade": made.verdict.grade}))
"""


def train() -> None:
    """Time both checkouts on the same books and record seconds, ratios and the exponents of growth."""
    base = os.environ.get("CHURN_RISK_BASE")
    sizes = [int(size) for size in os.environ.get("CHURN_RISK_TRAIN_ACCOUNTS", ",".join(map(str, ACCOUNTS))).split(",")]
    checkouts = {"ours": OURS} | ({"base": Path(base).absolute()} if base else {})
    found = {str(size): _one_size(size, checkouts) for size in sizes}
    summary = {size: {key: one[key] for key in ("seconds", "ratio")} for size, one in found.items()}
    exponents = {name: _exponent(sizes, [found[str(size)]["seconds"][name] for size in sizes]) for name in checkouts}
    record("train", {"summary": summary, "exponents": exponents, "repeats": REPEATS, "sizes": found})


def _one_size(accounts: int, checkouts: dict[str, Path]) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory() as book:
        simulate(World(accounts=accounts, seed=1), Path(book))
        for _ in range(REPEATS):
            for name, folder in checkouts.items():
                runs[name].append(_train(folder, book))
                say(f"{accounts:,} accounts, {name}: {runs[name][-1]}")
    seconds = {name: statistics.median(run["seconds"] for run in found) for name, found in runs.items()}
    return {"seconds": seconds, "ratio": seconds["ours"] / seconds["base"] if "base" in seconds else None, "runs": runs}


def _train(checkout: Path, book: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-W", "ignore", "-c", TRAIN, book]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _exponent(sizes: list[int], seconds: list[float]) -> float | None:
    """Return by which power of the number of accounts the seconds grow; None with a single size."""
    if len(sizes) < 2:
        return None
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
