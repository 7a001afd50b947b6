"""A step that is not done can be changed; what it was before stays, with who changed it and when.

A change stands beside what was said of the account, under a verdict of its own that nobody can send; its text is what
the step was before, as JSON. A `once` that was sent before changes nothing. Who changes a step names what was seen of
it: where somebody else was faster, nothing is stored.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acting_tables import FEEDBACK, STEP_CHANGED, STEPS
from serving.acting.acts import NewStep, seen_of
from serving.scoring.scores import Score

Refused = Literal["no_step", "step_done", "step_moved"]


@dataclass(frozen=True)
class Change:
    """What a step was until somebody changed it."""

    was: NewStep
    by: str
    at: datetime


def step_of_account(connection: Connection, account_id: str, step_id: int) -> Mapping[str, Any] | None:
    """Return a step; None when the account has no such step."""
    mine = (STEPS.c.step_id == step_id) & (STEPS.c.account_id == account_id)
    row = connection.execute(sa.select(STEPS).where(mine)).mappings().first()
    return None if row is None else dict(row)


def version_of(step: Mapping[str, Any]) -> str:
    """Return a text that is another one as soon as the step says something else.

    Examples
    --------
    >>> step = {"kind": "call", "what": "Ask", "owner": "Eva", "due_on": date(2026, 1, 31)}
    >>> version_of(step) == version_of(step | {"step_id": 7}), version_of(step) == version_of(step | {"owner": "Jan"})
    (True, False)
    """
    return sha256(repr(planned(step)).encode("utf-8", "replace")).hexdigest()[:32]


def change_step(
    connection: Connection, score: Score, step_id: int, step: NewStep, version: str, by: str, at: datetime, once: str
) -> Refused | None:
    """Change an open step of an account; return why it is not changed.

    Parameters
    ----------
    score : Score
        What the reader saw of the account.
    version : str
        `version_of` the step that the reader saw.
    by : str
        Id of the principal.
    once : str
        See `once_of`.
    """
    if connection.execute(sa.select(FEEDBACK.c.once).where(FEEDBACK.c.once == once)).first() is not None:
        return None
    old = step_of_account(connection, score.account_id, step_id)
    if old is None or old["done_at"] is not None:
        return "no_step" if old is None else "step_done"
    if planned(old) == step:
        return None
    same = [STEPS.c[name] == value for name, value in asdict(planned(old)).items()]
    mine = sa.update(STEPS).where(STEPS.c.step_id == step_id, STEPS.c.done_at.is_(None), *same)
    if version_of(old) != version or not connection.execute(mine.values(**asdict(step))).rowcount:
        return "step_moved"
    was = asdict(planned(old)) | {"step_id": step_id, "due_on": old["due_on"].isoformat()}
    row = {"verdict": STEP_CHANGED, "text": json.dumps(was), "created_at": at, "created_by": by, "once": once}
    connection.execute(sa.insert(FEEDBACK), row | seen_of(score))
    return None


def changes_of(connection: Connection, account_id: str) -> Mapping[int, Sequence[Change]]:
    """Return what the steps of an account were before, by the step's number, the latest change first."""
    mine = (FEEDBACK.c.account_id == account_id) & (FEEDBACK.c.verdict == STEP_CHANGED)
    found: dict[int, list[Change]] = defaultdict(list)
    for row in connection.execute(sa.select(FEEDBACK).where(mine).order_by(FEEDBACK.c.feedback_id.desc())):
        was = json.loads(row.text)
        step_id = was.pop("step_id")
        before = NewStep(**was | {"due_on": date.fromisoformat(was["due_on"])})
        found[step_id].append(Change(before, row.created_by, row.created_at))
    return found


def planned(step: Mapping[str, Any]) -> NewStep:
    """Return what a stored step says."""
    return NewStep(step["kind"], step["what"], step["owner"], step["due_on"])
