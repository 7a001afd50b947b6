"""An issuer that signs people in by the authorization-code flow, and that keeps to the rules: each code once, PKCE."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from support.gates import AUDIENCE, Issuer, Json
from support.pages import SITE, Browser
from support.served import caller

CLIENT, CLIENT_SECRET, BACK = "churn-risk pages", "a:b c%ü+", f"{SITE}/login/callback"
#: What a person may do here, as the issuer says it.
CLAIMS = {"roles": ["churn-risk:read", "churn-risk:feedback"], "scope": None}
KEYS: list[Any] = []


@dataclass
class Asked:
    """What a browser has asked for."""

    fields: Json
    claims: Json = field(default_factory=dict)


class SigningIssuer(Issuer):
    """Whoever comes is signed in with `claims`; `refusal` is an error that it answers instead."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: Json = dict(CLAIMS)
        self.kid, self.refusal, self.token_status = "rsa", "", 200
        self.codes: dict[str, Asked] = {}
        self.secret_in = ""
        self.back = BACK

    def add(self, kid: str, kind: str = "RSA") -> None:
        """Have one more key: always the same, since making one takes longer than a test."""
        if not KEYS:
            super().add(kid)
            KEYS.append(self.private[kid])
        self.private[kid] = KEYS[0]

    def started(self, address: str) -> None:
        super().started(address)
        self.document |= {
            "authorization_endpoint": f"{address}/authorize?tenant=1",
            "token_endpoint": f"{address}/token",
            "end_session_endpoint": f"{address}/out",
            "authorization_response_iss_parameter_supported": True,
        }

    def visited(self, path: str) -> str | None:
        parts, fields = urlsplit(path), dict(parse_qsl(urlsplit(path).query))
        if parts.path == "/out":
            return fields["post_logout_redirect_uri"]
        if parts.path != "/authorize":
            return None
        assert fields["client_id"] == CLIENT and fields["redirect_uri"] == self.back and fields["tenant"] == "1"
        assert fields["response_type"] == "code" and "openid" in fields["scope"].split()
        assert fields["code_challenge_method"] == "S256" and len(fields["state"]) == len(fields["nonce"]) == 43
        code = secrets.token_urlsafe(8)
        self.codes[code] = Asked(fields, dict(self.claims))
        said = {"error": self.refusal} if self.refusal else {"code": code}
        return f"{self.back}?{urlencode({**said, 'state': fields['state'], 'iss': self.address})}"

    def posted(self, path: str, authorization: str, form: dict[str, str]) -> tuple[int, Json]:
        if path != "/token" or self.token_status != 200:
            return self.token_status, {}
        if not self._knows(authorization, form):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        if asked is None or form["redirect_uri"] != asked.fields["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if challenge != asked.fields["code_challenge"] or form["grant_type"] != "authorization_code":
            return 400, {"error": "invalid_grant"}
        claims = {"aud": CLIENT, "nonce": asked.fields["nonce"]} | asked.claims
        return 200, {"token_type": "Bearer", "access_token": "opaque", "id_token": self.token(self.kid, **claims)}

    def _knows(self, authorization: str, form: dict[str, str]) -> bool:
        if self.secret_in == "none":
            return form["client_id"] == CLIENT and "client_secret" not in form and not authorization
        if self.secret_in == "form":
            return (form["client_id"], form["client_secret"]) == (CLIENT, CLIENT_SECRET) and not authorization
        sent = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        return [unquote_plus(part) for part in sent] == [CLIENT, CLIENT_SECRET] and "client_secret" not in form


def settings_of(issuer: Issuer, **others: Any) -> Json:
    """Return the settings of a service whose pages take people of an issuer."""
    return {
        "oidc_issuer": issuer.address,
        "oidc_audience": AUDIENCE,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": CLIENT_SECRET,
        **others,
    }


def way_back(browser: Browser, path: str = "/login/oidc?lang=en") -> str:
    """Go to the issuer and return the path that it sends the browser back to."""
    sent = browser.get(path, follow=False)
    assert sent.status_code == 303, sent.text
    back = caller().get(sent.headers["location"]).headers["location"]
    assert back.startswith(BACK + "?")
    return back.removeprefix(SITE)
