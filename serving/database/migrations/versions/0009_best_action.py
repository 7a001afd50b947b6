"""The action that is expected to bring most, beside each score; null in scores from before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column."""
    op.add_column("scores", sa.Column("best_action", sa.Text))
