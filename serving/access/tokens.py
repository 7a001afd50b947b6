"""OIDC bearer tokens: a signed JWT goes in, a `Principal` comes out.

The token must come from the configured issuer and be meant for this service. The signature (asymmetric algorithms
only), iss, aud, exp, nbf and iat are checked; iss, aud, exp, iat and sub must be present. Scopes are the words of the
claims `scope`, `scp` and `roles` that begin with `churn-risk:`. The settings can replace the three claims by one, and
the prefix.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt

from serving.access.issuer import ALGORITHMS, IssuerKeys
from serving.access.principal import SCOPES, Principal
from serving.errors import ScopeMissing, Unauthenticated
from serving.settings import ServiceSettings

LEEWAY_SECONDS = 30
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
#: Claims in which identity providers write scopes: RFC 8693 and Auth0, Okta and Entra ID, application roles of Entra.
SCOPE_CLAIMS = ("scope", "scp", "roles")
#: What the sender of a refused token may learn about it.
WHY: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidIssuedAtError: "the token is not valid yet",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.InvalidAudienceError: "the token is meant for somebody else",
    jwt.InvalidAlgorithmError: "the token is signed in a way that is not accepted",
}


@dataclass(frozen=True)
class TokenRules:
    """The required claims of a token, and the names of the claims that are read.

    Attributes
    ----------
    issuer, audience : str
        The value of `iss`, and a value that `aud` must include.
    scope_claim : str or None
        The claim with the scopes, a list or words in a text; None: all of `SCOPE_CLAIMS`.
    scope_prefix : str
        Prefix of our scopes: with "churn-risk:", "churn-risk:read" is the scope read. A word without the prefix is
        ignored: an "admin" of another application is not an admin here.
    account_manager_claim : str or None
        The claim that names the account manager whose accounts the token sees, or a list of them; every token without
        admin must carry it. None: every token sees all accounts.
    """

    issuer: str
    audience: str
    scope_claim: str | None = None
    scope_prefix: str = "churn-risk:"
    account_manager_claim: str | None = None


class TokenVerifier:
    """Turns bearer tokens into principals.

    Parameters
    ----------
    rules : TokenRules
    keys : IssuerKeys
    """

    def __init__(self, rules: TokenRules, keys: IssuerKeys) -> None:
        self._rules, self._keys = rules, keys

    def principal(self, token: str) -> Principal:
        """Return the principal of a token; raises Unauthenticated, ScopeMissing and IssuerAway."""
        return self._principal(self._verified(token))

    def signed_in(self, token: str, client_id: str, nonce: str) -> Principal:
        """Return the principal of an ID token that answers a sign-in of this nonce; raises as `principal` does."""
        claims = self._verified(token)
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise Unauthenticated("the token answers another sign-in")
        if claims.get("azp", client_id) != client_id:
            raise Unauthenticated("the token is meant for somebody else")
        return self._principal(claims)

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        scopes = frozenset(scope for scope in SCOPES if self._rules.scope_prefix + scope in self._words(claims))
        subject = sha256(f"{claims['iss']} {claims['sub']}".encode()).hexdigest()[:16]
        return Principal(f"oidc:{subject}", scopes, None if "admin" in scopes else self._managers(claims))

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise jwt.InvalidAlgorithmError
            key = self._keys.key(header.get("kid"))
            if key is None:
                raise Unauthenticated("the token is signed with a key that the issuer does not have")
            return jwt.decode(
                token,
                key,
                ALGORITHMS,
                {"require": REQUIRED, "enforce_minimum_key_length": True},
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=LEEWAY_SECONDS,
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            why = next((text for kind, text in WHY.items() if isinstance(error, kind)), "the token is not valid")
            raise Unauthenticated(why) from error

    def _words(self, claims: Mapping[str, Any]) -> set[str]:
        names = SCOPE_CLAIMS if self._rules.scope_claim is None else (self._rules.scope_claim,)
        scopes: set[str] = set()
        for value in (claims.get(name) for name in names):
            words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
            scopes |= {word for word in words if isinstance(word, str)}
        return scopes

    def _managers(self, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
        name = self._rules.account_manager_claim
        if name is None:
            return None
        said = claims.get(name)
        managers = said if isinstance(said, list) else [said]
        if not managers or not all(isinstance(each, str) and each.strip() for each in managers):
            raise ScopeMissing(f"the token says nothing in its claim {name!r}, which names whose accounts it may see")
        return tuple(dict.fromkeys(managers))


def verifier_of(settings: ServiceSettings, audience: str | None, tick: Callable[[], float]) -> TokenVerifier | None:
    """Return what checks the issuer's tokens for an audience; None without an issuer or an audience."""
    if settings.oidc_issuer is None or audience is None:
        return None
    rules = TokenRules(
        settings.oidc_issuer,
        audience,
        settings.oidc_scope_claim,
        settings.oidc_scope_prefix,
        settings.oidc_account_manager_claim,
    )
    return TokenVerifier(rules, IssuerKeys(rules.issuer, tick))
