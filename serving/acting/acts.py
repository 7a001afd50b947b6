"""Steps and feedback are written and read: who says what about which account and when; each is stored once.

A `once` that was sent before returns what was stored then, so that a form sent twice, or a request that is sent again
after a timeout, makes no second row. A step that is done stays done: the first one who says so counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from serving.acting.acting_tables import FEEDBACK, STEP_CHANGED, STEPS, Kind, Verdict
from serving.scoring.scores import Score

#: What somebody said of a score, in difference to what a step was before.
SAID = FEEDBACK.c.verdict != STEP_CHANGED
#: Accounts of a query.
PIECE = 5_000


@dataclass(frozen=True)
class NewStep:
    """A step that is planned.

    Attributes
    ----------
    kind : str
        What sort of action it is; the `kind` of its row in `actions`.
    what, owner : str
        What is to be done, and by whom.
    due_on : date
    """

    kind: Kind
    what: str
    owner: str
    due_on: date


@dataclass(frozen=True)
class NewFeedback:
    """What somebody says of a score; `text` is the reason of a disagreement, or a note."""

    verdict: Verdict
    text: str | None


def once_of(principal: str, account_id: str, key: str) -> str:
    """Return the text under which something is stored once: a key belongs to whoever sends it, for one account.

    Examples
    --------
    >>> len(once_of("local", "A1", "x")), once_of("local", "A1", "x") == once_of("local", "A2", "x")
    (64, False)
    """
    return sha256(repr((principal, account_id, key)).encode("utf-8", "replace")).hexdigest()


def add_step(
    connection: Connection, account_id: str, step: NewStep, by: str, at: datetime, once: str
) -> Mapping[str, Any]:
    """Store a step and return it; the one of before when it was stored already.

    Parameters
    ----------
    by : str
        Id of the principal.
    at : datetime
    once : str
        See `once_of`.
    """
    row = asdict(step) | {"account_id": account_id, "created_at": at, "created_by": by, "once": once}
    return _stored(connection, STEPS, row, once)


def same_open_step(account_id: str, step: NewStep) -> sa.ColumnElement[bool]:
    """Return as SQL whether an account has just this step, and it is not done."""
    mine = [STEPS.c[name] == value for name, value in asdict(step).items()]
    return sa.exists().where(STEPS.c.account_id == account_id, STEPS.c.done_at.is_(None), *mine)


def same_last_feedback(score: Score, feedback: NewFeedback, by: str) -> sa.ColumnElement[bool]:
    """Return as SQL whether this is what somebody said last of an account, of the same score."""
    theirs = (FEEDBACK.c.account_id == score.account_id) & (FEEDBACK.c.created_by == by) & SAID
    last = sa.select(sa.func.max(FEEDBACK.c.feedback_id)).where(theirs).scalar_subquery()
    same = asdict(feedback) | {"as_of": score.as_of, "model_version": score.model_version}
    equal = [FEEDBACK.c[name].is_not_distinct_from(value) for name, value in same.items()]
    return sa.exists().where(FEEDBACK.c.feedback_id == last, *equal)


def finish_step(
    connection: Connection, account_id: str, step_id: int, by: str, at: datetime
) -> Mapping[str, Any] | None:
    """Mark a step of an account as done and return it; None when the account has no such step."""
    mine = (STEPS.c.step_id == step_id) & (STEPS.c.account_id == account_id)
    connection.execute(sa.update(STEPS).where(mine, STEPS.c.done_at.is_(None)).values(done_at=at, done_by=by))
    row = connection.execute(sa.select(STEPS).where(mine)).mappings().first()
    return None if row is None else dict(row)


def add_feedback(
    connection: Connection, score: Score, feedback: NewFeedback, by: str, at: datetime, once: str
) -> Mapping[str, Any]:
    """Store feedback on a score and return it; that of before when it was stored already."""
    row = asdict(feedback) | seen_of(score) | {"created_at": at, "created_by": by, "once": once}
    return _stored(connection, FEEDBACK, row, once)


def seen_of(score: Score) -> dict[str, Any]:
    """Return what is kept of the score that somebody saw."""
    return {name: getattr(score, name) for name in ("account_id", "as_of", "model_version", "churn_probability")}


def steps_of(connection: Connection, account_id: str) -> Sequence[Mapping[str, Any]]:
    """Return an account's steps: the open ones by their due date, then those that are done, the latest first."""
    order = (STEPS.c.done_at.is_not(None), STEPS.c.done_at.desc(), STEPS.c.due_on, STEPS.c.step_id)
    return _all(connection, sa.select(STEPS).where(STEPS.c.account_id == account_id).order_by(*order))


