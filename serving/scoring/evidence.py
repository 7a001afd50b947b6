"""Book -> what a report shows of each account: rows and figures as they were known at the as-of date.

Goes in: a book and a spine of accounts at one as-of date. Comes out: one plain record an account that can be kept as
JSON and read years later without the book. Everything is taken through `AsOf`, so nothing later than the as-of date
can stand in it, and a date is the as-of date less an age.

    {"as_of", "missing_tables": [str],
     "account": {account_id, name, segment, industry, country, account_manager, customer_since},
     "revenue": {"months": [{month, invoiced, credited, invoices}]},      24 calendar months, the last perhaps cut short
     "lapsed"?: {days, silence_days, contracts},                          as `lapsed` gives it; only of who has left
     "outlook"?: {"risk"?, "mean_days"?, "monthly"?, "expected_contraction"?, "lifetime"?},
                                                                          as `Foreseen.of`; only where it was foreseen
     "surveys", "bounced_surveys", "open_loops", "closed_loops", "contacts", "contracts", "open_tickets",
     "closed_tickets", "actions", "referrals", "memberships": null | {"total": int, "rows": [{...}]}}

A list is null where its table is absent and has `total` 0 where the account has no such record. `rows` holds at most
`LIMITS` of the `total`. Dates are ISO text, instants ISO text in UTC ending in `Z`. Evidence of earlier versions lacks
what was added since: names and numbers of contacts, a ticket's topic and contact, a loop's survey, `anonymous` and
`bounced_surveys`. An invitation that bounced counts as unsent, so it stands in `bounced_surveys` alone.

Names, numbers and addresses of contacts stand in `contacts` only. An anonymous survey has no contact and no role.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from features.as_of import KEYS, SECONDS_A_DAY, AsOf, age_column
from features.formulas.contract_terms import running
from features.signals.nps import DETRACTOR
from features.tables import OPTIONAL_HISTORY, TABLES, Kind, Tables

MONTHS = 24
PASSIVE = 8
RECENT_DAYS = 365
TEXT_LENGTH = 400
#: Most rows kept of each list.
LIMITS = {
    "surveys": 60, "bounced_surveys": 10, "open_loops": 20, "closed_loops": 5, "contacts": 20, "contracts": 6,
    "open_tickets": 15, "closed_tickets": 8, "actions": 8, "referrals": 8, "memberships": 8,
}  # fmt: skip
#: The table that each list is made of.
TABLE_OF = {name: re.sub("^(open|closed|bounced)_", "", name) for name in LIMITS}
ACCOUNT_FIELDS = ("account_id", "name", "segment", "industry", "country", "account_manager", "customer_since")
Record = dict[str, Any]


def collect_evidence(
    tables: Tables, spine: ir.Table, as_of: date, outlooks: Mapping[str, Record] | None = None
) -> dict[str, Record]:
    """Return the evidence of every account of a spine.

    Parameters
    ----------
    tables : Tables
        The book.
    spine : Ibis table
        account_id and as_of, one row an account.
    as_of : date
        The one as-of date of the spine.
    outlooks : mapping of account_id to dict, optional
        What was foreseen at scoring, as `Scored.outlooks` gives it, kept so that a report need not compute it again.

    Returns
    -------
    dict of account_id to dict
        JSON-able; see the module's docstring.
    """
    view = AsOf(tables, spine, personal=True)
    missing = sorted(tables.missing & set(OPTIONAL_HISTORY))
    accounts = _accounts(view, as_of)
    months = month_starts(as_of)
    reach = (as_of - months[0]).days
    lists = {name: None if TABLE_OF[name] in missing else _listed(name, view, reach, as_of) for name in _LISTS}
    revenue = _revenue(view, months, as_of)
    foreseen = outlooks or {}
    nothing = [{"month": f"{month:%Y-%m}", "invoiced": 0.0, "credited": 0.0, "invoices": 0} for month in months]
    return {
        account_id: {
            "as_of": as_of.isoformat(),
            "missing_tables": missing,
            "account": account,
            "revenue": {"months": [zero | revenue.get((account_id, place), {}) for place, zero in enumerate(nothing)]},
            **({"outlook": foreseen[account_id]} if account_id in foreseen else {}),
            **{
                name: None if found is None else found.get(account_id) or {"total": 0, "rows": []}
                for name, found in lists.items()
            },
        }
        for account_id, account in accounts.items()
    }


def month_starts(as_of: date) -> list[date]:
    """Return the first days of the 24 calendar months that end with the month of the day before as_of.

    Examples
    --------
    >>> month_starts(date(2026, 1, 1))[0], month_starts(date(2026, 1, 1))[-1]
    (datetime.date(2024, 1, 1), datetime.date(2025, 12, 1))
    """
    last = as_of - timedelta(days=1)
    ordinal = last.year * 12 + last.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(ordinal - MONTHS + 1, ordinal + 1)]


def nps_category(score: int | None) -> str | None:
    """Return 'promoter' (9, 10), 'passive' (7, 8) or 'detractor' (0 to 6) for a score; None without one."""
    if score is None:
        return None
    return "detractor" if score <= DETRACTOR else "passive" if score <= PASSIVE else "promoter"


def _accounts(view: AsOf, as_of: date) -> dict[str, Record]:
    found = _values(view.run(_account_rows), ACCOUNT_FIELDS, as_of)
    return {values[0]: dict(zip(ACCOUNT_FIELDS, values, strict=True)) for values in found}


def _account_rows(view: AsOf) -> ir.Table:
    return _shown(view.spine.left_join(view["accounts"], KEYS), ACCOUNT_FIELDS)


def _revenue(view: AsOf, months: list[date], as_of: date) -> dict[tuple[str, int], Record]:
    """Return invoiced and credited sums by account and place of the month; months without an invoice are left out."""
    table = view.run(_monthly, tuple((as_of - month).days for month in months))
    columns = (table[name].to_pylist() for name in ("account_id", "place", "invoiced", "credited", "invoices"))
    return {
        (account_id, place): {"invoiced": round(invoiced, 2), "credited": round(credited, 2), "invoices": invoices}
        for account_id, place, invoiced, credited, invoices in zip(*columns, strict=True)
    }


def _monthly(view: AsOf, starts: tuple[int, ...]) -> ir.Table:
    """Return the sums of months that start so many days before as_of, the oldest first."""
    rows = view["invoices"].filter(lambda t: t.age_days <= starts[0])
    branches = [(rows.age_days <= days, place) for place, days in reversed(list(enumerate(starts)))]
    by_month = rows.mutate(place=ibis.cases(*branches)).group_by("account_id", "place")
    return by_month.aggregate(
        invoiced=lambda t: t.amount.sum(where=t.amount > 0).fill_null(0.0),
        credited=lambda t: t.amount.sum(where=t.amount < 0).fill_null(0.0),
        invoices=lambda t: t.count(where=t.amount > 0),
    )


def _surveys(view: AsOf, first_month_days: int) -> ir.Table:
    """Return invitations with the role of who was asked; of an anonymous survey nobody is told who it was."""
    return _asked(view, view["surveys"], first_month_days)


def _bounced(view: AsOf, first_month_days: int) -> ir.Table:
    return _asked(view, view.voided("surveys"), first_month_days)


def _asked(view: AsOf, surveys: ir.Table, first_month_days: int) -> ir.Table:
    people = view["contacts"].select(*KEYS, "contact_id", "role", "decision_maker")
    rows = surveys.filter(lambda t: t.age_days <= first_month_days)
    return rows.left_join(people, [*KEYS, "contact_id"])


def _loops(view: AsOf, closed: bool) -> ir.Table:
    scores = view["surveys"].select(*KEYS, "survey_id", "score")
    rows = view["loops"].filter(lambda t: t.closed_age_days.notnull() == closed)
    return _timed(rows.left_join(scores, [*KEYS, "survey_id"]))


def _tickets(view: AsOf, closed: bool) -> ir.Table:
    rows = view["tickets"].filter(lambda t: t.closed_age_days.notnull() == closed)
    return _timed(rows.filter(rows.age_days <= RECENT_DAYS) if closed else rows)


def _timed(rows: ir.Table) -> ir.Table:
    """Add `hours`: from opening to closing, or to as_of while open."""
    return rows.mutate(hours=(rows.age_days - rows.closed_age_days.fill_null(0.0)) * 24)


def _contracts(view: AsOf, first_month_days: int) -> ir.Table:
    return view["contracts"].mutate(running=running)


@dataclass(frozen=True)
class _List:
    """One list of the evidence: its fields, the order in which rows are kept (latest first), and its rows."""

    fields: tuple[str, ...]
    order: tuple[str, ...]
    rows: Callable[[AsOf, int], ir.Table]


def _plain(table: str) -> Callable[[AsOf, int], ir.Table]:
    return lambda view, days: view[table]


_ASKED = ("anonymous", "contact_id", "role", "decision_maker")
_LOOP = ("loop_id", "survey_id", "level", "opened_at", "closed_at", "hours", "score")
_TICKET = ("ticket_id", "kind", "topic", "severity", "contact_id", "opened_at", "closed_at", "hours")
_LISTS: dict[str, _List] = {
    "surveys": _List(
        ("survey_id", "kind", "sent_at", "answered_at", "score", "comment", *_ASKED),
        ("age_days", "survey_id"),
        _surveys,
    ),
    "bounced_surveys": _List(
        ("survey_id", "kind", "sent_at", "bounced_at", *_ASKED), ("bounced_age_days", "survey_id"), _bounced
    ),
    "open_loops": _List(_LOOP, ("-age_days", "loop_id"), lambda view, days: _loops(view, closed=False)),
    "closed_loops": _List(_LOOP, ("closed_age_days", "loop_id"), lambda view, days: _loops(view, closed=True)),
    "contacts": _List(
        ("contact_id", "name", "role", "decision_maker", "phone", "email", "valid_from", "valid_to"),
        ("valid_to_age_days", "-age_days", "contact_id"),
        _plain("contacts"),
    ),
    "contracts": _List(
        ("contract_id", "starts_on", "ends_on", "annual_value", "price_change", "running"),
        ("age_days", "contract_id"),
        _contracts,
    ),
    "open_tickets": _List(_TICKET, ("-age_days", "ticket_id"), lambda view, days: _tickets(view, closed=False)),
    "closed_tickets": _List(_TICKET, ("closed_age_days", "ticket_id"), lambda view, days: _tickets(view, closed=True)),
    "actions": _List(("kind", "done_at", "note"), ("age_days", "action_id"), _plain("actions")),
    "referrals": _List(
        ("referral_id", "referred_at", "contacted_at", "won_at", "revenue"),
        ("age_days", "referral_id"),
        _plain("referrals"),
    ),
    "memberships": _List(("program", "joined_on", "left_on"), ("age_days", "program"), _plain("memberships")),
}


def _listed(name: str, view: AsOf, first_month_days: int, as_of: date) -> dict[str, Record]:
    """Return total and rows of one list by account; accounts without a row are left out."""
    fields = _LISTS[name].fields
    rows = view.run(_list_rows, name, first_month_days)
    found: dict[str, Record] = {}
    for account_id, total, *values in _values(rows, ("account_id", "total", *fields), as_of):
        row = dict(zip(fields, values, strict=True))
        if "score" in row:
            row["category"] = nps_category(row["score"])
        found.setdefault(account_id, {"total": total, "rows": []})["rows"].append(row)
    return found


def _list_rows(view: AsOf, name: str, first_month_days: int) -> ir.Table:
    spec = _LISTS[name]
    rows = spec.rows(view, first_month_days)
    order = [
        rows[key.removeprefix("-")].desc() if key[0] == "-" else rows[key].asc(nulls_first=True) for key in spec.order
    ]
    by_account = ibis.window(group_by="account_id", order_by=order)
    placed = rows.mutate(place=ibis.row_number().over(by_account), total=rows.count().over(group_by="account_id"))
    kept = placed.filter(placed.place < LIMITS[name]).order_by("account_id", "place")
    return _shown(kept, ("account_id", "total", *spec.fields))


_KINDS = {column.name: column.kind for table in TABLES.values() for column in table.columns}


def _shown(rows: ir.Table, fields: tuple[str, ...]) -> ir.Table:
    """Return the columns of some fields; a time stands there as its age."""
    return rows.select(*(age_column(name) if name in _KINDS and _KINDS[name].is_time else name for name in fields))


def _values(table: pa.Table, fields: tuple[str, ...], as_of: date) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of shown fields as plain values, ages turned back into dates and instants."""
    columns = [
        _plain_values(column, _KINDS.get(field), as_of) for column, field in zip(table.columns, fields, strict=True)
    ]
    return zip(*columns, strict=True)


def _plain_values(column: pa.ChunkedArray, kind: Kind | None, as_of: date) -> list[Any]:
    if kind is Kind.DATE:
        return _moments(column, as_of, "D", 1.0, "")
    if kind is Kind.INSTANT:
        return _moments(column, as_of, "s", SECONDS_A_DAY, "Z")
    values = column.to_pylist()
    if kind is Kind.TEXT:
        return [value and (value if len(value) <= TEXT_LENGTH else value[: TEXT_LENGTH - 1] + "…") for value in values]
    return [round(value, 4) if isinstance(value, float) else value for value in values]


def _moments(ages: pa.ChunkedArray, as_of: date, unit: Literal["D", "s"], units_a_day: float, end: str) -> list[Any]:
    days = ages.to_numpy().astype(float)
    known = np.isfinite(days)
    passed = np.round(np.where(known, days, 0.0) * units_a_day).astype(np.int64).astype(f"timedelta64[{unit}]")
    texts = np.datetime_as_string(np.datetime64(as_of, unit) - passed, unit=unit)
    return [str(text) + end if there else None for text, there in zip(texts, known, strict=True)]
