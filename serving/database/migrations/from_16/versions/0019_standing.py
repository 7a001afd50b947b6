"""Whether anybody was heard of an account, and what is due, beside its score and in the index that lists read.

Runs from before it have not kept it: they have nulls.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the columns and make the index anew with them."""
    op.add_column("scores", sa.Column("unheard_180d", sa.Boolean))
    op.add_column("scores", sa.Column("renewals_due_90d", sa.Double))
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("scores_listed", "scores")
        op.create_index(
            "scores_listed",
            "scores",
            [
                "run_id", "account_id", "band", "threat", "best_action", "expected_profit", "revenue_at_risk",
                "churn_probability", "revenue_365d", "currency", "account_manager", "name", "lapsed", "unheard_180d",
                "renewals_due_90d",
            ],
        )  # fmt: skip
