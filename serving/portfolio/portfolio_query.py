"""The portfolio in SQL: what a reader wants of the newest run goes in; some rows, sums and counts over all come out.

The database filters, orders, counts and sums, so that a page costs the same in a large book as in a small one but for
the sums. Every number of a row is the stored one. The run before is the newest of an earlier as-of date: a second model
on the same date is no change of an account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acts import done_steps, next_steps
from serving.portfolio.portfolio_sums import BEFORE, Sums, sums_by_band, sums_of
from serving.portfolio.waiting import Waiting
from serving.portfolio.wanted import Wanted
from serving.store.book_movement import Part, read_moves
from serving.store.score_tables import CURRENT, NEWEST_FIRST, RUNS, SCORES, ends_on, newest_run, same_account
from serving.store.searching import holds, looked_through
from serving.store.whose import Whose, names_of, theirs, unmanaged

ROWS = 25
#: How many of an account's last estimates its line shows.
PAST = 12
CHANGE = SCORES.c.churn_probability - BEFORE.c.churn_probability
#: Null and empty alike: nobody.
MANAGER = sa.func.coalesce(SCORES.c.account_manager, "")
#: Whether a contract of the account ends in the 90 days from the as-of date on.
DUE = sa.func.coalesce(SCORES.c.renewals_due_90d, 0.0) > 0
KNOWN_TWICE = (SCORES.c.band != "unknown") & (BEFORE.c.band != "unknown")


@dataclass(frozen=True)
class Found:
    """A page of the portfolio as the store has it.

    Attributes
    ----------
    run : row or None
        as_of, model_version, scored_at, model; None while no run is published.
    before : date or None
        As-of date of the run before.
    rows : sequence of mapping
        A score with its evidence, and `probability_before`.
    sums : Sums
    counts : mapping of str to int
        Accounts by band, under all other filters.
    managers : sequence of str
        All whose accounts the reader sees.
    unmanaged : bool
        Whether the reader sees accounts that nobody manages.
    past : mapping of str to sequence of row
        The last estimates of each row's account, oldest first: as_of, probability, version and band.
    steps : mapping of str to mapping
        The open step of each row's account that is due first.
    done : mapping of str to mapping
        The step of each row's account that was done last since the run scored.
    unplanned, disagreed, lapsed, due : int
        How many accounts under all filters but the band are threats without a next step, how many scores somebody
        called wrong, how many have left already by the model's rule (`serving.scoring.lapsed`), and how many are at
        risk and have a contract that ends in 90 days.
    moved : mapping of part to float
        What moved the revenue at risk since the run before, over all accounts of the reader or of the chosen manager;
        empty under any other filter, and where it is not kept.
    page, pages : int
    """

    run: sa.Row[Any] | None
    before: date | None
    rows: Sequence[Mapping[str, Any]]
    sums: Sums
    counts: Mapping[str, int]
    managers: Sequence[str]
    unmanaged: bool
    past: Mapping[str, Sequence[Any]]
    steps: Mapping[str, Mapping[str, Any]]
    done: Mapping[str, Mapping[str, Any]]
    unplanned: int
    disagreed: int
    lapsed: int
    due: int
    moved: Mapping[Part, float]
    page: int
    pages: int


def read_portfolio(
    connection: Connection,
    mine: Whose,
    wanted: Wanted,
    rows_a_page: int | None = None,
    as_of: date | None = None,
) -> Found:
    """Return a page of the newest run; a page after the last is the last.

    Parameters
    ----------
    mine : str, sequence of str or None
        The account managers whose accounts alone the reader sees; None: all.
    wanted : Wanted
    rows_a_page : int, optional
        Most accounts of a page; by default `ROWS`.
    as_of : date, optional
        Of the newest run of this date, with what was estimated until then.
    """
    rows_a_page = rows_a_page or ROWS
    run = connection.execute(newest_run(as_of).add_columns(RUNS.c.model)).first()
    if run is None:
        return Found(None, None, (), Sums(0, 0, 0.0, None, None, None), {}, (), False, {}, {}, {}, 0, 0, 0, 0, {}, 1, 1)
    earlier = connection.execute(newest_run().where(RUNS.c.as_of < run.as_of)).first()
    joined = SCORES.outerjoin(
        BEFORE, (BEFORE.c.run_id == (earlier.run_id if earlier else -1)) & same_account(connection, BEFORE)
    )
    seen = (SCORES.c.run_id == run.run_id) & theirs(SCORES.c.account_manager, mine)
    waiting = Waiting.at(run.as_of, run.scored_at, run.model)
    others = seen & _filters(wanted) & (waiting.any if wanted.todo else sa.true())
    which = others & (SCORES.c.band == wanted.band) if wanted.band else others
    by_band = sums_by_band(connection, joined, others)
    sums = sums_of(connection, by_band, which, wanted.band, run.model, earlier is not None)
    pages = max(1, -(-sums.accounts // rows_a_page))
    page = min(wanted.page, pages)
    # Which accounts, and then all of them: a database that orders whole rows carries the evidence of the book along.
    ordered = sa.select(SCORES.c.account_id).select_from(joined).where(which).order_by(*_order(wanted.sort, waiting))
    shown = ordered.limit(rows_a_page).offset((page - 1) * rows_a_page)
    account_ids = list(connection.execute(shown).scalars())
    whole = sa.select(*_columns(waiting)).select_from(joined).where(seen, SCORES.c.account_id.in_(account_ids))
    rows = sorted(_all(connection, whole), key=lambda row: account_ids.index(row["account_id"]))
    managers = _managers(connection, seen)
    told = (waiting.unplanned, waiting.disagreed, waiting.lapsed, DUE & (SCORES.c.band == "at_risk") & ~waiting.lapsed)
    counts = (sa.func.count().filter(each) for each in told)
    counted = sa.select(*counts).select_from(SCORES).where(seen, _filters(wanted))
    unplanned, disagreed, lapsed, due = tuple(connection.execute(counted).one())
    return Found(
        run=run,
        before=earlier.as_of if earlier else None,
        rows=rows,
        sums=sums,
        counts={band: row.accounts for band, row in by_band.items()},
        managers=sorted(managers - {""}),
        unmanaged="" in managers,
        past=_past(connection, account_ids, run.as_of),
        steps=next_steps(connection, account_ids),
        done=done_steps(connection, account_ids, run.scored_at),
        unplanned=unplanned,
        disagreed=disagreed,
        lapsed=lapsed,
        due=due,
        moved=_moved(connection, run.run_id, earlier, mine, wanted),
        page=page,
        pages=pages,
    )


def _columns(waiting: Waiting) -> tuple[Any, ...]:
    before = (BEFORE.c.churn_probability.label("probability_before"), BEFORE.c.band.label("band_before"))
    flags = (getattr(waiting, name).label(name) for name in ("unplanned", "disagreed", "handled"))
    return SCORES, *before, *flags


def _managers(connection: Connection, seen: sa.ColumnElement[bool]) -> set[str]:
    """Return whose accounts these are; an empty text where some are nobody's."""
    return set(connection.execute(sa.select(MANAGER).where(seen).distinct()).scalars())


