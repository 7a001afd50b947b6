"""What counts by an optional column is null for an account whose records never tell it, as null is not 0.

A ticket without a kind is no proof that there was no defect. Where an account has tickets and none of them has a kind,
its number of defects is not known; where one has, tickets without a kind are none. An account without a ticket has no
defect.

In: "table.column" of a signal (`told_by`). Out: the name of the column of the matrix's query that holds how many
records tell, and a value that is null where none does.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

#: Begins the name of a measure: a column of the matrix's query that is neither signal nor fact.
MEASURE = "told__"


def measure(told_by: str) -> str:
    """Return the name of the column with the number of records that tell; it is null for an account without one."""
    return MEASURE + told_by.replace(".", "_")


def unless_untold(row: ir.Table, told_by: str | None, value: ir.Value) -> ir.Value:
    """Return a value of the finished row, null where the account has records and none of them tells."""
    return value if told_by is None else ibis.ifelse(row[measure(told_by)] == 0, ibis.null("float64"), value)
