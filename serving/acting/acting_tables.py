"""The tables of steps and feedback. `once` is a text of whoever sends: the same one again makes no second row."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from serving.database.metadata import AnyText, Instant, metadata

Kind = Literal["call", "visit", "email", "offer", "other"]
Verdict = Literal["agree", "wrong", "handled", "note"]
#: Stands as the verdict of a row that keeps what a step was before it was changed (`step_changes`).
STEP_CHANGED = "step_changed"

STEPS = sa.Table(
    "account_steps",
    metadata,
    sa.Column("step_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account_id", AnyText, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("what", AnyText, nullable=False),
    sa.Column("owner", AnyText, nullable=False),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.String(256), nullable=False),
    sa.Column("done_at", Instant),
    sa.Column("done_by", sa.String(256)),
    sa.Column("once", sa.String(64), nullable=False, unique=True),
    sa.Index("account_steps_by_account", "account_id", "done_at", "due_on"),
    sqlite_autoincrement=True,
)
#: `as_of`, `model_version`, `churn_probability`: the score that the reader saw. `verdict` may be STEP_CHANGED.
FEEDBACK = sa.Table(
    "account_feedback",
    metadata,
    sa.Column("feedback_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account_id", AnyText, nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("text", AnyText),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("model_version", sa.String(64), nullable=False),
    sa.Column("churn_probability", sa.Double, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.String(256), nullable=False),
    sa.Column("once", sa.String(64), nullable=False, unique=True),
    sa.Index("account_feedback_by_account", "account_id", "feedback_id"),
    sqlite_autoincrement=True,
)
