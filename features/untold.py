"""Signals that count by an optional column: null for an account whose records never tell it, as null is not 0.

A ticket without a kind is no proof that there was no defect. Where an account has tickets and none of them has a kind,
its number of defects is not known; where one has, tickets without a kind are none. An account without a ticket has no
defect.

In: the view. Out: `measures`, aggregates that the matrix computes with the signals, and `masked`, the finished row.
"""

from __future__ import annotations

from functools import cache

import ibis
import ibis.expr.types as ir

from features.as_of import AsOf
from features.signal import Relation, Signal, all_signals, table_relation

#: Begins the name of a measure: a column of the matrix's query that is neither signal nor fact.
MEASURE = "told__"


@cache
def _told() -> dict[str, list[Signal]]:
    """Return the signals by what tells of them: "table.column"."""
    found: dict[str, list[Signal]] = {}
    for signal in all_signals():
        if signal.told_by is not None:
            found.setdefault(signal.told_by, []).append(signal)
    return found


def measures(view: AsOf) -> list[tuple[Relation, str, ir.Value]]:
    """Return how many records tell: relation, name of the column, expression. Null for an account without a record."""
    return [
        (table_relation(table), f"{MEASURE}{table}_{column}", view[table][column].count())
        for table, column in (told_by.split(".") for told_by in _told())
    ]


def masked(row: ir.Table) -> ir.Table:
    """Return the finished row with null where the account has records and none of them tells."""
    values = {
        signal.name: ibis.ifelse(row[MEASURE + told_by.replace(".", "_")] == 0, ibis.null("float64"), row[signal.name])
        for told_by, signals in _told().items()
        for signal in signals
    }
    return row.mutate(**values)
