"""The scope that a route demands of its caller: `demand(scope)` is a dependency that passes the `Principal` to it.

A credential comes as `Authorization: Bearer` (an API key or an OIDC token) or as `X-API-Key`. While there are no keys
and no issuer, this machine needs no credential. The request's state keeps the caller as `principal_id`, for the log.
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
    SignInRefused,
    SignInStale,
    TooOften,
    Unauthenticated,
)
from serving.networks import host_of, is_loopback

BEARER = HTTPBearer(
    scheme_name="bearer", description="An API key (crk_...), or a token of the OIDC issuer", auto_error=False
)
API_KEY = APIKeyHeader(name="X-API-Key", scheme_name="apiKey", description="An API key (crk_...)", auto_error=False)
CHALLENGE = 'Bearer realm="churn-risk"'
#: Headers that many proxies add, but not all: nginx adds none unless it is configured to.
PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
STATUSES: dict[type[AccessRefused], tuple[int, str]] = {
    Unauthenticated: (401, "unauthenticated"),
    Closed: (403, "closed"),
    ScopeMissing: (403, "scope-missing"),
    LinkRefused: (403, "link-refused"),
    LinkExpired: (410, "link-expired"),
    TooOften: (429, "too-often"),
    SignInStale: (403, "sign-in-stale"),
    SignInRefused: (403, "sign-in-refused"),
    IssuerAway: (503, "issuer-away"),
}
#: These describe the credentials in the OpenAPI document; the gate reads the headers itself.
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
Key = Annotated[str | None, Security(API_KEY)]


@dataclass(frozen=True)
class Demand:
    """A dependency that refuses callers without a scope; `Guarded` checks the same before it reads a body."""

    scope: Scope

    async def __call__(self, request: Request, bearer: Bearer, key: Key) -> Principal:
        """Return the caller; raises RequestProblem, StoreUnavailable."""
        gate = runtime(request).access
        known: Principal | None = request.scope.setdefault("state", {}).get("principal")
        try:
            principal = await admitted(gate, request, self.scope, known)
        except AccessRefused as error:
            raise refused(error) from error
        gate.note_use(principal)
        return principal


def demand(scope: Scope) -> Demand:
    """Return a dependency that refuses callers without a scope."""
    return Demand(scope)


async def admitted(gate: Gate, request: Request, scope: Scope, known: Principal | None = None) -> Principal:
    """Return the caller, if the caller holds a scope.

    Parameters
    ----------
    known : Principal, optional
        The caller, where an earlier check of this request has identified them.

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
    """Return what the gate needs of a request: the credential, the address, and whether it comes from this machine."""
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
    """Whether the request comes from this machine, as far as it shows.

    Both ends of the connection must be loopback addresses. The name in `Host` must be loopback too: otherwise a page
    whose name was pointed at this machine would pass (DNS rebinding). The same holds for `Origin`, where a browser
    sends it. A proxy does not pass if it shows itself by a header or by HTTP/1.0, which is nginx's default and which no
    browser uses. A proxy that shows nothing, such as socat, `ssh -R` or nginx with HTTP/1.1, looks like this machine:
    behind any proxy or tunnel, the operator has to make a key first.
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
