"""Tenure, segment, industry and country of the account."""

from __future__ import annotations

import ibis.expr.types as ir

from features.signal import theme

signal = theme("tenure")
segment = theme("segment")


@signal(
    over="accounts",
    unit="days",
    en="Days as a customer",
    de="Dauer der Kundenbeziehung",
    riskier="falling",
    actionable=False,
)
def tenure_days(rows: ir.Table) -> ir.Value:
    """Days since customer_since."""
    return rows.age_days.max()


@segment(over="accounts", unit="text", en="Segment", de="Segment", riskier="either", actionable=False)
def account_segment(rows: ir.Table) -> ir.Value:
    """Segment as the accounts table gives it."""
    return rows.segment.max()


@segment(over="accounts", unit="text", en="Industry", de="Branche", riskier="either", actionable=False)
def account_industry(rows: ir.Table) -> ir.Value:
    """Industry as the accounts table gives it."""
    return rows.industry.max()


@segment(over="accounts", unit="text", en="Country", de="Land", riskier="either", actionable=False)
def account_country(rows: ir.Table) -> ir.Value:
    """Country as the accounts table gives it."""
    return rows.country.max()
