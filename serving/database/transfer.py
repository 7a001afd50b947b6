"""Copy all rows of all tables from one database into another, between SQLite and PostgreSQL in either direction.

In: two connections, each in a transaction, on databases of the same migration. Out: the number of rows by table. What
the target held before is deleted; its transaction decides whether that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.engine import Connection

CHUNK = 500


def copy_rows(source: Connection, target: Connection, tables: Sequence[sa.Table]) -> dict[str, int]:
    """Replace the rows of the target's tables by those of the source.

    Parameters
    ----------
    source, target : Connection
    tables : sequence of Table
        All tables, each after those that it refers to (`MetaData.sorted_tables`).
    """
    copies = [_plain(table) for table in tables]
    if target.dialect.name == "postgresql":  # Readers go on; nobody writes in between.
        names = ", ".join(target.dialect.identifier_preparer.format_table(table) for table in copies)
        target.execute(sa.text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
    for table in reversed(copies):
        target.execute(sa.delete(table))
    counts = {table.name: _copy(source, target, table) for table in copies}
    if target.dialect.name == "postgresql":
        for table in copies:
            _raise_sequence(target, table)
    return counts


def _plain(table: sa.Table) -> sa.Table:
    """Return a table whose empty JSON columns stay SQL's null: SQLAlchemy would write JSON's null."""
    copy = table.to_metadata(sa.MetaData())
    for column in copy.columns:
        if isinstance(column.type, sa.JSON) and column.nullable:
            column.type = sa.JSON(none_as_null=True)
    return copy


def _copy(source: Connection, target: Connection, table: sa.Table) -> int:
    query = sa.select(table).order_by(*table.primary_key)
    found = source.execute(query, execution_options={"yield_per": CHUNK})
    count = 0
    for rows in _chunks(dict(row) for row in found.mappings()):
        target.execute(sa.insert(table), rows)
        count += len(rows)
    return count


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    left = iter(rows)
    while chunk := list(islice(left, CHUNK)):
        yield chunk


def _raise_sequence(target: Connection, table: sa.Table) -> None:
    """Let PostgreSQL give out numbers above all that are there; a number that was given out is never given again."""
    column = table.autoincrement_column
    if column is None:
        return
    owner = sa.func.pg_get_serial_sequence(table.name, column.name)
    sequence = target.execute(sa.select(owner)).scalar_one()
    if sequence is not None:
        given = sa.select(sa.literal_column("last_value")).select_from(sa.text(sequence)).scalar_subquery()
        greatest = sa.select(sa.func.coalesce(sa.func.max(column), 1)).scalar_subquery()
        target.execute(sa.select(sa.func.setval(sa.cast(sequence, REGCLASS), sa.func.greatest(given, greatest))))
