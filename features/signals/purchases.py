"""Purchases as buying models count them: how often an account bought again, and over how long."""

from __future__ import annotations

import ibis.expr.types as ir

from features.signal import theme
from features.signals.rhythm import invoice_gaps

signal = theme("revenue")


@signal(
    over=invoice_gaps,
    unit="days",
    en="Days with an invoice after the first",
    de="Rechnungstage nach dem ersten",
    riskier="falling",
    actionable=False,
)
def purchase_repeat_days(rows: ir.Table) -> ir.Value:
    """Days with a positive invoice, less one; null when there never was one."""
    return rows.count() - 1


@signal(
    over=invoice_gaps,
    unit="days",
    en="Days from the first to the last invoice",
    de="Tage von der ersten bis zur letzten Rechnung",
    riskier="falling",
    actionable=False,
)
def purchase_span_days(rows: ir.Table) -> ir.Value:
    """Days from the first to the latest positive invoice; null when there never was one."""
    return rows.age_days.max() - rows.age_days.min()
