"""Runs the SQL of `figures.sql` over a book's files: `python -m benchmarks.figures_by_hand BOOK OUT DAY [DAY ...]`.

Nothing of the product is imported, so that a process of its own costs what DuckDB costs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

SQL = Path(__file__).parent / "figures.sql"
TABLES = ("accounts", "invoices", "churns", "surveys", "loops", "contacts", "contracts", "referrals")


def by_hand(book: Path, days: Sequence[str]) -> dict[str, list[list[Any]]]:
    """Return by day the figures that the SQL has: name, segment (None: the whole or not known), value.

    Parameters
    ----------
    days : list of str
        As-of dates, YYYY-MM-DD.
    """
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    for name in TABLES:
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM '{book / name}.parquet'")
    return {day: _at(connection, day) for day in days}


def _at(connection: duckdb.DuckDBPyConnection, day: str) -> list[list[Any]]:
    for statement in SQL.read_text().replace("CREATE TEMP", "CREATE OR REPLACE TEMP").split(";"):
        if statement.strip():
            connection.execute(statement, {"day": day} if "$day" in statement else None)
    rows = connection.execute("SELECT segment, part, unnest(map_entries(figures)) AS entry FROM found").fetchall()
    return [[entry["key"] + ("_" + part if part else ""), segment, entry["value"]] for segment, part, entry in rows]


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(by_hand(Path(sys.argv[1]), sys.argv[3:])))
