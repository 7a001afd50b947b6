"""Which signed terms run at as_of: shared by the contract signals and the value of an account.

A term whose end is not known runs.

In: a view of the contracts table. Out: an Ibis condition or aggregate.
"""

from __future__ import annotations

import ibis.expr.types as ir


def running(rows: ir.Table) -> ir.BooleanValue:
    """Whether the term runs at as_of: its signed end is as_of or later, or not known."""
    return (rows.ends_age_days <= 0).fill_null(True)


def running_value(rows: ir.Table) -> ir.Value:
    """Annual value of the running contracts."""
    return rows.annual_value.sum(where=running(rows))
