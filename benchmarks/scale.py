"""What `features` takes at four sizes of book: processor time and peak memory, beside another checkout and plain SQL.

A book is simulated once a size, in chunks. Each command is a process of its own over the same book and 12 as-of dates;
the figures are those of the operating system (`ru_utime` + `ru_stime`, `ru_maxrss`), start of Python included. Beside
it stands a DuckDB query written by hand with ten columns of the same kinds, in a process of its own as well. Over the
sizes, time grows with an exponent. CHURN_RISK_BASE names the folder of the other checkout, which is asked up to
CHURN_RISK_SCALE_BASE accounts (10,000): before parts, more of them were more than a machine holds.

    CHURN_RISK_BASE=../base python -m benchmarks scale
    CHURN_RISK_SCALE_ACCOUNTS=2000,10000 python -m benchmarks scale
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks.record import record
from features.console import say
from features.simulation import World, simulate

ACCOUNTS = (2_000, 10_000, 30_000, 100_000)
BASE_ACCOUNTS = 10_000
DATES = [date(2025, month, 1) for month in range(1, 13)]
OURS = Path(__file__).parent.parent
FEATURES = ["-W", "ignore", "-m", "serving.cli.main", "features"]
#: Starts the command from a small process: a child's peak counts what its parent held when it was started.
MEASURE = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"processor_seconds": used.ru_utime + used.ru_stime, "peak_gib": used.ru_maxrss / 2**20}))
sys.exit(code)
"""
BY_HAND = """
import sys, duckdb
book, out, *dates = sys.argv[1:]
con = duckdb.connect()
con.execute("SET enable_progress_bar = false")
for name in ("accounts", "invoices", "churns", "surveys", "tickets", "loops"):
    con.execute(f"CREATE VIEW {name} AS SELECT * FROM '{book}/{name}.parquet'")
con.execute("CREATE TEMP TABLE dates AS SELECT unnest($dates)::DATE AS as_of", {"dates": dates})
con.execute('''CREATE TEMP TABLE spine AS SELECT account_id, as_of FROM accounts, dates WHERE customer_since < as_of AND
    NOT EXISTS (FROM churns c WHERE c.account_id = accounts.account_id AND c.churned_on < as_of)''')
con.execute(f'''COPY (SELECT * FROM spine
    LEFT JOIN (SELECT account_id, as_of, sum(amount) FILTER (as_of - invoiced_on <= 365) AS revenue_365d,
            sum(amount) FILTER (as_of - invoiced_on <= 90) AS revenue_90d,
            count(*) FILTER (amount > 0 AND as_of - invoiced_on <= 365) AS invoices_365d,
            min(as_of - invoiced_on) FILTER (amount > 0) AS recency
        FROM spine JOIN invoices USING (account_id) WHERE invoiced_on < as_of GROUP BY ALL) USING (account_id, as_of)
    LEFT JOIN (SELECT account_id, as_of, avg(score) FILTER (answered_at < as_of) AS nps_mean,
            arg_max(score, answered_at) FILTER (answered_at < as_of) AS nps_last, count(*) AS invitations
        FROM spine JOIN surveys USING (account_id) WHERE sent_at < as_of GROUP BY ALL) USING (account_id, as_of)
    LEFT JOIN (SELECT account_id, as_of, count(*) AS tickets,
            median(epoch(closed_at) - epoch(opened_at)) FILTER (closed_at < as_of) / 3600 AS close_hours
        FROM spine JOIN tickets USING (account_id) WHERE opened_at < as_of GROUP BY ALL) USING (account_id, as_of)
    LEFT JOIN (SELECT account_id, as_of, count(*) FILTER (closed_at IS NULL OR closed_at >= as_of) AS loops_open
        FROM spine JOIN loops USING (account_id) WHERE opened_at < as_of GROUP BY ALL) USING (account_id, as_of)
    ORDER BY account_id, as_of) TO '{out}' (FORMAT parquet)''')
"""


def scale() -> None:
    """Measure every size, the smallest first, and record seconds, peaks, ratios and exponents."""
    sizes = [int(size) for size in os.environ.get("CHURN_RISK_SCALE_ACCOUNTS", ",".join(map(str, ACCOUNTS))).split(",")]
    found = {str(size): _one_size(size) for size in sizes}
    summary = {
        size: {
            name: f"{run['processor_seconds']:.1f} s, {run['peak_gib']:.2f} GiB" for name, run in one["runs"].items()
        }
        for size, one in found.items()
    }
    exponents = {name: _exponent(found, name) for name in ("ours", "base", "by_hand")}
    record("scale", {"summary": summary, "exponents": exponents, "as_of_dates": len(DATES), "sizes": found})


def _one_size(accounts: int) -> dict[str, Any]:
    runs: dict[str, dict[str, float]] = {}
    base = os.environ.get("CHURN_RISK_BASE")
    most = int(os.environ.get("CHURN_RISK_SCALE_BASE", BASE_ACCOUNTS))
    with tempfile.TemporaryDirectory() as scratch:
        book, out = Path(scratch) / "book", Path(scratch) / "out.parquet"
        written = simulate(World(accounts=accounts, seed=1), book)
        asked = [word for day in DATES for word in ("--as-of", day.isoformat())]
        runs["ours"] = _measured([*FEATURES, str(book), *asked, "--out", str(out)], OURS)
        rows = pq.read_metadata(out).num_rows
        if base is not None and accounts <= most:
            runs["base"] = _measured([*FEATURES, str(book), *asked, "--out", str(out)], Path(base).absolute())
        runs["by_hand"] = _measured(["-c", BY_HAND, str(book), str(out), *map(str, DATES)], OURS)
    say(f"{accounts:,} accounts: {runs}")
    events = sum(count for name, count in written.rows.items() if name not in ("accounts", "true_hazards"))
    ratios = {name: {key: runs["ours"][key] / run[key] for key in run} for name, run in runs.items() if name != "ours"}
    return {"events": events, "rows": rows, "runs": runs, "ours_to": ratios}


def _measured(arguments: list[str], checkout: Path) -> dict[str, float]:
    """Run Python on a checkout; return its processor time and peak memory, as the operating system counts them."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", MEASURE, sys.executable, *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _exponent(found: dict[str, dict[str, Any]], name: str) -> float | None:
    """Return by which power of the accounts the processor time grows; None with a single size."""
    points = [(int(size), one["runs"][name]["processor_seconds"]) for size, one in found.items() if name in one["runs"]]
    if len(points) < 2:
        return None
    sizes, seconds = zip(*points, strict=True)
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
