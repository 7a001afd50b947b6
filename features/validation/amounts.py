"""Amounts that mislead: turned signs, a part in cents, contracts of no value, accounts that nobody invoices.

In: a sound book. Out: `Problem`s that refuse nothing. One query over the sums of each account's invoices tells what is
to be asked further.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from features.errors import Problem
from features.kept_queries import ask
from features.recording import Recording
from features.tables import TABLES, Tables
from features.validation.quoting import problem

#: An account of so many amounts below 0, and none above, owes by another sign.
LEAST_TURNED = 3
#: An account under contract for longer than a year has an invoice; so many, and so large a share, without one are odd.
INVOICED_AFTER_DAYS, LEAST_UNINVOICED, UNINVOICED_SHARE = 400, 10, 0.1
#: The largest of an account's amounts over its least, where a part may be in cents, and how many amounts tell it.
CENTS, LEAST_AMOUNTS = (50.0, 2000.0), 6
#: So many accounts, and so large a share, must have it.
LEAST_APART, APART_SHARE = 20, 0.3
#: Two heaps leave the middle free, so many times around it, and the means of one lie so many times above the other's.
MIDDLE, HUNDRED = 2.5, (60.0, 170.0)
#: Accounts that are looked at first: where none of so many has two heaps, no large share of all has.
SOME = 200


def strange_amounts(tables: Tables, recorded: Recording) -> Iterator[Problem]:
    """Yield what misleads in amounts of invoices and contracts."""
    span = recorded.tables.get("invoices")
    (found,) = ask(tables, _of_accounts, None if span is None else span.last).to_pylist()
    yield from _turned_invoices(found)
    yield from _uninvoiced(found)
    if _may_be_cents(found):
        yield from _part_in_cents(tables, found["several"])
    yield from _worthless_contracts(tables)


def _of_accounts(tables: Tables, last: date | None) -> ir.Table:
    """Return what is counted of accounts, by the sums of their invoices, of which the last is of that day."""
    both = _amounts(tables).outer_join(_long_under_contract(tables, last), "account_id")
    turned = (both.below >= LEAST_TURNED) & (both.above == 0)
    contracted = both.account_id_right.notnull()
    lacking = contracted & both.account_id.isnull()
    several, ratio = both.above >= LEAST_AMOUNTS, both.most / both.least
    return both.aggregate(
        turned=both.count(where=turned),
        turned_one=both.account_id.min(where=turned),
        turned_amount=both.one.min(where=turned),
        contracted=both.count(where=contracted),
        lacking=both.count(where=lacking),
        lacking_one=both.account_id_right.min(where=lacking),
        several=both.count(where=several),
        apart=both.count(where=several & ratio.between(*CENTS)),
    )


def _amounts(tables: Tables) -> ir.Table:
    rows = tables["invoices"]
    positive = rows.amount > 0
    return rows.group_by("account_id").aggregate(
        below=rows.count(where=rows.amount < 0),
        above=rows.count(where=positive),
        one=rows.amount.min(),
        least=rows.amount.min(where=positive),
        most=rows.amount.max(),
    )


def _long_under_contract(tables: Tables, last: date | None) -> ir.Table:
    """Return the accounts with a contract of some value that runs at the last invoice, the first begun long before."""
    contracts = tables["contracts"].filter(lambda t: t.annual_value > 0)
    if last is None:
        return contracts.filter(ibis.literal(False)).select("account_id")
    before = ibis.date((last - timedelta(INVOICED_AFTER_DAYS)).isoformat())
    runs = contracts.ends_on.isnull() | (contracts.ends_on >= ibis.date(last.isoformat()))
    held = contracts.group_by("account_id").aggregate(begun=contracts.starts_on.min(), runs=runs.any())
    return held.filter(held.runs & (held.begun <= before)).select("account_id")


def _turned_invoices(found: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for accounts that are only credited, as in books of debits."""
    accounts = int(found["turned"])
    if accounts:
        text = (
            f"all amounts of {accounts} account{'s' * (accounts > 1)} are below 0, as {found['turned_amount']:g}, the "
            f"first account being {found['turned_one']}: an amount below 0 is a credit note; if the sign is turned, "
            "turn it"
        )
        yield Problem("invoices", "amount", text)


