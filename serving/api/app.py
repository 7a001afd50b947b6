"""The app: routes and pages, middleware and answers to errors. Set `app.state.runtime` before it answers."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from serving.api.edge import handlers
from serving.api.edge.bodiless import Heads
from serving.api.edge.forwarded import Forwarded
from serving.api.edge.guarded import Guarded
from serving.api.edge.identity import Identified
from serving.api.edge.limits import Limits
from serving.api.edge.observed import Observed
from serving.api.edge.problems import problem
from serving.api.lingering import Lingers
from serving.api.routes import account_routes as accounts
from serving.api.routes import acting_routes as acting
from serving.api.routes import document_routes as document
from serving.api.routes import figure_routes as figures
from serving.api.routes import job_routes as jobs
from serving.api.routes import link_routes as links
from serving.api.routes import loss_routes as losses
from serving.api.routes import model_routes as model
from serving.api.routes import movement_routes as movements
from serving.api.routes import operation_routes as operations
from serving.api.routes import prediction_routes as predictions
from serving.api.routes import renewal_routes as renewals
from serving.api.routes import what_if_routes as what_ifs
from serving.api.uncached import Uncached
from serving.pages.page_routes import ROUTES as PAGES


def create_app() -> FastAPI:
    """Return the app."""
    app = FastAPI(title="churn-risk", version="1", openapi_url=None, docs_url=None, redoc_url=None)
    handlers.install(app)
    # The last one is the outermost: even an answer of the limits or after a failure has its id.
    for middleware in (Heads, Limits, Guarded, handlers.Unexpected, Identified, Observed, Forwarded, Uncached, Lingers):
        app.add_middleware(middleware)
    subjects = (
        predictions, jobs, accounts, movements, what_ifs, acting, figures, renewals, losses, links, model, operations,
        document,
    )  # fmt: skip
    for routes in subjects:
        app.router.routes.extend(routes.router.routes)
    app.router.routes.extend(PAGES)
    app.router.routes.append(Route("/{path:path}", Unrouted(list(app.router.routes))))
    return app


class Unrouted:
    """Answers unknown routes and wrong methods with problem details.

    Parameters
    ----------
    routes : list of BaseRoute
        The routes of the app.
    """

    def __init__(self, routes: list[BaseRoute]) -> None:
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 405 when the path takes another method, else 404."""
        request = Request(scope)
        allowed = {
            method
            for route in self._routes
            if isinstance(route, Route) and route.matches(scope)[0] is Match.PARTIAL
            for method in route.methods or ()
        }
        if allowed:
            headers = {"Allow": ", ".join(sorted(allowed))}
            detail = f"{request.method} is not allowed here"
            answer = problem(request, 405, "method-not-allowed", detail, headers=headers)
        else:
            answer = problem(request, 404, "not-found", f"there is no {scope['path']}")
        await answer(scope, receive, send)
