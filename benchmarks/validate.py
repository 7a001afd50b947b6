"""How long `validate` reads a book of some ten million rows with all checks, beside another checkout on the same rows.

A book is simulated once a format. Each reading is a process of its own, ours and the other's by turns; the figure is
the median. CHURN_RISK_BASE names the folder of the other checkout: without it there is no ratio. Beside the whole, the
checks that came on top are timed alone on the tables that were read.

    CHURN_RISK_BASE=../base python -m benchmarks validate
    CHURN_RISK_VALIDATE_ACCOUNTS=2000 python -m benchmarks validate
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

from benchmarks.record import record
from features.console import say
from features.freshness import freshness
from features.recording import recording
from features.simulation import World, simulate
from features.sources import open_source
from features.tables import Tables
from features.validation import validate as validate_source
from features.validation.amounts import strange_amounts
from features.validation.contradictions import contradictions, notes
from features.validation.doubts import doubts_of_end
from features.validation.scales import strange_values

#: Enough for ten million rows in all tables.
ACCOUNTS = 180_000
REPEATS = 3
Format = Literal["parquet", "csv"]
OURS = Path(__file__).parent.parent
READ = """
import json, sys, time
from features.sources import open_source
from features.validation import validate
start = time.perf_counter()
tables = validate(open_source(sys.argv[1]))
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "rows": sum(int(table.count().execute()) for table in tables.frames.values())}))
"""


def validate() -> None:
    """Time both checkouts on the same books and record seconds and ratios."""
    base = os.environ.get("CHURN_RISK_BASE")
    accounts = int(os.environ.get("CHURN_RISK_VALIDATE_ACCOUNTS", ACCOUNTS))
    checkouts = {"ours": OURS} | ({"base": Path(base).absolute()} if base else {})
    figures = {name: _one_format(name, accounts, checkouts) for name in get_args(Format)}
    summary = {name: {key: found[key] for key in ("rows", "seconds", "ratio")} for name, found in figures.items()}
    record("validate", {"summary": summary, "accounts": accounts, "repeats": REPEATS, "formats": figures})


def _one_format(file_format: Format, accounts: int, checkouts: dict[str, Path]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        book = Path(scratch) / "book"
        simulate(World(accounts=accounts, seed=1), book, file_format)
        (book / f"true_hazards.{file_format}").unlink()
        times: dict[str, list[float]] = {name: [] for name in checkouts}
        rows = 0
        for _ in range(REPEATS):
            for name, folder in checkouts.items():
                read = _read(folder, book)
                times[name].append(read["seconds"])
                rows = read["rows"]
        seconds = {name: statistics.median(found) for name, found in times.items()}
        ratio = seconds["ours"] / seconds["base"] if "base" in seconds else None
        say(f"{file_format}: {rows:,} rows, {seconds}, ratio {ratio}")
        checks = _checks(validate_source(open_source(book)))
    return {"rows": rows, "seconds": seconds, "ratio": ratio, "times": times, "checks": checks}


def _read(checkout: Path, book: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-c", READ, str(book)]
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _checks(tables: Tables) -> dict[str, float]:
    """Return the seconds of each check that is no rule of one table."""
    recorded = recording(tables)
    checks: dict[str, Callable[[], object]] = {
        "recording": lambda: recording(tables),
        "doubts of the end": lambda: doubts_of_end(tables, recorded),
        "contradictions": lambda: contradictions(tables),
        "notes, by the command alone": lambda: notes(tables),
        "strange values": lambda: strange_values(tables),
        "strange amounts": lambda: list(strange_amounts(tables, recorded)),
        "freshness, by score alone": lambda: freshness(tables, recorded.today),
    }
    return {name: _seconds(check) for name, check in checks.items()}


def _seconds(check: Callable[[], object]) -> float:
    start = time.perf_counter()
    check()
    return time.perf_counter() - start
