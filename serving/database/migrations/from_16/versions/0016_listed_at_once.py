"""What the portfolio counts and orders by, in an index of SQLite: a row of a score carries all its evidence along.

PostgreSQL keeps evidence apart from the row by itself, and has no index over texts of any length.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the index."""
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(
            "scores_listed",
            "scores",
            [
                "run_id", "account_id", "band", "threat", "best_action", "expected_profit", "revenue_at_risk",
                "churn_probability", "revenue_365d", "currency", "account_manager", "name",
            ],
        )  # fmt: skip
