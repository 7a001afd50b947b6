"""Which route answers a request, for what stands in front of the routes."""

from __future__ import annotations

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

#: Where a request's state holds its route, once that was looked for.
MATCHED = "matched_route"


def matching(scope: Scope) -> BaseRoute | None:
    """Return the route that answers, or would have answered; None where there is none. It is looked for once."""
    if "app" not in scope:
        return None
    state = scope.setdefault("state", {})
    if MATCHED not in state:
        routes = scope["app"].router.routes
        state[MATCHED] = next((route for route in routes if route.matches(scope)[0] is Match.FULL), None)
    route: BaseRoute | None = state[MATCHED]
    return route
