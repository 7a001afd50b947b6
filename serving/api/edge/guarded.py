"""Middleware that checks the caller before the service reads a body; it takes the required scope from the route.

So a caller without rights costs neither memory for the body nor time to parse it, and learns nothing about errors in
it. The route's own `demand` reuses the principal of this check, and checks the caller itself where this middleware is
not installed.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from serving.access.gate import Gate
from serving.access.principal import Scope
from serving.api.edge.demands import Demand, admitted, refused
from serving.api.edge.handlers import store_away
from serving.api.edge.matching import matching
from serving.api.edge.problems import problem
from serving.errors import AccessRefused, StoreUnavailable


class Guarded:
    """Refuses callers without the scope that the route demands.

    Parameters
    ----------
    app : ASGIApp
        The app that answers the other callers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        answer = self._app
        if scope["type"] == "http":
            served = getattr(scope["app"].state, "runtime", None)
            route = matching(scope)
            required_scope = demanded(route)
            if served is not None and required_scope is not None:
                answer = await self._checked(served.access, Request(scope), route, required_scope)
        await answer(scope, receive, send)

    async def _checked(self, gate: Gate, request: Request, route: BaseRoute | None, required_scope: Scope) -> ASGIApp:
        try:
            request.scope.setdefault("state", {})["principal"] = await admitted(gate, request, required_scope)
        except (StoreUnavailable, AccessRefused) as error:
            request.scope["route"] = route
            if isinstance(error, StoreUnavailable):
                return store_away(request, error)
            refusal = refused(error)
            return problem(request, refusal.status, refusal.code, refusal.title, refusal.errors, refusal.headers)
        return self._app


def demanded(route: BaseRoute | None) -> Scope | None:
    """Return the scope that a route demands, or None."""
    calls = _calls(route.dependant) if isinstance(route, APIRoute) else ()
    return next((call.scope for call in calls if isinstance(call, Demand)), None)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