def _uninvoiced(found: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for accounts that have long been under contract and have no invoice, while others have some."""
    lacking, contracted = int(found["lacking"]), int(found["contracted"])
    if LEAST_UNINVOICED <= lacking < contracted and lacking >= UNINVOICED_SHARE * contracted:
        text = (
            f"{lacking:,} of {contracted:,} accounts that have been under contract for more than a year have no "
            f"invoice at all, the first being {found['lacking_one']}: was the export cut, or are they invoiced under "
            "other ids?"
        )
        yield Problem("invoices", "account_id", text)


def _may_be_cents(found: Mapping[str, Any]) -> bool:
    """Whether the largest amount of many accounts is about 100 times their least."""
    return bool(found["apart"] >= max(LEAST_APART, APART_SHARE * found["several"]))


def _part_in_cents(tables: Tables, several: int) -> Iterator[Problem]:
    """Yield that amounts of the same accounts lie in two heaps, one 100 times the other, with nothing between them."""
    found = ask(tables, _two_heaps, SOME).to_pylist() and ask(tables, _two_heaps, None).to_pylist()
    if found and found[0]["accounts"] >= max(LEAST_APART, APART_SHARE * several):
        text = (
            "amounts of {accounts:,} accounts lie in two heaps, one about 100 times the other and nothing between, as "
            "about {below:,.0f} and {above:,.0f} of {account_id}: are {cents:,} of them in cents?"
        )
        yield Problem("invoices", "amount", text.format_map(found[0]))


def _two_heaps(tables: Tables, some: int | None) -> ir.Table:
    """Return the first account with two heaps, and how many have them: of all that may, or of some in no order."""
    amounts = _amounts(tables)
    wide = amounts.filter((amounts.above >= LEAST_AMOUNTS) & (amounts.most / amounts.least).between(*CENTS))
    if some is not None:
        wide = wide.order_by(wide.account_id.hash()).limit(some)
    middle = wide.select("account_id", middle=(wide.least * wide.most).sqrt())
    rows = tables["invoices"].select("account_id", "amount").filter(lambda t: t.amount > 0)
    rows = rows.inner_join(middle, "account_id")
    rows = rows.select("account_id", log=rows.amount.ln(), place=(rows.amount / rows.middle).ln())
    low, high = rows.place < -math.log(MIDDLE), rows.place > math.log(MIDDLE)
    heaps = rows.group_by("account_id").aggregate(
        rows=rows.count(),
        high=rows.count(where=high),
        low=rows.count(where=low),
        above=rows.log.mean(where=high).exp(),
        below=rows.log.mean(where=low).exp(),
    )
    apart = heaps.filter((heaps.low + heaps.high == heaps.rows) & (heaps.above / heaps.below).between(*HUNDRED))
    apart = apart.mutate(accounts=apart.count().over(), cents=apart.high.sum().over()).order_by("account_id")
    return apart.limit(1)


def _worthless_contracts(tables: Tables) -> Iterator[Problem]:
    (counted,) = ask(tables, _values_of_contracts).to_pylist()
    if 2 * counted["nothing"] > counted["rows"]:
        text = "most contracts are worth nothing or less: contract values are missing from what is at stake"
        rows = tables["contracts"].filter(lambda t: t.annual_value <= 0)
        yield problem(TABLES["contracts"], rows, "annual_value", text, counted["nothing"], rows.annual_value)


def _values_of_contracts(tables: Tables) -> ir.Table:
    rows = tables["contracts"]
    return rows.aggregate(rows=rows.count(), nothing=rows.count(where=rows.annual_value <= 0))
