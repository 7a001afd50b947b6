"""The rights that an issuer gave to who signed in there, beside the session; null in the sessions of keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add the column."""
    op.add_column("page_sessions", sa.Column("granted", sa.JSON))
