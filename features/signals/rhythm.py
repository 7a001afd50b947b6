"""Invoicing rhythm: how often and how recently an account is invoiced, also relative to its own pace.

An invoice that is known to be reversed in full is none here.
"""

from __future__ import annotations

import ibis.expr.types as ir

from features.as_of import AsOf
from features.formulas.fading import faded
from features.formulas.reversals import stands
from features.signal import ROW, relation, theme
from features.signals.revenue import months

signal = theme("revenue")


@relation("invoices")
def invoice_gaps(view: AsOf) -> ir.Table:
    """Return the days with a positive invoice: amount, and `gap`, days since the one before (null for the first)."""
    if view.invoice_days is not None:
        return view.invoice_days.filter(view.invoice_days.amount.notnull())
    rows = view["invoices"].filter(stands)
    days = rows.group_by([*view.keys, "age_days"]).aggregate(amount=lambda t: t.amount.sum())
    earlier = days.age_days.lead().over(group_by=view.keys, order_by=days.age_days)
    return days.mutate(gap=earlier - days.age_days)


@signal(
    over=invoice_gaps,
    unit="root of currency",
    en="Invoicing strength, recent counting most",
    de="Rechnungen nach Zahl und Höhe, gewichtet",
    riskier="falling",
    when_none=0,
)
def invoice_strength_halflife_180(rows: ir.Table) -> ir.Value:
    """Sum over invoicing days of the square root of the day's amount, halved for every 180 days of age."""
    return (rows.amount.sqrt() * faded(rows.age_days, 180)).sum()


@signal(
    over=invoice_gaps,
    unit="days",
    en="Invoicing days, recent counting most",
    de="Tage mit Rechnung, gewichtet",
    riskier="falling",
    when_none=0,
)
def invoice_days_halflife_180(rows: ir.Table) -> ir.Value:
    """Days with a positive invoice, each halved for every 180 days of age."""
    return faded(rows.age_days, 180).sum()


@signal(
    over=invoice_gaps,
    unit="days",
    en="Invoicing days of late",
    de="Tage mit Rechnung in letzter Zeit, gewichtet",
    riskier="falling",
    when_none=0,
)
def invoice_days_halflife_30(rows: ir.Table) -> ir.Value:
    """Days with a positive invoice, each halved for every 30 days of age."""
    return faded(rows.age_days, 30).sum()


@signal(
    over=months,
    unit="months",
    en="Active months, older counting less",
    de="Monate mit Rechnung, gewichtet",
    riskier="falling",
    when_none=0,
)
def invoice_months_halflife_365(rows: ir.Table) -> ir.Value:
    """Blocks of 30 days with a positive invoice, each halved for every 365 days of age."""
    return rows.fade.sum()


@signal(
    over="invoices",
    unit="invoices",
    en="Invoices, 365 days",
    de="Rechnungen, 365 Tage",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def invoices_365d(rows: ir.Table) -> ir.Value:
    """Positive invoices of the last 365 days."""
    return rows.count(where=(rows.age_days <= 365) & stands(rows))


@signal(
    over="invoices",
    unit="invoices",
    en="Invoices, 90 days",
    de="Rechnungen, 90 Tage",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def invoices_90d(rows: ir.Table) -> ir.Value:
    """Positive invoices of the last 90 days."""
    return rows.count(where=(rows.age_days <= 90) & stands(rows))


@signal(
    over="invoices",
    unit="days",
    en="Days since the last invoice",
    de="Zeit seit der letzten Rechnung",
    riskier="rising",
)
def invoice_recency_days(rows: ir.Table) -> ir.Value:
    """Days since the latest positive invoice; null when there never was one."""
    return rows.age_days.min(where=stands(rows))


@signal(
    over=invoice_gaps,
    unit="days",
    en="Usual days between invoices",
    de="Übliche Zeit zwischen zwei Rechnungen",
    riskier="rising",
    actionable=False,
)
def invoice_gap_p50_days(rows: ir.Table) -> ir.Value:
    """Median days between consecutive days with a positive invoice."""
    return rows.gap.median()


@signal(
    over=ROW,
    needs=("invoices",),
    unit="times the usual gap",
    en="Overdue against the own rhythm",
    de="Überfällig gegenüber eigenem Rhythmus",
    riskier="rising",
)
def invoice_overdue_ratio(row: ir.Table) -> ir.Value:
    """Days since the latest positive invoice for each usual (median) gap between invoices."""
    return row.invoice_recency_days / row.invoice_gap_p50_days.nullif(0)
