"""What the tests of access share: a clock to move, an app with one route a scope, an issuer on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import sleep
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import Depends, FastAPI, Request
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.access.principal import SCOPES, Principal
from serving.api.edge import handlers
from serving.api.edge.demands import demand
from serving.api.edge.identity import Identified
from serving.database.engine import open_database
from serving.settings import ServiceSettings
from support.served import Client

AUDIENCE = "churn-risk"
SECRET = "a master secret of more than 32 characters"
Json = dict[str, Any]


class Clock:
    """The time of day and a clock that only goes forward; a test moves them together, or the first alone."""

    def __init__(self) -> None:
        self.day, self.seconds = datetime(2026, 3, 1, 12, tzinfo=UTC), 1000.0

    def now(self) -> datetime:
        return self.day

    def tick(self) -> float:
        return self.seconds

    def pass_by(self, **lengths: float) -> None:
        self.day += timedelta(**lengths)
        self.seconds += timedelta(**lengths).total_seconds()


class Gated:
    """An app whose routes demand one scope each, its keys and its clock."""

    def __init__(self, url: str, settings: ServiceSettings | None = None) -> None:
        self.clock = Clock()
        self.engine = open_database(url)
        self.keys = KeyStore(self.engine, self.clock.now)
        self.gate = Gate(self.engine, settings or ServiceSettings(), self.clock.now, self.clock.tick)
        self.seen: list[Json] = []
        self.client = Client(self._app())

    def token(self, *scopes: str, **rights: Any) -> str:
        """Return a new key that the gate already knows of."""
        made = self.keys.create(scopes or ("read",), **rights)[1]
        self.clock.pass_by(seconds=1)
        return made

    def _app(self) -> FastAPI:
        app = FastAPI()
        handlers.install(app)
        app.add_middleware(handlers.Unexpected)
        app.add_middleware(Identified)
        app.state.runtime = SimpleNamespace(access=self.gate)
        for scope in SCOPES:
            app.get(f"/{scope}")(self._route(scope))
        return app

    def _route(self, scope: Any) -> Any:
        asked = Depends(demand(scope))

        def answer(request: Request, principal: Principal = asked) -> Json:
            self.seen.append(dict(request.scope["state"]))
            return {"id": principal.id, "account_manager": principal.reader}

        return answer


def gated(folder: Path, **settings: Any) -> Gated:
    """Return an app with a database in a folder."""
    return Gated(f"sqlite:///{folder / 'keys.db'}", ServiceSettings(**settings))


class Issuer:
    """An issuer of tokens: serves its discovery document and its public keys over HTTP, and counts who asks."""

    def __init__(self) -> None:
        self.private: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down = False
        #: Seconds between the first bytes of an answer.
        self.pause = 0.0
        self.address = ""
        self.document: Json = {}

    def add(self, kid: str, kind: str = "RSA") -> None:
        """Have one more key."""
        made = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
        self.private[kid] = made

    def public(self) -> Json:
        """Return the public keys."""
        found = []
        for kid, key in self.private.items():
            algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
            found.append(algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"})
        return {"keys": found}

    def token(self, kid: str = "rsa", lasts: float = 3600, header: Json | None = None, **claims: Any) -> str:
        """Return a signed token; a claim given as None is left out."""
        key, now = self.private[kid], datetime.now(UTC)
        every = {
            "iss": self.address,
            "aud": AUDIENCE,
            "sub": "user-1",
            "iat": now - timedelta(seconds=5),
            "exp": now + timedelta(seconds=lasts),
            "scope": "openid churn-risk:read",
        } | claims
        said = {name: value for name, value in every.items() if value is not None}
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(said, key, algorithm, {"kid": kid} | (header or {}))

    def started(self, address: str) -> None:
        """Take the address that it is found at."""
        self.address = address
        self.document = {"issuer": address, "jwks_uri": f"{address}/keys"}

    def posted(self, path: str, authorization: str, form: dict[str, str]) -> tuple[int, Json]:
        """Return status and document for a form."""
        return 404, {}

    def visited(self, path: str) -> str | None:
        """Return where a browser is sent on to from a path."""
        return None


SomeIssuer = TypeVar("SomeIssuer", bound=Issuer)


def issuing() -> AbstractContextManager[Issuer]:
    """Run an issuer with an RSA and an EC key."""
    return running(Issuer())


@contextmanager
def running(issuer: SomeIssuer) -> Iterator[SomeIssuer]:
    """Run an issuer with an RSA and an EC key."""
    issuer.add("rsa")
    issuer.add("ec", "EC")

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            on = None if issuer.down else issuer.visited(self.path)
            if on is not None:
                self.send_response(302)
                self.send_header("Location", on)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = {"/.well-known/openid-configuration": issuer.document, "/keys": issuer.public()}.get(self.path)
            self.answer(200 if found else 404, json.dumps(found).encode())

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, found = issuer.posted(self.path, self.headers.get("Authorization", ""), dict(parse_qsl(sent)))
            self.answer(status, json.dumps(found).encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(503 if issuer.down else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            pieces = [body[:1], body[1:2], body[2:3], body[3:4], body[4:]] if issuer.pause else [body]
            with suppress(OSError):  # Who does not wait has gone.
                for piece in pieces:
                    self.wfile.write(piece)
                    sleep(issuer.pause)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        issuer.started(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield issuer
        server.shutdown()
