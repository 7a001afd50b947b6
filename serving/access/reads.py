"""The audit of who read which account, in a table of its own: written in batches, listed, kept for a time.

A line says when, who (a principal's id, never a name), by which route, what was shown and of which account. The account
stands there as its id and as a digest of it. When an account is forgotten its id is removed and the digest stays: the
audit must survive what it tells of, and who knows the id can still ask who has read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.database.metadata import AnyText, Instant, metadata
from serving.privacy import account_key

#: What was shown: the score with its reasons, the report, a row of a list, a new link to the report, a job's result,
#: next steps.
What = Literal["risk", "report", "list", "link", "job result", "steps"]
COLUMNS = ("at", "principal", "what", "route", "account_id", "request_id")

READS = sa.Table(
    "account_reads",
    metadata,
    sa.Column("read_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("principal", sa.String(256), nullable=False),
    sa.Column("route", sa.String(128), nullable=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("account_id", AnyText),
    sa.Column("account_key", sa.String(64), nullable=False),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Index("account_reads_by_account", "account_key", "at"),
    sa.Index("account_reads_by_time", "at"),
)


@dataclass(frozen=True)
class Read:
    """One answer that showed accounts.

    Attributes
    ----------
    at : datetime
    principal : str
        Who read: `key:<id>`, `oidc:<hash>`, `local`, or `link:` and the maker of the link.
    route : str
        The route's template.
    what : str
    account_ids : tuple of str
    request_id : str
        The request's id in the service's logs.
    """

    at: datetime
    principal: str
    route: str
    what: What
    account_ids: tuple[str, ...]
    request_id: str

    def rows(self) -> list[dict[str, Any]]:
        """Return one row of the table for each account."""
        same = {name: getattr(self, name) for name in ("at", "principal", "route", "what", "request_id")}
        return [same | {"account_id": each, "account_key": account_key(each)} for each in self.account_ids]


def write_reads(connection: Connection, reads: Sequence[Read]) -> None:
    """Write the lines of some answers."""
    rows = [row for read in reads for row in read.rows()]
    if rows:
        connection.execute(sa.insert(READS), rows)


def list_reads(
    connection: Connection,
    account_id: str | None = None,
    principal: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return lines, newest first.

    Parameters
    ----------
    account_id, principal : str, optional
        Only lines about this account, which may have been forgotten; only lines of this reader.
    since : datetime, optional
        Only lines from this instant on.
    limit : int, optional
        Most lines.
    """
    query = sa.select(*(READS.c[name] for name in COLUMNS)).order_by(READS.c.at.desc(), READS.c.read_id.desc())
    if account_id is not None:
        query = query.where(READS.c.account_key == account_key(account_id))
    if principal is not None:
        query = query.where(READS.c.principal == principal)
    if since is not None:
        query = query.where(READS.c.at >= since)
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def purge_reads(connection: Connection, before: datetime) -> int:
    """Delete the lines from before an instant; return how many."""
    return connection.execute(sa.delete(READS).where(READS.c.at < before)).rowcount


def pseudonymise_reads(connection: Connection, account_id: str) -> int:
    """Remove an account's id from its lines, which stay with its digest; return how many lines had it."""
    named = (READS.c.account_key == account_key(account_id)) & READS.c.account_id.is_not(None)
    return connection.execute(sa.update(READS).where(named).values(account_id=None)).rowcount
