"""Revenue: its sum, trend, change against the year before (which removes seasons), and concentration.

A relative change is (now - before) / (|now| + |before|). -1 means that all revenue is gone, 0 no change, 1 that all is
new. It is null when both are 0. Changes are of whole periods where an account is billed regularly, a year where it is
billed regularly and rarely (see `features.billing`).
"""

from __future__ import annotations

import ibis.expr.types as ir

from features import billing
from features.as_of import AsOf
from features.formulas.fading import faded
from features.formulas.reversals import stands
from features.signal import ROW, relation, theme

signal = theme("revenue")
DAYS_A_MONTH = 30


@relation("invoices")
def months(view: AsOf) -> ir.Table:
    """Return what was invoiced and not reversed by blocks of 30 days before as_of, faded: a year ago counts half."""
    days = view.invoice_days
    rows = view["invoices"].filter(stands) if days is None else days.filter(days.amount.notnull())
    blocks = rows.mutate(month=((rows.age_days - 1) / DAYS_A_MONTH).floor()).group_by([*view.keys, "month"])
    return blocks.aggregate(amount=lambda t: t.amount.sum()).mutate(
        # A float: DuckDB multiplies a whole number and a fraction as decimals of 128 bits, which takes as long as all.
        fade=lambda t: faded(t.month.cast("float64") * DAYS_A_MONTH, 365),
    )


def _revenue(rows: ir.Table, newest: int, oldest: int) -> ir.Value:
    return rows.amount.sum(where=(rows.age_days > newest) & (rows.age_days <= oldest)).fill_null(0)


@signal(
    over=ROW,
    needs=("invoices",),
    unit="currency",
    en="Revenue, 365 days",
    de="Umsatz, 365 Tage",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def revenue_365d(row: ir.Table) -> ir.Value:
    """A year's invoicing before as_of, credit notes deducted."""
    return billing.year(row).fill_null(0)


@signal(
    over="invoices",
    unit="currency",
    en="Revenue, 180 days",
    de="Umsatz, 180 Tage",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def revenue_180d(rows: ir.Table) -> ir.Value:
    """Invoiced sum of the last 180 days, credit notes deducted."""
    return _revenue(rows, 0, 180)


@signal(
    over="invoices",
    unit="currency",
    en="Revenue, 90 days",
    de="Umsatz, 90 Tage",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def revenue_90d(rows: ir.Table) -> ir.Value:
    """Invoiced sum of the last 90 days, credit notes deducted."""
    return _revenue(rows, 0, 90)


@signal(
    over=ROW,
    needs=("invoices",),
    unit="relative change",
    en="Revenue trend, 180 days",
    de="Umsatz gegenüber 180 Tagen davor",
    riskier="falling",
    history_days=360,
)
def revenue_trend_180d(row: ir.Table) -> ir.Value:
    """Relative change of the last 180 days against the 180 days before; of whole periods where billed regularly."""
    return billing.change(row, 180)


@signal(
    over=ROW,
    needs=("invoices",),
    unit="relative change",
    en="Revenue trend, 90 days",
    de="Umsatz gegenüber 90 Tagen davor",
    riskier="falling",
    history_days=180,
)
def revenue_trend_90d(row: ir.Table) -> ir.Value:
    """Relative change of the last 90 days against the 90 days before; of whole periods where billed regularly."""
    return billing.change(row, 90)


@signal(
    over=ROW,
    needs=("invoices",),
    unit="relative change",
    en="Revenue against last year, 90 days",
    de="Umsatz gegenüber Vorjahr, 90 Tage",
    riskier="falling",
    history_days=455,
)
def revenue_yoy_90d(row: ir.Table) -> ir.Value:
    """Relative change of the last 90 days against those a year before; of whole periods where billed regularly."""
    return billing.change(row, 90, "last_year")


@signal(
    over=ROW,
    needs=("invoices",),
    unit="relative change",
    en="Revenue against last year, 365 days",
    de="Umsatz gegenüber Vorjahr, 365 Tage",
    riskier="falling",
    history_days=730,
)
def revenue_yoy_365d(row: ir.Table) -> ir.Value:
    """Relative change of a year's invoicing against that of the year before."""
    return billing.change(row, 365)


@signal(
    over=months,
    unit="share",
    en="Share of the largest month",
    de="Anteil des stärksten Monats",
    riskier="rising",
    actionable=False,
)
def revenue_largest_month_share(rows: ir.Table) -> ir.Value:
    """Share of the largest block of 30 days in the invoiced revenue, older blocks faded (half-life 365 days)."""
    return (rows.amount * rows.fade).max() / (rows.amount * rows.fade).sum().nullif(0)


@signal(
    over="invoices",
    unit="currency",
    en="Revenue, older counting less",
    de="Umsatz, jüngster am stärksten gewichtet",
    riskier="falling",
    actionable=False,
    when_none=0,
)
def revenue_faded_halflife_365(rows: ir.Table) -> ir.Value:
    """Invoiced sum, credit notes deducted, each amount halved for every 365 days of age."""
    return (rows.amount * faded(rows.age_days, 365)).sum()


@signal(
    over="invoices",
    unit="share",
    en="Credit notes per revenue",
    de="Anteil der Gutschriften",
    riskier="rising",
)
def credit_note_share_365d(rows: ir.Table) -> ir.Value:
    """Credited amount for each invoiced amount of the last 365 days; null without an invoice."""
    recent = rows.age_days <= 365
    credited = rows.amount.sum(where=recent & (rows.amount < 0)).fill_null(0)
    return credited.abs() / rows.amount.sum(where=recent & (rows.amount > 0)).nullif(0)
