"""What moved the revenue at risk between two runs, by account manager."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "score_moves",
        sa.Column("move_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_moves_run"), nullable=False),
        sa.Column("before_run_id", sa.Integer, nullable=False),
        sa.Column("account_manager", sa.Text),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("amount", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("score_moves_by_run", "score_moves", ["run_id"])
