"""The tables of the score store, the conditions for what readers see, and the conversion between rows and scores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, get_type_hints

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from features.errors import InputError
from features.tables import LONGEST_ID
from serving.database.metadata import AnyText, Instant, metadata
from serving.scoring.evidence_pieces import STANDING
from serving.scoring.lapsed import KEY
from serving.scoring.scores import FIELDS, Band, Reason, Score
from serving.store.searching import searched
from serving.words.formats import Lang
from serving.words.short_reasons import NAMES, short_reasons

#: The language in which the store keeps the reasons of lists.
KEPT: Lang = "en"
#: Column types of a score's fields, by the types of the fields.
_KINDS: Mapping[Any, Any] = {
    str: sa.String(64),
    str | None: AnyText,
    Band: sa.String(16),
    float: sa.Double,
    bool: sa.Boolean,
    date: sa.Date,
    datetime: Instant,
    tuple[str, ...]: sa.JSON,
    tuple[Reason, ...]: sa.JSON,
}

#: `published_at`: null during writing and removal, when no reader sees the run. `replaced_at`: when a rerun of the same
#: as-of date and version replaced it. `writer`: the hold of its writer (see `serving.database.holds`). `accounts`: the
#: scores written so far, until the run is published. `fingerprint`: what an unfinished run is made of, if another
#: writer can go on with it; null in all others.
RUNS = sa.Table(
    "score_runs",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("model_version", sa.String(64), nullable=False),
    sa.Column("scored_at", Instant, nullable=False),
    sa.Column("accounts", sa.Integer, nullable=False),
    sa.Column("model", sa.JSON, nullable=False),
    sa.Column("published_at", Instant),
    sa.Column("replaced_at", Instant),
    sa.Column("writer", sa.String(64), nullable=False),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Column("fingerprint", sa.String(64)),
    sa.Index("score_runs_by_time", "as_of", "scored_at"),
    sqlite_autoincrement=True,
)
#: What the portfolio counts and orders by.
LISTED = (
    "run_id", "account_id", "band", "threat", "best_action", "expected_profit", "revenue_at_risk", "churn_probability",
    "revenue_365d", "currency", "account_manager", "name", "lapsed", "unheard_180d", "renewals_due_90d",
    "searched", "contract_ends_on",
)  # fmt: skip
#: `name`, `reason_1` to `reason_3`: what a list shows in addition to the score (see `shown_in_lists`); null in rows
#: from before these columns existed. `lapsed`: whether the evidence says that the account has left already.
#: `unheard_180d`, `renewals_due_90d`, `contract_ends_on`: its standing, null likewise
#: (`serving.scoring.evidence_pieces.standings`).
#: `searched`: name and id as `serving.store.searching` folds them, null likewise.
SCORES = sa.Table(
    "scores",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="scores_run"), primary_key=True),
    sa.Column("account_id", AnyText, primary_key=True),
    *(
        sa.Column(name, _KINDS[kind], nullable=kind == str | None)
        for name, kind in get_type_hints(Score).items()
        if name != "account_id"
    ),
    sa.Column("account_manager", AnyText),
    *(sa.Column(name, AnyText) for name in ("name", *NAMES)),
    sa.Column("lapsed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("unheard_180d", sa.Boolean),
    sa.Column("renewals_due_90d", sa.Double),
    sa.Column("searched", AnyText),
    sa.Column("contract_ends_on", sa.Date),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Index("scores_by_risk", "run_id", sa.text("revenue_at_risk DESC"), "account_id"),
    sa.Index("scores_by_account", "account_id", "as_of", "scored_at"),
    # What the portfolio counts and orders by: in SQLite a row carries all its evidence along.
    sa.Index("scores_listed", *LISTED).ddl_if(dialect="sqlite"),
)
#: What moved the revenue at risk since the run before, summed by account manager (`serving.store.book_movement`).
MOVES = sa.Table(
    "score_moves",
    metadata,
    sa.Column("move_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_moves_run"), nullable=False),
    sa.Column("before_run_id", sa.Integer, nullable=False),
    sa.Column("account_manager", AnyText),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("amount", sa.Double, nullable=False),
    sa.Index("score_moves_by_run", "run_id"),
    sqlite_autoincrement=True,
)
#: The runs that provide the history and the latest scores.
CURRENT = RUNS.c.published_at.is_not(None) & RUNS.c.replaced_at.is_(None)
NEWEST_FIRST = (RUNS.c.as_of.desc(), RUNS.c.scored_at.desc(), RUNS.c.run_id.desc())


def newest_run(as_of: date | None = None) -> sa.Select[Any]:
    """Select the current run of the greatest as-of date, then instant of scoring; nothing when none is published.

    With `as_of`, of the runs of this date.
    """
    columns = (RUNS.c.run_id, RUNS.c.as_of, RUNS.c.model_version, RUNS.c.scored_at)
    which = CURRENT if as_of is None else CURRENT & (RUNS.c.as_of == as_of)
    return sa.select(*columns).where(which).order_by(*NEWEST_FIRST).limit(1)


def same_account(connection: Connection, other: sa.FromClause, own: sa.FromClause = SCORES) -> sa.ColumnElement[bool]:
    """Return whether a score of another run, of `SCORES` or an alias of it, is of the same account as a row."""
    if connection.dialect.name == "sqlite":  # By an equality it would read whole rows, by bounds it reads the index.
        return other.c.account_id.between(own.c.account_id, own.c.account_id)
    return other.c.account_id == own.c.account_id


def ends_on(columns: Any) -> sa.ColumnElement[date]:
    """Return the day on which an account's next contract ends, where none is known the last of all days."""
    return sa.func.coalesce(columns.contract_ends_on, sa.literal(date.max, sa.Date))


def record_of(run_id: int, score: Score, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return a score as a row; raises InputError for an id that is too long for the store."""
    if len(score.account_id) > LONGEST_ID:
        shown = f"{score.account_id[:40]}…"
        raise InputError(f"accounts.account_id: {shown!r} has more than {LONGEST_ID} characters, the store's limit")
    account = evidence.get("account") or {}
    own = {
        "run_id": run_id,
        "account_manager": account.get("account_manager"),
        "lapsed": KEY in evidence,
        "searched": searched(account.get("name"), score.account_id),
        "evidence": dict(evidence),
    }
    return score.in_full() | own | standing_in(evidence) | shown_in_lists(score, evidence)


def standing_in(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a portfolio sums up of an account; nulls where the evidence does not say it."""
    standing = evidence.get(STANDING) or {}
    ends_on = standing.get("contract_ends_on")
    return {name: standing.get(name) for name in ("unheard_180d", "renewals_due_90d")} | {
        "contract_ends_on": None if ends_on is None else date.fromisoformat(ends_on)
    }


def shown_in_lists(score: Score, evidence: Mapping[str, Any], lang: Lang = KEPT) -> dict[str, str | None]:
    """Return what a list shows in addition to an account's score: its name and its weightiest reasons."""
    name = (evidence.get("account") or {}).get("name")
    return {"name": name} | short_reasons(score, evidence, lang)


def score_of(row: Mapping[str, Any]) -> Score:
    """Return the score in a row."""
    fields = {name: row[name] for name in FIELDS}
    fields["reasons"] = tuple(Reason(**reason) for reason in row["reasons"])
    fields["missing_tables"], fields["collect"] = tuple(row["missing_tables"]), tuple(row["collect"])
    return Score(**fields)
