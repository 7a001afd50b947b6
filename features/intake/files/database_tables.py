"""Tables of databases as relations of texts: those of a DuckDB file where they are, those of PostgreSQL copied.

In: an address and the name of a table. Out: an `OpenFile`'s parts. All tables of one address are as they were at one
moment: the snapshot stays open until the import has ended.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

import duckdb

from features.postgres.address import is_postgres, read_address, shown
from features.postgres.column_types import Column
from features.validation.names import meant, near_file

if TYPE_CHECKING:
    from features.postgres.snapshot import Relation, Snapshot

DUCKDB = "duckdb:///"
#: Types whose infinite values become days that every reader knows.
DAYS = ("date", "timestamp")


class Databases:
    """The PostgreSQL databases that an import reads, each in one snapshot from its first table on."""

    def __init__(self) -> None:
        self._open: dict[str, Snapshot] = {}

    def copied(self, url: str, table: str, target: Path) -> tuple[list[str], str]:
        """Copy a table as texts; return the names of its columns, and the copy as SQL with columns c0, c1, ...

        Parameters
        ----------
        table : str
            `schema.table`, or `table` in the schema that the address chooses. Case does not count where one fits.

        Raises
        ------
        ValueError
            When there is no such database or table, or it may not be read.
        ConnectionError
            When the server goes away.
        """
        # Its library takes a tenth of the start of an import, and few read a server.
        from features.postgres.pulling import csv_relation
        from features.postgres.snapshot import open_snapshot

        if not is_postgres(url):
            raise ValueError(f"{shown(url)}: a database is postgresql://... or {DUCKDB}FILE")
        snapshot = self._open.get(url) or self._open.setdefault(url, open_snapshot(read_address(url)))
        relation = _found(snapshot, table)
        columns = snapshot.columns(relation)
        snapshot.copy(relation, [(column.name, _as_text(column)) for column in columns], target)
        return [column.name for column in columns], csv_relation(target, ["VARCHAR"] * len(columns))

    def close(self) -> None:
        """Leave the servers."""
        for snapshot in self._open.values():
            snapshot.close()


def duckdb_table(connection: duckdb.DuckDBPyConnection, url: str, folder: Path, table: str) -> tuple[Path, str]:
    """Attach a DuckDB file, read only; return its path, and its table as SQL.

    Raises
    ------
    ValueError
        When there is no such file.
    """
    file = url.removeprefix(DUCKDB)
    path = next((each for each in (folder / file, Path(file), Path("/") / file) if each.is_file()), None)
    if path is None:
        raise ValueError(f"there is no file {file}")
    attached = "db_" + re.sub(r"\W", "_", str(path))
    connection.execute(f"ATTACH IF NOT EXISTS '{str(path).replace(chr(39), chr(39) * 2)}' AS {attached} (READ_ONLY)")
    return path, f"{attached}." + ".".join(f'"{part}"' for part in table.split("."))


def _found(snapshot: Snapshot, table: str) -> Relation:
    names = {(each.schema, each.name): each for each in snapshot.relations}
    schema, _, name = table.rpartition(".")
    wanted = (schema or snapshot.schema, name)
    alike = [each for key, each in names.items() if _lower(key) == _lower(wanted)]
    if wanted in names or len(alike) == 1:
        return names.get(wanted) or alike[0]
    there = [each.name if each.schema == snapshot.schema else f"{each.schema}.{each.name}" for each in names.values()]
    raise ValueError(f"there is no such table{meant(name, near_file(name, there), there, 'tables')}")


def _lower(names: tuple[str, str]) -> tuple[str, str]:
    return names[0].lower(), names[1].lower()


def _as_text(column: Column) -> LiteralString:
    carried = column.carried()
    return f"({carried[0]})::text" if carried and column.base in DAYS else "{0}::text"
