"""The app: its routes, how it answers errors, and what it says of itself. Set `app.state.runtime` before it answers."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.routing import Match

from serving.api import problems
from serving.api.routes import accounts, model, predictions

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


def create_app() -> FastAPI:
    """Return the app."""
    app = FastAPI(title="churn-risk", version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    for routes in (predictions, accounts, model):
        app.router.routes.extend(routes.router.routes)
    _everything_else(app)
    return app


def _everything_else(app: FastAPI) -> None:
    """Answer unknown routes and wrong methods with problem details too, rather than with BentoML's plain text."""

    @app.api_route("/{path:path}", methods=METHODS, include_in_schema=False)
    def unknown(request: Request, path: str) -> None:
        allowed = {
            method
            for route in request.app.routes
            if getattr(route, "path", "") != "/{path:path}" and route.matches(request.scope)[0] is Match.PARTIAL
            for method in route.methods
        }
        if allowed:
            raise HTTPException(405, f"{request.method} is not allowed here", {"Allow": ", ".join(sorted(allowed))})
        raise HTTPException(404, f"there is no {request.url.path}")
