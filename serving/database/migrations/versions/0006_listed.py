"""What a list shows of an account beside its score: name and reasons as texts; null in the rows that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns."""
    for name in ("name", "reason_1", "reason_2", "reason_3"):
        op.add_column("scores", sa.Column(name, sa.Text))
