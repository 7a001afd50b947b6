"""Tickets: their number, defects and high severities, closing delays, and open tickets."""

from __future__ import annotations

import ibis.expr.types as ir

from features.formulas import closing
from features.signal import theme
from features.tables import DEFECT

signal = theme("tickets")


@signal(
    over="tickets",
    unit="tickets",
    en="Tickets, 365 days",
    de="Tickets, 365 Tage",
    riskier="either",
    actionable=False,
    when_none=0,
)
def tickets_opened_365d(rows: ir.Table) -> ir.Value:
    """Tickets opened in the last 365 days."""
    return closing.opened_365d(rows)


@signal(
    over="tickets",
    unit="tickets",
    en="Change of tickets, 90 days",
    de="Veränderung der Tickets, 90 Tage",
    riskier="rising",
    when_none=0,
    history_days=180,
)
def tickets_change_90d(rows: ir.Table) -> ir.Value:
    """Tickets of the last 90 days minus those of the 90 days before."""
    before = (rows.age_days > 90) & (rows.age_days <= 180)
    return rows.count(where=rows.age_days <= 90) - rows.count(where=before)


@signal(
    over="tickets",
    unit="tickets",
    en="Defects, 365 days",
    de="Gemeldete Fehler, 365 Tage",
    riskier="rising",
    when_none=0,
    relies_on=("kinds",),
    told_by="tickets.kind",
)
def tickets_defects_365d(rows: ir.Table) -> ir.Value:
    """Tickets of kind 'defect' opened in the last 365 days."""
    return rows.count(where=(rows.age_days <= 365) & (rows.kind == DEFECT))


@signal(
    over="tickets",
    unit="tickets",
    en="Severe tickets, 365 days",
    de="Schwere Tickets, 365 Tage",
    riskier="rising",
    when_none=0,
    told_by="tickets.severity",
)
def tickets_severe_365d(rows: ir.Table) -> ir.Value:
    """Tickets of high or critical severity opened in the last 365 days."""
    return rows.count(where=(rows.age_days <= 365) & rows.severity.isin(["high", "critical"]))


@signal(
    over="tickets",
    unit="hours",
    en="Hours to close a ticket, median",
    de="Zeit bis zur Lösung, Median",
    riskier="rising",
)
def ticket_close_hours_p50_365d(rows: ir.Table) -> ir.Value:
    """Median hours from opening to closing, of the tickets closed in the last 365 days."""
    return closing.close_hours_p50(rows)


@signal(
    over="tickets",
    unit="hours",
    en="Hours to close a ticket, 90th percentile",
    de="Zeit bis zur Lösung, 90. Perzentil",
    riskier="rising",
)
def ticket_close_hours_p90_365d(rows: ir.Table) -> ir.Value:
    """90th percentile of the hours to close, of the tickets closed in the last 365 days."""
    return closing.close_hours_p90(rows)


@signal(
    over="tickets",
    unit="hours",
    en="Trend of the time to close tickets",
    de="Zeit bis zur Lösung gegenüber Halbjahr davor",
    riskier="rising",
    history_days=360,
)
def ticket_close_hours_trend(rows: ir.Table) -> ir.Value:
    """Median hours to close of the tickets closed in the last 180 days minus the median of the 180 days before."""
    return closing.close_hours_trend(rows)


@signal(
    over="tickets",
    unit="share",
    en="Tickets closed within 48 hours",
    de="Tickets, binnen 48 Stunden gelöst",
    riskier="falling",
)
def ticket_closed_48h_share_365d(rows: ir.Table) -> ir.Value:
    """Share closed within 48 hours, of the tickets opened in the last 365 days."""
    return closing.closed_48h_share(rows)


@signal(over="tickets", unit="tickets", en="Open tickets", de="Offene Tickets", riskier="rising", when_none=0)
def tickets_open(rows: ir.Table) -> ir.Value:
    """Tickets still open at as_of."""
    return closing.open_count(rows)


@signal(
    over="tickets",
    unit="days",
    en="Age of the oldest open ticket",
    de="Alter des ältesten offenen Tickets",
    riskier="rising",
    when_none=0,
)
def ticket_open_oldest_days(rows: ir.Table) -> ir.Value:
    """Days since the oldest open ticket was opened; 0 when none is open."""
    return closing.oldest_open_days(rows)


@signal(
    over="tickets",
    unit="tickets",
    en="Tickets never closed",
    de="Tickets, seit über 90 Tagen offen",
    riskier="rising",
    when_none=0,
)
def tickets_never_closed(rows: ir.Table) -> ir.Value:
    """Tickets that have been open for more than 90 days."""
    return closing.never_closed(rows)
