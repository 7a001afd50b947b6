"""How the aggregates of the relations become one row an account and as-of date; two ways to the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import ibis
import ibis.expr.types as ir


def by_joins(spine: ir.Table, parts: Sequence[ir.Table]) -> ir.Table:
    """Put the parts side by side, one join each by the spine's columns: what an engine does best with many rows."""
    return reduce(
        lambda left, part: left.left_join(part, spine.columns).select(*left.columns, *_own(part, spine)), parts, spine
    )


def by_stacking(spine: ir.Table, parts: Sequence[ir.Table]) -> ir.Table:
    """Put the parts one below the other, each a column of records, and gather each account's: one join in all.

    With a handful of accounts a query costs what its operators cost to set up, and the joins are most of that.
    """
    names = [f"part{number}" for number in range(len(parts))]
    records = [ibis.struct({name: part[name] for name in _own(part, spine)}) for part in parts]
    nulls = {name: ibis.null(record.type()) for name, record in zip(names, records, strict=True)}
    padded = [
        part.select(*spine.columns, **(nulls | {name: record}))
        for part, name, record in zip(parts, names, records, strict=True)
    ]
    stacked = ibis.union(*padded)
    gathered = stacked.group_by(spine.columns).aggregate(**{name: stacked[name].arbitrary() for name in names})
    row = spine.left_join(gathered, spine.columns).select(*spine.columns, *names)
    unpacked = {own: row[name][own] for name, part in zip(names, parts, strict=True) for own in _own(part, spine)}
    return row.select(*spine.columns, **unpacked)


def _own(part: ir.Table, spine: ir.Table) -> list[str]:
    return [name for name in part.columns if name not in spine.columns]
