"""The tables of a schema on their way into DuckDB: each as CSV on the disk, then as Parquet with its types.

In: an address, and which columns of which tables are wanted. Out: a Parquet file for each table that is there, and what
cannot be read. All rows are taken, whatever their dates: they may break rules, and tell where the data end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import duckdb

from features.postgres.address import Address
from features.postgres.column_types import Column
from features.postgres.snapshot import NULL, Relation, Snapshot, open_snapshot

#: Bytes that a row may have, and that are read at once: by default DuckDB would take 16 times the longest row.
LONGEST_LINE, BUFFER = 1 << 24, 1 << 25
#: Stands for a table of which no column is wanted, so that its rows are still counted.
ROWS = "rows"


@dataclass(frozen=True)
class Pulled:
    """A table that was copied: its file, and the names of all columns that it has, copied or not."""

    path: Path
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Pull:
    """What was copied.

    Attributes
    ----------
    tables : dict of str to Pulled
        By the names that were asked for.
    faults : list of (str, str, str)
        Table, column or nothing, and what is wrong with it.
    others : tuple of str
        All other tables, those of other schemas with its name.
    """

    tables: dict[str, Pulled] = field(default_factory=dict)
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    others: tuple[str, ...] = ()


def pull(
    address: Address,
    connection: duckdb.DuckDBPyConnection,
    wanted: Mapping[str, Collection[str]],
    folder: Path,
    only: tuple[str, str] | None = None,
) -> Pull:
    """Copy tables of one schema, all as they were at one moment.

    Parameters
    ----------
    wanted : mapping of str to collection of str
        Tables and their columns in lower case; case does not count, nor do blanks around the name of a column.
    folder : Path
        Where the files are made.
    only : (str, str), optional
        A column in lower case, and the text that it has in the rows that are copied.

    Raises
    ------
    ValueError
        When the database cannot be opened, or has no such schema.
    ConnectionError
        When the server goes away.
    """
    with closing(open_snapshot(address)) as snapshot:
        ours: dict[str, list[Relation]] = {}
        others = []
        for relation in snapshot.relations:
            if relation.schema == snapshot.schema and relation.name.lower() in wanted:
                ours.setdefault(relation.name.lower(), []).append(relation)
            else:
                others.append(_called(relation, snapshot.schema))
        made = Pull(others=tuple(others))
        for name in wanted:
            if len(found := ours.get(name, [])) > 1:
                twice = " and ".join(relation.name for relation in found)
                made.faults.append((name, "", f"stands there twice, as {twice}; leave one"))
            for relation in found[:1]:
                try:
                    _add(made, snapshot, connection, relation, wanted[name], folder, only)
                except (ValueError, duckdb.Error) as error:
                    if isinstance(error, duckdb.OutOfMemoryException):
                        raise
                    line = str(error).splitlines()[0]
                    made.faults.append((name, "", f"{relation.schema}.{relation.name} cannot be read: {line}"))
        return made


def _add(
    made: Pull,
    snapshot: Snapshot,
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    wanted: Collection[str],
    folder: Path,
    only: tuple[str, str] | None,
) -> None:
    columns = snapshot.columns(relation)
    plain = [column.name.strip().lower() for column in columns]
    if twice := sorted({name for name in plain if plain.count(name) > 1}):
        raise ValueError(f"two columns have the same name: {', '.join(twice)}")
    chosen = [column for column, name in zip(columns, plain, strict=True) if name in wanted]
    refused = [column for column in chosen if column.carried() is None]
    for column in refused:
        text = f"of type {column.type}, which is no text, number, flag, day or instant; give it as one in a view"
        made.faults.append((relation.name.lower(), column.name, text))
    if refused:
        return
    restricted = None
    if only is not None:
        restricted = next(
            ((each.name, only[1]) for each, name in zip(columns, plain, strict=True) if name == only[0]), None
        )
    path = parquet_of(snapshot, connection, relation, chosen, folder, restricted)
    made.tables[relation.name.lower()] = Pulled(path, tuple(column.name for column in columns))


def _called(relation: Relation, schema: str) -> str:
    return relation.name if relation.schema == schema else f"{relation.schema}.{relation.name}"


def parquet_of(
    snapshot: Snapshot,
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    columns: Sequence[Column],
    folder: Path,
    only: tuple[str, str] | None = None,
) -> Path:
    """Copy columns that can be carried into a Parquet file of a folder, and return its path. See `pull`."""
    carried = {column.name: found for column in columns if (found := column.carried())}
    written: list[tuple[str, LiteralString]] = [(name, expression) for name, (expression, _) in carried.items()]
    types = [kind for _, kind in carried.values()] or ["BIGINT"]
    copy, target = folder / f"{relation.number}.csv", folder / f"{relation.number}.parquet"
    try:
        snapshot.copy(relation, written or [(ROWS, "1")], copy, only)
        names = ", ".join(f"c{place} AS {_quoted(name)}" for place, name in enumerate(carried or [ROWS]))
        rows = f"SELECT {names} FROM {csv_relation(copy, types)}"
        connection.execute(f"COPY ({rows}) TO {_literal(target)} (FORMAT parquet)")
    finally:
        copy.unlink(missing_ok=True)
    return target


def csv_relation(copy: Path, types: Sequence[str]) -> str:
    """Return a copy of a relation as SQL: columns c0, c1, ... of these types. Nothing is guessed from the rows."""
    columns = {f"c{place}": kind for place, kind in enumerate(types)}
    return (
        f"read_csv({_literal(copy)}, auto_detect = false, header = false, columns = {columns}, delim = ',', "
        f"quote = '\"', escape = '\"', comment = '', new_line = '\\n', nullstr = '{NULL}', allow_quoted_nulls = false, "
        f"max_line_size = {LONGEST_LINE}, buffer_size = {BUFFER})"
    )


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
