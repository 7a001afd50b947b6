"""One rate of tax for rows of several accounts: some of them have another rate, or none.

In: a part that says by `taxed_by` what the rate may depend on. Out: a doubt where one rate above 0 is taken from the
amounts of rows with several of its values, with the rows and the net sum of each.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from features.errors import Problem
from features.intake.language.mapping_model import Part
from features.intake.language.told_by import at_answers
from features.intake.records.stored_part import REASON, StoredPart
from features.intake.records.values_sql import FileValues
from features.validation.quoting import MOST_VALUES, shortened

#: Column with what the rate of a row may depend on.
TAXED_BY = "_taxed_by"


def taxed_columns(part: Part, values: FileValues) -> dict[str, str]:
    """Return the SQL of what the rate may depend on, by the name of its column; nothing where no one rate is taken."""
    return {TAXED_BY: values.text(part.taxed_by)} if part.taxed_by is not None and _rate(part) else {}


def taxed_apart(connection: duckdb.DuckDBPyConnection, stored: StoredPart) -> Iterator[Problem]:
    """Yield a doubt where rows of several values of `taxed_by` are taken for taxed by one rate."""
    part = stored.part
    if part.taxed_by is None or not _rate(part):
        return
    rows = connection.execute(
        f"SELECT {TAXED_BY}, count(*), CAST(sum(amount) AS DECIMAL(24, 2)) FROM {stored.stored} "
        f"WHERE {REASON} IS NULL AND {TAXED_BY} IS NOT NULL GROUP BY 1 ORDER BY abs(sum(amount)) DESC, 1"
    ).fetchall()
    if len(rows) < 2:
        return
    shown = ", ".join(
        f"{shortened(value)!r} ({count:,} row{'s' if count > 1 else ''}: {total:,} net)"
        for value, count, total in rows[:MOST_VALUES]
    )
    more = ", ..." if len(rows) > MOST_VALUES else ""
    name = part.taxed_by.let or " or ".join(part.taxed_by.column or ())
    origin = "let" if part.taxed_by.let else "column"
    rule = (
        f"one tax rate, {_rate(part):g}, is taken from rows of {len(rows)} accounts: {shown}{more}. Have all of them "
        f"this rate? By account: {{ {origin} = '{name}', map = {{ '{rows[0][0]}' = '{_rate(part):g}', ... }}, "
        f"otherwise = '0' }}, which is not warned of{at_answers(part, 'amount')}"
    )
    yield Problem(stored.table, "amount", rule)


def _rate(part: Part) -> float:
    """Return the rate above 0 that is the same for all rows; 0 where there is none."""
    value = part.columns.get("amount")
    return value.tax_rate if value is not None and isinstance(value.tax_rate, float) and value.tax_rate > 0 else 0.0
