"""Both engines of a request's matrix on the same records, by the number of accounts: where SQLite stops being faster.

Both run in this process, in turn, after a warm-up; the figure is SQLite's median time over DuckDB's.
`features.requests.compiled.FEW_RECORDS` is chosen by it.

    python -m benchmarks request-engines
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from benchmarks.serving import AS_OF, payloads
from features.requests.compiled import FEW_RECORDS
from features.requests.duckdb_engine import DuckDbEngine
from features.requests.sqlite_engine import SqliteEngine
from features.requests.stamped import Records, number_of_records
from features.simulation import World, simulate
from serving.predict.history import PredictionRequest
from serving.predict.predictor import records_of

SIZES, ROUNDS = (1, 2, 4, 8, 16, 32, 64, 100), 30


def request_engines() -> None:
    """Measure and record."""
    engines = {"sqlite": SqliteEngine(False), "duckdb": DuckDbEngine(False)}
    with tempfile.TemporaryDirectory() as scratch:
        book = Path(scratch) / "book"
        simulate(World(accounts=300), book)
        figures = {f"{size} accounts": _compare(engines, _records(book, size)) for size in SIZES}
    summary = {f"{name}, sqlite over duckdb": found["ratio"] for name, found in figures.items()}
    record("request_engines", {"rounds": ROUNDS, "few_records": FEW_RECORDS, "summary": summary, "figures": figures})


def _records(book: Path, size: int) -> Records:
    (body,) = payloads(book, size)
    return records_of(PredictionRequest.model_validate(json.loads(body)).accounts)


def _compare(engines: dict[str, Any], records: Records) -> dict[str, Any]:
    times: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(ROUNDS + 3):
        for name, engine in engines.items():
            began = time.perf_counter()
            engine.rows(records, AS_OF)
            if number >= 3:
                times[name].append(1000 * (time.perf_counter() - began))
    medians = {f"{name}_ms": float(np.median(taken)) for name, taken in times.items()}
    return {
        "records": number_of_records(records),
        **medians,
        "ratio": medians["sqlite_ms"] / medians["duckdb_ms"],
    }
