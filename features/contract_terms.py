"""What runs of what was signed: the same for the signals of contracts and for the value of an account."""

from __future__ import annotations

import ibis.expr.types as ir


def running(rows: ir.Table) -> ir.BooleanValue:
    """Whether the term runs at as_of: it ends, as signed, on as_of or later."""
    return rows.ends_age_days <= 0


def running_value(rows: ir.Table) -> ir.Value:
    """Annual value of the running contracts."""
    return rows.annual_value.sum(where=running(rows))
