"""Which route answers a request, for the middleware in front of the routes."""

from __future__ import annotations

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

#: The key of the route in a request's state.
MATCHED = "matched_route"


def matching(scope: Scope) -> BaseRoute | None:
    """Return the route that answers, or would have answered, or None; the search runs once per request."""
    if "app" not in scope:
        return None
    state = scope.setdefault("state", {})
    if MATCHED not in state:
        routes = scope["app"].router.routes
        state[MATCHED] = next((route for route in routes if route.matches(scope)[0] is Match.FULL), None)
    route: BaseRoute | None = state[MATCHED]
    return route
