"""The tables of digests: what was sent to whom in which week, and how the accounts stood then.

`state` is "sending" before anything goes out, "sent" or "failed" after it. A row that stays "sending" belongs to a
process that died in between: its digest may have been sent. `number` is 1 but for digests that were sent again.
"""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa

from serving.database.metadata import AnyText, Instant, metadata

Channel = Literal["mail", "slack"]
State = Literal["sending", "sent", "failed"]

DIGESTS = sa.Table(
    "digests",
    metadata,
    sa.Column("digest_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account_manager", AnyText, nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("period", sa.String(16), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("model_version", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.UniqueConstraint("account_manager", "channel", "period", "number", name="digests_once"),
    sqlite_autoincrement=True,
)
#: Every account of the manager; `listed`: whether the digest named it as one to call.
STANDINGS = sa.Table(
    "digest_standings",
    metadata,
    sa.Column(
        "digest_id", sa.Integer, sa.ForeignKey("digests.digest_id", name="digest_standings_digest"), primary_key=True
    ),
    sa.Column("account_id", AnyText, primary_key=True),
    sa.Column("band", sa.String(16), nullable=False),
    sa.Column("threat", sa.Boolean, nullable=False),
    sa.Column("churn_probability", sa.Double, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Index("digest_standings_by_account", "account_id"),
)
