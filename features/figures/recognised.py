"""Revenue recognised over the months that an invoice pays for, so that a yearly invoice is no spike.

In: a book and a view of it. Out: one row per invoice with what of it falls into the twelve months before as_of.

An invoice of an account with a contract pays for the part of a year that its amount is of the annual value: the whole
annual value for a year, a twelfth of it for a month. That time begins on the invoice's day and ends with the contract
at the latest. The contract is the one that began last, not more than 31 days after the invoice, and had not ended on
its day. An invoice without a contract counts on its day. Credit notes follow the same rule.

Nothing says what time an invoice without a contract pays for. Where the last invoice before the twelve months, or one
in them, has none, and the account is billed regularly and rarely, or only once so far, its year's invoicing counts
instead (`features.billing`): who pays every two years is not lost in between, who pays ten days late has not shrunk.

Which contract it is changes when a later one becomes known. So each invoice is paired with its contracts once for all
dates, and each pair says from when on it is known and which day's contract takes its place: `PAYS_FOR` declares these
times, and a view shows at each date what was known by then.
"""

from __future__ import annotations

import math
from datetime import date

import ibis
import ibis.expr.types as ir

from features import billing
from features.as_of import KEYS, SECONDS_A_DAY, AsOf
from features.schema import Table, amount, day, text
from features.tables import Tables

AHEAD_DAYS = 31
DAYS_A_YEAR = 365.25
#: Later than any end of a contract.
NO_END = date(9999, 12, 31)
#: An invoice and a contract that it pays for, or none. `cover` is the days that it pays for, null without a contract.
PAYS_FOR = Table(
    name="pays_for",
    key=("invoice_id", "known_on"),
    time="known_on",
    columns=(
        text("account_id"),
        text("invoice_id"),
        amount("amount"),
        amount("cover", optional=True, unit="days"),
        day("invoiced_on"),
        day("known_on"),
        day("replaced_on", optional=True, known_at="replaced_on"),
    ),
)


def pays_for_time(tables: Tables) -> ir.Table:
    """Return the rows of `PAYS_FOR`, of all that the book holds."""
    pairs = _pairs(tables)
    # Most invoices have one contract that had begun and no rival. Only the others need be put in order.
    alone = pairs.starts_on.isnull() | (
        (pairs.starts_on <= pairs.invoiced_on)
        & (pairs.invoiced_on < pairs.rivals_from).fill_null(True)
        & (pairs.invoiced_on >= pairs.rivals_until).fill_null(True)
    )
    sole = pairs.filter(alone).mutate(known_on=pairs.invoiced_on, replaced_on=ibis.null("date"))
    columns = list(PAYS_FOR.schema)
    return ibis.union(*(rows.select(*columns) for rows in (sole, *_in_order(pairs.filter(~alone)))))


def _pairs(tables: Tables) -> ir.Table:
    """Return each invoice with each contract that it may pay for, and with nulls where there is none."""
    contracts = tables["contracts"]
    contracts = contracts.filter(contracts.annual_value > 0).select(
        "contract_id", "starts_on", "annual_value", owner="account_id", until=contracts.ends_on.fill_null(NO_END)
    )
    ahead, order = ibis.interval(days=AHEAD_DAYS), [contracts.starts_on, contracts.contract_id.desc()]
    before = ibis.window(group_by="owner", order_by=order, preceding=(None, 1))
    contracts = contracts.mutate(
        rivals_from=contracts.starts_on.lead().over(ibis.window(group_by="owner", order_by=order)) - ahead,
        rivals_until=contracts.until.max().over(before),
    )
    invoices = tables["invoices"].select("account_id", "invoice_id", "invoiced_on", "amount")
    fits = [
        invoices.account_id == contracts.owner,
        contracts.starts_on - ahead <= invoices.invoiced_on,
        contracts.until > invoices.invoiced_on,
    ]
    pairs = invoices.left_join(contracts, fits)
    paid = pairs.amount.abs() / pairs.annual_value * DAYS_A_YEAR
    left = pairs.until.delta(pairs.invoiced_on, unit="day").cast("float64")
    covers = ibis.greatest(ibis.least(paid, left), 1.0)
    return pairs.mutate(cover=ibis.ifelse(pairs.starts_on.isnull(), ibis.null("float64"), covers))


