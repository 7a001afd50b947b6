"""The routes. What they answer with comes from the `Runtime` that the service puts on the app when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from serving.api import problems
from serving.api.history import PredictionRequest
from serving.api.predictions import Predictor
from serving.api.responses import ModelOut, PredictionsOut, RiskOut, ScoreOut
from serving.model_facts import model_facts, signal_facts
from serving.reports.record import account_report
from serving.reports.render import render_account
from serving.store import ScoreStore

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "model": problems.ProblemDetail}
    for status, text in {
        400: "The body is not JSON",
        415: "The body is of another media type than application/json",
        422: "Fields are not as they should be, each named",
    }.items()
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"description": "No score of this account is stored", "model": problems.ProblemDetail}
}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
#: A report carries no script and loads nothing.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Runtime:
    """What the routes need: the model with its compiled matrix, and the score store."""

    predictor: Predictor
    store: ScoreStore


def create_app() -> FastAPI:
    """Return the app; set `app.state.runtime` before it answers."""
    app = FastAPI(title="churn-risk", version="1", docs_url=None, redoc_url=None)
    problems.install(app)
    _predictions(app)
    _accounts(app)
    _model(app)
    _everything_else(app)
    return app


def _runtime(request: Request) -> Runtime:
    found: Runtime = request.app.state.runtime
    return found


def _predictions(app: FastAPI) -> None:
    @app.post("/v1/predictions", responses=ERRORS, operation_id="predict", summary="Score accounts from raw history")
    def predict(request: Request, body: PredictionRequest) -> PredictionsOut:
        predictor = _runtime(request).predictor
        scores = predictor.predict(body.accounts, body.as_of)
        return PredictionsOut(
            model_version=predictor.bundle.version,
            request_id=str(uuid4()),
            predictions=[ScoreOut.of(score) for score in scores],
        )


def _accounts(app: FastAPI) -> None:
    account = Path(description="The account's id as in the accounts table; a slash in it may be sent as %2F")

    @app.get(
        "/v1/accounts/{account_id:path}/risk",
        responses=NOT_FOUND | {422: ERRORS[422]},
        operation_id="getRisk",
        summary="The latest stored score of an account, with reasons and history",
    )
    def risk(request: Request, account_id: str = account) -> RiskOut:
        stored = _runtime(request).store.latest(account_id)
        found = stored.score.as_dict() | {"history": stored.history, "request_id": str(uuid4())}
        return RiskOut.model_validate(found)

    @app.get(
        "/v1/accounts/{account_id:path}/report",
        responses=NOT_FOUND | {422: ERRORS[422]},
        response_class=HTMLResponse,
        operation_id="getReport",
        summary="The explanation report of an account's latest stored score",
    )
    def report(
        request: Request,
        account_id: str = account,
        lang: Literal["de", "en"] = Query("en", description="Language"),
        format: Literal["html"] = Query("html", description="Format"),
    ) -> HTMLResponse:
        stored = _runtime(request).store.latest(account_id)
        record = account_report(stored.score, list(stored.history), stored.evidence, stored.model, lang)
        return HTMLResponse(render_account(record), headers={"Content-Security-Policy": REPORT_POLICY})


def _model(app: FastAPI) -> None:
    @app.get("/v1/model", operation_id="getModel", summary="The served model")
    def model(request: Request) -> ModelOut:
        facts = model_facts(_runtime(request).predictor.bundle)
        return ModelOut.model_validate(facts | {"signals": signal_facts(), "request_id": str(uuid4())})


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
