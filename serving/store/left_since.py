"""Whether an account's latest score is older than the newest run, which then no longer knew it as a customer."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.scoring.book_figures import DEPARTURES
from serving.scoring.cautions import Caution, left
from serving.store.figure_tables import FIGURE_ACCOUNTS
from serving.store.score_tables import RUNS, newest_run

#: The newest run beside a row of scores, within the same query.
NEWEST = newest_run().with_only_columns(RUNS.c.run_id).correlate(None).scalar_subquery().label("newest_run_id")


def left_since(connection: Connection, account_id: str, newest_run_id: int, scored: date) -> Caution:
    """Return that the newest run has no score of an account, last scored at a date, and when its book says it left."""
    kept = FIGURE_ACCOUNTS.c.figures[DEPARTURES]
    mine = (FIGURE_ACCOUNTS.c.run_id == RUNS.c.run_id) & (FIGURE_ACCOUNTS.c.account_id == account_id)
    query = sa.select(RUNS.c.as_of, kept.label("kept")).outerjoin(FIGURE_ACCOUNTS, mine)
    row = connection.execute(query.where(RUNS.c.run_id == newest_run_id)).one()
    ends = (date.fromisoformat(departure["ended_on"]) for departure in row.kept or ())
    # Whoever left before that score had come back by then.
    return left(scored, row.as_of, max((end for end in ends if end >= scored), default=None))
