"""Tables of Spark's catalog for DuckDB: each as Parquet files, with the columns that are wanted.

In: an address, and which columns of which tables are wanted. Out: what `features.postgres.pulling` gives of PostgreSQL.
Spark's workers write the files, so they lie where all of them see the same folder as we do: that for temporary files
(`TMPDIR`). Each table is of the moment at which it is read: Spark's catalog knows no moment of all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.machine.memory import memory_limit
from features.postgres.pulling import Pull, Pulled
from features.spark.catalog_address import Address, quoted
from features.spark.session import first_line, spark_session, told

#: Types by their beginning, and what is written of them. Numbers that are no doubles keep their digits as texts, which
#: the contract's readers take as they take a cell of a CSV file. Other types are no single value.
WRITTEN = {
    "string": "string",
    "varchar": "string",
    "char": "string",
    "decimal": "string",
    "float": "string",
    "boolean": "boolean",
    "tinyint": "bigint",
    "smallint": "bigint",
    "int": "bigint",
    "bigint": "bigint",
    "double": "double",
    "date": "date",
    "timestamp": "timestamp_ntz",
    "timestamp_ntz": "timestamp_ntz",
}
MOST_SCHEMAS = 12


def pull(
    address: Address,
    wanted: Mapping[str, Collection[str]],
    folder: Path,
    only: tuple[str, str] | None = None,
) -> Pull:
    """Copy tables of one schema.

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
    ImportError
        When PySpark or Java is missing.
    ValueError
        When there is no such schema, or it may not be read.
    ConnectionError
        When Spark cannot be started or gives up, or its files are not seen here.
    """
    session = spark_session(memory_limit())
    with told(address.shown):
        names = _tables(session, address)
    made = Pull(others=tuple(name for name in names if name.lower() not in wanted))
    for name in wanted:
        for held in [each for each in names if each.lower() == name][:1]:
            try:
                with told(address.shown):
                    table = session.table(f"{address.quoted}.{quoted(held)}")
                    _add(made, table, name, wanted[name], folder / name, only)
            except ValueError as error:
                made.faults.append((name, "", f"{'.'.join(address.names)}.{held} cannot be read: {error}"))
    return made


def _tables(session: Any, address: Address) -> list[str]:
    """Return the names of the tables and views of the schema."""
    from pyspark.errors import AnalysisException

    try:
        rows = session.sql(f"SHOW TABLES IN {address.quoted}").collect()
    except AnalysisException as error:
        inside = f" IN {quoted(address.names[0])}" if len(address.names) > 1 else ""
        try:
            found = sorted(row[0] for row in session.sql(f"SHOW SCHEMAS{inside}").collect())
        except AnalysisException:  # The catalog itself is not there.
            raise ValueError(f"{address.shown}: {first_line(error)}") from None
        there = ", ".join(found[:MOST_SCHEMAS])
        raise ValueError(f"{address.shown}: there is no schema {address.names[-1]!r}; those there: {there}") from None
    return sorted(row["tableName"] for row in rows if not row["isTemporary"])


def _add(
    made: Pull, table: Any, name: str, wanted: Collection[str], folder: Path, only: tuple[str, str] | None
) -> None:
    columns = {column: column.strip().lower() for column in table.columns}
    if len(twice := set(columns.values())) < len(columns):
        plain = list(columns.values())
        raise ValueError(
            f"two columns have the same name: {', '.join(sorted(each for each in twice if plain.count(each) > 1))}"
        )
    types = dict(table.dtypes)
    chosen = {column: _written(types[column]) for column, plain in columns.items() if plain in wanted}
    refused = [column for column, kind in chosen.items() if kind is None]
    for column in refused:
        text = f"of type {types[column]}, which is no text, number, flag, day or instant; give it as one in a view"
        made.faults.append((name, column, text))
    if refused:
        return
    if only is not None:
        held = next((column for column, plain in columns.items() if plain == only[0]), None)
        if held is not None:
            table = table.where(table[quoted(held)].cast("string") == only[1])
    # Of a table of which no column is wanted the rows are still counted.
    listed = [f"CAST({quoted(column)} AS {kind}) AS {quoted(column)}" for column, kind in chosen.items()]
    write(table.selectExpr(*listed or ["1 AS rows"]), folder)
    made.tables[name] = Pulled(folder / "*.parquet", tuple(columns))


def _written(kind: str) -> str | None:
    return WRITTEN.get(kind.partition("(")[0])


def write(rows: Any, folder: Path) -> None:
    """Write the rows of a data frame as Parquet files.

    Raises
    ------
    ConnectionError
        When they are not all seen here, since the workers of a cluster see another folder of this name.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as f

    written = Observation()
    rows.observe(written, f.count(f.lit(1)).alias("rows")).write.parquet(str(folder))
    seen = sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))
    if seen != written.get["rows"]:
        raise ConnectionError(
            f"Spark wrote {written.get['rows']} rows into {folder}, and {seen} of them are there: "
            "TMPDIR must name a folder that all of its workers share with this machine"
        )
