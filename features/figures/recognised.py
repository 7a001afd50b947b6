"""Revenue recognised over the months that an invoice pays for, so that a yearly invoice is no spike.

In: a view. Out: one row per invoice with what of it falls into the twelve months before as_of.

An invoice of an account with a contract pays for the part of a year that its amount is of the annual value: the whole
annual value for a year, a twelfth of it for a month. That time begins on the invoice's day and ends with the contract
at the latest. The contract is the one that began last, not more than 31 days after the invoice, and had not ended on
its day. An invoice without a contract counts on its day. Credit notes follow the same rule.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from features.as_of import SECONDS_A_DAY, AsOf

AHEAD_DAYS = 31
DAYS_A_YEAR = 365.25


def recognised(view: AsOf) -> ir.Table:
    """Return account_id, as_of, invoice_id and `recognised`, the amount that falls into the last twelve months."""
    invoices = view["invoices"].select(*view.keys, "invoice_id", "amount", "age_days")
    contracts = view["contracts"].select(
        *view.keys, "contract_id", "annual_value", began="age_days", ended="ends_age_days"
    )
    pairs = invoices.inner_join(contracts.filter(contracts.annual_value > 0), view.keys)
    fitting = pairs.filter(
        (pairs.began + AHEAD_DAYS >= pairs.age_days) & (pairs.ended < pairs.age_days).fill_null(True)
    )
    # The contract that began last; the id settles a tie, so that no engine's order of rows counts.
    place = ibis.row_number().over(group_by=[*view.keys, "invoice_id"], order_by=[fitting.began, fitting.contract_id])
    covered = fitting.mutate(place=place).filter(lambda t: t.place == 0)
    paid = covered.amount.abs() / covered.annual_value * DAYS_A_YEAR
    left = (covered.age_days - covered.ended).fill_null(float("inf"))
    covers = covered.select(*view.keys, "invoice_id", cover=ibis.greatest(ibis.least(paid, left), 1.0))
    rows = invoices.left_join(covers, [*view.keys, "invoice_id"])
    rows = rows.select(*view.keys, "invoice_id", "amount", "age_days", "cover")
    year = days_back(rows, 12)
    overlap = ibis.least(rows.age_days, year) - ibis.greatest(rows.age_days - rows.cover, 0.0)
    part = ibis.ifelse(
        rows.cover.isnull(), (rows.age_days <= year).cast("float64"), ibis.greatest(overlap, 0.0) / rows.cover
    )
    return rows.select(*view.keys, "invoice_id", recognised=rows.amount * part)


def days_back(rows: ir.Table, months: int) -> ir.Value:
    """Return the days from so many months before as_of to as_of."""
    now, then = rows.as_of.cast("timestamp"), (rows.as_of - ibis.interval(months=months)).cast("timestamp")
    return (now.epoch_seconds() - then.epoch_seconds()) / SECONDS_A_DAY
