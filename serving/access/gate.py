"""Authenticates callers: a caller with its credential goes in; a `Principal` comes out, or a refusal is raised.

Before the first key is made, and without an issuer, only this machine is let in, as `LOCAL`. After the first key, or
with an issuer, every caller needs a credential, also on this machine, even when the last key is revoked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import TypeVar

from sqlalchemy.engine import Engine

from serving.access.code_flow import flow_of
from serving.access.key_ring import KeyRing
from serving.access.keys import PREFIX, KeyStore
from serving.access.links import REFUSED, Link, LinkSigner
from serving.access.page_sessions import Session
from serving.access.principal import LOCAL, Principal
from serving.access.rates import Rates
from serving.access.tokens import verifier_of
from serving.clock import utc_now
from serving.errors import Closed, IssuerAway, LinkRefused, SignInFailed, StoreUnavailable, Unauthenticated
from serving.settings import ServiceSettings

#: Names under which failures are counted: all unknown keys share one name, and so do all tokens and all links.
UNKNOWN, TOKEN, LINK = "unknown key", "token", "link"
#: A request waits this long for the keys, or for the check of a token.
PATIENCE_SECONDS = 10.0
T = TypeVar("T")


@dataclass(frozen=True)
class Caller:
    """The parts of a request that authentication uses.

    Attributes
    ----------
    credential : str or None
        The credential as it was sent, unchecked.
    address : str
        The caller's address.
    local : bool
        Whether the request comes from this machine, or cannot be told apart from such a request.
    """

    credential: str | None
    address: str
    local: bool


class Gate:
    """Admits callers or refuses them.

    Parameters
    ----------
    engine : Engine
        The database with the keys.
    settings : ServiceSettings
    now : callable
        The clock.
    tick : callable
        A clock that only goes forward, in seconds.

    Attributes
    ----------
    signer : LinkSigner or None
        None if no secret is set: then there are no links.
    flow : CodeFlow or None
        The sign-in at the issuer; None if there is none.
    """

    def __init__(
        self,
        engine: Engine,
        settings: ServiceSettings,
        now: Callable[[], datetime] = utc_now,
        tick: Callable[[], float] = monotonic,
    ) -> None:
        self._ring = KeyRing(KeyStore(engine, now), tick)
        self._rates = Rates(settings.rate_limit)
        self._tokens = verifier_of(settings, settings.oidc_audience, tick)
        self.flow = flow_of(settings, tick)
        secrets = settings.secrets()
        self.signer = LinkSigner(secrets) if secrets else None
        self.now = now
        # Separate pools: neither a slow database nor a slow issuer occupies the threads that answer requests.
        self._database = ThreadPoolExecutor(1, "keys")
        self._notes = ThreadPoolExecutor(1, "key-use")
        self._network = ThreadPoolExecutor(2, "tokens")
        self._had_keys = False
        self._refreshing: Future[StoreUnavailable | None] | None = None

    async def identify(self, caller: Caller) -> Principal:
        """Return the caller's principal, and count the request.

        Raises
        ------
        Closed, Unauthenticated, ScopeMissing, TooOften, IssuerAway, StoreUnavailable
        """
        if await self._open():
            return _local(caller)
        if caller.credential is None:
            raise Unauthenticated("an API key or a token is needed", sent=False)
        principal = await self._principal(caller.credential, caller.address)
        self._rates.admit(principal.id)
        return principal

    async def resume(self, session: Session | None, caller: Caller) -> Principal:
        """Return the principal of a session, and count the request.

        Its rights are those that its key has now, or those that the issuer gave at the sign-in.

        Parameters
        ----------
        session : Session or None
            None without one.

        Raises
        ------
        Closed, Unauthenticated, TooOften, StoreUnavailable
        """
        if await self._open():
            return _local(caller)
        principal = None if session is None else self._of(session)
        if principal is None:
            raise Unauthenticated("nobody is signed in", sent=session is not None)
        self._rates.admit(principal.id)
        return principal

    async def signed_in(self, secret: str, back: str, answer: Mapping[str, str], caller: Caller) -> Principal:
        """Return who comes back from the issuer, and count the request; see `CodeFlow.principal`.

        Raises
        ------
        SignInFailed, ScopeMissing, TooOften, IssuerAway
        """
        assert self.flow is not None
        try:
            principal = await self.at_issuer(self.flow.principal, secret, back, answer)
        except SignInFailed:
            self._failed(caller.address, TOKEN)
            raise
        self._rates.admit(principal.id)
        return principal

    async def at_issuer(self, work: Callable[..., T], *arguments: object) -> T:
        """Return what work gives that may ask the issuer, in a thread of its own; raises IssuerAway when it is slow."""
        running = asyncio.get_running_loop().run_in_executor(self._network, work, *arguments)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await running
        except TimeoutError as error:
            raise IssuerAway("the issuer of tokens is too slow", round(PATIENCE_SECONDS)) from error

    async def follow(self, token: str, caller: Caller) -> Link:
        """Return the link of a token, as long as its maker may still see the account.

        Raises
        ------
        LinkRefused, LinkExpired, TooOften, StoreUnavailable
        """
        is_open = await self._open()
        try:
            if self.signer is None:
                raise LinkRefused(REFUSED)
            link = self.signer.read(token, self.now())
            if not self._stands(link.maker, is_open and caller.local):
                raise LinkRefused(REFUSED)
        except LinkRefused:
            self._failed(caller.address, LINK)
            raise
        self._rates.admit(f"links of {link.maker}")
        return link

    def expiry_of(self, principal: Principal) -> datetime | None:
        """Return when a principal's key expires; None if it does not expire, or if the principal has no key."""
        key = self._ring.usable(principal.id.removeprefix("key:"))
        return None if key is None else key.expires_at

    def demand_reachable(self) -> None:
        """Raise StoreUnavailable if reading the keys failed a moment ago, so that requests are refused still."""
        self._ring.demand_reachable()

    def called(self, principal_id: str) -> str:
        """Return what people call a principal: its key's only account manager, else its label or name in records."""
        key = self._ring.keys.get(principal_id.removeprefix("key:"))
        return (key and (key.principal.sees_one or key.name or key.principal.reader)) or principal_id

    def note_use(self, principal: Principal) -> None:
        """Record the use of a principal's key, once a day and outside the request."""
        key = self._ring.usable(principal.id.removeprefix("key:"))
        day = None if key is None else self._ring.due_note(key)
        if key is not None and day is not None:
            self._notes.submit(self._ring.note_use, key.id, day)

    def close(self) -> None:
        """End the threads, after the pending uses of keys are recorded."""
        for pool in (self._database, self._network):
            pool.shutdown(wait=False, cancel_futures=True)
        self._notes.shutdown()

    async def _open(self) -> bool:
        """Whether this machine needs no credential; reads the keys if they are due."""
        if self._ring.due():
            await self._refreshed()
        # A key stays listed for good. Where all have vanished, the database is another one, and this opens nothing.
        self._had_keys = self._had_keys or bool(self._ring.keys)
        return self._tokens is None and not self._had_keys

    async def _refreshed(self) -> None:
        """Wait until the keys are read; callers that wait at the same time share one read. Raises StoreUnavailable."""
        self._ring.demand_reachable()
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._database.submit(self._read)
        reading = self._refreshing
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Shielded: a caller that leaves must not cancel the read for the others.
                failure = await asyncio.shield(asyncio.wrap_future(reading))
        except TimeoutError as error:
            if self._refreshing is reading and not reading.done():
                # The slow read is abandoned: its connection may be dead, and the next read opens a sound one.
                self._database.shutdown(wait=False)
                self._database, self._refreshing = ThreadPoolExecutor(1, "keys"), None
            raise StoreUnavailable("the database is too slow to read the keys from") from error
        if failure is not None:
            raise StoreUnavailable(str(failure)) from failure

    def _read(self) -> StoreUnavailable | None:
        """Read the keys; return a failure instead of raising it.

        All waiting callers would raise the same exception, and its traceback would grow with each of them.
        """
        try:
            self._ring.refresh()
        except StoreUnavailable as error:
            return error
        return None

    async def _principal(self, credential: str, address: str) -> Principal:
        if self._tokens is not None and not credential.startswith(PREFIX):
            try:
                return await self.at_issuer(self._tokens.principal, credential)
            except Unauthenticated:
                self._failed(address, TOKEN)
                raise
        identifier = credential.removeprefix(PREFIX).partition("_")[0]
        name = identifier if identifier in self._ring.keys else UNKNOWN
        try:
            return self._ring.check(credential).principal
        except Unauthenticated:
            self._failed(address, name)
            raise

    def _of(self, session: Session) -> Principal | None:
        if session.granted is not None:
            return session.granted if self.flow is not None and self.flow.issuer == session.issuer else None
        key = self._ring.usable(session.principal_id.removeprefix("key:"))
        return None if key is None else key.principal

    def _failed(self, address: str, name: str) -> None:
        """Count a failure, or raise TooOften after too many.

        Only failures are limited here. No credential can be guessed, and callers behind one address share it, so a
        caller with a valid credential must pass whatever the others send.
        """
        self._rates.demand_patience(address, name)
        self._rates.fail(address, name)

    def _stands(self, maker: str, is_local: bool) -> bool:
        """Whether the maker of a link may still make it.

        The maker's token is not known any more, so links made with a token are valid until they expire.
        """
        kind, _, identifier = maker.partition(":")
        if kind == "key":
            key = self._ring.usable(identifier)
            return key is not None and key.principal.may("read")
        return self._tokens is not None if kind == "oidc" else is_local


def has_credentials(engine: Engine, settings: ServiceSettings) -> bool:
    """Whether callers need credentials: a key was made at some time, or an issuer is set."""
    return settings.oidc_issuer is not None or bool(KeyStore(engine).list())


def _local(caller: Caller) -> Principal:
    if caller.local:
        return LOCAL
    raise Closed(
        "there are no API keys yet, so that only this machine is answered; "
        "make one with `churn-risk keys create --scope read`"
    )
