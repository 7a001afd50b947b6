"""Which invoices are reversed in full: they count as none in recency, number, rhythm, returns and silence.

In: invoices and credit notes. Out: the same rows with `reversed_on`, the day from which both of a pair are known to
cancel each other.

A credit note reverses the closest earlier invoice of the same account and amount that no other credit note has taken,
if that lies on the same day or at most 30 days back. So of two invoices and one credit note, one invoice survives, and
a credit note in June reverses the invoice of June, not the equal one of May. Credit notes of other amounts reverse
nothing. In sums of revenue both rows of a pair stand.

The rule is that of brackets: an invoice opens one, a credit note closes the innermost. With a running sum of +1 and -1,
a credit note that brings the sum down to s closes the last invoice that brought it up to s + 1. Both stand next to each
other among the rows of that level. What comes later changes no pair, so a pair found in the whole book may be used at
any date after its credit note.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

WITHIN_DAYS = 30
DAY_SECONDS = 86_400
#: The column that `with_reversals` adds. In a view it is `reversed_age_days`, null until it is known.
REVERSED_ON = "reversed_on"


def with_reversals(invoices: ir.Table) -> ir.Table:
    """Return invoices with `reversed_on` (date, null where nothing cancels): the day of the pair's credit note.

    Parameters
    ----------
    invoices : Ibis table
        account_id, invoice_id, invoiced_on and amount; any other columns. One that has `reversed_on` stays as it is.
    """
    if REVERSED_ON in invoices.columns:
        return invoices
    pairs = reversals(invoices.select("account_id", "invoice_id", "invoiced_on", "amount"))
    joined = invoices.left_join(pairs, ["account_id", "invoice_id"])
    return joined.select(*invoices.columns, REVERSED_ON)


def reversals(invoices: ir.Table) -> ir.Table:
    """Return account_id, invoice_id and reversed_on of the invoices and credit notes that cancel each other."""
    rows = invoices.mutate(size=invoices.amount.abs(), sign=(invoices.amount > 0).ifelse(1, -1))
    credited = rows.filter(rows.amount < 0).select("account_id", "size").distinct()
    same = ["account_id", "size"]
    events = rows.semi_join(credited, same)
    order = [events.invoiced_on, events.sign.desc(), events.invoice_id]
    running = events.sign.sum().over(ibis.window(group_by=same, order_by=order, preceding=None, following=0))
    events = events.mutate(level=running + (events.sign < 0).ifelse(1, 0))
    level = ibis.window(group_by=[*same, "level"], order_by=[events.invoiced_on, events.sign.desc(), events.invoice_id])
    events = events.mutate(next_on=events.invoiced_on.lead().over(level), last_on=events.invoiced_on.lag().over(level))
    invoice, credit = events.sign > 0, events.sign < 0
    paired = events.mutate(
        reversed_on=ibis.cases(
            (invoice & _near(events.invoiced_on, events.next_on), events.next_on),
            (credit & _near(events.last_on, events.invoiced_on), events.invoiced_on),
        )
    )
    return paired.filter(paired.reversed_on.notnull()).select("account_id", "invoice_id", REVERSED_ON)


def stands(rows: ir.Table) -> ir.BooleanValue:
    """Whether a row of the invoices' view is a positive invoice that is not known to be reversed."""
    return (rows.amount > 0) & rows.reversed_age_days.isnull()


def payments(invoices: ir.Table) -> ir.Table:
    """Return the positive invoices that nothing reverses, by all that the book holds."""
    rows = with_reversals(invoices)
    return rows.filter((rows.amount > 0) & rows[REVERSED_ON].isnull())


def _near(earlier: ir.Value, later: ir.Value) -> ir.BooleanValue:
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return (seconds <= WITHIN_DAYS * DAY_SECONDS).fill_null(False)
