"""Who is let in: a caller with its credential goes in, a `Principal` comes out, or a refusal is raised.

While no key was ever made and no issuer is set, only this machine is let in, as `LOCAL`. From the first key on, or with
an issuer, everybody needs a credential, this machine too, and so it stays when the last key is revoked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy.engine import Engine

from serving.access.issuer import IssuerKeys
from serving.access.key_ring import KeyRing
from serving.access.keys import PREFIX, KeyStore
from serving.access.links import REFUSED, Link, LinkSigner
from serving.access.principal import LOCAL, Principal
from serving.access.rates import Rates
from serving.access.tokens import TokenRules, TokenVerifier
from serving.clock import utc_now
from serving.errors import Closed, IssuerAway, LinkRefused, StoreUnavailable, Unauthenticated
from serving.settings import ServiceSettings

#: Under these names failures are counted: all keys that are not there are one, all links too.
UNKNOWN, TOKEN, LINK = "unknown key", "token", "link"
#: For as long a request waits for the keys to be read.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Caller:
    """What counts of a request.

    Attributes
    ----------
    credential : str or None
        What was sent, whatever it is.
    address : str
        Where it comes from.
    local : bool
        Whether it is this machine that asks, or what cannot be told from it.
    """

    credential: str | None
    address: str
    local: bool


class Gate:
    """Lets in or refuses.

    Parameters
    ----------
    engine : Engine
        The database with the keys.
    settings : ServiceSettings
    now, tick : callable
        The clock, and one that only goes forward (seconds).

    Attributes
    ----------
    signer : LinkSigner or None
        None where no secret is set: there are no links then.
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
        self._tokens = _verifier(settings, tick)
        secrets = settings.secrets()
        self.signer = LinkSigner(secrets) if secrets else None
        self.now = now
        # Pools of their own: neither a slow database nor a slow issuer takes the threads that answer requests.
        self._database = ThreadPoolExecutor(1, "keys")
        self._notes = ThreadPoolExecutor(1, "key-use")
        self._network = ThreadPoolExecutor(2, "tokens")
        self._refreshing: Future[StoreUnavailable | None] | None = None

    async def identify(self, caller: Caller) -> Principal:
        """Return who asks, and count the request.

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

    async def follow(self, token: str, caller: Caller) -> Link:
        """Return what a link's token shows, as long as whoever made it may see it.

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
        """Return when the key ends that somebody asks with; None where it does not, or there is none."""
        key = self._ring.usable(principal.id.removeprefix("key:"))
        return None if key is None else key.expires_at

    def note_use(self, principal: Principal) -> None:
        """Have it written down, beside the request and once a day, that somebody's key was used."""
        key = self._ring.usable(principal.id.removeprefix("key:"))
        day = None if key is None else self._ring.due_note(key)
        if key is not None and day is not None:
            self._notes.submit(self._ring.note_use, key.id, day)

    def close(self) -> None:
        """End its threads, after what is to be written down is written."""
        for pool in (self._database, self._network):
            pool.shutdown(wait=False, cancel_futures=True)
        self._notes.shutdown()

    async def _open(self) -> bool:
        """Whether this machine needs no credential; reads the keys where they are due."""
        if self._ring.due():
            await self._refreshed()
        return self._tokens is None and not self._ring.keys

    async def _refreshed(self) -> None:
        """Wait for the keys to be read, once for all who ask meanwhile; raises StoreUnavailable."""
        self._ring.demand_reachable()
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._database.submit(self._read)
        reading = self._refreshing
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                # Shielded: a caller who leaves must not take the keys from the others.
                failure = await asyncio.shield(asyncio.wrap_future(reading))
        except TimeoutError as error:
            if self._refreshing is reading and not reading.done():
                # Left to itself: nobody may be there at the end of its connection, and that of the next is sound.
                self._database.shutdown(wait=False)
                self._database, self._refreshing = ThreadPoolExecutor(1, "keys"), None
            raise StoreUnavailable("the database is too slow to read the keys from") from error
        if failure is not None:
            raise StoreUnavailable(str(failure)) from failure

    def _read(self) -> StoreUnavailable | None:
        """Read the keys; return a failure, lest all who wait raise the same exception and its trail grows with them."""
        try:
            self._ring.refresh()
        except StoreUnavailable as error:
            return error
        return None

    async def _principal(self, credential: str, address: str) -> Principal:
        if self._tokens is not None and not credential.startswith(PREFIX):
            work = asyncio.get_running_loop().run_in_executor(self._network, self._tokens.principal, credential)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await work
            except TimeoutError as error:
                raise IssuerAway("the issuer of tokens is too slow", round(PATIENCE_SECONDS)) from error
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

    def _failed(self, address: str, name: str) -> None:
        """Count a failure, or raise TooOften.

        Only after one: nothing here can be guessed, and callers behind one address share it, so that whoever has what
        is good must pass whatever others send.
        """
        self._rates.demand_patience(address, name)
        self._rates.fail(address, name)

    def _stands(self, maker: str, is_local: bool) -> bool:
        """Whether whoever made a link may still do so; that of a token cannot be asked, so its links end by time."""
        kind, _, identifier = maker.partition(":")
        if kind == "key":
            key = self._ring.usable(identifier)
            return key is not None and key.principal.may("read")
        return self._tokens is not None if kind == "oidc" else is_local


def has_credentials(engine: Engine, settings: ServiceSettings) -> bool:
    """Whether credentials are demanded: a key was made once, or an issuer is set."""
    return settings.oidc_issuer is not None or bool(KeyStore(engine).list())


def _local(caller: Caller) -> Principal:
    if caller.local:
        return LOCAL
    raise Closed(
        "there are no API keys yet, so that only this machine is answered; "
        "make one with `churn-risk keys create --scope read`"
    )


def _verifier(settings: ServiceSettings, tick: Callable[[], float]) -> TokenVerifier | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    rules = TokenRules(
        settings.oidc_issuer,
        settings.oidc_audience,
        settings.oidc_scope_claim,
        settings.oidc_scope_prefix,
        settings.oidc_account_manager_claim,
    )
    return TokenVerifier(rules, IssuerKeys(settings.oidc_issuer, tick))
