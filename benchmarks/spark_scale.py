"""What Spark takes for the matrix beside DuckDB: two sizes of book, and one in which an account has a million events.

Each run is `features` in a process of its own, on two threads. Processor seconds and peak memory are those of the
command with all of its children, so with the JVM. Spark's own log of events tells what was shuffled, spilled and read,
and how long the longest task of the longest stage took beside the median one.

    pip install 'churn-risk[spark]'
    python -m benchmarks spark-scale
    CHURN_RISK_SPARK_ACCOUNTS=500,2000 python -m benchmarks spark-scale
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from benchmarks.measured import family
from benchmarks.record import record
from features.console import say
from features.simulation import World, simulate

ACCOUNTS = (2_000, 8_000)
DATES = [date(2025, month, 1) for month in (1, 4, 7, 10)]
#: The skewed book: so many accounts, and invoices and tickets of one of them.
FEW, INVOICES, TICKETS = 300, 300_000, 700_000
ROOT = Path(__file__).parent.parent
TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
SKEW = {
    "invoices": f"""SELECT 'X' || i AS invoice_id, $account AS account_id, DATE '2023-01-01' + (i % 1000)::INTEGER
        AS invoiced_on, (i % 97 + 1)::DOUBLE AS amount FROM range({INVOICES}) AS t(i)""",
    "tickets": f"""SELECT 'X' || i AS ticket_id, $account AS account_id, 'defect' AS kind, 'normal' AS severity,
        TIMESTAMP '2023-01-01' + to_seconds(i * 100) AS opened_at, opened_at + to_hours((i % 50 + 1)::BIGINT)
        AS closed_at FROM range({TICKETS}) AS t(i)""",
}


def spark_scale() -> None:
    """Measure every book on both engines and record seconds, peaks, what was moved, and what skew costs."""
    if importlib.util.find_spec("pyspark") is None:
        say("spark-scale: left out, PySpark is not installed (pip install 'churn-risk[spark]')")
        return
    said = os.environ.get("CHURN_RISK_SPARK_ACCOUNTS", ",".join(map(str, ACCOUNTS)))
    sizes = [int(size) for size in said.split(",")]
    runs: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for size in sizes:
            simulate(World(accounts=size, seed=1), folder / str(size))
            runs[str(size)] = _both(folder / str(size), DATES, folder)
        simulate(World(accounts=FEW, seed=1), folder / "skew")
        runs["even"] = _both(folder / "skew", DATES[-1:], folder)
        _give_a_million(folder / "skew")
        runs["skew"] = _both(folder / "skew", DATES[-1:], folder)
    first, last = (runs[str(size)]["spark"]["processor_seconds"] for size in (sizes[0], sizes[-1]))
    exponent = float(np.log(last / first) / np.log(sizes[-1] / sizes[0])) if len(sizes) > 1 else None
    summary = {
        book: {
            name: f"{run['processor_seconds']:.0f} s, {run['peak_gib']:.2f} GiB"
            for name, run in each.items()
            if name != "equal"
        }
        for book, each in runs.items()
    }
    record("spark_scale", {"summary": summary, "exponent": exponent, "as_of_dates": len(DATES), "runs": runs})


def _give_a_million(book: Path) -> None:
    """Add the invoices and tickets of `SKEW` to the book's account that has been a customer for longest."""
    account = duckdb.sql(f"SELECT arg_min(account_id, customer_since) FROM '{book}/accounts.parquet'").fetchall()[0][0]
    for name, rows in SKEW.items():
        path = book / f"{name}.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE held AS SELECT * FROM '{path}'")
            connection.execute(f"INSERT INTO held BY NAME {rows}", {"account": account})
            connection.execute(f"COPY held TO '{path}' (FORMAT parquet)")
    (book / "churns.parquet").unlink()  # The account is to be a customer, whoever it is.


def _both(book: Path, dates: list[date], folder: Path) -> dict[str, Any]:
    """Run both engines on a book; return their figures and whether their matrices are equal."""
    (book / "true_hazards.parquet").unlink(missing_ok=True)
    asked = [word for day in dates for word in ("--as-of", day.isoformat())]
    found: dict[str, Any] = {}
    for engine in ("duckdb", "spark"):
        out = folder / f"{engine}.parquet"
        with tempfile.TemporaryDirectory() as log:
            Path(log, "spark-defaults.conf").write_text(
                f"spark.eventLog.enabled true\nspark.eventLog.dir file://{log}\nspark.eventLog.compress false\n"
                "spark.eventLog.rolling.enabled false\n"
            )
            place = {"SPARK_CONF_DIR": log, "CHURN_RISK_SPARK_MASTER": "local[2]", "OMP_NUM_THREADS": "1"}
            command = ["-W", "ignore", "-m", "serving.cli.main", "features", str(book), *asked, "--out", str(out)]
            found[engine] = _watched([sys.executable, *command, "--engine", engine], {**os.environ, **place})
            if engine == "spark":
                found[engine] |= _events(next(path for path in Path(log).iterdir() if path.suffix != ".conf"))
        found[engine]["rows"] = pq.read_metadata(out).num_rows
        say(f"{book.name}, {engine}: {found[engine]}")
    one, other = (pq.read_table(folder / f"{engine}.parquet") for engine in ("duckdb", "spark"))
    return {**found, "equal": one.equals(other)}


def _watched(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run a command; return wall-clock and processor seconds and the peak of memory of all its processes together."""
    start, peak, used = time.perf_counter(), 0, defaultdict[int, float](float)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        held = 0
        for number in family(process.pid):
            try:
                fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
                used[number] = (int(fields[11]) + int(fields[12])) / TICKS
                held += int(fields[21]) * PAGE
            except OSError:  # It has ended meanwhile.
                continue
        peak = max(peak, held)
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return {
        "seconds": time.perf_counter() - start,
        "processor_seconds": sum(used.values()),
        "peak_gib": peak / 2**30,
    }


def _events(log: Path) -> dict[str, float]:
    """Return from Spark's log of events what its tasks moved and took."""
    tasks = defaultdict[int, list[dict[str, Any]]](list)
    with log.open(encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            if event["Event"] == "SparkListenerTaskEnd":
                tasks[event["Stage ID"]].append(event["Task Metrics"])
    every = [task for stage in tasks.values() for task in stage]
    longest = max(tasks.values(), key=lambda stage: max(task["Executor Run Time"] for task in stage))
    times = [task["Executor Run Time"] / 1000 for task in longest]
    return {
        "stages": len(tasks),
        "tasks": len(every),
        "task_seconds": sum(task["Executor Run Time"] for task in every) / 1000,
        "read_mib": sum(task["Input Metrics"]["Bytes Read"] for task in every) / 2**20,
        "shuffled_mib": sum(task["Shuffle Write Metrics"]["Shuffle Bytes Written"] for task in every) / 2**20,
        "spilled_mib": sum(task["Disk Bytes Spilled"] for task in every) / 2**20,
        "longest_task_seconds": max(times),
        "median_task_seconds_of_its_stage": statistics.median(times),
    }
