"""What `features` takes at four sizes of book: processor time and peak memory, beside who does the same otherwise.

A book is simulated once a size, in chunks. Each command is a process of its own over the same book and 12 as-of dates;
the figures are those of the operating system (`ru_utime` + `ru_stime`, `ru_maxrss`), start of Python included, medians
of three rounds up to 10,000 accounts. Beside it stand, each in a process of its own as well (see `benchmarks.by_hand`):

- `by_hand`: DuckDB's SQL by hand of all signals, the same columns as ours;
- `ten_by_hand`: the same of ten columns;
- `plain_pandas`, up to 10,000 accounts: all signals that make sense in it; ours makes all columns all the same;
- `featuretools`, up to 10,000 accounts: the windows that it can express; ours makes all columns all the same.
  CHURN_RISK_FEATURETOOLS names a Python that has featuretools, pandas below 3 and pyarrow; without it, it is left out.

At the smallest size what they found must be what we did. Over the sizes, time grows with an exponent. CHURN_RISK_BASE
names the folder of another checkout, which is asked up to CHURN_RISK_SCALE_BASE accounts (10,000): before parts, more
of them were more than a machine holds.

    CHURN_RISK_BASE=../base CHURN_RISK_FEATURETOOLS=../featuretools/bin/python python -m benchmarks scale
    CHURN_RISK_SCALE_ACCOUNTS=2000,10000 python -m benchmarks scale
"""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.by_hand.equal import KEYS, differing_files
from benchmarks.measured import OURS, measured
from benchmarks.record import record
from features.console import say
from features.simulation import World, simulate

ACCOUNTS = (2_000, 10_000, 30_000, 100_000)
BASE_ACCOUNTS = 10_000
DATES = [date(2025, month, 1) for month in range(1, 13)]
FEATURES = ["-W", "ignore", "-m", "serving.cli.main", "features"]
BY_HAND = OURS / "benchmarks" / "by_hand"
#: Who does the same otherwise -> how it is started: a script, and what stands before the book.
PEERS = {
    "by_hand": ("run_sql.py", ["all_signals"]),
    "ten_by_hand": ("run_sql.py", ["ten_columns"]),
    "plain_pandas": ("plain_pandas_matrix.py", []),
}
#: These hold a book, and a frame of it for each date, in memory: they are asked up to so many accounts.
PANDAS_ACCOUNTS = 10_000
FEATURETOOLS = "CHURN_RISK_FEATURETOOLS"
#: Up to FEW accounts everything is run in turn so many times; the figures are medians.
FEW, ROUNDS = 10_000, 3


def scale() -> None:
    """Measure every size, the smallest first, and record seconds, peaks, ratios and exponents."""
    sizes = [int(size) for size in os.environ.get("CHURN_RISK_SCALE_ACCOUNTS", ",".join(map(str, ACCOUNTS))).split(",")]
    if FEATURETOOLS not in os.environ:
        say(f"featuretools is left out: {FEATURETOOLS} names no Python that has featuretools and pandas below 3")
    found = {str(size): _one_size(size, is_smallest=size == min(sizes)) for size in sizes}
    summary = {
        size: {
            name: f"{run['processor_seconds']:.1f} s, {run['peak_gib']:.2f} GiB" for name, run in one["runs"].items()
        }
        | {"ours_to": {name: round(ratios["processor_seconds"], 2) for name, ratios in one["ours_to"].items()}}
        for size, one in found.items()
    }
    exponents = {name: _exponent(found, name) for name in ("ours", "base", *PEERS, "featuretools")}
    record("scale", {"summary": summary, "exponents": exponents, "as_of_dates": len(DATES), "sizes": found})


