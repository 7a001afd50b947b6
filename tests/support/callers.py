"""Every kind of caller of the whole app: keys, tokens, forgeries, over the accounts of three account managers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import jwt

from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.access.links import Link, LinkSigner
from serving.access.principal import SCOPES
from serving.jobs.runner import JobRunner
from serving.predict.served_model import MADE_UP, MADE_UP_AS_OF
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from support.gates import AUDIENCE, SECRET, Clock, Issuer
from support.served import Client, Json, client_of
from support.stored import DAY, SCORE, put
from training.bundle.bundle import Bundle

ANNA, BERND, CARLA = "Anna Berg", "Bernd Cohn", "Carla Diaz"
BODY = {"as_of": MADE_UP_AS_OF.isoformat(), "accounts": [MADE_UP]}
#: Account -> whose it is; names that stand nowhere else.
ACCOUNTS = {"anna/1": ANNA, "anna-2": ANNA, "bernd/1": BERND, "bernd-2": BERND, "carla-1": CARLA,
            "nobodys-1": None}  # fmt: skip


@dataclass(frozen=True)
class Credential:
    """What is sent as a bearer credential, and the scopes that it holds; None: it is none, or none any more."""

    sent: str | None
    scopes: frozenset[str] | None = None

    def may(self, scope: str | None) -> bool:
        """Whether it holds a scope; None: whether it holds at all."""
        return self.scopes is not None and (scope in (*self.scopes, None) or "admin" in self.scopes)


class World:
    """The whole app over accounts of three account managers and of nobody, with every kind of credential."""

    def __init__(self, bundle: Bundle, url: str, issuer: Issuer) -> None:
        self.clock, self.issuer = Clock(), issuer
        # Tokens carry the machine's time.
        self.clock.day = datetime.now(UTC)
        self.store = ScoreStore(url)
        facts = {
            name: {"account": {"account_id": name, "name": f"Name of {name}", "account_manager": manager}}
            for name, manager in ACCOUNTS.items()
        }
        for day in (DAY - timedelta(days=90), DAY):
            put(self.store, *(replace(SCORE, account_id=name, as_of=day) for name in ACCOUNTS), evidence=facts)
        self.keys = KeyStore(self.store.engine, self.clock.now)
        self.settings = ServiceSettings(
            secret=SECRET, rate_limit="100000/minute", oidc_issuer=issuer.address, oidc_audience=AUDIENCE,
            oidc_account_manager_claim="manager",
        )  # fmt: skip
        gate = Gate(self.store.engine, self.settings, self.clock.now, self.clock.tick)
        self.app = client_of(bundle, self.store, self.settings, gate).app
        self.addresses = count(1)

    def key(self, *scopes: str, **rights: Any) -> str:
        made = self.keys.create(scopes, **rights)[1]
        self.clock.pass_by(seconds=1)
        return made

    def client(self, credential: str | None) -> Client:
        """Return a client that asks from an address of its own, so that failures do not add up."""
        number = next(self.addresses)
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return Client(self.app, headers, f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")

    def ask(self, credential: str | None, method: str, path: str, body: Json | None = None) -> httpx.Response:
        content = {} if body is None else {"json": body}
        return self.client(credential).ask("GET" if method == "*" else method, path, **content)

    def job(self, credential: str | None) -> str:
        """Make a job, have it done, and return its id."""
        made = self.ask(credential, "POST", "/v1/jobs", BODY)
        assert made.status_code == 202, made.text
        runner = JobRunner(self.store.engine, lambda: self.app.state.runtime.predictor, now=self.clock.now)
        while runner.step():
            pass
        return str(made.json()["job_id"])

    def link(self, **changes: Any) -> str:
        """Return the path of a link that a new key made."""
        maker = f"key:{self.keys.create(['read'])[0].id}"
        self.clock.pass_by(seconds=1)
        ends = int((self.clock.now() + timedelta(hours=1)).timestamp())
        link = replace(Link("anna/1", "en", maker, None, ends), **changes)
        return f"/v1/reports/{LinkSigner([SECRET]).sign(link)}"


def every_credential(world: World) -> dict[str, Credential]:
    """Return every kind of credential by a name that says what it is."""
    return _refused(world) | _forged(world.issuer) | _keys(world) | _tokens(world.issuer)


def _refused(world: World) -> dict[str, Credential]:
    good = world.key("read", "score")
    kept, replaced = world.keys.create(["admin"])
    world.keys.rotate(kept.id, timedelta())
    revoked, revoked_token = world.keys.create(["admin"])
    world.keys.revoke(revoked.id)
    expired = world.key("admin", expires_at=world.clock.now() + timedelta(minutes=1))
    world.clock.pass_by(minutes=1)
    return {
        "nothing": Credential(None),
        "no key": Credential("crk_000000000000_secret"),
        "no key at all": Credential("secret"),
        "key with another secret": Credential(good[:-2] + ("AA" if not good.endswith("AA") else "BB")),
        "key without its secret": Credential("_".join(good.split("_")[:2])),
        "replaced secret": Credential(replaced),
        "revoked key": Credential(revoked_token),
        "expired key": Credential(expired),
    }


def _forged(issuer: Issuer) -> dict[str, Credential]:
    head, _, signature = issuer.token(manager=BERND).split(".")
    said = jwt.decode(issuer.token(scope="churn-risk:admin"), options={"verify_signature": False})
    return {
        "expired token": Credential(issuer.token(manager=ANNA, lasts=-60)),
        "token of another issuer": Credential(issuer.token(iss="https://somebody.else")),
        "token for somebody else": Credential(issuer.token(aud="somebody else")),
        "token with alg none": Credential(f"{_part({'alg': 'none', 'kid': 'rsa'})}.{_part(said)}."),
        "token with a changed claim": Credential(f"{head}.{_part(said)}.{signature}"),
    }


def _part(said: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def _keys(world: World) -> dict[str, Credential]:
    found = {f"key with {scope}": Credential(world.key(scope), frozenset((scope,))) for scope in SCOPES}
    annas = world.key("read", "score", account_manager=ANNA)
    return found | {"key of Anna": Credential(annas, frozenset(("read", "score")))}


def _tokens(issuer: Issuer) -> dict[str, Credential]:
    return {
        "token with read": Credential(issuer.token(manager=ANNA), frozenset(("read",))),
        "token with nothing": Credential(issuer.token(manager=ANNA, scope="openid"), frozenset()),
        "token with admin": Credential(issuer.token("ec", scope="churn-risk:admin"), frozenset(("admin",))),
    }
