"""Scoring runs and scores, as they were before there were migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "score_runs",
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("model_version", sa.String(64), primary_key=True),
        sa.Column("scored_at", sa.String(40), nullable=False),
        sa.Column("accounts", sa.Integer, nullable=False),
        sa.Column("model", sa.JSON, nullable=False),
    )
    op.create_table(
        "scores",
        sa.Column("account_id", sa.String(256), primary_key=True),
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("model_version", sa.String(64), primary_key=True),
        sa.Column("scored_at", sa.String(40), nullable=False),
        sa.Column("churn_probability", sa.Double, nullable=False),
        sa.Column("revenue_365d", sa.Double, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("currency", sa.String(16)),
        sa.Column("revenue_at_risk", sa.Double, nullable=False),
        sa.Column("expected_profit", sa.Double, nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("threat", sa.Boolean, nullable=False),
        sa.Column("base_probability", sa.Double, nullable=False),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("missing_tables", sa.JSON, nullable=False),
        sa.Column("collect", sa.JSON, nullable=False),
        sa.Column("account_manager", sa.String(256)),
        sa.Column("evidence", sa.JSON, nullable=False),
    )
    op.create_index("scores_by_risk", "scores", ["as_of", "model_version", "revenue_at_risk"])
