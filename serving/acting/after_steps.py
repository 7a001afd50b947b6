"""What came after the steps of an account that are done: its risk before the first of them and now.

Beside it stands the mean of comparable accounts of the reader that were left alone, over the same two scoring runs. It
is no experiment: who gets a step is chosen, and who has left since is in no later run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acting_tables import STEPS
from serving.scoring.scoring import DECIMALS
from serving.store.score_tables import CURRENT, NEWEST_FIRST, RUNS, SCORES, same_account
from serving.store.whose import Whose, theirs

#: Comparable is who had the same band and a probability that differs by no more than this at the run before.
NEAR = 0.1
#: Fewer comparable accounts have no mean that says anything, or that hides one of them.
LEAST = 5
Missing = Literal["before", "since", "comparable"]


@dataclass(frozen=True)
class AfterSteps:
    """Risk before the first done step and now; probabilities are 0-1.

    Attributes
    ----------
    done_on : date
        When the first of the steps was done (UTC).
    before_as_of, now_as_of : date or None
        Of the newest run that knows nothing of that day or later, and of the newest run.
    before, now : float or None
        The account's estimates of these runs.
    comparable : int
        Accounts that were left alone and have an estimate in both runs.
    alone_before, alone_now : float or None
        Their means.
    missing : str or None
        Why there are no numbers: no estimate "before", none "since"; too few "comparable": none of these alone.
    """

    done_on: date
    before_as_of: date | None = None
    now_as_of: date | None = None
    before: float | None = None
    now: float | None = None
    comparable: int = 0
    alone_before: float | None = None
    alone_now: float | None = None
    missing: Missing | None = None


def after_steps(connection: Connection, account_id: str, whose: Whose) -> AfterSteps | None:
    """Return what came after an account's done steps; None while none is done.

    Parameters
    ----------
    whose : str, sequence of str or None
        The account managers whose accounts alone the reader sees: nobody else's are compared with. None: all.
    """
    first = connection.execute(sa.select(sa.func.min(STEPS.c.done_at)).where(STEPS.c.account_id == account_id))
    done_at = first.scalar_one()
    if done_at is None:
        return None
    day = done_at.date()
    columns = (SCORES.c.run_id, RUNS.c.as_of, SCORES.c.band, SCORES.c.churn_probability)
    mine = sa.select(*columns).join(RUNS).where(CURRENT, SCORES.c.account_id == account_id).order_by(*NEWEST_FIRST)
    before = connection.execute(mine.where(RUNS.c.as_of <= day).limit(1)).first()
    now = connection.execute(mine.where(RUNS.c.as_of > day).limit(1)).first()
    if before is None or before.band == "unknown":
        return AfterSteps(day, missing="before")
    known = {"before_as_of": before.as_of, "before": before.churn_probability}
    if now is None or now.band == "unknown":
        return AfterSteps(day, missing="since", **known)
    known |= {"now_as_of": now.as_of, "now": now.churn_probability}
    number, *means = connection.execute(_left_alone(connection, account_id, before, now, whose)).one()
    if number < LEAST:
        return AfterSteps(day, comparable=number, missing="comparable", **known)
    return AfterSteps(day, comparable=number, alone_before=_rounded(means[0]), alone_now=_rounded(means[1]), **known)


def _rounded(mean: float) -> float:
    return round(mean, DECIMALS) + 0.0


def _left_alone(connection: Connection, account_id: str, before: Any, now: Any, whose: Whose) -> sa.Select[Any]:
    """Select number and means of the comparable accounts of which no step is kept."""
    later, other = SCORES.alias("later"), SCORES.c.account_id
    near = SCORES.c.churn_probability.between(before.churn_probability - NEAR, before.churn_probability + NEAR)
    which = (SCORES.c.run_id == before.run_id) & (SCORES.c.band == before.band) & near & (other != account_id)
    unplanned = ~sa.exists().where(STEPS.c.account_id == other)
    means = (sa.func.avg(SCORES.c.churn_probability), sa.func.avg(later.c.churn_probability))
    joined = SCORES.join(
        later, (later.c.run_id == now.run_id) & (later.c.band != "unknown") & same_account(connection, later)
    )
    query = sa.select(sa.func.count(), *means).select_from(joined)
    return query.where(
        which, unplanned, theirs(SCORES.c.account_manager, whose), theirs(later.c.account_manager, whose)
    )
