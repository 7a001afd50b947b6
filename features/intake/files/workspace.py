"""Where an import works: DuckDB in memory up to a limit, and in a scratch folder beyond it.

Not in a database file: DuckDB compresses what it writes into one, which took as long as reading the export.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from features.intake.language.typed_sql import quoted

#: What DuckDB may take of memory; the rest goes to the scratch folder.
MEMORY = "1500MB"


def connection_in(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open a database that spills into a scratch folder. Its time zone is UTC, and it installs no extensions."""
    connection = duckdb.connect()
    spill = f"temp_directory = {quoted(str(scratch))}"
    for setting in ("TimeZone = 'UTC'", "autoinstall_known_extensions = false", f"memory_limit = '{MEMORY}'", spill):
        connection.execute(f"SET {setting}")
    return connection
