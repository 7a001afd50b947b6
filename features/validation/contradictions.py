"""Tables that contradict each other about who has left.

In: a sound book. Out: `Problem`s that refuse nothing. A departed account may come back: by a positive invoice more than
90 days after the departure, a contract that starts after it, or a `customer_since` after it. What is taken that way but
looks like a wrong departure is a warning. What goes on beside a departure without being a return is a note: it is
usual, and `validate` alone shows it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import ibis
import ibis.expr.types as ir

from features.errors import Problem
from features.formulas.reversals import payments
from features.kept_queries import Query, ask
from features.recording import EVENTS
from features.tables import TABLES, Tables
from features.validation.quoting import EXAMPLES

#: A positive invoice later than this is a return; an earlier one settles what was owed.
RETURN_DAYS = 90
#: Invoices that follow each other this closely, or within 1.5 times the usual gap, have no break between them.
NO_BREAK_DAYS, NO_BREAK_TIMES = 45, 1.5
#: A contract may end so many days after the departure: the rest of its term.
REST_DAYS = 31
INVOICED_ON = (
    f"invoiced on as before after the departure: taken as a return from the first invoice after {RETURN_DAYS} days on; "
    "if the account never left, remove the departure"
)
SINCE_AFTER = "before customer_since: taken as a return on that day; if the account never left, remove the departure"
LEFT_TWICE = "a second departure without a return before it: the first counts"
RUNNING_CONTRACTS = "a contract runs on after the departure: taken as left before its end"
ACTIVE_CONTACTS = "a contact stays active after the departure"
LATER_EVENTS = f"go on more than {RETURN_DAYS} days after the departure, which is no return"


def contradictions(tables: Tables) -> list[Problem]:
    """Return the departures that other records contradict."""
    if "churns" in tables.missing:
        return []
    return [
        *_accounts(tables, INVOICED_ON, _invoiced_on),
        *_accounts(tables, SINCE_AFTER, _since_after),
        *_accounts(tables, LEFT_TWICE, _left_twice),
    ]


def notes(tables: Tables) -> list[Problem]:
    """Return what goes on beside departures without being a return: contracts, contacts, events."""
    if "churns" in tables.missing:
        return []
    return [
        *_accounts(tables, RUNNING_CONTRACTS, _running_contracts),
        *_accounts(tables, ACTIVE_CONTACTS, _active_contacts),
        *(
            found
            for name in EVENTS
            if name != "invoices"
            for found in _accounts(tables, f"{name} {LATER_EVENTS}", _later_events, name)
        ),
    ]


def _departures(tables: Tables) -> ir.Table:
    return tables["churns"].select("account_id", "churned_on").distinct()


def _invoiced_on(tables: Tables) -> ir.Table:
    """Return accounts whose invoices go on after a departure as they did before it."""
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
    return found.filter(unbroken).select("account_id", what=what)


def _since_after(tables: Tables) -> ir.Table:
    """Return accounts that departed before `customer_since`."""
    rows = _departures(tables).inner_join(tables["accounts"].select("account_id", "customer_since"), "account_id")
    wrong = rows.filter(rows.customer_since > rows.churned_on)
    what = "left " + _text(wrong.churned_on) + ", customer since " + _text(wrong.customer_since)
    return wrong.select("account_id", what=what)


def _left_twice(tables: Tables) -> ir.Table:
    """Return departures that follow another one without a return between them."""
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
    return again.select("account_id", what=what)


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


def _running_contracts(tables: Tables) -> ir.Table:
    rows = tables["contracts"].inner_join(_gone(tables), "account_id")
    wrong = rows.filter(rows.ends_on.isnull() | (rows.ends_on > rows.left_on + ibis.interval(days=REST_DAYS)))
    what = "left " + _text(wrong.left_on) + ", " + wrong.contract_id + " to " + _end(wrong.ends_on)
    return wrong.select("account_id", what=what)


def _active_contacts(tables: Tables) -> ir.Table:
    rows = tables["contacts"].inner_join(_gone(tables), "account_id")
    wrong = rows.filter(rows.valid_to.isnull() | (rows.valid_to > rows.left_on + ibis.interval(days=RETURN_DAYS)))
    what = "left " + _text(wrong.left_on) + ", " + wrong.contact_id + " to " + _end(wrong.valid_to)
    return wrong.select("account_id", what=what)


def _later_events(tables: Tables, name: str) -> ir.Table:
    time = TABLES[name].time
    days = tables[name].select("account_id", day=tables[name][time].cast("date"))
    rows = days.inner_join(_gone(tables), "account_id")
    wrong = rows.filter(rows.day > rows.left_on + ibis.interval(days=RETURN_DAYS))
    return wrong.select("account_id", what="left " + _text(wrong.left_on) + f", {time} " + _text(wrong.day))


def _accounts(tables: Tables, text: str, query: Query, *arguments: Hashable) -> Iterator[Problem]:
    """Yield the problem of the accounts that a query names, with a sentence `what` on each; nothing without a row."""
    some = ask(tables, _some_accounts, query, *arguments).to_pydict()
    if some["account_id"]:
        yield Problem("churns", "churned_on", text, some["total"][0], tuple(some["account_id"]), tuple(some["what"]))


def _some_accounts(tables: Tables, query: Query, *arguments: Hashable) -> ir.Table:
    """Return up to five of the accounts that a query names, a sentence on each, and how many accounts they are."""
    by_account = query(tables, *arguments).group_by("account_id").aggregate(what=lambda t: t.what.max())
    counted = by_account.mutate(total=by_account.account_id.count().over(ibis.window()))
    return counted.order_by("account_id").limit(EXAMPLES)


def _days(later: ir.Value, earlier: ir.Value) -> ir.FloatingValue:
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return seconds / ibis.literal(86_400.0)


def _end(value: ir.Value) -> ir.StringValue:
    return _text(value).fill_null("no end")


def _text(value: ir.Value) -> ir.StringValue:
    return value.cast("string")
