"""Middleware that asks who is there before anything of a body is read: what a route demands, it finds in the routes.

A caller without rights so costs neither the memory of its body nor the parsing of it, and learns nothing of what is
wrong with it. The route's own `demand` takes up what is found here, and asks itself where this is not in front of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from serving.access.gate import Gate
from serving.access.principal import Scope
from serving.access.refusals import AccessRefused
from serving.api.access import Demand, admitted, refused
from serving.api.handlers import store_away
from serving.api.problems import problem
from serving.database.engine import StoreUnavailable


class Guarded:
    """Refuses whoever does not hold what the route demands.

    Parameters
    ----------
    app : ASGIApp
        What answers those who do.
    routes : sequence of BaseRoute
        All routes, in the order in which they are tried.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = [(route, demanded(route)) for route in routes]

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        answer = self._app
        if scope["type"] == "http":
            served = getattr(scope["app"].state, "runtime", None)
            route, wanted = self._match(scope)
            if served is not None and wanted is not None:
                answer = await self._asked(served.access, Request(scope), route, wanted)
        await answer(scope, receive, send)

    async def _asked(self, gate: Gate, request: Request, route: BaseRoute | None, wanted: Scope) -> ASGIApp:
        try:
            request.scope.setdefault("state", {})["principal"] = await admitted(gate, request, wanted)
        except (StoreUnavailable, AccessRefused) as error:
            request.scope["route"] = route
            if isinstance(error, StoreUnavailable):
                return store_away(request, error)
            found = refused(error)
            return problem(request, found.status, found.code, found.title, found.errors, found.headers)
        return self._app

    def _match(self, scope: Connection) -> tuple[BaseRoute | None, Scope | None]:
        return next(((route, wanted) for route, wanted in self._routes if _is(route, scope)), (None, None))


def demanded(route: BaseRoute) -> Scope | None:
    """Return the scope that a route demands; None where it demands none."""
    calls = _calls(route.dependant) if isinstance(route, APIRoute) else ()
    return next((call.scope for call in calls if isinstance(call, Demand)), None)


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _is(route: BaseRoute, scope: Connection) -> bool:
    return route.matches(scope)[0] is Match.FULL
