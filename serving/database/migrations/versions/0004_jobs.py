"""Jobs of bulk scoring with their accounts, and the answers that an Idempotency-Key replays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    _idempotency()
    _jobs()


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("record_id", sa.String(36), primary_key=True),
        sa.Column("principal", sa.String(256), nullable=False),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("claimed_until", sa.String(40)),
        sa.Column("status", sa.Integer),
        sa.Column("headers", sa.JSON),
        sa.Column("body", sa.LargeBinary),
        sa.Column("expires_at", sa.String(40), nullable=False),
        sa.UniqueConstraint("principal", "operation", "key", name="idempotency_once"),
    )
    op.create_index("idempotency_by_expiry", "idempotency", ["expires_at"])
    op.create_table(
        "idempotency_accounts",
        sa.Column(
            "record_id", sa.String(36), sa.ForeignKey("idempotency.record_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("account_key", sa.String(64), primary_key=True),
    )
    op.create_index("idempotency_by_account", "idempotency_accounts", ["account_key"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(36), primary_key=True),
        sa.Column("principal", sa.String(256), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("accounts", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("model_versions", sa.JSON, nullable=False),
        sa.Column("given_up", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.String(40), nullable=False),
        sa.Column("started_at", sa.String(40)),
        sa.Column("finished_at", sa.String(40)),
        sa.Column("expires_at", sa.String(40)),
    )
    op.create_index("jobs_newest", "jobs", ["created_at", "job_id"])
    op.create_index("jobs_by_expiry", "jobs", ["expires_at"])
    op.create_table(
        "job_accounts",
        sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("account_id", sa.Text),
        sa.Column("account_key", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("payload", sa.LargeBinary),
        sa.Column("outcome", sa.LargeBinary),
    )
    op.create_index("job_accounts_by_account", "job_accounts", ["account_key"])
    op.create_table(
        "job_chunks",
        sa.Column("chunk_id", sa.Integer, primary_key=True),
        sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("claim", sa.String(36)),
        sa.Column("claimed_until", sa.String(40)),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_index("job_chunks_by_job", "job_chunks", ["job_id"])
