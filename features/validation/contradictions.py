"""Tables that contradict each other about who has left.

In: a sound book. Out: `Problem`s that refuse nothing. A departed account may come back: by a positive invoice more than
90 days after the departure, a contract that starts after it, or a `customer_since` after it. What is taken that way but
looks like a wrong departure is a warning. What goes on beside a departure without being a return is a note: it is
usual, and `validate` alone shows it.
"""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from features.errors import Problem
from features.formulas.reversals import payments
from features.recording import EVENTS
from features.tables import TABLES, Tables
from features.validation.quoting import EXAMPLES

#: A positive invoice later than this is a return; an earlier one settles what was owed.
RETURN_DAYS = 90
#: Invoices that follow each other this closely, or within 1.5 times the usual gap, have no break between them.
NO_BREAK_DAYS, NO_BREAK_TIMES = 45, 1.5
#: A contract may end so many days after the departure: the rest of its term.
REST_DAYS = 31


def contradictions(tables: Tables) -> list[Problem]:
    """Return the departures that other records contradict."""
    if "churns" in tables.missing:
        return []
    return [*_invoiced_on(tables), *_since_after(tables), *_left_twice(tables)]


def notes(tables: Tables) -> list[Problem]:
    """Return what goes on beside departures without being a return: contracts, contacts, events."""
    if "churns" in tables.missing:
        return []
    gone = _gone(tables)
    return [*_running_contracts(tables, gone), *_active_contacts(tables, gone), *_later_events(tables, gone)]


def _departures(tables: Tables) -> ir.Table:
    return tables["churns"].select("account_id", "churned_on").distinct()


def _invoiced_on(tables: Tables) -> Iterator[Problem]:
    """Yield accounts whose invoices go on after a departure as they did before it."""
    paid = payments(tables["invoices"]).select("account_id", "invoiced_on", "amount")
    rows = _departures(tables).inner_join(paid, "account_id")
    final = rows.churned_on + ibis.interval(days=RETURN_DAYS)
    earlier, later = rows.invoiced_on < rows.churned_on, rows.invoiced_on > rows.churned_on
    found = rows.group_by("account_id", "churned_on").aggregate(
        first=rows.invoiced_on.min(where=earlier),
        before=rows.invoiced_on.max(where=earlier),
        days=rows.invoiced_on.nunique(where=earlier),
        last_owed=rows.invoiced_on.max(where=rows.invoiced_on <= final),
        returned=rows.invoiced_on.min(where=rows.invoiced_on > final),
        since=rows.count(where=later),
        last=rows.invoiced_on.max(where=later),
    )
    span, pause = _days(found.before, found.first), _days(found.returned, found.last_owed)
    usual = span / (found.days - 1).nullif(0)
    unbroken = pause <= ibis.greatest(ibis.literal(float(NO_BREAK_DAYS)), usual.fill_null(0.0) * NO_BREAK_TIMES)
    what = (
        "left " + _text(found.churned_on) + ", " + _text(found.since) + " invoices since, last on " + _text(found.last)
    )
    yield from _accounts(
        "churned_on",
        "invoiced on as before after the departure: taken as a return from the first invoice after "
        f"{RETURN_DAYS} days on; if the account never left, remove the departure",
        found.filter(unbroken).select("account_id", what=what),
    )


def _since_after(tables: Tables) -> Iterator[Problem]:
    rows = _departures(tables).inner_join(tables["accounts"].select("account_id", "customer_since"), "account_id")
    wrong = rows.filter(rows.customer_since > rows.churned_on)
    what = "left " + _text(wrong.churned_on) + ", customer since " + _text(wrong.customer_since)
    text = "before customer_since: taken as a return on that day; if the account never left, remove the departure"
    yield from _accounts("churned_on", text, wrong.select("account_id", what=what))


