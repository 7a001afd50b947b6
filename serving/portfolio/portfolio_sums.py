"""What the accounts of a portfolio come to: conditions over the scores of a run go in, sums of money come out.

The database sums from its index of what lists read; no row of a score is read for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.portfolio.expected_loss import LossInterval, expected_loss
from serving.store.score_tables import SCORES

BEFORE = SCORES.alias("before")


@dataclass(frozen=True)
class Sums:
    """What the listed accounts come to, in money.

    Attributes
    ----------
    accounts : int
    estimated : int
        Those of which enough is known for an estimate.
    revenue_at_risk : float
        The sum of the rows'.
    loss : LossInterval or None
        The interval of it, as `score --json` states it; None in runs from before it was kept what it needs.
    change : float or None
        Of the revenue at risk since the run before, over the accounts that have a score in both; None without one.
    currency : str or None
    unheard : float or None
        A year's invoicing of the accounts that gave no answer in 180 days.
    due : float or None
        Annual value of the contracts that end in 90 days. Both are None where the run does not know it of each account.
    """

    accounts: int
    estimated: int
    revenue_at_risk: float
    loss: LossInterval | None
    change: float | None
    currency: str | None
    unheard: float | None = None
    due: float | None = None


def sums_by_band(connection: Connection, joined: Any, which: sa.ColumnElement[bool]) -> dict[str, Any]:
    """Return what the accounts of each band come to; each pass over a large book costs, so this is one for all."""
    sums = (
        sa.func.count().label("accounts"),
        sa.func.sum(SCORES.c.revenue_at_risk).label("at_risk"),
        sa.func.sum(SCORES.c.revenue_at_risk - BEFORE.c.revenue_at_risk).label("change"),
        sa.func.max(SCORES.c.currency).label("currency"),
        sa.func.sum(sa.case((SCORES.c.unheard_180d, SCORES.c.revenue_365d), else_=0.0)).label("unheard"),
        sa.func.sum(SCORES.c.renewals_due_90d).label("due"),
        sa.func.count(SCORES.c.unheard_180d).label("unheard_known"),
        sa.func.count(SCORES.c.renewals_due_90d).label("due_known"),
    )
    found = sa.select(SCORES.c.band, *sums).select_from(joined).where(which).group_by(SCORES.c.band)
    return {row.band: row for row in connection.execute(found)}


def sums_of(
    connection: Connection,
    by_band: Mapping[str, Any],
    which: sa.ColumnElement[bool],
    band: str,
    model: Mapping[str, Any],
    compared: bool,
) -> Sums:
    """Return the sums of some accounts of a run, of those in a band where one is given.

    Parameters
    ----------
    by_band : mapping
        As `sums_by_band` gives it, of the accounts in every band.
    which : SQL condition
        The accounts.
    model : mapping
        The facts that the run keeps of its model.
    compared : bool
        Whether there is a run before.
    """
    listed = {name: row for name, row in by_band.items() if band in ("", name)}
    changes = [row.change for row in listed.values() if row.change is not None]
    # As the database has them: converting ten thousand texts and rows one by one would take as long as all the rest.
    account_id = sa.type_coerce(SCORES.c.account_id, sa.types.NullType())
    figures = sa.select(account_id, SCORES.c.churn_probability, SCORES.c.revenue_365d).where(which)
    return Sums(
        accounts=sum(row.accounts for row in listed.values()),
        estimated=sum(row.accounts for name, row in listed.items() if name != "unknown"),
        revenue_at_risk=sum(row.at_risk for row in listed.values()),
        loss=expected_loss(map(tuple, connection.execute(figures)), model),
        change=sum(changes) if compared and changes else None,
        currency=max((row.currency for row in listed.values() if row.currency is not None), default=None),
        unheard=_known_sum(listed.values(), "unheard"),
        due=_known_sum(listed.values(), "due"),
    )


def _known_sum(rows: Collection[Any], name: str) -> float | None:
    """Return a sum over bands; None where there is no account, or one of which it is not known."""
    accounts, known = (sum(getattr(row, each) for row in rows) for each in ("accounts", f"{name}_known"))
    return sum(getattr(row, name) for row in rows) if accounts == known > 0 else None
