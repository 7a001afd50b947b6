"""What a digest of one account manager is about: the store's newest run and what was planned and said go in.

The accounts to call are those of the portfolio, in its order by what a call is worth, as far as the manager's week
goes. What was said to be handled, or was called, since that run is not called again. Changes are against the last
digest that surely was sent, or else against the run before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acting_tables import FEEDBACK, STEPS
from serving.acting.acts import SAID, last_verdict
from serving.digest.digest_ledger import Baseline, Standing
from serving.digest.lost_accounts import Lost, departed, lost_since
from serving.digest.standing_changes import Change, Left, changed, left
from serving.portfolio.portfolio_query import Found, read_portfolio
from serving.portfolio.wanted import Wanted
from serving.store.score_tables import RUNS, SCORES, newest_run
from serving.webhooks.alert_cases import read_evidence
from serving.webhooks.alerts import Alert, AlertRules, alerts_of

#: Days ahead in which a step counts as due, and back to which what was said is new without an earlier digest.
WEEK = timedelta(days=7)
#: Kinds of steps in which somebody spoke with the customer.
SPOKEN = ("call", "visit")
#: How an account stands, as the scores have it.
STANDING = ("account_id", "band", "threat", "churn_probability")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Findings:
    """The content of one digest, not yet in words.

    Attributes
    ----------
    found : Found
        The manager's portfolio: its rows are the accounts to call, its sums and counts are of all accounts.
    more : int
        Accounts at risk that the week has no room for.
    handled : sequence of str
        Names of the accounts at risk that are not called, as they were handled already.
    before : Before
        What the changes compare with.
    changes : sequence of Change
    gone : sequence of Left
        Accounts that the last digest named as ones to call and this one does not, with why.
    lost : sequence of Lost
        The manager's accounts that left the company since what the changes compare with.
    alerts : sequence of (mapping, Alert)
        What of the accounts' records must not wait, each with its account, the largest revenue at risk first.
    steps : sequence of mapping
        Open steps that are due within a week or overdue, each with its account's `name`.
    said_since : datetime
        From then on what was said and done is new.
    said, done : sequence of mapping
        New feedback, and steps done since, each with its account's `name`.
    standings : sequence of Standing
        Every account of the manager, as the ledger keeps it.
    """

    found: Found
    more: int
    handled: Sequence[str]
    before: Before
    changes: Sequence[Change]
    gone: Sequence[Left]
    lost: Sequence[Lost]
    alerts: Sequence[tuple[Row, Alert]]
    steps: Sequence[Row]
    said_since: datetime
    said: Sequence[Row]
    done: Sequence[Row]
    standings: Sequence[Standing]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        told = (self.changes, self.gone, self.lost, self.alerts, self.steps, self.said, self.done)
        return not (self.found.rows or any(told))


@dataclass(frozen=True)
class Before:
    """What changes compare with: as-of date and model of the scores (None without any), and how accounts stood."""

    as_of: date | None
    model_version: str | None
    standings: Mapping[str, Standing]


def managers_of(connection: Connection) -> tuple[list[str], int]:
    """Return the account managers of the newest run, in their order, and its accounts that nobody manages."""
    run = connection.execute(newest_run()).first()
    mine = SCORES.c.run_id == (None if run is None else run.run_id)
    counted = sa.select(SCORES.c.account_manager, sa.func.count()).where(mine).group_by(SCORES.c.account_manager)
    counts = {name: number for name, number in connection.execute(counted)}
    nobody = counts.pop(None, 0) + counts.pop("", 0)
    return sorted(counts), nobody


@dataclass(frozen=True)
class Bounds:
    """What decides what is told: most accounts to call, points from which on a move is told, and rules of alerts."""

    capacity: int
    points: float
    rules: AlertRules


def read_findings(
    connection: Connection, manager: str, bounds: Bounds, base: Baseline | None, now: datetime, day: date
) -> Findings | None:
    """Return what there is to tell an account manager; None without a scoring run.

    Parameters
    ----------
    base : Baseline or None
        The digest to compare with; None: the run before.
    day : date
        Today, in the zone of the readers.
    """
    run = connection.execute(newest_run()).first()
    if run is None:
        return None
    seen = (SCORES.c.run_id == run.run_id) & (SCORES.c.account_manager == manager)
    columns = (SCORES.c[name] for name in (*STANDING, "name", "revenue_at_risk", "lapsed"))
    scores = {row["account_id"]: row for row in _all(connection, sa.select(*columns).where(seen))}
    handled = _handled(connection, seen, run.as_of, run.scored_at)
    found = _to_call(connection, manager, bounds.capacity, handled)
    listed = {row["account_id"] for row in found.rows}
    now_standing = [_standing(row, row["account_id"] in listed) for row in scores.values()]
    settled = [
        scores[each.account_id]["name"] or each.account_id
        for each in now_standing
        if each.band == "at_risk" and each.account_id in handled and not scores[each.account_id]["lapsed"]
    ]
    departures = departed(connection, manager)
    ended = [each.account_id for each in departures]
    before = (
        Before(base.as_of, base.model_version, base.standings)
        if base
        else _run_before(connection, seen, ended, run.as_of)
    )
    lost = lost_since(departures, before.as_of, before.standings)
    since = base.begun_at if base else now - WEEK
    due = STEPS.c.done_at.is_(None) & (STEPS.c.due_on <= day + WEEK)
    return Findings(
        found=found,
        more=sum(each.band == "at_risk" and not each.listed for each in now_standing) - found.lapsed - len(settled),
        handled=settled,
        before=before,
        changes=changed(scores, before.standings, now_standing, bounds.points) if before.as_of else (),
        gone=left(base, scores, now_standing, handled, {each.departure.account_id for each in lost}) if base else (),
        lost=lost,
        alerts=_alerts(connection, seen, before.as_of, run.as_of, bounds.rules, base is None),
        steps=_acts(connection, STEPS, seen, due, STEPS.c.due_on, STEPS.c.step_id),
        said_since=since,
        said=_acts(connection, FEEDBACK, seen, SAID & (FEEDBACK.c.created_at > since), FEEDBACK.c.feedback_id),
        done=_acts(connection, STEPS, seen, STEPS.c.done_at > since, STEPS.c.done_at, STEPS.c.step_id),
        standings=now_standing,
    )


def _to_call(connection: Connection, manager: str, capacity: int, handled: Collection[str]) -> Found:
    """Return the portfolio with the first accounts of its order that are at risk, have not left and are not handled."""
    first = found = read_portfolio(connection, manager, Wanted())
    chosen: list[Row] = []
    past: dict[str, Sequence[Any]] = {}
    steps: dict[str, Row] = {}
    while True:
        at_risk = (row for row in found.rows if row["band"] == "at_risk" and not row["lapsed"])
        chosen += [row for row in at_risk if row["account_id"] not in handled]
        past |= dict(found.past)
        steps |= dict(found.steps)
        # The order has what waits, then what is at risk, then the rest: a page without either is followed by none but
        # of who has left already, whom no call keeps.
        over = not any(row["band"] == "at_risk" or row["disagreed"] for row in found.rows)
        if over or len(chosen) >= capacity or found.page >= found.pages:
            return replace(first, rows=chosen[:capacity], past=past, steps=steps)
        found = read_portfolio(connection, manager, Wanted(page=found.page + 1))


def _handled(connection: Connection, seen: sa.ColumnElement[bool], as_of: date, scored_at: datetime) -> set[str]:
    """Return who was reported as handled, or was called or visited since the scores, with no further step planned.

    A score that was called wrong waits for a decision: a call alone does not settle it.
    """
    account_id = SCORES.c.account_id
    verdict = sa.func.coalesce(last_verdict(account_id, as_of), "")
    spoken = STEPS.c.kind.in_(SPOKEN) & (STEPS.c.done_at >= scored_at)
    mine = STEPS.c.account_id == account_id
    called = sa.exists().where(mine, spoken) & ~sa.exists().where(mine, STEPS.c.done_at.is_(None))
    settled = (verdict == "handled") | (called & (verdict != "wrong"))
    return set(connection.execute(sa.select(account_id).where(seen, settled)).scalars())


def _run_before(connection: Connection, seen: sa.ColumnElement[bool], ended: Sequence[str], as_of: date) -> Before:
    """Return how the manager's accounts, and those that ended, stood in the newest run of an earlier as-of date."""
    run = connection.execute(newest_run().where(RUNS.c.as_of < as_of)).first()
    if run is None:
        return Before(None, None, {})
    past = SCORES.alias("past")
    mine = past.c.account_id.in_(sa.select(SCORES.c.account_id).where(seen)) | past.c.account_id.in_(ended)
    rows = _all(connection, sa.select(*(past.c[name] for name in STANDING)).where(past.c.run_id == run.run_id, mine))
    return Before(run.as_of, run.model_version, {row["account_id"]: _standing(row, False) for row in rows})


