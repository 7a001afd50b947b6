"""Which route answers a request, for what stands in front of the routes."""

from __future__ import annotations

from starlette.routing import BaseRoute, Match
from starlette.types import Scope


def matching(scope: Scope) -> BaseRoute | None:
    """Return the route that answers, or would have answered; None where there is none."""
    routes = scope["app"].router.routes if "app" in scope else ()
    return next((route for route in routes if route.matches(scope)[0] is Match.FULL), None)
