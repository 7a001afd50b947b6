"""OIDC bearer tokens against a real issuer on this machine: what is accepted, what is refused, keys that change."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from support.gates import AUDIENCE, Clock, Gated, Issuer, gated, issuing
from support.served import Client, assert_problem

from serving.access.issuer import IssuerKeys
from serving.errors import IssuerAway

DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture
def app(tmp_path: Path, issuer: Issuer) -> Gated:
    return gated(tmp_path, oidc_issuer=issuer.address, oidc_audience=AUDIENCE)


def ask(app: Gated, token: str, path: str = "/read") -> httpx.Response:
    return Client(app.client.app, {"Authorization": f"Bearer {token}"}).get(path)


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_a_good_token_is_let_in(app: Gated, issuer: Issuer, kid: str) -> None:
    found = ask(app, issuer.token(kid)).json()
    assert found["id"].startswith("oidc:") and "user-1" not in found["id"] and found["account_manager"] is None
    assert ask(app, issuer.token(kid, sub="user-2")).json()["id"] != found["id"]
    assert issuer.asked == [DISCOVERY, "/keys"]


def test_with_an_issuer_this_machine_needs_a_token_too(app: Gated) -> None:
    answer = app.client.get("/read")
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == 'Bearer realm="churn-risk"'


def test_keys_and_tokens_go_side_by_side(app: Gated, issuer: Issuer) -> None:
    key = app.token("read")
    assert ask(app, key).json()["id"].startswith("key:")
    assert ask(app, issuer.token()).json()["id"].startswith("oidc:")


def ago(**lengths: float) -> datetime:
    return datetime.now(UTC) - timedelta(**lengths)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": ago(minutes=1)}, "expired"),
        ({"iss": "https://somebody.else"}, "another issuer"),
        ({"aud": "somebody else"}, "somebody else"),
        ({"aud": ["a", "b"]}, "somebody else"),
        ({"nbf": ago(days=-2)}, "not valid yet"),
        ({"iat": ago(days=-2)}, "not valid yet"),
        ({"exp": None}, "not valid"),
        ({"iat": None}, "not valid"),
        ({"aud": None}, "not valid"),
        ({"iss": None}, "not valid"),
        ({"sub": None}, "not valid"),
        ({"sub": 7}, "not valid"),
        ({"exp": "soon"}, "not valid"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "-".join(value),
)
def test_claims_that_do_not_hold(app: Gated, issuer: Issuer, claims: dict[str, Any], said: str) -> None:
    token = jwt_unchecked(issuer, claims)
    answer = ask(app, token)
    assert said in assert_problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"].endswith('error="invalid_token"')


def jwt_unchecked(issuer: Issuer, claims: dict[str, Any]) -> str:
    """Sign claims that the library would refuse to write."""
    good = issuer.token()
    said = jwt.decode(good, options={"verify_signature": False}) | claims
    plain = {
        name: int(value.timestamp()) if isinstance(value, datetime) else value
        for name, value in said.items()
        if value is not None
    }
    return jwt.api_jws.encode(json.dumps(plain).encode(), issuer.private["rsa"], "RS256", {"kid": "rsa", "typ": "JWT"})


def test_a_clock_that_differs_a_little_is_forgiven(app: Gated, issuer: Issuer) -> None:
    assert ask(app, issuer.token(exp=ago(seconds=5), nbf=ago(seconds=-5), iat=ago(seconds=-5))).status_code == 200


def test_an_audience_may_be_one_of_several(app: Gated, issuer: Issuer) -> None:
    assert ask(app, issuer.token(aud=["other", AUDIENCE])).status_code == 200


# Forgeries


def claims_of(issuer: Issuer) -> dict[str, Any]:
    return jwt.decode(issuer.token(scope="churn-risk:admin"), options={"verify_signature": False})


def test_alg_none_is_refused(app: Gated, issuer: Issuer) -> None:
    for name in ("none", "None", "NONE", ""):
        for signature in ("", "x"):
            forged = f"{encoded({'alg': name, 'kid': 'rsa'})}.{encoded(claims_of(issuer))}.{signature}"
            assert_problem(ask(app, forged), 401)
    assert issuer.asked == []


def test_the_public_key_is_no_secret(app: Gated, issuer: Issuer) -> None:
    """HS256 with the public key as the secret, in each of its forms."""
    public = issuer.private["rsa"].public_key()
    forms = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.public()["keys"][0]).encode(),
    ]
    head = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(claims_of(issuer))}"
    for form in forms:
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(head.encode(), form)
        forged = f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        assert_problem(ask(app, forged), 401)


def test_a_symmetric_key_of_the_issuer_is_not_used(app: Gated, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = b"s" * 32
    every = issuer.public()["keys"]
    every.append({"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(secret).rstrip(b"=").decode()})
    monkeypatch.setattr(issuer, "public", lambda: {"keys": every})
    assert_problem(ask(app, jwt.encode(claims_of(issuer), secret, "HS256", {"kid": "oct"})), 401)
    assert ask(app, issuer.token()).status_code == 200


def test_a_changed_token_is_refused(app: Gated, issuer: Issuer) -> None:
    head, _, signature = issuer.token().split(".")
    assert_problem(ask(app, f"{head}.{encoded(claims_of(issuer))}.{signature}"), 401)
    assert_problem(ask(app, f"{head}.{encoded(claims_of(issuer))}."), 401)


def test_a_key_of_somebody_else_under_a_known_name(app: Gated, issuer: Issuer) -> None:
    with issuing() as other:
        other.address = issuer.address
        assert_problem(ask(app, other.token("rsa")), 401)
        assert_problem(ask(app, other.token("ec", header={"kid": "rsa"})), 401)


def test_a_token_that_brings_its_own_key(app: Gated, issuer: Issuer) -> None:
    with issuing() as other:
        own = {"jwk": other.public()["keys"][0], "jku": f"{other.address}/keys"}
        other_address, other.address = other.address, issuer.address
        assert_problem(ask(app, other.token("rsa", header=own)), 401)
        assert other_address and other.asked == []


@pytest.mark.parametrize(
    "token",
    ["a.b.c", "...", "e30.e30.e30", encoded({"alg": "RS256", "kid": ["rsa"]}) + ".e30.", encoded([]) + ".e30.",
     encoded({"alg": ["RS256"]}) + ".e30.", encoded({"alg": "RS256", "kid": "x" * 3000}) + ".e30.",
     base64.urlsafe_b64encode(b'{"alg":' + b"[" * 20_000).decode() + ".e30.", "." * 10_000],
    ids=range(9),
)  # fmt: skip
def test_nonsense_is_a_401(app: Gated, token: str) -> None:
    assert_problem(ask(app, token), 401)


# Scopes and account managers


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "churn-risk:read churn-risk:score"}, {"read", "score"}),
        ({"scope": None, "scp": ["churn-risk:read"]}, {"read"}),
        ({"scope": None, "scp": "churn-risk:feedback"}, {"feedback"}),
        ({"scope": None, "roles": ["churn-risk:admin", 7, None]}, {"read", "score", "feedback", "admin"}),
        ({"scope": "read admin", "roles": ["admin"]}, set()),
        ({"scope": {"churn-risk:read": True}}, set()),
        ({"scope": None}, set()),
    ],
    ids=range(7),
)
def test_scopes_stand_in_the_usual_claims(app: Gated, issuer: Issuer, claims: dict[str, Any], scopes: set[str]) -> None:
    token = issuer.token(**claims)
    found = {scope: ask(app, token, f"/{scope}").status_code for scope in ("read", "score", "feedback", "admin")}
    assert found == {scope: 200 if scope in scopes else 403 for scope in found}


def test_claim_and_prefix_can_be_set(tmp_path: Path, issuer: Issuer) -> None:
    names = {"oidc_scope_claim": "groups", "oidc_scope_prefix": ""}
    app = gated(tmp_path, oidc_issuer=issuer.address, oidc_audience=AUDIENCE, **names)
    assert ask(app, issuer.token(groups=["read"])).status_code == 200
    assert_problem(ask(app, issuer.token(scope="read", groups=[])), 403)


@pytest.mark.parametrize(
    "claims", [{}, *({"manager": said} for said in ("", 7, [], ["Anna Berg", " "], ["Anna Berg", 7]))], ids=str
)
def test_a_token_must_say_whose_accounts_it_sees(tmp_path: Path, issuer: Issuer, claims: dict[str, Any]) -> None:
    app = gated(tmp_path, oidc_issuer=issuer.address, oidc_audience=AUDIENCE, oidc_account_manager_claim="manager")
    for said, told in (("Anna Berg", "Anna Berg"), (["Anna Berg"], "Anna Berg"), (["B", "A", "B"], "B, A")):
        assert ask(app, issuer.token(manager=said)).json()["account_manager"] == told
    assert "'manager'" in assert_problem(ask(app, issuer.token(**claims)), 403)["detail"]
    found = ask(app, issuer.token(scope="churn-risk:admin", **claims)).json()
    assert found["account_manager"] is None


# The issuer's keys


def test_a_rotated_key_is_found_once_a_minute_at_most(app: Gated, issuer: Issuer) -> None:
    assert ask(app, issuer.token()).status_code == 200
    old = issuer.token()
    del issuer.private["rsa"]
    issuer.add("new")
    assert_problem(ask(app, issuer.token("new")), 401)
    assert len(issuer.asked) == 2
    app.clock.pass_by(seconds=60)
    assert ask(app, issuer.token("new")).status_code == 200
    assert_problem(ask(app, old), 401)
    assert len(issuer.asked) == 4


def test_unknown_keys_do_not_make_us_ask_again_and_again(app: Gated, issuer: Issuer) -> None:
    for number in range(10):
        assert_problem(ask(app, issuer.token(header={"kid": f"no such key {number}"})), 401)
    assert len(issuer.asked) == 2


def test_keys_are_fetched_anew_after_ten_minutes(app: Gated, issuer: Issuer) -> None:
    token = issuer.token()
    assert ask(app, token).status_code == 200
    del issuer.private["rsa"]
    app.clock.pass_by(minutes=9)
    assert ask(app, token).status_code == 200
    app.clock.pass_by(minutes=1)
    assert_problem(ask(app, token), 401)


def test_a_token_without_a_key_id(app: Gated, issuer: Issuer) -> None:
    token = jwt.encode(claims_of(issuer), issuer.private["rsa"], "RS256")
    assert_problem(ask(app, token), 401)
    del issuer.private["ec"]
    app.clock.pass_by(minutes=10)
    assert ask(app, token).status_code == 200


def test_while_the_issuer_is_down(app: Gated, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    issuer.down = True
    answer = ask(app, issuer.token())
    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0 and issuer.address in caplog.text
    asked = len(issuer.asked)
    assert ask(app, issuer.token()).status_code == 503 and len(issuer.asked) == asked
    issuer.down = False
    app.clock.pass_by(seconds=10)
    assert ask(app, issuer.token()).status_code == 200


def test_known_keys_go_on_for_an_hour_without_the_issuer(app: Gated, issuer: Issuer) -> None:
    token = issuer.token(lasts=86_400)
    assert ask(app, token).status_code == 200
    issuer.down = True
    app.clock.pass_by(minutes=30)
    assert ask(app, token).status_code == 200
    assert ask(app, issuer.token(header={"kid": "new"})).status_code == 503
    app.clock.pass_by(minutes=30)
    assert ask(app, token).status_code == 503


def test_known_keys_go_on_while_another_thread_fetches_them(issuer: Issuer) -> None:
    clock = Clock()
    keys = IssuerKeys(issuer.address, clock.tick)
    known = keys.key("rsa")
    assert known is not None
    clock.pass_by(minutes=59)
    with keys._lock:
        assert keys.key("rsa") is known
        with pytest.raises(IssuerAway, match="being fetched"):
            keys.key("new")
        clock.pass_by(minutes=1)
        with pytest.raises(IssuerAway, match="being fetched"):
            keys.key("rsa")


@pytest.mark.parametrize("wrong", ["slow", "large"])
def test_a_document_that_does_not_end_is_not_read_to_its_end(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    """Every piece of it comes in time."""
    monkeypatch.setattr("serving.access.issuer.TIMEOUT_SECONDS", 0.4)
    if wrong == "slow":
        issuer.pause = 0.2
    else:
        monkeypatch.setattr("serving.access.issuer.LARGEST_BYTES", 10)
    with pytest.raises(IssuerAway):
        IssuerKeys(issuer.address).key("rsa")
    assert "takes more than some seconds" in caplog.text


def test_a_caller_does_not_wait_for_a_slow_issuer_for_ever(
    app: Gated, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()
    monkeypatch.setattr("serving.access.issuer._document", lambda *_: go_on.wait(60) and {})
    monkeypatch.setattr("serving.access.gate.PATIENCE_SECONDS", 0.05)
    answer = ask(app, issuer.token())
    assert_problem(answer, 503)
    assert "too slow" in answer.json()["detail"] and int(answer.headers["retry-after"]) >= 0
    go_on.set()


def test_nobody_listens_at_the_issuers_address(tmp_path: Path, issuer: Issuer) -> None:
    app = gated(tmp_path, oidc_issuer="http://127.0.0.1:9", oidc_audience=AUDIENCE)
    assert_problem(ask(app, issuer.token()), 503)


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://somebody.else"},
        {"jwks_uri": "http://10.0.0.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"jwks_uri": "http://127.0.0.1:9/keys"},
    ],
    ids=str,
)
def test_a_discovery_document_that_does_not_hold(app: Gated, issuer: Issuer, document: dict[str, str]) -> None:
    issuer.document |= document
    assert_problem(ask(app, issuer.token()), 503)
    assert "/keys" not in issuer.asked


def test_api_keys_go_on_while_the_issuer_is_down(app: Gated, issuer: Issuer) -> None:
    key, issuer.down = app.token("read"), True
    assert ask(app, issuer.token()).status_code == 503
    assert ask(app, key).status_code == 200