def _alerts(
    connection: Connection,
    seen: sa.ColumnElement[bool],
    before: date | None,
    as_of: date,
    rules: AlertRules,
    first: bool,
) -> list[tuple[Row, Alert]]:
    """Return the alerts of the manager's accounts; hours that are running out are over before a digest is read.

    The `first` digest tells every contract that is due by now: nobody was told when that came about.
    """
    told = replace(rules, kinds=set(rules.kinds) - {"loop_due", *(["contract_due"] if first else [])})
    due = replace(rules, kinds=set(rules.kinds) & {"contract_due"})
    long_ago = as_of - timedelta(days=rules.contract_days + 1)
    found = [
        (row, alert)
        for row in read_evidence(connection, seen)
        for alert in (
            *(alerts_of(row, before, as_of, told) if before else ()),
            *(alerts_of(row, long_ago, as_of, due) if first else ()),
        )
    ]
    return sorted(found, key=lambda each: (-each[0]["revenue_at_risk"], each[0]["account_id"]))


def _acts(
    connection: Connection, table: sa.Table, seen: sa.ColumnElement[bool], which: sa.ColumnElement[bool], *order: Any
) -> list[Row]:
    """Return steps or feedback on the manager's accounts, each with its account's name."""
    joined = table.join(SCORES, SCORES.c.account_id == table.c.account_id)
    return _all(connection, sa.select(table, SCORES.c.name).select_from(joined).where(seen, which).order_by(*order))


def _standing(row: Row, listed: bool) -> Standing:
    return Standing(**{name: row[name] for name in STANDING}, listed=listed)


def _all(connection: Connection, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
