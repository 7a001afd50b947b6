"""Membership of loyalty programmes."""

from __future__ import annotations

import ibis.expr.types as ir

from features.signal import theme

signal = theme("membership")


@signal(
    over="memberships",
    unit="programmes",
    en="Programme memberships",
    de="Kundenprogramme",
    riskier="falling",
    when_none=0,
)
def memberships_active(rows: ir.Table) -> ir.Value:
    """Programmes the account belongs to at as_of."""
    return rows.count(where=rows.left_age_days.isnull())


@signal(
    over="memberships",
    unit="programmes",
    en="Programmes left, 365 days",
    de="Verlassene Programme, 365 Tage",
    riskier="rising",
    actionable=False,
    when_none=0,
)
def memberships_left_365d(rows: ir.Table) -> ir.Value:
    """Programmes left in the last 365 days."""
    return rows.count(where=rows.left_age_days <= 365)