def _all(connection: Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _filters(wanted: Wanted) -> sa.ColumnElement[bool]:
    conditions: list[sa.ColumnElement[bool]] = [sa.true()]
    if wanted.unmanaged:
        conditions.append(unmanaged(SCORES.c.account_manager))
    if wanted.manager:
        conditions.append(SCORES.c.account_manager == wanted.manager)
    if wanted.threat:
        conditions.append(SCORES.c.threat == (wanted.threat == "yes"))
    if wanted.ending:
        conditions.append(DUE)
    if wanted.unheard:
        conditions.append(SCORES.c.unheard_180d.is_(True))
    if wanted.q:
        conditions.append(holds(SCORES.c, wanted.q))
    return sa.and_(*conditions)


def _order(sort: str, waiting: Waiting) -> list[sa.ColumnElement[Any]]:
    """Return the order of a list; by worth what waits for a decision comes first, what is not known before the safe.

    An account at risk whose score was called wrong keeps its place: it is among those to call already. Who has left
    already is no call to keep anybody, and stands after what is not known. By a figure of the estimate
    the accounts without one come last: they have no place among those that have one.
    """
    rank = sa.case(
        (waiting.lapsed, 3),
        (SCORES.c.best_action.is_not(None), 0),
        (SCORES.c.band == "at_risk", 1),
        (SCORES.c.band == "unknown", 2),
        else_=4,
    )
    worth = sa.case((SCORES.c.best_action.is_not(None), SCORES.c.expected_profit), else_=0.0)
    unknown = sa.case((SCORES.c.band == "unknown", 1), else_=0)
    compared = sa.case((KNOWN_TWICE, 0), else_=1)
    orders: dict[str, list[sa.ColumnElement[Any]]] = {
        "worth": [sa.case((waiting.first, 0), else_=1), rank, worth.desc()],
        "revenue_at_risk": [unknown],
        "probability": [unknown, SCORES.c.churn_probability.desc()],
        "change": [compared, CHANGE.desc()],
        "ends": [ends_on(SCORES.c)],
        "name": [looked_through(SCORES.c)],
    }
    return [*orders[sort], SCORES.c.revenue_at_risk.desc(), SCORES.c.account_id]


def _moved(connection: Connection, run_id: int, earlier: Any, mine: Whose, wanted: Wanted) -> Mapping[Part, float]:
    if earlier is None or wanted.narrows:
        return {}
    names = names_of(mine)
    if names is not None and wanted.manager and wanted.manager not in names:
        return {}
    return read_moves(connection, run_id, earlier.run_id, wanted.manager or names)


def _past(connection: Connection, account_ids: Sequence[str], until: date) -> Mapping[str, Sequence[Any]]:
    """Return the last estimates of accounts, the newest of each date; the band unknown has none worth a point."""
    columns = (SCORES.c.account_id, SCORES.c.as_of, SCORES.c.churn_probability, SCORES.c.model_version, SCORES.c.band)
    which = CURRENT & (RUNS.c.as_of <= until) & SCORES.c.account_id.in_(account_ids)
    query = sa.select(*columns).join(RUNS).where(which).order_by(*NEWEST_FIRST)
    found: dict[str, dict[date, Any]] = defaultdict(dict)
    for row in connection.execute(query):
        by_day = found[row.account_id]
        if len(by_day) < PAST or row.as_of in by_day:
            by_day.setdefault(row.as_of, row)
    return {
        account_id: [row for row in reversed(by_day.values()) if row.band != "unknown"]
        for account_id, by_day in found.items()
    }
