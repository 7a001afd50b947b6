"""What account managers were sent in which week, how their accounts stood then, and which alerts were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "digests",
        sa.Column("digest_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("account_manager", sa.Text, nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("model_version", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("begun_at", sa.String(40), nullable=False),
        sa.Column("ended_at", sa.String(40)),
        sa.UniqueConstraint("account_manager", "channel", "period", "number", name="digests_once"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "digest_standings",
        sa.Column("digest_id", sa.Integer, sa.ForeignKey("digests.digest_id", name="digest_standings_digest")),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("threat", sa.Boolean, nullable=False),
        sa.Column("churn_probability", sa.Double, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("digest_id", "account_id", name="digest_standings_key"),
    )
    op.create_index("digest_standings_by_account", "digest_standings", ["account_id"])
    op.create_table(
        "alert_cases",
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("records", sa.JSON, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", name="alert_cases_key"),
    )
