"""What ends in a run's book, a row a contract and departure, in the order of lists; and which runs keep that.

Runs from before it keep none: `listed` of their figures is null, and lists read what is kept of every account.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

#: Ids sort by their characters, whatever the database's language.
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table, and add the column."""
    op.create_table(
        "score_ends",
        sa.Column("end_id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_ends_run"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("account_manager", sa.Text),
        sa.Column("contract_id", ID),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("amount", sa.Double, nullable=False),
        sa.Column("is_estimated", sa.Boolean, nullable=False),
        sa.Column("lost", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    listed = (
        "run_id", "kind", sa.text("is_estimated DESC"), sa.text("lost DESC"), "ends_on", "account_id", "contract_id",
        "account_manager", "amount", "place",
    )  # fmt: skip
    op.create_index("score_ends_listed", "score_ends", list(listed))
    op.create_index("score_ends_by_account", "score_ends", ["account_id"])
    op.add_column("score_figures", sa.Column("listed", sa.Boolean))
