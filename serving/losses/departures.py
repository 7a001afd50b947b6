"""Who left in a period, and what the book said of them before: departures and plain facts as of dates before.

In: a book, a period. Out: a `Departure` for each customer who left in it. Its facts are signals at some days before its
end, from views in which nothing later exists; no model is asked, as one of today would have learnt from the end itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.as_of import KEYS, AsOf, still_customers
from features.batch.computing import Batch
from features.errors import InputError
from features.figures.kept_accounts import KeptAccounts
from features.matrix import Matrix, first_records
from features.sources import stored
from features.tables import Tables
from serving.scoring.scoring import CENTS, DECIMALS

#: Days before the end at which a review looks.
BEFORE = (180, 90, 30)
#: Signals that are told as plain facts.
FACTS = (
    "nps_last", "response_rate_180d", "contacts_active", "contacts_left_365d", "loops_open", "tickets_open",
    "revenue_365d", "revenue_yoy_365d", "invoice_recency_days", "contract_days_to_end",
)  # fmt: skip
#: Accounts that are read at once.
PIECE = 5_000
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


class Departures:
    """Who left from a day on and before another; iterated, it yields each by account and day, as often as it is asked.

    They are kept in the book's connection and read some accounts at a time.

    Parameters
    ----------
    tables : Tables
        The book.
    first, as_of : date
        The period, without its last day.
    piece : int
        Accounts that are read at once, at most.

    Raises
    ------
    InputError
        Where the book has no table of churns: silence has no day of churn.
    """

    def __init__(self, tables: Tables, first: date, as_of: date, piece: int = PIECE) -> None:
        if "churns" in tables.missing:
            raise InputError("there is no churns table: losses are read from it, as silence has no day of churn")
        connection = tables["accounts"].get_backend()
        left = _left(tables, first, as_of)
        self._left = KeptAccounts(connection, connection.compile(left), ["as_of"], piece)
        self._facts = _kept_facts(tables, left)

    def __iter__(self) -> Iterator[Departure]:
        """Yield the departures."""
        for after, until in self._left.ranges():
            told: dict[tuple[Any, Any], Facts] = {
                (row.account_id, row.as_of): {name: _none(getattr(row, name)) for name in FACTS}
                for row in self._facts.between(after, until).itertuples(index=False)
            }
            for row in self._left.between(after, until).itertuples(index=False):
                yield _departure(row, told)


def departures(tables: Tables, first: date, as_of: date) -> list[Departure]:
    """Return who left from `first` on and before `as_of`, by day and account; raises as `Departures` does."""
    return sorted(Departures(tables, first, as_of), key=attrgetter("ended_on", "account_id"))


def _left(tables: Tables, first: date, as_of: date) -> ir.Table:
    """Store the departures of the period of who was a customer until then, with whether each is one again."""
    connection = tables["accounts"].get_backend()
    churns, accounts = tables["churns"], tables["accounts"].select("account_id", "name", "account_manager")
    churns = churns.filter((churns.churned_on >= first) & (churns.churned_on < as_of))
    ends = churns.select("account_id", as_of=churns.churned_on.cast("date")).distinct()
    ends = stored(connection, "losses_ends", _customers(tables, ends))
    again = _customers(tables, ends.select("account_id").distinct().mutate(as_of=ibis.literal(as_of)))
    back = stored(connection, "losses_back", again)
    rows = churns.mutate(as_of=churns.churned_on.cast("date")).semi_join(ends, KEYS).inner_join(accounts, "account_id")
    rows = rows.mutate(returned=rows.account_id.isin(back.account_id))
    return stored(connection, "losses_left", rows.select(*KEYS, "reason", "name", "account_manager", "returned"))


def _customers(tables: Tables, spine: ir.Table) -> ir.Table:
    """Return those rows of a spine whose account is a customer at the date."""
    since = tables["accounts"].select("account_id", "customer_since")
    known = spine.inner_join(since, "account_id").filter(lambda t: t.customer_since < t.as_of).select(*KEYS)
    return still_customers(AsOf(tables, known), by_silence=False)


def _kept_facts(tables: Tables, left: ir.Table) -> KeptAccounts:
    """Keep `FACTS` of who left, at the end and at each number of days before it at which it was a customer."""
    connection = tables["accounts"].get_backend()
    days = f"SELECT unnest({[0, *BEFORE]}) AS days"
    looks = f"SELECT DISTINCT account_id, as_of - days AS as_of FROM {left.get_name()}, ({days})"
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE losses_looks AS {looks}")
    spine = stored(connection, "losses_spine", _customers(tables, connection.table("losses_looks")))
    columns = ", ".join(["account_id VARCHAR", "as_of DATE", *(f"{name} DOUBLE" for name in FACTS)])
    connection.con.execute(f"CREATE OR REPLACE TEMP TABLE losses_facts ({columns})")
    with Batch(tables, spine, first_records(tables)) as batch:
        for _, matrix in batch.parts():
            facts = pd.DataFrame(list(facts_of(matrix)), matrix.keys.index, FACTS, float)
            connection.con.register("losses_part", matrix.keys[KEYS].join(facts))
            connection.con.execute("INSERT INTO losses_facts SELECT * FROM losses_part")
            connection.con.unregister("losses_part")
    return KeptAccounts(connection, "SELECT * FROM losses_facts")


def facts_of(matrix: Matrix) -> Iterator[Facts]:
    """Yield `FACTS` of each row, rounded as they are shown."""
    columns = ([_rounded(name, value) for value in _values(matrix, name).tolist()] for name in FACTS)
    return (dict(zip(FACTS, row, strict=True)) for row in zip(*columns, strict=True))


def _departure(row: Any, told: Mapping[tuple[str, date], Facts]) -> Departure:
    """Return a departure from its row and what is told of accounts at days."""
    account_id, ended_on = row.account_id, row.as_of
    looks = {days: told.get((account_id, ended_on - timedelta(days=days))) for days in BEFORE}
    return Departure(
        account_id=account_id, name=_none(row.name), account_manager=_none(row.account_manager), ended_on=ended_on,
        reason=_none(row.reason), returned=bool(row.returned),
        revenue=told[account_id, ended_on]["revenue_365d"] or 0.0,
        facts={days: facts for days, facts in looks.items() if facts is not None},
    )  # fmt: skip


def _none(value: Any) -> Any:
    return None if pd.isna(value) else value


def _values(matrix: Matrix, name: str) -> pd.Series[Any]:
    """Return a signal's values; money as it was summed, since signals are cut to single precision."""
    return matrix.facts[name] if name in matrix.facts else matrix.signals[name]


def _rounded(name: str, value: Any) -> Any:
    return None if value != value else round(float(value), CENTS if name in MONEY else DECIMALS) + 0.0