def _one_size(accounts: int, is_smallest: bool) -> dict[str, Any]:
    base = os.environ.get("CHURN_RISK_BASE")
    most = int(os.environ.get("CHURN_RISK_SCALE_BASE", BASE_ACCOUNTS))
    with tempfile.TemporaryDirectory() as scratch:
        book, out = Path(scratch) / "book", Path(scratch) / "ours.parquet"
        written = simulate(World(accounts=accounts, seed=1), book)
        asked = [word for day in DATES for word in ("--as-of", day.isoformat())]
        command = [sys.executable, *FEATURES, str(book), *asked, "--out"]
        if is_smallest:  # Python compiles each module once.
            measured([*command, str(out)])
        started = {"ours": ([*command, str(out)], OURS)}
        if base is not None and accounts <= most:
            started["base"] = ([*command, str(Path(scratch) / "base.parquet")], Path(base).absolute())
        peers = _peers(accounts, book, out)
        runs = _in_turn(started | {name: (peer, OURS) for name, peer in peers.items()}, 1 if accounts > FEW else ROUNDS)
        files = {name: out.with_name(f"{name}.parquet") for name in peers}
        columns = {path.stem: len(pq.read_schema(path)) - len(KEYS) for path in (out, *files.values())}
        rows = pq.read_metadata(out).num_rows
        if is_smallest:
            _demand_equal(out, {name: path for name, path in files.items() if name != "ten_by_hand"})
    say(f"{accounts:,} accounts: {runs}")
    events = sum(count for name, count in written.rows.items() if name not in ("accounts", "true_hazards"))
    return {"events": events, "rows": rows, "columns": columns, "runs": runs, "ours_to": _ours_to(runs)}


def _ours_to(runs: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return what we take for each second and each byte of memory that the others take."""
    measures = ("processor_seconds", "peak_gib")
    others = {name: run for name, run in runs.items() if name != "ours"}
    return {name: {key: runs["ours"][key] / run[key] for key in measures} for name, run in others.items()}


def _peers(accounts: int, book: Path, ours: Path) -> dict[str, list[str]]:
    """Return how each peer is started; all write beside `ours`, under their names."""
    peers = {
        name: [sys.executable, "-W", "ignore", str(BY_HAND / script), *what, str(book),
               str(ours.with_name(f"{name}.parquet")), *map(str, DATES)]
        for name, (script, what) in PEERS.items() if accounts <= PANDAS_ACCOUNTS or name != "plain_pandas"
    }  # fmt: skip
    python = os.environ.get(FEATURETOOLS)
    if python is not None and accounts <= PANDAS_ACCOUNTS:
        script, out = str(BY_HAND / "featuretools_windows.py"), ours.with_name("featuretools.parquet")
        peers["featuretools"] = [python, "-W", "ignore", script, str(book), str(out), str(ours)]
    return peers


def _demand_equal(ours: Path, theirs: dict[str, Path]) -> None:
    """Raise unless all peers found what we did, so that nobody is compared with who does something else."""
    for name, path in theirs.items():
        columns = differing_files(ours, path)
        if columns:
            raise SystemExit(f"{name} differs from ours, in how many rows: {columns}")


def _in_turn(started: dict[str, tuple[list[str], Path]], rounds: int) -> dict[str, dict[str, float]]:
    """Measure commands in turn, some rounds of them; return medians, and the least and greatest processor time."""
    found = [{name: measured(*each)[0] for name, each in started.items()} for _ in range(rounds)]
    runs = {}
    for name in started:
        seconds, peaks = ([one[name][key] for one in found] for key in ("processor_seconds", "peak_gib"))
        spread = {"least_seconds": min(seconds), "most_seconds": max(seconds)}
        runs[name] = {"processor_seconds": median(seconds), "peak_gib": median(peaks), **spread}
    return runs


def _exponent(found: dict[str, dict[str, Any]], name: str) -> float | None:
    """Return by which power of the accounts the processor time grows; None with a single size."""
    points = [(int(size), one["runs"][name]["processor_seconds"]) for size, one in found.items() if name in one["runs"]]
    if len(points) < 2:
        return None
    sizes, seconds = zip(*points, strict=True)
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
