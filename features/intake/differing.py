"""Rows that become one record although they are of several accounts or days, or of several files.

In: the stored parts, once their records are made. Out: a doubt for each part with such records, which names some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.joined import LINE
from features.intake.language.typed_sql import quoted
from features.intake.parts_sql import FILE, REASON, StoredPart
from features.schema import Kind
from features.tables import TABLES
from features.validation.quoting import EXAMPLES

MANY = ("sum", "first")


def doubtful_records(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> list[Problem]:
    """Return the doubts about records that are made of several rows."""
    return [*differing_lines(connection, parts), *counted_again(connection, parts)]


def counted_again(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[Problem]:
    """Yield a doubt for each part that adds up equal amounts of one record from several files.

    Rows that are equal as a whole count once; an item that was open in one file and is cleared in another is not equal.
    """
    for part in parts:
        amounts = [name for name, kind in part.columns.items() if kind is Kind.NUMBER]
        if part.table not in TABLES or part.part.many != "sum" or len(part.files) < 2 or not amounts:
            continue
        (key,) = TABLES[part.table].key[:1]
        rows = connection.execute(
            f"SELECT DISTINCT {key}::VARCHAR, count(*) OVER () FROM (SELECT {key} FROM {part.stored} WHERE {REASON} IS "
            f"NULL GROUP BY {', '.join([key, *amounts])} HAVING count(DISTINCT {FILE}) > 1) ORDER BY 1 LIMIT {EXAMPLES}"
        ).fetchall()
        if rows:
            rule = "records have the same amount in several files, and both count: does an item stand in two of them?"
            yield Problem(part.table, part.part.source, rule, rows[0][1], tuple(record for record, _ in rows))


def differing_lines(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[Problem]:
    """Yield a doubt for each part of which the lines of a record differ in the account or in the day."""
    for part in parts:
        if part.table not in TABLES or part.part.many not in MANY or part.part.order is not None:
            continue
        key = [name for name in TABLES[part.table].key if name in part.columns]
        alike = [name for name in ("account_id", TABLES[part.table].time) if name in part.columns and name not in key]
        if not key or not alike:
            continue
        differ = " OR ".join(f"count(DISTINCT {name}) > 1" for name in alike)
        rows = connection.execute(
            f"SELECT {key[0]}::VARCHAR, count(*) OVER () FROM {part.stored} WHERE {REASON} IS NULL OR {REASON} = "
            f"{quoted(LINE)} GROUP BY {', '.join(key)} HAVING {differ} ORDER BY 1 LIMIT {EXAMPLES}"
        ).fetchall()
        if rows:
            rule = f"records are made of rows with different {' or '.join(alike)}, of which the first counts"
            yield Problem(part.table, part.part.source, rule, rows[0][1], tuple(record for record, _ in rows))