def feedback_on(connection: Connection, account_id: str) -> Sequence[Mapping[str, Any]]:
    """Return what was said of an account, the latest first."""
    mine = sa.select(FEEDBACK).where(FEEDBACK.c.account_id == account_id, SAID)
    return _all(connection, mine.order_by(FEEDBACK.c.feedback_id.desc()))


def texts_on(connection: Connection, account_ids: Collection[str]) -> Mapping[str, list[tuple[datetime, str]]]:
    """Return what was written of accounts and when, by account, the latest first."""
    said: dict[str, list[tuple[datetime, str]]] = {}
    asked = sorted(account_ids)
    for piece in (asked[start : start + PIECE] for start in range(0, len(asked), PIECE)):
        which = FEEDBACK.c.account_id.in_(piece) & SAID & (FEEDBACK.c.text != "")
        query = sa.select(FEEDBACK.c.account_id, FEEDBACK.c.created_at, FEEDBACK.c.text).where(which)
        for account_id, at, text in connection.execute(query.order_by(FEEDBACK.c.feedback_id.desc())):
            said.setdefault(account_id, []).append((at, text))
    return said


def next_steps(connection: Connection, account_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return the open step of each account that is due first."""
    which = STEPS.c.account_id.in_(account_ids) & STEPS.c.done_at.is_(None)
    order = (STEPS.c.due_on.desc(), STEPS.c.step_id.desc())
    return {row["account_id"]: row for row in _all(connection, sa.select(STEPS).where(which).order_by(*order))}


def done_steps(connection: Connection, account_ids: Sequence[str], since: datetime) -> Mapping[str, Mapping[str, Any]]:
    """Return the step of each account that was done last, from an instant on."""
    which = STEPS.c.account_id.in_(account_ids) & (STEPS.c.done_at >= since)
    query = sa.select(STEPS).where(which).order_by(STEPS.c.done_at, STEPS.c.step_id)
    return {row["account_id"]: row for row in _all(connection, query)}


def last_verdict(account_id: sa.ColumnElement[str], as_of: date) -> sa.ScalarSelect[Any]:
    """Return as SQL what was said last of an account's score of a date, notes aside; null where nothing was."""
    judged = (FEEDBACK.c.verdict != "note") & SAID
    mine = (FEEDBACK.c.account_id == account_id) & (FEEDBACK.c.as_of == as_of) & judged
    said = sa.select(FEEDBACK.c.verdict).where(mine)
    return said.order_by(FEEDBACK.c.feedback_id.desc()).limit(1).scalar_subquery()


def has_step(account_id: sa.ColumnElement[str], since: datetime) -> sa.ColumnElement[bool]:
    """Return as SQL whether an account has a step that is not done, or was done from an instant on."""
    current = STEPS.c.done_at.is_(None) | (STEPS.c.done_at >= since)
    return sa.exists().where(STEPS.c.account_id == account_id, current)


def forget_acting(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's steps and feedback; return their numbers."""
    return {
        name: connection.execute(sa.delete(table).where(table.c.account_id == account_id)).rowcount
        for name, table in (("steps", STEPS), ("feedback", FEEDBACK))
    }


def action_rows(connection: Connection) -> list[dict[str, Any]]:
    """Return what was done as rows of the table `actions`, the oldest first.

    These are the steps that are done, and feedback that says that an account was handled already.
    """
    done = sa.select(STEPS).where(STEPS.c.done_at.is_not(None))
    handled = sa.select(FEEDBACK).where(FEEDBACK.c.verdict == "handled")
    rows = [
        _action(f"step-{row['step_id']}", row["account_id"], row["kind"], row["done_at"], row["what"])
        for row in _all(connection, done)
    ]
    rows += [
        _action(f"feedback-{row['feedback_id']}", row["account_id"], "handled", row["created_at"], row["text"])
        for row in _all(connection, handled)
    ]
    return sorted(rows, key=lambda row: (row["done_at"], row["action_id"]))


def _action(action_id: str, account_id: str, kind: str, done_at: datetime, note: str | None) -> dict[str, Any]:
    return {"action_id": action_id, "account_id": account_id, "kind": kind, "done_at": done_at, "note": note}


def _stored(connection: Connection, table: sa.Table, row: Mapping[str, Any], once: str) -> Mapping[str, Any]:
    """Insert a row unless one of this `once` is there; the unique column decides between two at the same time."""
    same = sa.select(table).where(table.c.once == once)
    if connection.execute(same).first() is None:
        try:
            with connection.begin_nested():
                connection.execute(sa.insert(table), row)
        except IntegrityError:  # Another request stored it in between.
            pass
    return dict(connection.execute(same).mappings().one())


def _all(connection: Connection, query: sa.Select[Any]) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]
