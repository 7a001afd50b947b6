"""OIDC bearer tokens: a signed JWT of the one issuer that is configured, meant for us, becomes a `Principal`.

Checked are the signature (asymmetric algorithms only), iss, aud, exp, nbf, iat; exp, iat and sub must be there. Scopes
are the words of the claims `scope`, `scp` and `roles` that begin with `churn-risk:`; all three names and the prefix can
be set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import jwt

from serving.access.issuer import ALGORITHMS, IssuerKeys
from serving.access.principal import SCOPES, Principal
from serving.errors import ScopeMissing, Unauthenticated

LEEWAY_SECONDS = 30
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
#: Where identity providers write scopes: RFC 8693 and Auth0, Okta and Entra ID, application roles of Entra ID.
SCOPE_CLAIMS = ("scope", "scp", "roles")
#: What of a refused token may be said to whoever sent it.
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
    """What a token must say, and where it says it.

    Attributes
    ----------
    issuer, audience : str
        Its `iss`, and what must be in its `aud`.
    scope_claim : str or None
        The claim with the scopes, a list or words in a text; None: all of `SCOPE_CLAIMS`.
    scope_prefix : str
        What stands before our scopes: "churn-risk:" makes "churn-risk:read" the scope read. What does not begin with
        it is not ours: an "admin" of something else makes nobody an admin here.
    account_manager_claim : str or None
        The claim that names whose accounts are seen; a token that is not admin must then carry it. None: every token
        sees all accounts.
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
        """Return who a token speaks for; raises Unauthenticated, ScopeMissing and IssuerAway."""
        claims = self._verified(token)
        scopes = frozenset(scope for scope in SCOPES if self._rules.scope_prefix + scope in self._words(claims))
        subject = sha256(f"{claims['iss']} {claims['sub']}".encode()).hexdigest()[:16]
        return Principal(f"oidc:{subject}", scopes, None if "admin" in scopes else self._account_manager(claims))

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

    def _account_manager(self, claims: Mapping[str, Any]) -> str | None:
        name = self._rules.account_manager_claim
        if name is None:
            return None
        manager = claims.get(name)
        if not isinstance(manager, str) or not manager.strip():
            raise ScopeMissing(f"the token says nothing in its claim {name!r}, which names whose accounts it may see")
        return manager
