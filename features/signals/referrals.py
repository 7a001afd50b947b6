"""Referrals made: a customer who recommends is seldom about to leave."""

from __future__ import annotations

import ibis.expr.types as ir

from features.signal import theme

signal = theme("referrals")


@signal(
    over="referrals",
    unit="referrals",
    en="Referrals, 365 days",
    de="Empfehlungen, 365 Tage",
    riskier="falling",
    when_none=0,
)
def referrals_made_365d(rows: ir.Table) -> ir.Value:
    """Referrals made in the last 365 days."""
    return rows.count(where=rows.age_days <= 365)


@signal(
    over="referrals",
    unit="referrals",
    en="Referrals won",
    de="Gewonnene Empfehlungen",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def referrals_won(rows: ir.Table) -> ir.Value:
    """Referrals that had become customers by as_of."""
    return rows.count(where=rows.won_age_days.notnull())


@signal(
    over="referrals",
    unit="referrals",
    en="Referrals not followed up",
    de="Liegen gebliebene Empfehlungen",
    riskier="rising",
    when_none=0,
)
def referrals_not_contacted(rows: ir.Table) -> ir.Value:
    """Referrals older than 30 days whose prospect had not been contacted by as_of."""
    return rows.count(where=rows.contacted_age_days.isnull() & (rows.age_days > 30))
