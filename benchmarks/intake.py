"""The import of invoice lines against DuckDB's own COPY with the same casts: seconds of clock and processor, memory.

    python -m benchmarks.intake [--lines 10000000]

Both read one CSV file with a plain mapping and write Parquet, sorted by the key, each in a process of its own. By
default a million lines; ten million are a file of 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

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
ACCOUNTS = 20_000


def write_lines(path: Path, lines: int) -> None:
    """Write invoices of accounts over ten years, with a text beside them as a ledger has one."""
    duckdb.execute(
        f"COPY (SELECT 'I' || lpad(i::VARCHAR, 9, '0') AS invoice_id, 'A' || (hash(i) % {ACCOUNTS}) AS account_id, "
        "DATE '2015-01-01' + CAST(hash(i + 7) % 3652 AS INTEGER) AS invoiced_on, "
        "CAST((hash(i + 3) % 1000000) / 100 AS DECIMAL(12, 2)) AS amount, "
        "'Invoice for goods and services, delivered and accepted, payable in thirty days' AS text "
        f"FROM range({lines}) t(i)) TO '{path}' (FORMAT csv, HEADER)"
    )


def copy(folder: Path) -> None:
    """Do what DuckDB alone would."""
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1500MB'")
        connection.execute(
            "COPY (SELECT invoice_id, account_id, CAST(invoiced_on AS DATE) AS invoiced_on, CAST(amount AS DOUBLE) AS "
            f"amount FROM read_csv('{folder / 'lines.csv'}', all_varchar=true) ORDER BY invoice_id) "
            f"TO '{folder / 'copy.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )


def intake(folder: Path) -> None:
    """Import the same file; the contract is checked and the report made as well."""
    from features.intake.importing import import_book

    (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    import_book(folder / "mapping.toml", folder / "book")


def measured(what: str, folder: Path) -> dict[str, float]:
    """Return the seconds and the peak memory in GiB of one of them, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.intake", "--only", what, "--folder", str(folder)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _only(what: str, folder: Path) -> dict[str, float]:
    began, cpu = time.monotonic(), time.process_time()
    {"copy": copy, "import": intake}[what](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu, "peak_gib": peak}


def main() -> None:
    """Measure both and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("copy", "import"))
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(_only(arguments.only, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_lines(folder / "lines.csv", arguments.lines)
        size = (folder / "lines.csv").stat().st_size / 2**30
        found = {what: measured(what, folder) for what in ("copy", "import")}
    ratios = {f"{name}_ratio": found["import"][name] / found["copy"][name] for name in ("wall", "cpu")}
    told = {"lines": arguments.lines, "gib": size, "cores": os.cpu_count(), **found, **ratios}
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
