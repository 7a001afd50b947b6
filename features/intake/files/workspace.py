"""Where an import works: DuckDB with a file in a scratch folder, so that large exports need little memory."""

from __future__ import annotations

from pathlib import Path

import duckdb

#: What DuckDB may take of memory; the rest goes to the scratch folder.
MEMORY = "1500MB"


def connection_in(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open a database in a scratch folder. Its time zone is UTC, and it installs no extensions by itself."""
    connection = duckdb.connect(str(scratch / "import.duckdb"))
    for setting in ("TimeZone = 'UTC'", "autoinstall_known_extensions = false", f"memory_limit = '{MEMORY}'"):
        connection.execute(f"SET {setting}")
    return connection
