"""Labels: who churned in [as_of + lead, as_of + lead + horizon).

In: a book, a spine of customers and a rule of churn. Out: whether each account churned, after how many days, and the
sum invoiced in the window.

The date alone decides whether a label is known, never the outcome: the whole window must lie before the end of data.
An account may depart, return and depart again: its label is the first departure at or after as_of.
"""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from features.as_of import KEYS
from features.errors import InputError
from features.formulas.departure_days import departures
from features.formulas.reversals import REVERSED_ON, with_reversals
from features.kept_queries import ask_of
from features.recording import days_of, recording
from features.tables import Tables
from training.settings import ChurnRule


def end_of_data(tables: Tables, until: date | None, today: date | None = None) -> date:
    """Return the first day without data: `until`, or by default the day after the last invoice that is no straggler.

    A straggler follows a gap in which no table has a record, or lies after today. Where churns or invoices have ended
    before the others, by `book.toml` or much earlier than their gaps allow, nothing is known from then on either.

    Raises
    ------
    InputError
        When there is no invoice up to today.
    """
    if until is not None:
        return until
    recorded = recording(tables, today)
    invoices = days_of(tables, ["invoices"])["invoices"].until(recorded.today)
    if recorded.book is None or not len(invoices.day):
        raise InputError("invoices: the table is empty, so there is nothing to learn from or to judge by")
    within = invoices.until(recorded.book.last)
    ends = [(within if len(within.day) else invoices).day[-1].item()]
    for name in ("invoices", "churns"):
        span, declared = recorded.tables.get(name), tables.known[name].until
        if declared is not None:
            ends.append(declared)
        elif span is not None and span.is_quiet_at(recorded.book.last):
            ends.append(span.last)
    end: date = min(ends)
    return end + timedelta(days=1)


def check_rule(tables: Tables, rule: ChurnRule) -> None:
    """Raise InputError for a book with both a churns table and a rule of silence, or with neither."""
    has_churns = "churns" not in tables.missing
    if rule.by_silence and has_churns:
        raise InputError(
            "--silence-days is for books without a churns table; this one has it, with "
            f"{departures(tables['churns']).told()}: to read churn from silence, leave the table out"
        )
    if not rule.by_silence and not has_churns:
        raise InputError("there is no churns table: add it, or derive churn from silence with --silence-days N")


def labels(tables: Tables, spine: ir.Table, rule: ChurnRule) -> pd.DataFrame:
    """Label a spine of customers.

    Returns
    -------
    DataFrame
        account_id, as_of (datetime64) and churned (bool), sorted by both keys. Accounts that churn within the lead are
        left out, because the probability is conditional on surviving it.
    """
    query = _silent if rule.by_silence else _left
    return _sorted(ask_of(tables, spine, query, rule.lead_days, rule.reach_days))


def spine_of(tables: Tables, keys: pd.DataFrame) -> ir.Table:
    """Store account_id and as_of of rows that are at hand as a spine, which saves finding the customers again."""
    dates = keys["as_of"].to_numpy("datetime64[D]").astype("datetime64[s]")
    rows = pa.table(
        {"account_id": pa.array(keys["account_id"], pa.string()), "as_of": pa.array(dates).cast(pa.date32())}
    )
    return tables["accounts"].get_backend().create_table("rows_at_hand", rows, temp=True, overwrite=True)


def days_to_churn(tables: Tables, spine: ir.Table, end: date) -> pd.DataFrame:
    """Return the days until each customer of a spine churned, as known at `end`.

    Parameters
    ----------
    end : date
        End of the data, exclusive: a churn on it or later has not happened yet.

    Returns
    -------
    DataFrame
        account_id, as_of (datetime64) and days (float, 0 or more; NaN without a churn before `end`), sorted by both
        keys.

    Raises
    ------
    InputError
        When there is no churns table, because silence has no day of churn.
    """
    if "churns" in tables.missing:
        raise InputError("there is no churns table: the days to a churn are known from it alone, not from silence")
    return _sorted(ask_of(tables, spine, _days_to_churn, end))


