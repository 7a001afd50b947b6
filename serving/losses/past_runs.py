"""What the stored runs said of accounts before they left: the last run at least so many days before each end.

A run counts where its model cannot have known the end. A run of an early date may have been scored later, by a model
that has learnt from what came after: that run is left out, and the answer says so. Replaced runs do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.store.score_tables import CURRENT, NEWEST_FIRST, RUNS, SCORES

#: Why nothing is known of an account from the runs before a day.
Why = Literal["no_run", "learnt_later", "not_scored"]
#: Share of the accounts that are the top of the list where the run does not say how many can be contacted.
CAPACITY = 0.1
#: Accounts of a query.
PIECE = 5_000
#: Accounts whose places are counted; of more, the whole list is read.
COUNTED = 500
#: The list of a run, as an index has it.
BY_RISK = (SCORES.c.revenue_at_risk.desc(), SCORES.c.account_id)


@dataclass(frozen=True)
class Run:
    """A published run.

    Attributes
    ----------
    known_until : date or None
        Its model has learnt from nothing on this day or later; None where the run does not keep it.
    top : int
        How many accounts are the top of its list: those that can be contacted.
    """

    run_id: int
    as_of: date
    model_version: str
    scored_at: datetime
    accounts: int
    known_until: date | None
    top: int


@dataclass(frozen=True)
class Sight:
    """What a run said of an account.

    Attributes
    ----------
    run : Run
    churn_probability, revenue_at_risk : float
    band : str
    rank : int
        Place by falling revenue at risk, from 1.
    """

    run: Run
    churn_probability: float
    revenue_at_risk: float
    band: str
    rank: int

    @property
    def is_top(self) -> bool:
        """Whether the account stood at the top of the list."""
        return self.rank <= self.run.top

    @property
    def seen(self) -> bool:
        """Whether the account was among those at risk, or at the top of the list."""
        return self.band == "at_risk" or self.is_top


def read_runs(connection: Connection) -> tuple[Run, ...]:
    """Return the current runs, the newest first."""
    columns = (RUNS.c.run_id, RUNS.c.as_of, RUNS.c.model_version, RUNS.c.scored_at, RUNS.c.accounts, RUNS.c.model)
    rows = connection.execute(sa.select(*columns).where(CURRENT).order_by(*NEWEST_FIRST)).mappings()
    return tuple(_run(dict(row)) for row in rows)


def run_before(runs: Sequence[Run], day: date) -> Run | Why:
    """Return the newest run of a date up to `day` whose model had learnt from nothing on `day` or later, or why not.

    Parameters
    ----------
    runs : sequence of Run
        The newest first.
    """
    by_then = [run for run in runs if run.as_of <= day]
    if not by_then:
        return "no_run"
    fair = (run for run in by_then if run.known_until is not None and run.known_until <= day)
    return next(fair, "learnt_later")


def run_between(runs: Sequence[Run], after: date, before: date) -> Run | None:
    """Return the newest run of a date between two days, both left out, whatever its model had learnt from."""
    return next((run for run in runs if after < run.as_of < before), None)


def in_top(connection: Connection, run: Run) -> sa.ColumnElement[bool]:
    """Return as SQL whether a score of a run is at the top of its list."""
    places = sa.select(SCORES.c.revenue_at_risk, SCORES.c.account_id).where(SCORES.c.run_id == run.run_id)
    last = connection.execute(places.order_by(*BY_RISK).offset(run.top - 1).limit(1)).first()
    if last is None:
        return sa.true()
    risk, account_id = SCORES.c.revenue_at_risk, SCORES.c.account_id
    return (risk > last.revenue_at_risk) | ((risk == last.revenue_at_risk) & (account_id <= last.account_id))


def read_sights(connection: Connection, wanted: Mapping[Run, Iterable[str]]) -> dict[tuple[int, str], Sight]:
    """Return by run and account what each run said of the accounts wanted of it, as far as it scored them."""
    found = {}
    columns = (SCORES.c.account_id, SCORES.c.churn_probability, SCORES.c.revenue_at_risk, SCORES.c.band)
    for run, account_ids in wanted.items():
        rows: list[Any] = []
        for piece in _pieces(sorted(set(account_ids))):
            query = sa.select(*columns).where(SCORES.c.run_id == run.run_id, SCORES.c.account_id.in_(piece))
            rows += connection.execute(query).all()
        ranks = (_counted if len(rows) <= COUNTED else _numbered)(connection, run.run_id, rows)
        for row in rows:
            said = (row.churn_probability, row.revenue_at_risk, row.band)
            found[run.run_id, row.account_id] = Sight(run, *said, ranks[row.account_id])
    return found


def _numbered(connection: Connection, run_id: int, rows: Sequence[Any]) -> dict[str, int]:
    """Return the places of accounts in a run's list: the whole list is read, in its index."""
    asked = {row.account_id for row in rows}
    whole = sa.select(SCORES.c.account_id).where(SCORES.c.run_id == run_id).order_by(*BY_RISK)
    by_place = connection.execute(whole, execution_options={"yield_per": PIECE})
    return {account_id: place for place, account_id in enumerate(by_place.scalars(), 1) if account_id in asked}


def _counted(connection: Connection, run_id: int, rows: Sequence[Any]) -> dict[str, int]:
    """Return the places of a few accounts in a run's list: the database counts what stands from one to the next."""
    risk, mine = SCORES.c.revenue_at_risk, sa.select(sa.func.count()).where(SCORES.c.run_id == run_id)
    ranks, ahead, last = {}, 0, None
    for row in sorted(rows, key=lambda row: -row.revenue_at_risk):
        if row.revenue_at_risk != last:
            between = risk > row.revenue_at_risk if last is None else (risk > row.revenue_at_risk) & (risk <= last)
            ahead += connection.execute(mine.where(between)).scalar_one()
            last = row.revenue_at_risk
        equal = (risk == row.revenue_at_risk) & (SCORES.c.account_id <= row.account_id)
        ranks[row.account_id] = ahead + connection.execute(mine.where(equal)).scalar_one()
    return ranks


def _run(row: Mapping[str, Any]) -> Run:
    model = row["model"]
    slices, rule = model.get("slices") or (), model.get("rule") or {}
    reach = rule.get("lead_days", 0) + (rule.get("silence_days") or rule.get("horizon_days") or 0)
    known_until = date.fromisoformat(max(slices)) + timedelta(days=reach) if slices and reach else None
    capacity = (model.get("economics") or {}).get("capacity", CAPACITY)
    top = max(1, ceil(capacity * row["accounts"]))
    fields = {name: row[name] for name in ("run_id", "as_of", "model_version", "scored_at", "accounts")}
    return Run(**fields, known_until=known_until, top=top)


def _pieces(account_ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (account_ids[start : start + PIECE] for start in range(0, len(account_ids), PIECE))
