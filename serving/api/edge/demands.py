"""What a route demands of whoever asks: `demand(scope)` is its dependency and hands it the `Principal`.

A credential comes as `Authorization: Bearer` (an API key or an OIDC token) or as `X-API-Key`. Without keys and issuer
this machine needs none. Who asks is left in the request's state as `principal_id`, for the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from serving.access.gate import Caller, Gate
from serving.access.principal import Principal, Scope
from serving.api.edge.problems import RequestProblem
from serving.api.edge.runtime import runtime
from serving.errors import (
    AccessRefused,
    Closed,
    IssuerAway,
    LinkExpired,
    LinkRefused,
    ScopeMissing,
    TooOften,
    Unauthenticated,
)
from serving.networks import host_of, is_loopback

BEARER = HTTPBearer(
    scheme_name="bearer", description="An API key (crk_...), or a token of the OIDC issuer", auto_error=False
)
API_KEY = APIKeyHeader(name="X-API-Key", scheme_name="apiKey", description="An API key (crk_...)", auto_error=False)
CHALLENGE = 'Bearer realm="churn-risk"'
#: What many proxies add, but not all: nginx adds nothing unless it is told to.
PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
STATUSES: dict[type[AccessRefused], tuple[int, str]] = {
    Unauthenticated: (401, "unauthenticated"),
    Closed: (403, "closed"),
    ScopeMissing: (403, "scope-missing"),
    LinkRefused: (403, "link-refused"),
    LinkExpired: (410, "link-expired"),
    TooOften: (429, "too-often"),
    IssuerAway: (503, "issuer-away"),
}
#: What the document says of credentials; the gate reads the headers itself.
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
Key = Annotated[str | None, Security(API_KEY)]


@dataclass(frozen=True)
class Demand:
    """A dependency that refuses whoever does not hold a scope; `Guarded` asks the same before a body is read."""

    scope: Scope

    async def __call__(self, request: Request, bearer: Bearer, key: Key) -> Principal:
        """Return who asks; raises RequestProblem, StoreUnavailable."""
        gate = runtime(request).access
        known: Principal | None = request.scope.setdefault("state", {}).get("principal")
        try:
            principal = await admitted(gate, request, self.scope, known)
        except AccessRefused as error:
            raise refused(error) from error
        gate.note_use(principal)
        return principal


def demand(scope: Scope) -> Demand:
    """Return a dependency that refuses whoever does not hold a scope."""
    return Demand(scope)


async def admitted(gate: Gate, request: Request, scope: Scope, known: Principal | None = None) -> Principal:
    """Return who asks, if they hold a scope; `known` where that was asked before.

    Raises
    ------
    AccessRefused, StoreUnavailable
    """
    principal = known or await gate.identify(caller(request))
    request.scope.setdefault("state", {})["principal_id"] = principal.id
    if not principal.may(scope):
        raise ScopeMissing(f"the scope {scope!r} is needed")
    return principal


def caller(request: Request) -> Caller:
    """Return what counts of a request."""
    address = request.client.host if request.client else ""
    return Caller(_credential(request), address, _is_local(request, address))


def refused(error: AccessRefused) -> RequestProblem:
    """Return the answer to a refusal."""
    status, code = STATUSES[type(error)]
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = CHALLENGE + (', error="invalid_token"' if error.sent else "")
    if isinstance(error, TooOften | IssuerAway):
        headers["Retry-After"] = str(error.seconds)
    return RequestProblem(str(error), status=status, code=code, headers=headers)


def _credential(request: Request) -> str | None:
    scheme, sent = get_authorization_scheme_param(request.headers.get("authorization"))
    return sent if scheme.lower() == "bearer" and sent else request.headers.get("x-api-key") or None


def _is_local(request: Request, address: str) -> bool:
    """Whether this machine asks, as far as a request can tell.

    Both ends must be loopback. So must the name in `Host` be, else a page of another name that was pointed here would
    pass (DNS rebinding), and `Origin`, where a browser sends it. A proxy that shows itself does not pass: by a header,
    or by HTTP/1.0, nginx's default and no browser's. One that shows nothing, such as socat, `ssh -R` or nginx with
    HTTP/1.1, cannot be told from this machine: behind any proxy or tunnel, a key has to be made first.
    """
    server = request.scope.get("server")
    headers = request.headers
    origin = headers.get("origin")
    return (
        is_loopback(address)
        and server is not None
        and is_loopback(server[0])
        and is_loopback(host_of(headers.get("host", "")))
        and (origin is None or is_loopback(host_of(origin.partition("://")[2])))
        and headers.get("sec-fetch-site") != "cross-site"
        and request.scope.get("http_version") != "1.0"
        and not any(name in headers for name in PASSED_ON)
    )
