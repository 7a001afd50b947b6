"""Whether an account has left already by a rule of silence, beside its score, and in the index that lists read.

The evidence has said so alone, and a page of the portfolio read it of every account at risk.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

RUNS = sa.table("score_runs", sa.column("run_id", sa.Integer), sa.column("model", sa.JSON))
SCORES = sa.table(
    "scores", sa.column("run_id", sa.Integer), sa.column("lapsed", sa.Boolean), sa.column("evidence", sa.JSON)
)


def upgrade() -> None:
    """Add the column, fill it where the model's rule is silence, and make the index anew with it."""
    op.add_column("scores", sa.Column("lapsed", sa.Boolean, nullable=False, server_default=sa.false()))
    by_silence = sa.select(RUNS.c.run_id).where(RUNS.c.model["rule", "silence_days"].as_float().is_not(None))
    gone = SCORES.c.evidence["lapsed", "days"].as_float().is_not(None)
    op.execute(sa.update(SCORES).where(SCORES.c.run_id.in_(by_silence), gone).values(lapsed=sa.true()))
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index("scores_listed", "scores")
        op.create_index(
            "scores_listed",
            "scores",
            [
                "run_id", "account_id", "band", "threat", "best_action", "expected_profit", "revenue_at_risk",
                "churn_probability", "revenue_365d", "currency", "account_manager", "name", "lapsed",
            ],
        )  # fmt: skip
