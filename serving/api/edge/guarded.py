"""Middleware that checks the caller before the service reads a body; it takes the required scope from the route.

So a caller without rights costs neither memory for the body nor time to parse it, and learns nothing about errors in
it. The route's own `demand` reuses the principal of this check, and checks the caller itself where this middleware is
not installed. After the caller the query is checked, by what the route declares (`demand_known`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import Request
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from serving.access.gate import Gate
from serving.access.principal import Scope
from serving.api.edge.demands import Demand, admitted, refused
from serving.api.edge.handlers import field_errors, invalid, store_away
from serving.api.edge.matching import QueryFault, matching, query_faults
from serving.api.edge.problems import FieldError, RequestProblem, pointer, problem
from serving.errors import AccessRefused, StoreUnavailable
from serving.predict.values import quoted

#: What the paths of the API begin with.
API = "/v1/"


class Guarded:
    """Refuses callers without the scope that the route demands, then queries that the route does not know.

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
            return _answer(request, refused(error))
        try:
            demand_known(request, route)
        except RequestProblem as refusal:
            request.scope["route"] = route
            return _answer(request, refusal)
        return self._app


def demanded(route: BaseRoute | None) -> Scope | None:
    """Return the scope that a route demands, or None."""
    calls = _calls(route.dependant) if isinstance(route, APIRoute) else ()
    return next((call.scope for call in calls if isinstance(call, Demand)), None)


def demand_known(request: Request, route: BaseRoute | None) -> None:
    """Raise RequestProblem for a query with names that the route does not know or that stand twice.

    It lists the values at fault too, so that one answer has all that is wrong with the query. Probes and scrapers of
    `/livez` to `/metrics` append what they like; the rule is one of the API below `/v1`, where no parameter takes
    several values.
    """
    if not request.url.query or not isinstance(route, APIRoute) or not route.path.startswith(API):
        return
    fields = list(_query_fields(route.dependant))
    known = sorted(field.alias for field in fields)
    faults = query_faults((name for name, _ in request.query_params.multi_items()), known)
    if faults:
        told = [FieldError(pointer=pointer(("query", fault.name)), detail=_told(fault, known)) for fault in faults]
        raise invalid(told + field_errors(request_params_to_args(fields, request.query_params)[1]))


def _told(fault: QueryFault, known: Sequence[str]) -> str:
    if fault.repeated:
        return "one value is expected, not several"
    meant = f"; did you mean {fault.meant!r}?" if fault.meant else "."
    there = f"Known: {', '.join(known)}" if known else "This route has none"
    return f"there is no parameter {quoted(fault.name)}{meant} {there}"


def _answer(request: Request, refusal: RequestProblem) -> Response:
    return problem(request, refusal.status, refusal.code, refusal.title, refusal.errors, refusal.headers)


def _query_fields(dependant: Dependant) -> Iterator[ModelField]:
    yield from dependant.query_params
    for dependency in dependant.dependencies:
        yield from _query_fields(dependency)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
