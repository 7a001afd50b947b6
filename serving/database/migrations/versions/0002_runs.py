"""Scores belong to a run: it is written in pieces, seen once it is published, kept for a while once it is replaced.

What the tables of 0001 hold is carried over: every one of their runs is published and none replaced.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

#: The same order of ids in every database, whatever its locale.
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
#: Columns of a score that were there before, in the order in which they stand now: long ones last, as SQLite reads a
#: row from its beginning.
KEPT = (
    "account_id", "as_of", "model_version", "scored_at", "churn_probability", "revenue_365d", "value", "currency",
    "revenue_at_risk", "expected_profit", "band", "threat", "base_probability", "account_manager", "missing_tables",
    "collect", "reasons", "evidence",
)  # fmt: skip


def upgrade() -> None:
    """Make the new tables, carry the rows over, drop the old tables."""
    op.drop_index("scores_by_risk", "scores")
    for name in ("score_runs", "scores"):
        op.rename_table(name, f"{name}_0001")
    _make_runs()
    _make_scores()
    op.execute(
        "INSERT INTO score_runs (as_of, model_version, scored_at, accounts, model, published_at, writer, begun_at) "
        "SELECT as_of, model_version, scored_at, accounts, model, scored_at, '', scored_at FROM score_runs_0001 "
        "ORDER BY scored_at, as_of, model_version"
    )
    op.execute(
        f"INSERT INTO scores (run_id, {', '.join(KEPT)}) "
        f"SELECT score_runs.run_id, {', '.join(f'scores_0001.{name}' for name in KEPT)} FROM scores_0001 "
        "JOIN score_runs ON score_runs.as_of = scores_0001.as_of "
        "AND score_runs.model_version = scores_0001.model_version"
    )
    for name in ("scores", "score_runs"):
        op.drop_table(f"{name}_0001")


def _make_runs() -> None:
    op.create_table(
        "score_runs",
        sa.Column("run_id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("scored_at", sa.String(40), nullable=False),
        sa.Column("accounts", sa.Integer, nullable=False),
        sa.Column("model", sa.JSON, nullable=False),
        sa.Column("published_at", sa.String(40)),
        sa.Column("replaced_at", sa.String(40)),
        sa.Column("writer", sa.String(64), nullable=False),
        sa.Column("begun_at", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="score_runs_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("score_runs_by_time", "score_runs", ["as_of", "scored_at"])


def _make_scores() -> None:
    op.create_table(
        "scores",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="scores_run"), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("scored_at", sa.String(40), nullable=False),
        sa.Column("churn_probability", sa.Double, nullable=False),
        sa.Column("revenue_365d", sa.Double, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("revenue_at_risk", sa.Double, nullable=False),
        sa.Column("expected_profit", sa.Double, nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("threat", sa.Boolean, nullable=False),
        sa.Column("base_probability", sa.Double, nullable=False),
        sa.Column("account_manager", sa.Text),
        sa.Column("missing_tables", sa.JSON, nullable=False),
        sa.Column("collect", sa.JSON, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "account_id", name="scores_key"),
    )
    op.create_index("scores_by_risk", "scores", ["run_id", sa.text("revenue_at_risk DESC"), "account_id"])
    op.create_index("scores_by_account", "scores", ["account_id", "as_of", "scored_at"])
