"""What an unfinished scoring run is made of, so that the same command can go on with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column."""
    op.add_column("score_runs", sa.Column("fingerprint", sa.String(64)))
