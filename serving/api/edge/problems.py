"""Errors as problem details (RFC 9457): type, title, status, detail, instance, request_id and `errors`.

A route raises `RequestProblem`; `serving.api.edge.handlers` turns it, and everything else that is raised, into an
answer. A client whose `Accept` names application/json and not the problem type gets the same body as application/json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from serving.api.edge.identity import request_id
from serving.faults import pointer as json_pointer

MEDIA_TYPE, PLAIN_TYPE = "application/problem+json", "application/json"
#: Maximum number of fields at fault in a problem; it counts further ones, but does not list them.
MOST_ERRORS = 100
#: Characters that a path may hold besides letters, digits and `-._~` (RFC 3986), and `%` of quoted characters.
IN_PATHS = "/:@!$&'()*+,;=%"
NOT_QUOTED = re.compile(r"%(?![0-9A-Fa-f]{2})")


class FieldError(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the body, or /query/name, /path/name, /header/name")
    detail: str = Field(description="What is wrong with it")


class ProblemDetail(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = Field(description="Identifies the kind of problem; compare with this")
    title: str = Field(description="The status in words")
    status: int = Field(description="The HTTP status again")
    detail: str = Field(description="What went wrong this time, for people")
    instance: str = Field(description="The path that was asked for, percent-encoded")
    request_id: str = Field(description="Id of this request in the service's logs")
    errors: list[FieldError] = Field(description=f"Fields at fault, the first {MOST_ERRORS}; may be empty")


class RequestProblem(Exception):
    """The service cannot answer a request as the caller sent it.

    Parameters
    ----------
    title : str
        What went wrong, for people; it becomes the problem's `detail`.
    errors : sequence of FieldError
        Every field at fault.
    status : int
    code : str
        The last part of the problem's type, `urn:churn-risk:problem:<code>`.
    headers : mapping of str to str
        Headers of the answer, such as Retry-After and WWW-Authenticate.
    """

    def __init__(
        self,
        title: str,
        errors: Sequence[FieldError] = (),
        status: int = 422,
        code: str = "refused",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.title, self.errors, self.status = title, list(errors), status
        self.code, self.headers = code, dict(headers or {})


def unavailable(detail: str, code: str, seconds: int) -> RequestProblem:
    """Return the 503 that tells the caller to retry after some seconds."""
    return RequestProblem(detail, status=503, code=code, headers={"Retry-After": str(seconds)})


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem detail as a response.

    Parameters
    ----------
    code : str
        The last part of the problem's type, `urn:churn-risk:problem:<code>`.
    detail : str
        What went wrong, for people; a 422 gets the first field at fault added.
    errors : sequence of FieldError
        Every field at fault; the answer lists the first `MOST_ERRORS`.
    headers : mapping of str to str, optional
        Headers of the answer.
    """
    body = ProblemDetail(
        type=f"urn:churn-risk:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=_with_first(status, detail, errors),
        instance=path_of(request),
        request_id=request_id(request),
        errors=list(errors[:MOST_ERRORS]),
    )
    request.scope.setdefault("state", {})["problem"] = code
    # The input may hold half a surrogate pair, which UTF-8 cannot encode; it comes back as a question mark.
    content = json.dumps(body.model_dump(), ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, headers, media_type=_media_type(request))


def _with_first(status: int, detail: str, errors: Sequence[FieldError]) -> str:
    """Return the detail of a 422 with the first field's error added, for clients that show only the detail."""
    if status != HTTPStatus.UNPROCESSABLE_ENTITY or not errors or errors[0].detail in detail:
        return detail
    return f"{detail}: {errors[0].pointer or 'the body'}: {errors[0].detail}"


def path_of(request: Request) -> str:
    """Return the requested path, percent-encoded; unlike `request.url`, it does not depend on the Host header.

    The path is as the caller sent it, if the server provides that: a decoded path no longer shows which slash belongs
    to an account's id.
    """
    sent: bytes | None = request.scope.get("raw_path")
    if sent is None:
        return quote(request.scope["path"].encode("utf-8", "replace"), safe="/")
    return NOT_QUOTED.sub("%25", quote(sent, safe=IN_PATHS))


def pointer(location: Sequence[Any]) -> str:
    """Turn ('body', 'accounts', 0, 'invoices') into '/accounts/0/invoices'; places outside the body keep their name.

    Examples
    --------
    >>> pointer(("body", "accounts", 0, "a/b")), pointer(("query", "lang"))
    ('/accounts/0/a~1b', '/query/lang')
    """
    return json_pointer(location[1:] if location and location[0] == "body" else location)


def account_problem(code: str, detail: str, errors: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return the problem of a job's account without a score, for the results; `serving.jobs.chunks` has the codes."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR if code == "internal" else HTTPStatus.UNPROCESSABLE_ENTITY
    return {
        "type": f"urn:churn-risk:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": _with_first(status, detail, [FieldError.model_validate(error) for error in errors[:1]]),
        "errors": list(errors[:MOST_ERRORS]),
    }


def _media_type(request: Request) -> str:
    named = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
    return PLAIN_TYPE if PLAIN_TYPE in named and MEDIA_TYPE not in named else MEDIA_TYPE
