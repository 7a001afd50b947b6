"""Retention actions. They follow risk as much as they lower it, so their signals have no direction and no advice."""

from __future__ import annotations

import ibis.expr.types as ir

from features.signal import theme

signal = theme("actions")


@signal(
    over="actions",
    unit="actions",
    en="Actions taken, 180 days",
    de="Maßnahmen, 180 Tage",
    riskier="either",
    actionable=False,
    when_none=0,
)
def actions_180d(rows: ir.Table) -> ir.Value:
    """Actions of the last 180 days."""
    return rows.count(where=rows.age_days <= 180)


@signal(
    over="actions",
    unit="days",
    en="Days since the last action",
    de="Zeit seit der letzten Maßnahme",
    riskier="either",
    actionable=False,
)
def action_age_days(rows: ir.Table) -> ir.Value:
    """Days since the latest action; null when none was taken."""
    return rows.age_days.min()
