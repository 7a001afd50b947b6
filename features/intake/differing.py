"""Rows that become one record although they are of several accounts or days: their key does not tell records apart.

In: the stored parts, once their records are made. Out: a doubt for each part with such records, which names some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.joined import LINE
from features.intake.language.typed_sql import quoted
from features.intake.parts_sql import REASON, StoredPart
from features.tables import TABLES
from features.validation.quoting import EXAMPLES

MANY = ("sum", "first")


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
