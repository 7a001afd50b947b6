"""The tables of jobs: a job, its accounts, and its chunks that are not scored yet.

A claim changes one row of `job_chunks`. That table holds only open work: the transaction that writes a chunk's outcomes
deletes its row. A job's `notes` hold the grades of the models that scored it, by version, and what they warn of; null
until then. An account's input and its outcome are compressed JSON; the outcome replaces the input.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from serving.database.metadata import AnyText, Instant, metadata

JobStatus = Literal["queued", "running", "done", "cancelled", "failed"]
AccountState = Literal["queued", "done", "failed", "cancelled"]
#: The final states of a job.
FINISHED: tuple[JobStatus, ...] = ("done", "cancelled", "failed")

JOBS = sa.Table(
    "jobs",
    metadata,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("principal", sa.String(256), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("accounts", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("model_versions", sa.JSON, nullable=False),
    sa.Column("given_up", sa.Boolean, nullable=False),
    sa.Column("notes", sa.JSON),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("expires_at", Instant),
    sa.Index("jobs_newest", "created_at", "job_id"),
    sa.Index("jobs_by_expiry", "expires_at"),
)
ACCOUNTS = sa.Table(
    "job_accounts",
    metadata,
    sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("account_id", AnyText),
    sa.Column("account_key", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("outcome", sa.LargeBinary),
    sa.Index("job_accounts_by_account", "account_key"),
)
CHUNKS = sa.Table(
    "job_chunks",
    metadata,
    sa.Column("chunk_id", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.String(36), sa.ForeignKey("jobs.job_id", ondelete="CASCADE"), nullable=False),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("last", sa.Integer, nullable=False),
    sa.Column("claim", sa.String(36)),
    sa.Column("claimed_until", Instant),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("job_chunks_by_job", "job_id"),
)


def packed(value: Any) -> bytes:
    """Return a value, which may hold dates and dataclasses, as compressed JSON."""
    return zlib.compress(msgspec.json.encode(value), 1)


def packed_text(text: str) -> bytes:
    """Return JSON text, compressed."""
    return zlib.compress(text.encode("utf-8"), 1)


def unpacked(content: bytes) -> Any:
    """Return the value of compressed JSON, parsed like a request's body."""
    return json.loads(zlib.decompress(content))
