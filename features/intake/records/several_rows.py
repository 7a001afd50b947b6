"""Several rows of one key: how they become a record, and what is doubtful about it.

In: the rows of a table as SQL, the stored parts. Out: SQL of one record a key; doubts where the rows of a record are of
several accounts, days or files, because the key does not tell records apart, or where a row stands twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.language.typed_sql import quoted
from features.intake.records.stored_part import CONTENT, FILE, PLACE, REASON, ROW, TWICE, StoredPart
from features.schema import Kind
from features.tables import TABLES
from features.validation.quoting import EXAMPLES

#: Reason for which a row beside the first of its record is left out.
LINE = "a further line of a record that is there once"
MANY = ("sum", "first")


def summed_sql(table: str, columns: dict[str, Kind], rows: str) -> str:
    """Return the SQL of one record a key: its amounts added up to the cent, of other columns the first."""
    key = [name for name in TABLES[table].key if name in columns]
    chosen = [f'"{name}"' for name in key]
    for name, kind in columns.items():
        if kind is Kind.NUMBER:
            chosen.append(f'CAST(sum(CAST("{name}" AS DECIMAL(24, 6))) AS DOUBLE) AS "{name}"')
        elif name not in key:
            chosen.append(f'first("{name}" ORDER BY _part, {FILE}, {ROW}) AS "{name}"')
    return f"SELECT {', '.join(chosen)} FROM ({rows}) GROUP BY {', '.join(chosen[: len(key)])}"


def merged_sql(table: str, columns: dict[str, Kind], rows: str) -> str:
    """Return the SQL of one record a key: of each column what is told first, in the order of the parts."""
    key = [name for name in TABLES[table].key if name in columns]
    firsts = [
        f'first("{name}" ORDER BY _part, {FILE}, {ROW}) FILTER ("{name}" IS NOT NULL) AS "{name}"'
        for name in columns
        if name not in key
    ]
    return f"SELECT {', '.join([*key, *firsts])} FROM ({rows}) GROUP BY {', '.join(key)}"


def leave_out_overlap(connection: duckdb.DuckDBPyConnection, stored: StoredPart) -> None:
    """Leave out rows that an earlier file has too, as often as it has them: exports of overlapping months."""
    connection.execute(
        f"UPDATE {stored.rows} SET {REASON} = {quoted(TWICE)} FROM (SELECT {PLACE} AS place, "
        f"row_number() OVER (PARTITION BY {CONTENT}, nth ORDER BY {FILE}) AS copy FROM (SELECT {FILE}, {PLACE}, "
        f"{CONTENT}, row_number() OVER (PARTITION BY {FILE}, {CONTENT} ORDER BY {PLACE}) AS nth FROM {stored.stored})) "
        f"AS seen WHERE {stored.rows}.rowid = seen.place AND seen.copy > 1 AND {REASON} IS NULL"
    )


def doubtful_records(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> list[Problem]:
    """Return the doubts about records that are made of several rows."""
    return [*differing_lines(connection, parts), *counted_again(connection, parts), *doubled_rows(connection, parts)]


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


def doubled_rows(connection: duckdb.DuckDBPyConnection, parts: Sequence[StoredPart]) -> Iterator[Problem]:
    """Yield a doubt for each part that adds up rows which are equal to an earlier one of their file in every cell.

    Two lines of a document may be equal where they bear no number of their own, so they count; one without an amount
    adds nothing. The cells are all of the file's, not only those that the mapping reads.
    """
    for part in parts:
        amounts = [name for name, kind in part.columns.items() if kind is Kind.NUMBER]
        if part.table not in TABLES or part.part.many != "sum" or not amounts:
            continue
        sums = ", ".join(f"CAST(sum(CAST({name} AS DECIMAL(24, 6))) OVER () AS DECIMAL(24, 2))" for name in amounts)
        rows = connection.execute(
            f"WITH firsts AS (SELECT {FILE}, {CONTENT}, min({ROW}) AS first FROM {part.stored} WHERE {REASON} IS NULL "
            f"GROUP BY ALL HAVING count(*) > 1) SELECT {FILE}, {ROW}, {TABLES[part.table].key[0]}::VARCHAR, "
            f"count(*) OVER (), {sums} FROM {part.stored} JOIN firsts USING ({FILE}, {CONTENT}) WHERE {REASON} IS NULL "
            f"AND {ROW} > first AND ({' OR '.join(f'{name} <> 0' for name in amounts)}) ORDER BY 1, 2 LIMIT {EXAMPLES}"
        ).fetchall()
        if not rows:
            continue
        _, _, _, count, *totals = rows[0]
        total = " and ".join(f"{total} of {name}" for name, total in zip(amounts, totals, strict=True))
        told = f"{count:,} rows stand" if count > 1 else "1 row stands"
        rule = (
            f"{told} more than once in one file, equal in every cell, and what repeats is added up, too: {total}. "
            "Lines of a document that bear no number may be equal; if the export doubled them, the sums are too high: "
            "export it again, with the number of the line"
        )
        places = tuple(f"{part.files[file].name} row {row}: {record}" for file, row, record, *_ in rows)
        yield Problem(part.table, part.part.source, rule, count, places)


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
