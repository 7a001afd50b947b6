"""The audit of who read which account: a line an account and answer, and the digest of an id that is forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "account_reads",
        sa.Column("read_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, primary_key=True),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("principal", sa.String(256), nullable=False),
        sa.Column("route", sa.String(128), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("account_id", sa.Text),
        sa.Column("account_key", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
    )
    op.create_index("account_reads_by_account", "account_reads", ["account_key", "at"])
    op.create_index("account_reads_by_time", "account_reads", ["at"])
