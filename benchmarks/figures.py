"""What the programme's figures cost: all of them by segment at one date, beside DuckDB's SQL written by hand.

A book of 36 months is simulated once a size. `command` is `churn-risk figures`, which reads and checks the book as
well. `measure` is the computing of the figures alone, as its process counts it. `by_hand` is `figures.sql` over the
same files. Each is a process of its own, and seconds and peaks are those of the operating system, start of Python
included but for `measure`. Every figure that the SQL has is compared with ours, and what it lacks is recorded.

    CHURN_RISK_FIGURES_ACCOUNTS=10000 python -m benchmarks figures
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.record import record
from benchmarks.scale import OURS
from features.console import say
from features.simulation import World, simulate

ACCOUNTS = (10_000, 100_000)
DAY = "2026-01-01"
SQL = Path(__file__).parent / "figures.sql"
COMMAND = ["-W", "ignore", "-m", "serving.cli.main", "figures"]
#: Starts the command from a small process: a child's peak counts what its parent held when it was started.
MEASURE = """
import json, resource, subprocess, sys
printed = open(sys.argv.pop(1), "w")
code = subprocess.call(sys.argv[1:], stdout=printed)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"processor_seconds": used.ru_utime + used.ru_stime, "peak_gib": used.ru_maxrss / 2**20}))
sys.exit(code)
"""
ALONE = """
import sys, time
from datetime import date
from features.figures.measuring import measure
from features.sources import open_source
from features.validation import validate
tables = validate(open_source(sys.argv[1]))
begun = time.process_time()
measure(tables, [date.fromisoformat(sys.argv[2])], None, ["segment"])
print(time.process_time() - begun)
"""
BY_HAND = """
import json, sys, duckdb
book, day, sql, out = sys.argv[1:]
con = duckdb.connect()
con.execute("SET enable_progress_bar = false")
for name in ("accounts", "invoices", "churns", "surveys", "loops", "contacts", "contracts", "referrals"):
    con.execute(f"CREATE VIEW {name} AS SELECT * FROM '{book}/{name}.parquet'")
for statement in open(sql).read().split(";"):
    if statement.strip():
        con.execute(statement, {"day": day} if "$day" in statement else None)
rows = con.execute("SELECT segment, part, unnest(map_entries(figures)) AS entry FROM found").fetchall()
found = [[entry["key"] + ("_" + part if part else ""), segment, entry["value"]] for segment, part, entry in rows]
json.dump(found, open(out, "w"))
"""
#: Relative: the same sums in another order.
TOLERANCE = 1e-9


def figures() -> None:
    """Measure every size, the smallest first, compare the figures, and record seconds, peaks and ratios."""
    sizes = os.environ.get("CHURN_RISK_FIGURES_ACCOUNTS", ",".join(map(str, ACCOUNTS))).split(",")
    found = {size: _one_size(int(size)) for size in sizes}
    summary = {
        size: {name: f"{run['processor_seconds']:.1f} s" for name, run in one["runs"].items()}
        | {"measure_to_by_hand": round(one["measure_to_by_hand"], 1)}
        for size, one in found.items()
    }
    record("figures", {"summary": summary, "as_of": DAY, "sizes": found})


def _one_size(accounts: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        book, ours, hand = (Path(scratch) / name for name in ("book", "ours.parquet", "hand.json"))
        simulate(World(accounts=accounts, seed=1), book)
        runs: dict[str, dict[str, float]] = {}
        runs["command"], _ = _measured([*COMMAND, str(book), "--as-of", DAY, "--by", "segment", "--out", str(ours)])
        alone, printed = _measured(["-W", "ignore", "-c", ALONE, str(book), DAY])
        runs["measure"] = {"processor_seconds": float(printed), "peak_gib": alone["peak_gib"]}
        runs["by_hand"], _ = _measured(["-c", BY_HAND, str(book), DAY, str(SQL), str(hand)])
        compared = _compared(pd.read_parquet(ours), json.loads(hand.read_text()))
    say(f"{accounts:,} accounts: {runs}")
    seconds = {name: run["processor_seconds"] for name, run in runs.items()}
    return {
        "runs": runs,
        "measure_to_by_hand": seconds["measure"] / seconds["by_hand"],
        "command_to_by_hand": seconds["command"] / seconds["by_hand"],
        **compared,
    }


def _compared(ours: pd.DataFrame, hand: list[list[Any]]) -> dict[str, Any]:
    """Return which figures the SQL has and lacks; raises AssertionError where one is another."""
    known = ours[ours["split"].isna() | ours["group"].notna()]
    groups = known["group"].astype(object).where(known["group"].notna(), None)
    values = dict(zip(zip(known["figure"], groups, strict=True), known["value"], strict=True))
    named = {name for name, _, _ in hand}
    for name, group, value in hand:
        mine = values[name, group]
        # SQL has null for a sum of nothing, which is 0 of ours, and for a quotient that is not known.
        same = (
            mine == 0 or math.isnan(mine)
            if value is None
            else math.isclose(mine, value, rel_tol=TOLERANCE, abs_tol=1e-6)
        )
        assert same, (name, group, mine, value)
    return {"by_hand_has": len(named), "by_hand_lacks": sorted(set(ours["figure"]) - named)}


def _measured(arguments: list[str]) -> tuple[dict[str, float], str]:
    """Run Python; return its processor time and peak memory, and the last line that it printed."""
    environment = {**os.environ, "PYTHONPATH": str(OURS), "OMP_NUM_THREADS": "1"}
    with tempfile.NamedTemporaryFile("r") as out:
        command = [sys.executable, "-c", MEASURE, out.name, sys.executable, *arguments]
        done = subprocess.run(command, cwd=OURS, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        printed = out.read().strip().rpartition("\n")[2]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found, printed
