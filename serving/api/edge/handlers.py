"""Handlers that turn exceptions into problem details: bad fields, refusals, unknown ids, a missing store, failures."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import AccountUnknown
from serving.api.edge.observed import route_of
from serving.api.edge.problems import FieldError, RequestProblem, pointer, problem
from serving.errors import PdfUnavailable, Refusal, StoreUnavailable
from serving.predict.fault_words import sentence

#: Seconds until the next request is useful when the database does not answer.
STORE_AWAY_SECONDS = 5
CANNOT_BE_PARSED = "it cannot be parsed"
#: What Python's parser says of a text that is not JSON, in our words.
_JSON = {
    "Expecting value": "a value is expected",
    "Expecting property name enclosed in double quotes": "a name in double quotes is expected",
    "Expecting ',' delimiter": "a comma is expected",
    "Expecting ':' delimiter": "a colon is expected",
    "Illegal trailing comma before end of object": "a comma stands before the end of an object",
    "Illegal trailing comma before end of array": "a comma stands before the end of a list",
    "Extra data": "more follows after its end",
    "Unterminated string starting at": "a text has no end",
    "Invalid control character at": "a control character stands in a text",
    "Invalid \\escape": "a backslash stands before a character that is not escaped by one",
    "Invalid \\uXXXX escape": "four hexadecimal digits are expected after \\u",
}
log = logging.getLogger("churn_risk.api")
Handler = Callable[[Request, Any], Awaitable[Response]]


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem detail."""
    handlers: dict[type[Exception], Handler] = {
        RequestValidationError: _invalid,
        RequestProblem: _refused,
        Refusal: _prediction_refused,
        AccountUnknown: _unknown,
        HTTPException: _http,
        StoreUnavailable: _store_away,
        PdfUnavailable: _no_pdf,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        reason = faults[0].get("ctx", {}).get("error", "cannot be parsed")
        return broken_json(request, f"{_JSON.get(reason, CANNOT_BE_PARSED)} (at character {faults[0]['loc'][-1]})")
    if faults[0]["type"] == "model_attributes_type" and not says_json(request):
        return not_json(request)
    return await _refused(request, invalid(field_errors(faults)))


def field_errors(faults: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Return faults as pydantic lists them in this product's words."""
    return [FieldError(pointer=pointer(fault["loc"]), detail=sentence(fault)) for fault in faults]


def invalid(errors: Sequence[FieldError]) -> RequestProblem:
    """Return the 422 of fields that are not as they should be."""
    count = len(errors)
    detail = f"{count} field{' is' if count == 1 else 's are'} not as the contract has {'it' if count == 1 else 'them'}"
    return RequestProblem(detail, errors, 422, "invalid-request")


def broken_json(request: Request, reason: str) -> Response:
    """Return the 400 of a body that no parser reads."""
    return problem(
        request, 400, "broken-json", "the body is not JSON", [FieldError(pointer="", detail=f"not JSON: {reason}")]
    )


def not_json(request: Request) -> Response:
    """Return the 415 of a body whose content type is not JSON."""
    sent = request.headers.get("content-type", "none")
    return problem(request, 415, "unsupported-media-type", f"the body must be application/json, not {sent}")


def says_json(request: Request) -> bool:
    """Whether the request's content type is JSON."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))


async def _refused(request: Request, error: RequestProblem) -> Response:
    return problem(request, error.status, error.code, error.title, error.errors, error.headers)


async def _prediction_refused(request: Request, error: Refusal) -> Response:
    errors = [FieldError(pointer=fault.pointer(), detail=fault.detail) for fault in error.faults]
    return problem(request, 422, "refused", str(error), errors)


async def _unknown(request: Request, error: AccountUnknown) -> Response:
    place = ("path", "account_id") if "account_id" in request.path_params else ("body", "account_id")
    errors = [FieldError(pointer=pointer(place), detail=str(error))]
    return problem(request, 404, "account-unknown", str(error), errors)


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return broken_json(request, CANNOT_BE_PARSED)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return problem(request, error.status_code, code, str(error.detail), headers=error.headers)


async def _store_away(request: Request, error: StoreUnavailable) -> Response:
    return store_away(request, error)


def store_away(request: Request, error: StoreUnavailable) -> Response:
    """Return the 503 of a database that does not answer."""
    log.error("no score store while answering %s %s", request.method, route_of(request.scope), exc_info=error)
    headers = {"Retry-After": str(STORE_AWAY_SECONDS)}
    return problem(request, 503, "store-away", "the score store does not answer; ask again", headers=headers)


async def _no_pdf(request: Request, error: PdfUnavailable) -> Response:
    log.error("no PDF for %s %s: %s", request.method, route_of(request.scope), error)
    return problem(request, 409, "no-pdf", str(error))


class Unexpected:
    """Middleware that answers unexpected failures.

    A handler of `Exception` would answer too, but Starlette would raise the exception again. The server would then cut
    a connection that its client takes for open.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            await _crashed(Request(scope), error)(scope, receive, send)


def _crashed(request: Request, error: Exception) -> Response:
    log.error("unexpected failure answering %s %s", request.method, route_of(request.scope), exc_info=error)
    return problem(request, 500, "internal", "an unexpected failure; it is logged")
