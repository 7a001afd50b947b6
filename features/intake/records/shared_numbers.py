"""Whether files of different clients share numbers of customers, so that two customers would become one.

In: cells above the rows that differ between files, and the stored parts. Out: a problem where they do, else a doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import duckdb

from features.errors import Problem
from features.intake.files.one_client import Apart
from features.intake.language.typed_sql import quoted
from features.intake.records.stored_part import FILE, REASON, TWICE, StoredPart
from features.validation.quoting import shortened


def shared_numbers(
    connection: duckdb.DuckDBPyConnection, apart: Iterable[Apart], parts: Sequence[StoredPart]
) -> Iterator[tuple[Problem, bool]]:
    """Yield for each cell that differs what is to be said, and whether rows of two clients would be merged."""
    for each in apart:
        number_of = {file: number for number, files in each.numbers.items() for file in files}
        selects = []
        for part in parts:
            cases = [
                f"WHEN {place} THEN {quoted(number_of[file.name])}"
                for place, file in enumerate(part.files)
                if file.name in number_of
            ]
            if cases and "account_id" in part.columns:
                client = f"CASE {FILE} {' '.join(cases)} END"
                kept = f"({REASON} IS NULL OR {REASON} = {quoted(TWICE)})"
                selects.append(f"SELECT account_id, {client} AS client FROM {part.stored} WHERE {kept}")
        found = connection.execute(
            f"SELECT account_id FROM ({' UNION ALL '.join(selects)}) GROUP BY 1 HAVING count(DISTINCT client) > 1 "
            "ORDER BY 1 LIMIT 1"
        ).fetchall() if selects else []  # fmt: skip
        yield (each.problem(shortened(str(found[0][0]))), True) if found else (each.doubt(), False)
