"""What ends in a run's book, as lists order it: contracts to renew, and the departures of the year before.

In: rows of accounts as a run keeps them beside its figures. Out: `ENDS`, a short row for each contract and departure,
so that a list finds its page without reading what is kept of every account. All else of a contract or a departure stays
where it is kept: `serving.store.figure_tables.FIGURE_ACCOUNTS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.database.metadata import AnyText, metadata
from serving.scoring.book_figures import CONTRACTS, DEPARTURES
from serving.store.whose import Whose, theirs

EndKind = Literal["soon", "overdue", "lost"]
#: Which kinds of ends are made of what is kept under a name.
KINDS_OF: Mapping[str, tuple[EndKind, ...]] = {CONTRACTS: ("soon", "overdue"), DEPARTURES: ("lost",)}
#: `place`: which of the account's contracts, or departures, it is, from 0. `contract_id`: null for a departure.
#: `amount`: the annual value of a contract, a year's invoicing before a departure. `is_estimated`: whether the run has
#: an estimate of who stays. `lost`: the amount x the probability of being lost, and the amount where there is none.
ENDS = sa.Table(
    "score_ends",
    metadata,
    sa.Column("end_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_ends_run"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("account_id", AnyText, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("account_manager", AnyText),
    sa.Column("contract_id", AnyText),
    sa.Column("ends_on", sa.Date, nullable=False),
    sa.Column("amount", sa.Double, nullable=False),
    sa.Column("is_estimated", sa.Boolean, nullable=False),
    sa.Column("lost", sa.Double, nullable=False),
    # The order of the list of renewals, with what is counted and filtered: a page reads no row that it does not show.
    sa.Index(
        "score_ends_listed", "run_id", "kind", sa.text("is_estimated DESC"), sa.text("lost DESC"), "ends_on",
        "account_id", "contract_id", "account_manager", "amount", "place",
    ),
    sa.Index("score_ends_by_account", "account_id"),
    sqlite_autoincrement=True,
)  # fmt: skip


def ends_of(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the ends of a row of `FIGURE_ACCOUNTS`."""
    own = {name: row[name] for name in ("run_id", "account_id", "account_manager")}
    for place, contract in enumerate(row["figures"].get(CONTRACTS, ())):
        value, stays = contract["value"], contract["stays"]
        yield own | {
            "kind": "overdue" if contract["overdue"] else "soon", "place": place,
            "contract_id": contract["contract_id"], "ends_on": date.fromisoformat(contract["ends_on"]),
            "amount": value, "is_estimated": stays is not None, "lost": value - (value * (stays or 0.0)),
        }  # fmt: skip
    for place, departure in enumerate(row["figures"].get(DEPARTURES, ())):
        revenue = departure["revenue"]
        yield own | {
            "kind": "lost", "place": place, "contract_id": None, "ends_on": date.fromisoformat(departure["ended_on"]),
            "amount": revenue, "is_estimated": False, "lost": revenue,
        }  # fmt: skip


def ends_where(run_id: int, kind: EndKind, whose: Whose) -> sa.ColumnElement[bool]:
    """Return which ends are those of a kind of a run, of managers' accounts or of all (None)."""
    return (ENDS.c.run_id == run_id) & (ENDS.c.kind == kind) & theirs(ENDS.c.account_manager, whose)


def accounts_with(run_id: int, name: str, whose: Whose) -> sa.Select[Any]:
    """Select the ids of the accounts of which a run keeps something under a name of `KINDS_OF`."""
    kinds = ENDS.c.kind.in_(KINDS_OF[name])
    return sa.select(ENDS.c.account_id).where(ENDS.c.run_id == run_id, kinds, theirs(ENDS.c.account_manager, whose))


def forget_ends(connection: Connection, account_id: str) -> None:
    """Remove an account's ends from every run."""
    connection.execute(sa.delete(ENDS).where(ENDS.c.account_id == account_id))
