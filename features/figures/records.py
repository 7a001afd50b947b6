"""The figures of a book at one date as a plain record, for those who keep them: a run in MLflow.

In: a book and a date. Out: a dict of plain values.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from features.figures.measuring import measure
from features.tables import Tables

NUMBERS = ("value", "low", "high", "n")


def figures_record(tables: Tables, day: date) -> dict[str, Any]:
    """Return every figure of a book at a date.

    Returns
    -------
    dict
        `as_of` (ISO), `currency` (None: not known) and `figures`: by name value, low, high, n and reason; a number that
        is not known is None, and the reason (in English) says why.
    """
    figures = {}
    for row in measure(tables, [day]).to_dict("records"):
        numbers = {name: None if row[name] != row[name] else float(row[name]) for name in NUMBERS}
        figures[str(row["figure"])] = {**numbers, "reason": row["reason"]}
    return {"as_of": day.isoformat(), "currency": tables.currency, "figures": figures}
