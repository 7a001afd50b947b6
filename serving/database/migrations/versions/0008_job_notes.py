"""What a job's answers say of the models that scored it: grades by version, and cautions; null in jobs from before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("jobs", sa.Column("notes", sa.JSON))
