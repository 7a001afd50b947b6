"""The programme's figures of a scoring run: of the book, of each manager's accounts, and what each account adds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the tables; runs of before have no figures."""
    op.create_table(
        "score_figures",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_figures_run"), nullable=False),
        sa.Column("place", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("account_manager", sa.Text),
        sa.Column("record", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "place", name="score_figures_key"),
    )
    op.create_table(
        "score_figure_accounts",
        sa.Column(
            "run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_figure_accounts_run"), nullable=False
        ),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("account_manager", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "account_id", name="score_figure_accounts_key"),
    )
    op.create_index("score_figure_accounts_by_account", "score_figure_accounts", ["account_id"])
