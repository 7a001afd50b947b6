"""Who left in a period, and what the book said of them before: departures and plain facts as of dates before.

In: a book, a period. Out: a `Departure` for each customer who left in it. Its facts are signals at some days before its
end, from views in which nothing later exists; no model is asked, as one of today would have learnt from the end itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from features.as_of import KEYS, AsOf, still_customers
from features.batch.computing import Batch
from features.errors import InputError
from features.matrix import Matrix, first_records
from features.tables import Tables
from serving.scoring.scoring import CENTS, DECIMALS

#: Days before the end at which a review looks.
BEFORE = (180, 90, 30)
#: Signals that are told as plain facts.
FACTS = (
    "nps_last", "response_rate_180d", "contacts_active", "contacts_left_365d", "loops_open", "tickets_open",
    "revenue_365d", "revenue_yoy_365d", "invoice_recency_days", "contract_days_to_end",
)  # fmt: skip
#: Those of them that are money.
MONEY = frozenset(("revenue_365d",))
Facts = Mapping[str, float | None]


@dataclass(frozen=True)
class Departure:
    """A customer who left.

    Attributes
    ----------
    ended_on : date
        First day without a valid relationship.
    reason : str or None
        As the table churns has it.
    returned : bool
        Whether the account is a customer again at the end of the period.
    revenue : float
        A year's invoicing before the end, in currency.
    facts : mapping of int to mapping
        By days before the end the value of each of `FACTS`, None where it is not known; no entry where the account was
        no customer then.
    """

    account_id: str
    name: str | None
    account_manager: str | None
    ended_on: date
    reason: str | None
    returned: bool
    revenue: float
    facts: Mapping[int, Facts]


def departures(tables: Tables, first: date, as_of: date) -> list[Departure]:
    """Return who left from `first` on and before `as_of`, by day and account.

    Raises
    ------
    InputError
        Where the book has no table of churns: silence has no day of churn.
    """
    if "churns" in tables.missing:
        raise InputError("there is no churns table: losses are read from it, as silence has no day of churn")
    rows = _left(tables, first, as_of)
    if not rows:
        return []
    ends = [(row["account_id"], row["churned_on"]) for row in rows]
    back = _customers(tables, [(account_id, as_of) for account_id, _ in ends])
    told = _told(tables, ends)
    return [
        Departure(
            account_id=account_id, name=row["name"], account_manager=row["account_manager"], ended_on=ended_on,
            reason=row["reason"], returned=(account_id, as_of) in back,
            revenue=told[account_id, ended_on]["revenue_365d"] or 0.0,
            facts=_facts(told, account_id, ended_on),
        )
        for (account_id, ended_on), row in zip(ends, rows, strict=True)
    ]  # fmt: skip


def _left(tables: Tables, first: date, as_of: date) -> list[dict[str, Any]]:
    """Return the departures of the period of who was a customer until then."""
    churns, accounts = tables["churns"], tables["accounts"]
    churns = churns.filter((churns.churned_on >= first) & (churns.churned_on < as_of))
    rows = churns.inner_join(accounts.select("account_id", "name", "account_manager"), "account_id")
    frame = rows.select("account_id", "churned_on", "reason", "name", "account_manager").to_pandas()
    frame["churned_on"] = pd.to_datetime(frame["churned_on"]).dt.date
    were = _customers(tables, zip(frame["account_id"], frame["churned_on"], strict=True))
    found = frame.astype(object).where(frame.notna(), None).sort_values(["churned_on", "account_id"])
    return [row for row in found.to_dict("records") if (row["account_id"], row["churned_on"]) in were]


def _customers(tables: Tables, pairs: Iterable[tuple[str, date]]) -> set[tuple[str, date]]:
    """Return those pairs of account and date of which the account is a customer at the date."""
    spine = _spine(tables, pairs)
    since = tables["accounts"].select("account_id", "customer_since")
    known = spine.inner_join(since, "account_id").filter(lambda t: t.customer_since < t.as_of).select(*KEYS)
    return set(_pairs(still_customers(AsOf(tables, known), by_silence=False).to_pandas()))


def _told(tables: Tables, ends: Sequence[tuple[str, date]]) -> dict[tuple[str, date], Facts]:
    """Return `FACTS` of who left, at the end and at each number of days before it at which it was a customer."""
    pairs = {(account_id, end - timedelta(days=days)) for account_id, end in ends for days in (0, *BEFORE)}
    spine = _spine(tables, sorted(_customers(tables, pairs)))
    told: dict[tuple[str, date], Facts] = {}
    with Batch(tables, spine, first_records(tables)) as batch:
        for _, matrix in batch.parts():
            told |= zip(_pairs(matrix.keys), facts_of(matrix), strict=True)
    return told


def facts_of(matrix: Matrix) -> Iterator[Facts]:
    """Yield `FACTS` of each row, rounded as they are shown."""
    columns = ([_rounded(name, value) for value in _values(matrix, name).tolist()] for name in FACTS)
    return (dict(zip(FACTS, row, strict=True)) for row in zip(*columns, strict=True))


def _spine(tables: Tables, pairs: Iterable[tuple[str, date]]) -> Any:
    """Store pairs of account and date as a spine."""
    listed = list(pairs)
    columns = {
        "account_id": pa.array([account_id for account_id, _ in listed], pa.string()),
        "as_of": pa.array([day for _, day in listed], pa.date32()),
    }
    return tables["accounts"].get_backend().create_table("losses", pa.table(columns), temp=True, overwrite=True)


def _pairs(keys: pd.DataFrame) -> list[tuple[str, date]]:
    return list(zip(keys["account_id"], pd.to_datetime(keys["as_of"]).dt.date, strict=True))


def _facts(told: Mapping[tuple[str, date], Facts], account_id: str, ended_on: date) -> dict[int, Facts]:
    found = {days: told.get((account_id, ended_on - timedelta(days=days))) for days in BEFORE}
    return {days: facts for days, facts in found.items() if facts is not None}


def _values(matrix: Matrix, name: str) -> pd.Series[Any]:
    """Return a signal's values; money as it was summed, since signals are cut to single precision."""
    return matrix.facts[name] if name in matrix.facts else matrix.signals[name]


def _rounded(name: str, value: Any) -> Any:
    return None if value != value else round(float(value), CENTS if name in MONEY else DECIMALS) + 0.0
