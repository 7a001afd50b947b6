"""Middleware that asks who is there before anything of a body is read: what a route demands, it finds in the routes.

A caller without rights so costs neither the memory of its body nor the parsing of it, and learns nothing of what is
wrong with it. The route's own `demand` takes up what is found here, and asks itself where this is not in front of it.
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
    """Refuses whoever does not hold what the route demands.

    Parameters
    ----------
    app : ASGIApp
        What answers those who do.
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
                answer = await self._asked(served.access, Request(scope), route, required_scope)
        await answer(scope, receive, send)

    async def _asked(self, gate: Gate, request: Request, route: BaseRoute | None, required_scope: Scope) -> ASGIApp:
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
    """Return the scope that a route demands; None where it demands none."""
    calls = _calls(route.dependant) if isinstance(route, APIRoute) else ()
    return next((call.scope for call in calls if isinstance(call, Demand)), None)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
