"""The public keys of an OIDC issuer: an issuer's address and a key's id go in, a key comes out.

The keys are cached for a while, and fetched again when a token names an unknown key.
`<issuer>/.well-known/openid-configuration` names the address of the keys (OpenID Connect Discovery 1.0). The service
only sends two requests for public documents.

PyJWT's `PyJWKClient` is not used: it reads an answer of any size for any time, makes every caller wait while it
fetches, forgets known keys as soon as they are not fresh, and does not support a key without an id.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any

import httpx
import jwt

from serving.errors import IssuerAway, IssuerWrong
from serving.networks import is_secure

#: Asymmetric algorithms only: `none` proves nothing, and a symmetric one would use the public key as a secret.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
WELL_KNOWN = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 5.0
LARGEST_BYTES = 2**20
#: Keys are fetched again after ten minutes; if the issuer is away, known keys stay valid for an hour.
FRESH_SECONDS, STALE_SECONDS = 600.0, 3600.0
#: Tokens with an unknown key cause at most one fetch a minute; after a failed fetch the next one waits ten seconds.
UNKNOWN_SECONDS, FAILED_SECONDS = 60.0, 10.0
log = logging.getLogger("churn_risk.access")


class IssuerKeys:
    """The keys of one issuer.

    Parameters
    ----------
    issuer : str
        Its address, as in the claim `iss` of tokens.
    tick : callable
        A clock that only goes forward, in seconds.
    """

    def __init__(self, issuer: str, tick: Callable[[], float] = monotonic) -> None:
        self._issuer, self._tick = issuer, tick
        self._lock = threading.Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = self._failed_at = float("-inf")

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        """Return a key by its id, None if the issuer has no such key; raises IssuerAway."""
        known = self._younger(kid, FRESH_SECONDS)
        if known is not None:
            return known
        if self._lock.acquire(timeout=0 if self._keys else TIMEOUT_SECONDS):
            return self._known(kid)
        # Another thread is fetching. Known keys stay valid. A caller with an unknown key is refused, since otherwise
        # all threads would wait here.
        known = self._younger(kid, STALE_SECONDS)
        if known is None:
            raise IssuerAway("the keys of the issuer of tokens are being fetched", 1)
        return known

    def _younger(self, kid: str | None, seconds: float) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self._tick() - self._fetched_at < seconds else None

    def _known(self, kid: str | None) -> jwt.PyJWK | None:
        """Return a key after a fetch, if one is due; release the lock."""
        try:
            now = self._tick()
            if self._younger(kid, FRESH_SECONDS) is None and self._due(now):
                self._fetch(now)
            known = now - self._fetched_at < STALE_SECONDS
            if known and kid in self._keys:
                return self._keys[kid]
            if not known or self._failed_at > self._fetched_at:
                raise IssuerAway("the issuer of tokens does not answer", int(FAILED_SECONDS))
            return None
        finally:
            self._lock.release()

    def _due(self, now: float) -> bool:
        if now - self._failed_at < FAILED_SECONDS:
            return False
        return now - self._fetched_at >= FRESH_SECONDS or now - self._tried_at >= UNKNOWN_SECONDS

    def _fetch(self, now: float) -> None:
        self._tried_at = now
        try:
            self._keys = _keys(self._issuer)
            self._fetched_at = now
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, IssuerWrong) as error:
            self._failed_at = now
            log.warning("the keys of issuer %s cannot be had: %s", self._issuer, error)


def _keys(issuer: str) -> dict[str | None, jwt.PyJWK]:
    """Return an issuer's signing keys by id; a single key also serves tokens that name no key."""
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        where = secure_address(configuration(client, issuer), "jwks_uri")
        every = jwt.PyJWKSet.from_dict(_document(client, where)).keys
    keys = [key for key in every if key.public_key_use in (None, "sig") and key.algorithm_name in ALGORITHMS]
    named: dict[str | None, jwt.PyJWK] = {key.key_id: key for key in keys}
    return named | ({None: keys[0]} if len(keys) == 1 else {})


def configuration(client: httpx.Client, issuer: str) -> dict[str, Any]:
    """Return an issuer's discovery document; raises IssuerWrong where it is another issuer's."""
    found = _document(client, issuer.rstrip("/") + WELL_KNOWN)
    if found.get("issuer") != issuer:
        raise IssuerWrong(f"{issuer} says it is {found.get('issuer')!r}")
    return found


def secure_address(document: Mapping[str, Any], name: str) -> str:
    """Return an address that a discovery document names; raises IssuerWrong where it is missing or not https."""
    where = str(document.get(name))
    if not is_secure(where):
        raise IssuerWrong(f"{name} {where!r} is not https")
    return where


def answered(client: httpx.Client, method: str, address: str, **sent: Any) -> tuple[int, Any]:
    """Return status and JSON of an answer, if it is small and arrives in time; None in place of what is no JSON.

    httpx's time-out applies to each piece, not to the whole.
    """
    until, read = monotonic() + TIMEOUT_SECONDS, b""
    with client.stream(method, address, headers={"Accept": "application/json"}, **sent) as answer:
        for piece in answer.iter_bytes():
            read += piece
            if len(read) > LARGEST_BYTES or monotonic() > until:
                raise IssuerWrong(f"{address} is larger than {LARGEST_BYTES:,} bytes, or takes more than some seconds")
    try:
        return answer.status_code, json.loads(read)
    except (ValueError, RecursionError):
        return answer.status_code, None


def _document(client: httpx.Client, address: str) -> dict[str, Any]:
    status, document = answered(client, "GET", address)
    if status != HTTPStatus.OK or not isinstance(document, dict):
        raise IssuerWrong(f"{address} answers {status}, or is no JSON object")
    return document
