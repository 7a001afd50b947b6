"""Signs people in at the OIDC issuer: a browser goes to an address of the issuer and comes back with a code.

This is the authorization-code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636), state and nonce. Every attempt has
one secret, which only the browser's cookie holds; state, nonce and verifier are digests under it, so that nothing of an
attempt is stored here, and an answer counts in the browser alone that has asked.

No library stands between: Authlib 1.9 has deprecated its client over httpx, and bounds neither size nor time of an
answer; oauthlib refuses an issuer on this machine. The tokens are checked by PyJWT, as those of the API are.
"""

from __future__ import annotations

import hmac
import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx

from serving.access.discovery import Discovery, Endpoints
from serving.access.issuer import FAILED_SECONDS, TIMEOUT_SECONDS, answered
from serving.access.principal import Principal
from serving.access.tokens import TokenVerifier, verifier_of
from serving.errors import IssuerAway, IssuerWrong, SignInRefused, SignInStale, Unauthenticated
from serving.settings import ServiceSettings

STATE, NONCE, VERIFIER = b"state", b"nonce", b"verifier"
log = logging.getLogger("churn_risk.access")


@dataclass(frozen=True)
class OidcClient:
    """What the issuer knows this service as: `secret` is empty for a public client, `scopes` are words in a text."""

    id: str
    secret: str
    scopes: str


class CodeFlow:
    """The sign-in at one issuer.

    Parameters
    ----------
    client : OidcClient
    verifier : TokenVerifier
        For tokens whose audience is the client.
    discovery : Discovery
    """

    def __init__(self, client: OidcClient, verifier: TokenVerifier, discovery: Discovery) -> None:
        self._client, self._verifier, self._discovery = client, verifier, discovery

    @property
    def issuer(self) -> str:
        """The issuer's address."""
        return self._discovery.issuer

    def address(self, secret: str, back: str) -> str:
        """Return where a browser goes to sign in; raises IssuerAway.

        Parameters
        ----------
        secret : str
            Of this attempt; nobody else may know it.
        back : str
            Where the issuer sends the browser afterwards, as it is registered there.
        """
        challenge = sha256(derived(secret, VERIFIER).encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": back,
            "scope": self._client.scopes,
            "state": derived(secret, STATE),
            "nonce": derived(secret, NONCE),
            "code_challenge": _encoded(challenge),
            "code_challenge_method": "S256",
        }
        return _with(self._discovery.endpoints_now().authorization, asked)

    def principal(self, secret: str, back: str, answer: Mapping[str, str]) -> Principal:
        """Return who has signed in.

        Parameters
        ----------
        answer : mapping
            The fields that the browser has brought back.

        Raises
        ------
        SignInStale
            When it answers no question of this browser, or its code has expired or is used up.
        SignInRefused, ScopeMissing, IssuerAway
        """
        if not secret or not hmac.compare_digest(answer.get("state", "").encode(), derived(secret, STATE).encode()):
            raise SignInStale("the answer of the issuer belongs to no sign-in of this browser")
        endpoints = self._discovery.endpoints()
        if answer.get("iss", "" if endpoints.names_itself else self.issuer) != self.issuer:
            raise _refused(f"the answer is of another issuer, {answer.get('iss')!r:.200}")
        if not answer.get("code"):
            raise _refused(f"the issuer answers {answer.get('error')!r:.200}")
        token = self._id_token(endpoints, secret, back, answer["code"])
        try:
            return self._verifier.signed_in(token, self._client.id, derived(secret, NONCE))
        except Unauthenticated as error:
            raise _refused(f"the ID token does not hold: {error}") from error

    def end_session(self, back: str) -> str | None:
        """Return where a browser is signed out at the issuer; None where there is no such place. Raises IssuerAway."""
        address = self._discovery.endpoints().end_session
        asked = {"client_id": self._client.id, "post_logout_redirect_uri": back}
        return None if address is None else _with(address, asked)

    def _id_token(self, endpoints: Endpoints, secret: str, back: str, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": derived(secret, VERIFIER),
        }
        auth = None
        if self._client.secret and endpoints.basic:
            # Encoded before they are joined (RFC 6749, 2.3.1): a secret may hold a colon, or what is not ASCII.
            auth = httpx.BasicAuth(quote_plus(self._client.id), quote_plus(self._client.secret))
        else:
            form |= {"client_id": self._client.id}
            form |= {"client_secret": self._client.secret} if self._client.secret else {}
        try:
            with httpx.Client(timeout=TIMEOUT_SECONDS, auth=auth) as client:
                status, tokens = answered(client, "POST", endpoints.token, data=form)
        except (httpx.HTTPError, IssuerWrong) as error:
            log.warning("issuer %s gives no tokens: %s", self.issuer, error)
            raise IssuerAway("the issuer of tokens does not answer", int(FAILED_SECONDS)) from error
        return self._read(status, tokens if isinstance(tokens, dict) else {})

    def _read(self, status: int, tokens: Mapping[str, Any]) -> str:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise IssuerAway("the issuer of tokens does not answer", int(FAILED_SECONDS))
        if tokens.get("error") == "invalid_grant":
            raise SignInStale("the issuer takes this code no more")
        if status != HTTPStatus.OK or not isinstance(tokens.get("id_token"), str):
            raise _refused(f"the token endpoint answers {status}, {tokens.get('error')!r:.200}, without an ID token")
        return str(tokens["id_token"])


def flow_of(settings: ServiceSettings, tick: Callable[[], float]) -> CodeFlow | None:
    """Return the sign-in that the settings ask for; None where they name no client."""
    issuer, client_id = settings.oidc_issuer, settings.oidc_client_id
    verifier = verifier_of(settings, client_id, tick)
    if issuer is None or client_id is None or verifier is None:
        return None
    return CodeFlow(
        OidcClient(client_id, settings.oidc_secret(), settings.oidc_scopes), verifier, Discovery(issuer, tick)
    )


def derived(secret: str, purpose: bytes) -> str:
    """Return what an attempt sends for a purpose; who sees one of them learns neither the secret nor another.

    Examples
    --------
    >>> len(derived("a", VERIFIER)), derived("a", STATE) == derived("a", NONCE)
    (43, False)
    """
    return _encoded(hmac.digest(secret.encode("utf-8", "replace"), b"churn-risk sign-in 1 " + purpose, "sha256"))


def _encoded(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _with(address: str, fields: Mapping[str, str]) -> str:
    """Return an address with more fields; it may have some of its own."""
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(fields)}"


def _refused(why: str) -> SignInRefused:
    log.warning("sign-in refused: %s", why)
    return SignInRefused(why)