def _in_order(pairs: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return pairs with the contract that replaces each, and their invoices until the first of them is known.

    The contract that began last counts; the id settles a tie, so that no engine's order of rows counts.
    """
    order = ibis.window(group_by="invoice_id", order_by=[pairs.starts_on, pairs.contract_id.desc()])
    ordered = pairs.mutate(
        replaced_on=pairs.starts_on.lead().over(order), is_first=pairs.starts_on.lag().over(order).isnull(),
        known_on=ibis.greatest(pairs.invoiced_on, pairs.starts_on),
    )  # fmt: skip
    early = ordered.filter(ordered.is_first & (ordered.starts_on > ordered.invoiced_on))
    none = early.mutate(cover=ibis.null("float64"), known_on="invoiced_on", replaced_on="starts_on")
    return ordered.filter((ordered.replaced_on > ordered.invoiced_on).fill_null(True)), none


def revenue(view: AsOf, pays_for: ir.Table) -> ir.Table:
    """Return account_id, as_of and `revenue`, what is recognised of the last twelve months, where there is anything.

    Parameters
    ----------
    pays_for : Ibis table
        Of `pays_for_time`.
    """
    sums = recognised(view, pays_for).group_by(KEYS).aggregate(recognised=lambda t: t.recognised.sum())
    untimed = AsOf(view.tables, _untimed(_known(view, pays_for)))
    rows = sums.outer_join(billing.years_of_rare(untimed), KEYS)
    keys = {name: ibis.coalesce(rows[name], rows[f"{name}_right"]) for name in KEYS}
    return rows.select(**keys, revenue=rows.year.fill_null(rows.recognised))


def _known(view: AsOf, pays_for: ir.Table) -> ir.Table:
    """Return each invoice with what it was known to pay for at as_of."""
    rows = view.derived(PAYS_FOR, pays_for)
    return rows.filter(rows.replaced_age_days.isnull())


def _untimed(known: ir.Table) -> ir.Table:
    """Return the accounts whose last twelve months no contract, or not all of them, says what was paid for."""
    age, has_contract = known.invoiced_age_days, known.cover.notnull()
    before = (age.min(where=has_contract & (age > days_back(known, 12)))).fill_null(math.inf)
    accounts = known.group_by(KEYS).aggregate(untold=age.min(where=~has_contract), before=before)
    return accounts.filter(accounts.untold < accounts.before)


def recognised(view: AsOf, pays_for: ir.Table) -> ir.Table:
    """Return account_id, as_of, invoice_id and `recognised`, the amount that falls into the last twelve months.

    Parameters
    ----------
    pays_for : Ibis table
        Of `pays_for_time`.
    """
    rows = _known(view, pays_for)
    year = days_back(rows, 12)
    # Most invoices paid for a time that has long passed.
    rows = rows.filter(rows.invoiced_age_days - rows.cover.fill_null(0.0) <= year)
    overlap = ibis.least(rows.invoiced_age_days, year) - ibis.greatest(rows.invoiced_age_days - rows.cover, 0.0)
    part = ibis.ifelse(
        rows.cover.isnull(),
        (rows.invoiced_age_days <= year).cast("float64"),
        ibis.greatest(overlap, 0.0) / rows.cover,
    )
    return rows.select(*view.keys, "invoice_id", recognised=rows.amount * part)


def days_back(rows: ir.Table, months: int) -> ir.Value:
    """Return the days from so many months before as_of to as_of."""
    now, then = rows.as_of.cast("timestamp"), (rows.as_of - ibis.interval(months=months)).cast("timestamp")
    return (now.epoch_seconds() - then.epoch_seconds()) / SECONDS_A_DAY
