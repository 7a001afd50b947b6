"""Errors as problem details (RFC 9457): type, title, status, detail, instance, and `errors`, a JSON pointer each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import AccountUnknown

MEDIA_TYPE = "application/problem+json"
#: What makes a body unreadable before a parser can name a place in it.
UNREADABLE = {UnicodeDecodeError: "not UTF-8", RecursionError: "nested too deeply"}
log = logging.getLogger("churn_risk.api")


class FieldError(BaseModel):
    """What is wrong with one field: `pointer` is a JSON pointer (RFC 6901) into the request, or names a parameter."""

    pointer: str
    detail: str


class ProblemDetail(BaseModel):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] = []


class RequestProblem(Exception):
    """A request that is well-formed but cannot be answered; carries every field at fault."""

    def __init__(self, title: str, errors: Sequence[FieldError], status: int = 422) -> None:
        super().__init__(title)
        self.title, self.errors, self.status = title, list(errors), status


def problem(request: Request, status: int, code: str, detail: str, errors: Sequence[FieldError] = ()) -> JSONResponse:
    """Return a problem detail as a response; `code` is the last part of its type."""
    body = ProblemDetail(
        type=f"urn:churn-risk:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=quote(request.url.path, safe="/%"),
        errors=list(errors),
    )
    return JSONResponse(body.model_dump(), status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem detail."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(RequestProblem, _refused)
    app.add_exception_handler(AccountUnknown, _unknown)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Unexpected)


def pointer(location: Sequence[Any]) -> str:
    """Turn ('body', 'accounts', 0, 'invoices') into '/accounts/0/invoices'; other places keep their name.

    Examples
    --------
    >>> pointer(("body", "accounts", 0, "a/b")), pointer(("query", "lang"))
    ('/accounts/0/a~1b', '/query/lang')
    """
    parts = location[1:] if location and location[0] == "body" else location
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        reason = found[0].get("ctx", {}).get("error", "cannot be parsed")
        where = [FieldError(pointer="", detail=f"not JSON: {reason} (at character {found[0]['loc'][-1]})")]
        return problem(request, 400, "broken-json", "the body is not JSON", where)
    if found[0]["type"] == "model_attributes_type" and not _says_json(request):
        sent = request.headers.get("content-type", "none")
        return problem(request, 415, "unsupported-media-type", f"the body must be application/json, not {sent}")
    errors = [
        FieldError(pointer=pointer(item["loc"]), detail=item["msg"].removeprefix("Value error, ")) for item in found
    ]
    count = len(errors)
    detail = f"{count} field{' is' if count == 1 else 's are'} not as the contract has {'it' if count == 1 else 'them'}"
    return problem(request, 422, "invalid-request", detail, errors)


def _says_json(request: Request) -> bool:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestProblem)
    return problem(request, error.status, "refused", error.title, error.errors)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    errors = [FieldError(pointer="/path/account_id", detail=str(error))]
    return problem(request, 404, "account-unknown", str(error), errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        reason = UNREADABLE.get(type(error.__cause__), "it cannot be parsed")
        return problem(
            request, 400, "broken-json", "the body is not JSON", [FieldError(pointer="", detail=f"not JSON: {reason}")]
        )
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    answer = problem(request, error.status_code, code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


class Unexpected:
    """Middleware that answers what nobody expected.

    A handler of `Exception` would do so too, but raise it again, upon which the server cuts a connection that its
    client takes for open.
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


def _crashed(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected failure answering %s %s", request.method, request.url.path, exc_info=error)
    return problem(request, 500, "internal", "an unexpected failure; it is logged and nothing was stored")
