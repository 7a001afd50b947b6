"""The import of invoice lines beside DuckDB's own COPY with the same casts: seconds of clock and processor, memory.

    python -m benchmarks intake
    CHURN_RISK_INTAKE_LINES=1000000 python -m benchmarks intake

Both read one CSV file, ten million lines of 1.1 GiB, and write Parquet, sorted by the key: a script that knows DuckDB
only, and the command `churn-risk import` with a plain mapping. Each is a process of its own, by turns; what its start
costs counts. The figures are medians.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import duckdb

from benchmarks.record import record
from features.console import say

MAPPING = """format = 1

[sources.lines]
files = "lines.csv"

[[tables.invoices]]
from = "lines"
[tables.invoices.columns]
invoice_id = "invoice_id"
account_id = "account_id"
invoiced_on = "invoiced_on"
amount = "amount"
"""
COPY = """
import duckdb
with duckdb.connect() as connection:
    connection.execute("SET memory_limit = '1500MB'")
    connection.execute(
        "COPY (SELECT invoice_id, account_id, CAST(invoiced_on AS DATE) AS invoiced_on, "
        "CAST(amount AS DOUBLE) AS amount FROM read_csv('lines.csv', all_varchar=true) ORDER BY invoice_id) "
        "TO 'copy.parquet' (FORMAT parquet, COMPRESSION zstd)"
    )
"""
COMMANDS = {
    "copy": [sys.executable, "-c", COPY],
    "import": [str(Path(sys.executable).parent / "churn-risk"), "import", "mapping.toml", "--out", "book"],
}
ACCOUNTS, LINES, REPEATS = 20_000, 10_000_000, 3
MEASURES = ("seconds", "processor_seconds", "peak_gib")


def write_lines(path: Path, lines: int) -> None:
    """Write invoices of accounts over ten years, with a text beside them as a ledger has one."""
    duckdb.execute(
        f"COPY (SELECT 'I' || lpad(i::VARCHAR, 9, '0') AS invoice_id, 'A' || (hash(i) % {ACCOUNTS}) AS account_id, "
        "DATE '2015-01-01' + CAST(hash(i + 7) % 3652 AS INTEGER) AS invoiced_on, "
        "CAST((hash(i + 3) % 1000000) / 100 AS DECIMAL(12, 2)) AS amount, "
        "'Invoice for goods and services, delivered and accepted, payable in thirty days' AS text "
        f"FROM range({lines}) t(i)) TO '{path}' (FORMAT csv, HEADER)"
    )


def intake() -> None:
    """Measure both by turns and record."""
    lines = int(os.environ.get("CHURN_RISK_INTAKE_LINES", LINES))
    runs: dict[str, list[dict[str, float]]] = {"copy": [], "import": []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_lines(folder / "lines.csv", lines)
        (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")
        size = (folder / "lines.csv").stat().st_size / 2**30
        for _ in range(REPEATS):
            for name, found in runs.items():
                found.append(_measured(COMMANDS[name], folder))
                say(f"{lines:,} lines, {name}: {found[-1]}")
    medians = {name: {key: median(run[key] for run in found) for key in MEASURES} for name, found in runs.items()}
    summary = {f"import to copy, {key}": medians["import"][key] / medians["copy"][key] for key in MEASURES}
    record("intake", {"summary": summary, "lines": lines, "gib": size, "medians": medians, "runs": runs})


def _measured(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command in a folder; return its seconds and the peak of its memory in GiB."""
    began = time.monotonic()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "seconds": time.monotonic() - began,
        "processor_seconds": used.ru_utime + used.ru_stime,
        "peak_gib": used.ru_maxrss / 2**20,
    }
