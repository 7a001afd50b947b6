"""When an account's next contract ends, beside its score and in the index that lists read.

Runs from before it have not kept it: they have nulls.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the column and make the index anew with it."""
    op.add_column("scores", sa.Column("contract_ends_on", sa.Date))
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("scores_listed", "scores")
        op.create_index(
            "scores_listed",
            "scores",
            [
                "run_id", "account_id", "band", "threat", "best_action", "expected_profit", "revenue_at_risk",
                "churn_probability", "revenue_365d", "currency", "account_manager", "name", "lapsed", "unheard_180d",
                "renewals_due_90d", "searched", "contract_ends_on",
            ],
        )  # fmt: skip