def _left_twice(tables: Tables) -> Iterator[Problem]:
    """Yield departures that follow another one without a return between them."""
    departures = _departures(tables)
    order = ibis.window(group_by="account_id", order_by="churned_on")
    pairs = departures.mutate(previous=departures.churned_on.lag().over(order)).filter(lambda t: t.previous.notnull())
    paid = payments(tables["invoices"]).select("account_id", day="invoiced_on")
    starts = tables["contracts"].select("account_id", day="starts_on")
    since = tables["accounts"].select("account_id", day="customer_since")
    again = pairs
    for signs, after in ((paid, RETURN_DAYS), (starts, 0), (since, 0)):
        both = again.inner_join(signs, "account_id")
        returned = both.filter(
            (both.day > both.previous + ibis.interval(days=after)) & (both.day <= both.churned_on)
        ).select("account_id", "churned_on")
        again = again.anti_join(returned.distinct(), ["account_id", "churned_on"])
    what = "left " + _text(again.previous) + " and " + _text(again.churned_on)
    text = "a second departure without a return before it: the first counts"
    yield from _accounts("churned_on", text, again.select("account_id", what=what))


def _gone(tables: Tables) -> ir.Table:
    """Return the last departure of each account that has not come back since."""
    last = tables["churns"].group_by("account_id").aggregate(left_on=lambda t: t.churned_on.max())
    signs = (
        (payments(tables["invoices"]).select("account_id", day="invoiced_on"), RETURN_DAYS),
        (tables["contracts"].select("account_id", day="starts_on"), 0),
        (tables["accounts"].select("account_id", day="customer_since"), 0),
    )
    for rows, after in signs:
        both = last.inner_join(rows, "account_id")
        back = both.filter(both.day > both.left_on + ibis.interval(days=after)).select("account_id").distinct()
        last = last.anti_join(back, "account_id")
    return last


def _running_contracts(tables: Tables, gone: ir.Table) -> Iterator[Problem]:
    rows = tables["contracts"].inner_join(gone, "account_id")
    wrong = rows.filter(rows.ends_on.isnull() | (rows.ends_on > rows.left_on + ibis.interval(days=REST_DAYS)))
    what = "left " + _text(wrong.left_on) + ", " + wrong.contract_id + " to " + _end(wrong.ends_on)
    text = "a contract runs on after the departure: taken as left before its end"
    yield from _accounts("churned_on", text, wrong.select("account_id", what=what))


def _active_contacts(tables: Tables, gone: ir.Table) -> Iterator[Problem]:
    rows = tables["contacts"].inner_join(gone, "account_id")
    wrong = rows.filter(rows.valid_to.isnull() | (rows.valid_to > rows.left_on + ibis.interval(days=RETURN_DAYS)))
    what = "left " + _text(wrong.left_on) + ", " + wrong.contact_id + " to " + _end(wrong.valid_to)
    text = "a contact stays active after the departure"
    yield from _accounts("churned_on", text, wrong.select("account_id", what=what))


def _later_events(tables: Tables, gone: ir.Table) -> Iterator[Problem]:
    for name in EVENTS:
        time = TABLES[name].time
        rows = tables[name].select("account_id", day=tables[name][time].cast("date")).inner_join(gone, "account_id")
        if name == "invoices":
            continue
        wrong = rows.filter(rows.day > rows.left_on + ibis.interval(days=RETURN_DAYS))
        what = "left " + _text(wrong.left_on) + f", {time} " + _text(wrong.day)
        text = f"{name} go on more than {RETURN_DAYS} days after the departure, which is no return"
        yield from _accounts("churned_on", text, wrong.select("account_id", what=what))


def _accounts(column: str, text: str, rows: ir.Table) -> Iterator[Problem]:
    """Yield the problem of the accounts that some rows name, with a sentence `what` on each; nothing without a row."""
    by_account = rows.group_by("account_id").aggregate(what=lambda t: t.what.max())
    counted = by_account.mutate(total=by_account.account_id.count().over(ibis.window()))
    some = counted.order_by("account_id").limit(EXAMPLES).execute()
    if len(some):
        yield Problem("churns", column, text, int(some["total"][0]), tuple(some["account_id"]), tuple(some["what"]))


def _days(later: ir.Value, earlier: ir.Value) -> ir.FloatingValue:
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return seconds / ibis.literal(86_400.0)


def _end(value: ir.Value) -> ir.StringValue:
    return _text(value).fill_null("no end")


def _text(value: ir.Value) -> ir.StringValue:
    return value.cast("string")
