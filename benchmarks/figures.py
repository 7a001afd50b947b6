"""What the programme's figures cost: all of them by segment, beside DuckDB's SQL written by hand.

A book of 36 months is simulated once a size. Two things are asked of it: one date, and a series of all months.
`command` is `churn-risk figures`, which reads and checks the book as well. `measure` is the computing of the figures
alone, as its process counts it, of a book that is read. `by_hand` is `figures.sql` over the files, for a series date
after date. Each is a process of its own, and seconds and peaks are those of the operating system, start of Python
included but for the seconds of `measure`. Every figure that the SQL has is compared with ours at every date, and what
it lacks is recorded: figures that stand on a scoring run's estimates, which neither side has. The SQL has no
intervals, ours have.

    CHURN_RISK_FIGURES_ACCOUNTS=10000 python -m benchmarks figures
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.measured import measured
from benchmarks.record import record, resumed
from features.console import say
from features.figures.programme import months_before
from features.simulation import World, simulate

ACCOUNTS = (10_000, 100_000)
MONTHS = 36
DAY = "2026-01-01"
COMMAND = ["-W", "ignore", "-m", "serving.cli.main", "figures"]
ALONE = """
import sys, time
from datetime import date
from features.figures.measuring import measure
from features.sources import open_source
from features.validation import validate
tables = validate(open_source(sys.argv[1]))
begun = time.process_time()
measure(tables, [date.fromisoformat(day) for day in sys.argv[2:]], None, ["segment"])
print(time.process_time() - begun)
"""
#: Relative: the same sums in another order.
TOLERANCE = 1e-9
#: What the issue asks for.
MOST_TIMES, MOST_GIB = 2.0, 2.0


def figures() -> None:
    """Measure every size, the smallest first, compare the figures, and record seconds, peaks and ratios."""
    sizes = os.environ.get("CHURN_RISK_FIGURES_ACCOUNTS", ",".join(map(str, ACCOUNTS))).split(",")
    found = {size: resumed("figures", size, lambda size=size: _one_size(int(size))) for size in sizes}
    summary = {
        size: {
            kind: {name: f"{run['processor_seconds']:.1f} s, {run['peak_gib']:.2f} GiB" for name, run in runs.items()}
            | {"measure_to_by_hand": one["ratios"][kind]["measure"]}
            for kind, runs in one["runs"].items()
        }
        for size, one in found.items()
    }
    asked = found.get(str(ACCOUNTS[-1]))
    met = None if asked is None else _met(asked)
    record("figures", {"summary": summary, "met": met, "as_of": DAY, "months": MONTHS, "sizes": found})


def _met(one: dict[str, Any]) -> dict[str, bool]:
    """Return whether the largest book keeps what the issue asks for."""
    ours = [run for runs in one["runs"].values() for name, run in runs.items() if name != "by_hand"]
    return {
        "times": max(of["measure"] for of in one["ratios"].values()) <= MOST_TIMES,
        "memory": max(run["peak_gib"] for run in ours) <= MOST_GIB,
    }


def _one_size(accounts: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        book = Path(scratch) / "book"
        simulate(World(accounts=accounts, seed=1), book)
        days = [months_before(date.fromisoformat(DAY), months).isoformat() for months in reversed(range(MONTHS))]
        asked = {"one_date": ([DAY], []), "every_month": (days, ["--every", "month"])}
        runs, told = {}, {}
        for kind, (dates, options) in asked.items():
            runs[kind], told[kind] = _runs(Path(scratch), book, dates, options)
            say(f"{accounts:,} accounts, {kind}: {runs[kind]}")
    ratios = {
        kind: {name: round(of["processor_seconds"] / each["by_hand"]["processor_seconds"], 2)
               for name, of in each.items() if name != "by_hand"}
        for kind, each in runs.items()
    }  # fmt: skip
    return {"runs": runs, "ratios": ratios, "compared": told}


def _runs(
    scratch: Path, book: Path, dates: list[str], options: list[str]
) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Return what each way costs at some dates, and how the figures compare at all of them."""
    ours, hand = scratch / "ours.parquet", scratch / "hand.json"
    runs: dict[str, dict[str, float]] = {}
    asked = ["--as-of", DAY, "--by", "segment", "--out", str(ours), *options]
    runs["command"], _ = _measured([*COMMAND, str(book), *asked])
    alone, printed = _measured(["-W", "ignore", "-c", ALONE, str(book), *dates])
    runs["measure"] = {"processor_seconds": float(printed), "peak_gib": alone["peak_gib"]}
    runs["by_hand"], _ = _measured(["-m", "benchmarks.figures_by_hand", str(book), str(hand), *dates])
    found, by_day = pd.read_parquet(ours), json.loads(hand.read_text())
    assert sorted(map(str, found["as_of"].unique())) == sorted(by_day), "other dates"
    return runs, [compared(found[found["as_of"].astype(str) == day], by_day[day]) for day in dates][-1]


def compared(ours: pd.DataFrame, hand: list[list[Any]]) -> dict[str, Any]:
    """Return which figures the SQL has and lacks; raises AssertionError where one is another.

    Of a period that begins before the records ours are not known, and SQL has a value that means nothing.
    """
    is_cut = ours["reason"].str.startswith("the period begins").fillna(False).astype(bool)
    cut = set(ours["figure"][is_cut])
    known = ours[ours["split"].isna() | ours["group"].notna()]
    groups = known["group"].astype(object).where(known["group"].notna(), None)
    values = dict(zip(zip(known["figure"], groups, strict=True), known["value"], strict=True))
    named = {name for name, _, _ in hand}
    compared_values = [found for found in hand if found[0] not in cut]
    for name, group, value in compared_values:
        mine = values[name, group]
        # SQL has null for a sum of nothing, which is 0 of ours, and for a quotient that is not known.
        same = (
            mine == 0 or math.isnan(mine)
            if value is None
            else math.isclose(mine, value, rel_tol=TOLERANCE, abs_tol=1e-6)
        )
        assert same, (name, group, mine, value)
    lacks = sorted(set(ours["figure"]) - named)
    return {"by_hand_has": len(named), "values_compared": len(compared_values), "by_hand_lacks": lacks}


def _measured(arguments: list[str]) -> tuple[dict[str, float], str]:
    """Run Python in one thread; return what it took, and the last line that it printed."""
    found, printed = measured([sys.executable, *arguments], environment={**os.environ, "OMP_NUM_THREADS": "1"})
    return found, printed.strip().rpartition("\n")[2]