def _days_to_churn(tables: Tables, spine: ir.Table, end: date) -> ir.Table:
    joined = _next_departures(tables, spine, end)
    return joined.select(*KEYS, days=_days_after(joined, joined.churned_on).cast("float64"))


def invoiced(tables: Tables, spine: ir.Table, first_day: int, days: int) -> pd.DataFrame:
    """Return the sum invoiced to each account of a spine in [as_of + first_day, as_of + first_day + days).

    Parameters
    ----------
    first_day : int
        Days from as_of to the first day of the window; negative when it lies before as_of.
    days : int
        Length of the window, 1 or more.

    Returns
    -------
    DataFrame
        account_id, as_of (datetime64) and revenue (float, currency), sorted by both keys. Credit notes are deducted;
        revenue is 0 without an invoice.
    """
    return _sorted(ask_of(tables, spine, _invoiced, first_day, days))


def _invoiced(tables: Tables, spine: ir.Table, first_day: int, days: int) -> ir.Table:
    invoices = tables["invoices"].select("account_id", "invoiced_on", "amount")
    joined = spine.inner_join(invoices, "account_id").select(*KEYS, "invoiced_on", "amount")
    after = _days_after(joined, joined.invoiced_on)
    inside = joined.filter((after >= first_day) & (after < first_day + days))
    sums = inside.group_by(KEYS).aggregate(revenue=inside.amount.sum())
    return spine.select(*KEYS).left_join(sums, KEYS).select(*KEYS, revenue=lambda t: t.revenue.fill_null(0.0))


def _sorted(rows: pa.Table) -> pd.DataFrame:
    frame = rows.to_pandas(date_as_object=False)
    return frame.assign(as_of=frame["as_of"].astype("datetime64[s]")).sort_values(KEYS, ignore_index=True)


def _left(tables: Tables, spine: ir.Table, lead_days: int, reach_days: int) -> ir.Table:
    joined = _next_departures(tables, spine)
    days = _days_after(joined, joined.churned_on)
    inside_lead = ((days >= 0) & (days < lead_days)).fill_null(False)
    churned = ((days >= lead_days) & (days < reach_days)).fill_null(False)
    return joined.mutate(churned=churned).filter(~inside_lead).select(*KEYS, "churned")


def _next_departures(tables: Tables, spine: ir.Table, end: date | None = None) -> ir.Table:
    """Return account_id, as_of and churned_on: the first departure at or after as_of and before `end`, or null."""
    churns = tables["churns"].select("account_id", "churned_on")
    churns = churns if end is None else churns.filter(churns.churned_on < end)
    joined = spine.select(*KEYS).inner_join(churns, "account_id")
    ahead = joined.filter(joined.churned_on >= joined.as_of).group_by(KEYS)
    following = ahead.aggregate(churned_on=lambda rows: rows.churned_on.min())
    return spine.select(*KEYS).left_join(following, KEYS).select(*KEYS, "churned_on")


def _silent(tables: Tables, spine: ir.Table, lead_days: int, reach_days: int) -> ir.Table:
    """Label by silence: an invoice that is reversed before the window ends is none.

    A later reversal does not count: the window's end, not that of the data, fixes the label, so that it is the same in
    every book that holds the window.
    """
    invoices = with_reversals(tables["invoices"]).filter(lambda t: t.amount > 0)
    joined = spine.inner_join(invoices.select("account_id", "invoiced_on", REVERSED_ON), "account_id")
    days = _days_after(joined, joined.invoiced_on)
    reversed_in_time = (_days_after(joined, joined[REVERSED_ON]) < reach_days).fill_null(False)
    heard = joined.filter((days >= lead_days) & (days < reach_days) & ~reversed_in_time)
    heard = heard.select(*KEYS).distinct()
    marked = spine.left_join(heard.mutate(heard=True), KEYS)
    return marked.select(*KEYS, churned=marked.heard.isnull())


def _days_after(rows: ir.Table, column: ir.Value) -> ir.Value:
    """Days from as_of to the date in the column."""
    seconds = column.cast("timestamp").epoch_seconds() - rows.as_of.cast("timestamp").epoch_seconds()
    return (seconds / ibis.literal(86_400.0)).round()
