"""API keys in the database: scopes go in; a key and its token `crk_<id>_<secret>`, shown once, come out.

The database keeps only the SHA-256 digest of the secret. A secret has 256 random bits, so nobody can try all of them,
however fast the digest is. Passwords need a slow hash because people choose them; here it would only slow down every
request. A rotated key keeps its id and its rights, and its old secret stays valid for a while beside the new one. A
revoked key stays listed.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from features.errors import InputError
from serving.access.principal import SCOPES, Principal, Scope
from serving.clock import utc_now
from serving.database.engine import reading, writing
from serving.database.metadata import Instant, metadata
from serving.errors import KeyExpired, KeyRevoked, KeyUnknown

PREFIX = "crk_"
OVERLAP = timedelta(days=7)
State = Literal["usable", "expired", "revoked"]
#: The digest that is compared if there is no such key, so that an unknown id takes as long as a known one.
NOBODY = sha256(b"no key").hexdigest()

KEYS = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("scopes", sa.JSON, nullable=False),
    # One name, or several as a JSON list.
    sa.Column("account_manager", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.Column("last_used_on", sa.Date),
)
SECRETS = sa.Table(
    "api_key_secrets",
    metadata,
    sa.Column("key_id", sa.String(32), sa.ForeignKey("api_keys.id"), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("valid_until", Instant),
)


@dataclass(frozen=True)
class Secret:
    """The digest of one secret, and the end of its validity; None: it is valid as long as the key."""

    digest: str
    valid_until: datetime | None


@dataclass(frozen=True)
class ApiKey:
    """A key as the database keeps it.

    Attributes
    ----------
    id : str
        The public part; logs show it.
    name : str or None
        Its purpose, in its maker's words.
    scopes : frozenset of Scope
    account_managers : tuple of str, or None
        The key sees the accounts of these account managers only; None: all.
    created_at, expires_at, revoked_at : datetime or None
        From `expires_at` and `revoked_at` on it is refused.
    last_used_on : date or None
        The day (UTC) of the last use, which suffices to find keys that nobody uses.
    """

    id: str
    name: str | None
    scopes: frozenset[Scope]
    account_managers: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: date | None
    secrets: tuple[Secret, ...] = field(repr=False, default=())

    def state(self, at: datetime) -> State:
        """Return whether it can be used at an instant, or why not."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and at >= self.expires_at else "usable"

    @property
    def principal(self) -> Principal:
        """The principal of a caller with this key."""
        return Principal(f"key:{self.id}", self.scopes, self.account_managers)

    def as_dict(self, at: datetime) -> dict[str, Any]:
        """Return it as plain values, without its secrets; `account_manager` is the one name, or all in one text."""
        names = ("id", "name", "created_at", "expires_at", "revoked_at", "last_used_on")
        values = {name: getattr(self, name) for name in names}
        plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
        managers = self.account_managers
        plain |= {
            "account_manager": None if managers is None else ", ".join(managers),
            "account_managers": None if managers is None else list(managers),
        }
        return plain | {"scopes": [scope for scope in SCOPES if scope in self.scopes], "state": self.state(at)}


def digest_of(secret: str) -> str:
    """Return the digest of a secret, which the database keeps."""
    return sha256(secret.encode()).hexdigest()


def matching(keys: Mapping[str, ApiKey], token: str, at: datetime) -> ApiKey | None:
    """Return the key whose secret a token holds, whatever the key's state; None if there is none.

    An unknown id takes the same work as a known one: one digest, and a comparison that looks at every character.
    """
    identifier, _, secret = token.removeprefix(PREFIX).partition("_")
    sent = digest_of(secret)
    key = keys.get(identifier)
    kept = (
        [stored.digest for stored in key.secrets if stored.valid_until is None or at < stored.valid_until]
        if key
        else []
    )
    matches = [hmac.compare_digest(sent, digest) for digest in kept or [NOBODY]]
    return key if kept and any(matches) else None


