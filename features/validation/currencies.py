"""The one currency of a book, from the `currency` column of whatever tables have one."""

from __future__ import annotations

from collections.abc import Mapping

import ibis.expr.types as ir

from features.errors import Problem
from features.tables import CURRENCY

MOST = 5


def currency_of(frames: Mapping[str, ir.Table]) -> tuple[str | None, list[Problem]]:
    """Return the currency of raw tables, None where none is named; and the problem that there are several."""
    by_table = {name: found for name, rows in frames.items() if (found := _currencies(rows))}
    different = sorted({value for found in by_table.values() for value in found})
    codes = {value.upper() for value in different}
    if len(codes) < 2:
        # EUR beside eur is one currency.
        return (different[0] if len(different) == 1 else next(iter(codes), None)), []
    places = "; ".join(f"{name} {_counted(found)}" for name, found in by_table.items())
    text = f"one currency is expected, found {', '.join(different[:MOST])}: {places}"
    return None, [Problem("*", "currency", text)]


def _currencies(rows: ir.Table) -> dict[str, int]:
    """Return the rows of each currency that a table names."""
    columns = [name for name in rows.columns if name.strip().lower() == CURRENCY]
    if not columns:
        return {}
    named = rows.select(currency=rows[columns[0]].cast("string").strip()).drop_null()
    frame = named.group_by("currency").aggregate(rows=lambda t: t.count()).order_by("currency").execute()
    counts = zip(frame["currency"], frame["rows"], strict=True)
    return {value: int(count) for value, count in counts if value}


def _counted(found: Mapping[str, int]) -> str:
    shown = [f"{value} ({count} row{'' if count == 1 else 's'})" for value, count in list(found.items())[:MOST]]
    return ", ".join(shown)
