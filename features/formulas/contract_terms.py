"""Which signed terms run at as_of: shared by the contract signals and the value of an account.

A term whose end is not known runs.

In: a view of the contracts table. Out: an Ibis condition or aggregate.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

#: A start on the day after an end is before as_of, and so seen, only once the end is more days ago than these.
UNSEEN_DAYS = 1


def running(rows: ir.Table) -> ir.BooleanValue:
    """Whether the term runs at as_of: its signed end is as_of or later, or not known."""
    return (rows.ends_age_days <= 0).fill_null(True)


def standing_value(rows: ir.Table) -> ir.Value:
    """Annual value of the running contracts and of those that ended the day before, whose successor cannot be seen yet.

    A contract is known from the day after its start on, so one that follows without a gap is seen a day later than the
    other has ended. Where one is seen that began on the day of that end, it is the successor.
    """
    ended = (rows.ends_age_days > 0) & (rows.ends_age_days <= UNSEEN_DAYS)
    unseen = rows.annual_value.sum(where=ended.fill_null(False)).fill_null(0.0)
    value = running_value(rows).fill_null(0.0)
    return value + ibis.ifelse(rows.age_days.min() > UNSEEN_DAYS, unseen, 0.0)


def running_value(rows: ir.Table) -> ir.Value:
    """Annual value of the running contracts."""
    return rows.annual_value.sum(where=running(rows))
