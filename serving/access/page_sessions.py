"""Sessions of the pages: a principal that signed in goes in, a token for its cookie comes out; and the way back.

The database keeps a digest of the token, so that whoever reads the database or a backup cannot take a session over. The
session of a key names no rights: the gate looks the key up at every request, so a revoked key ends its sessions at
once. The session of who signed in at the issuer keeps the rights that the issuer gave then, until it ends. A form
carries a digest under the cookie's value as its key, which another site cannot know.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from serving.access.principal import Principal
from serving.clock import utc_now
from serving.database.engine import reading, writing
from serving.database.metadata import Instant, metadata

#: How long a session lasts: one working day.
LASTS = timedelta(hours=12)
FORM = b"churn-risk form 1"

#: `granted`: the issuer and the rights that it gave at the sign-in; null for the sessions of keys.
SESSIONS = sa.Table(
    "page_sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("principal", sa.String(256), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("granted", sa.JSON(none_as_null=True)),
    sa.Index("page_sessions_by_end", "expires_at"),
)


@dataclass(frozen=True)
class Session:
    """Whose session it is; `granted` are the rights that an `issuer` gave at the sign-in, None where a key has them."""

    principal_id: str
    granted: Principal | None = None
    issuer: str | None = None


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def form_token(cookie: str) -> str:
    """Return what a form has to send along, so that it is known to come from a page of ours.

    Examples
    --------
    >>> form_token("a") == form_token("a"), form_token("a") == form_token("b"), len(form_token("a"))
    (True, False, 64)
    """
    return hmac.digest(cookie.encode(), FORM, "sha256").hex()


def is_form_token(sent: str, cookie: str) -> bool:
    """Whether a form sent the token that belongs to a cookie."""
    return hmac.compare_digest(sent.encode("utf-8", "replace"), form_token(cookie).encode())


class SessionStore:
    """The sessions of a database.

    Parameters
    ----------
    engine : Engine
    now : callable
        The clock.

    Every method may raise `serving.errors.StoreUnavailable`.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime] = utc_now) -> None:
        self._engine, self._now = engine, now

    def begin(self, principal: Principal, issuer: str | None = None) -> str:
        """Begin a session and return its token; sessions that have ended are removed.

        Parameters
        ----------
        principal : Principal
        issuer : str, optional
            Who gave the principal its rights; without one its key has them.
        """
        token, now, granted = new_token(), self._now(), None
        if issuer is not None:
            granted = {"issuer": issuer, "scopes": sorted(principal.scopes), "manager": principal.account_managers}
        row = {"digest": _digest(token), "principal": principal.id, "created_at": now, "expires_at": now + LASTS}
        with writing(self._engine) as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            connection.execute(sa.insert(SESSIONS), row | {"granted": granted})
        return token

    def session(self, token: str) -> Session | None:
        """Return a session; None when there is no such session, or it has ended."""
        mine = (SESSIONS.c.digest == _digest(token)) & (SESSIONS.c.expires_at > self._now())
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(SESSIONS.c.principal, SESSIONS.c.granted).where(mine)).one_or_none()
        if row is None or row.granted is None:
            return None if row is None else Session(row.principal)
        managers = row.granted["manager"]  # One name in sessions from before there were several.
        managers = (managers,) if isinstance(managers, str) else managers and tuple(managers)
        granted = Principal(row.principal, frozenset(row.granted["scopes"]), managers)
        return Session(row.principal, granted, row.granted["issuer"])

    def end(self, token: str) -> None:
        """End a session, if there is one."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.digest == _digest(token)))


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()