class KeyStore:
    """The keys of a database.

    Parameters
    ----------
    engine : Engine
        See `serving.database.engine.open_database`.
    now : callable
        The clock.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self.now = now

    def create(
        self,
        scopes: Collection[str],
        account_manager: str | Sequence[str] | None = None,
        expires_at: datetime | None = None,
        name: str | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; return it and its token. The token cannot be recovered later.

        Parameters
        ----------
        scopes : collection of str
            One or more of `SCOPES`.
        account_manager : str or sequence of str, optional
            The key sees the accounts of this account manager only, or of these; None: all.
        expires_at : datetime, optional
            The instant from which it is refused; None: it does not expire.
        name : str, optional
            Its purpose.

        Raises
        ------
        InputError
            When a scope is missing or unknown, the account manager is empty or combined with admin, or `expires_at`
            is not in the future.
        """
        now = self.now()
        if not scopes or not set(scopes) <= set(SCOPES):
            raise InputError(f"scopes={sorted(scopes)}: one or more of {', '.join(SCOPES)} are expected")
        managers = [account_manager] if isinstance(account_manager, str) else account_manager
        if managers is not None and not (managers and all(each.strip() for each in managers)):
            raise InputError("account_manager: an empty name would see no account")
        if managers is not None and "admin" in scopes:
            raise InputError("scopes: admin sees everybody's jobs and metrics, so it goes with no account_manager")
        if expires_at is not None and expires_at <= now:
            raise InputError(f"expires_at={expires_at.isoformat()}: lies in the past")
        identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {"id": identifier, "name": name, "account_manager": _kept(managers), "expires_at": expires_at}
        with writing(self._engine) as connection:
            connection.execute(sa.insert(KEYS), row | {"scopes": sorted(set(scopes)), "created_at": now})
            _add_secret(connection, identifier, secret, now)
        return self.get(identifier), f"{PREFIX}{identifier}_{secret}"

    def rotate(self, identifier: str, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
        """Give a key a new secret; older secrets end after the overlap. Return the key and its token.

        Raises
        ------
        KeyUnknown, KeyRevoked, KeyExpired
        """
        now, secret = self.now(), secrets.token_urlsafe(32)
        mine = SECRETS.c.key_id == identifier
        with writing(self._engine) as connection:
            row = _demand(connection, identifier)
            if row["revoked_at"] is not None:
                raise KeyRevoked(f"key {identifier} is revoked: create another one")
            if row["expires_at"] is not None and row["expires_at"] <= now:
                raise KeyExpired(f"key {identifier} has expired, and a new secret with it: create another key")
            connection.execute(sa.delete(SECRETS).where(mine, SECRETS.c.valid_until <= now))
            later = sa.or_(SECRETS.c.valid_until.is_(None), SECRETS.c.valid_until > now + overlap)
            connection.execute(sa.update(SECRETS).where(mine, later).values(valid_until=now + overlap))
            _add_secret(connection, identifier, secret, now)
        return self.get(identifier), f"{PREFIX}{identifier}_{secret}"

    def revoke(self, identifier: str) -> ApiKey:
        """End a key for good; a key that is already revoked does not change. Raises KeyUnknown."""
        with writing(self._engine) as connection:
            _demand(connection, identifier)
            mine = (KEYS.c.id == identifier) & KEYS.c.revoked_at.is_(None)
            connection.execute(sa.update(KEYS).where(mine).values(revoked_at=self.now()))
        return self.get(identifier)

    def list(self) -> tuple[ApiKey, ...]:
        """Return every key that was ever made, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id)).mappings().all()
            kept = connection.execute(sa.select(SECRETS)).mappings().all()
        mine: dict[str, list[Secret]] = {row["id"]: [] for row in rows}
        for row in kept:
            mine[row["key_id"]].append(Secret(row["digest"], row["valid_until"]))
        return tuple(_key(dict(row), mine[row["id"]]) for row in rows)

    def get(self, identifier: str) -> ApiKey:
        """Return one key; raises KeyUnknown."""
        by_id = {key.id: key for key in self.list()}
        if identifier not in by_id:
            raise KeyUnknown(f"there is no key {identifier!r}; `churn-risk keys list` shows them")
        return by_id[identifier]

    def note_use(self, identifier: str, day: date) -> None:
        """Record that a key was used on a day; an earlier day is overwritten, a later one stays."""
        earlier = sa.or_(KEYS.c.last_used_on.is_(None), KEYS.c.last_used_on < day)
        with writing(self._engine) as connection:
            connection.execute(sa.update(KEYS).where(KEYS.c.id == identifier, earlier).values(last_used_on=day))


def _key(row: dict[str, Any], kept: Collection[Secret]) -> ApiKey:
    managers = _managers(row.pop("account_manager"))
    return ApiKey(**{**row, "scopes": frozenset(row["scopes"])}, account_managers=managers, secrets=tuple(kept))


def _kept(managers: Sequence[str] | None) -> str | None:
    """Return account managers as the column has them: one as its name, several as a JSON list."""
    names = None if managers is None else list(dict.fromkeys(managers))
    if names is None or (len(names) == 1 and not names[0].startswith("[")):
        return None if names is None else names[0]
    return json.dumps(names, ensure_ascii=False)


def _managers(kept: str | None) -> tuple[str, ...] | None:
    """Return the account managers in the column; a text that is no JSON list of texts is one name."""
    if kept is None or not kept.startswith("["):
        return None if kept is None else (kept,)
    try:
        names = json.loads(kept)
    except ValueError:
        return (kept,)
    return tuple(names) if names and all(isinstance(name, str) for name in names) else (kept,)


def _add_secret(connection: Connection, identifier: str, secret: str, now: datetime) -> None:
    row = {"key_id": identifier, "digest": digest_of(secret), "created_at": now, "valid_until": None}
    connection.execute(sa.insert(SECRETS), row)


def _demand(connection: Connection, identifier: str) -> Mapping[str, Any]:
    row = connection.execute(sa.select(KEYS).where(KEYS.c.id == identifier)).mappings().first()
    if row is None:
        raise KeyUnknown(f"there is no key {identifier!r}; `churn-risk keys list` shows them")
    return dict(row)
