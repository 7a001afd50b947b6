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
#: More fields at fault are counted, not listed.
MOST_ERRORS = 100
#: What may stand in a path beside letters, digits and `-._~` (RFC 3986), and the signs of what is quoted already.
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
    """A request that cannot be answered as asked.

    Parameters
    ----------
    title : str
        What went wrong, for people; becomes the problem's `detail`.
    errors : sequence of FieldError
        Every field at fault.
    status : int
    code : str
        The last part of the problem's type, `urn:churn-risk:problem:<code>`.
    headers : mapping of str to str
        Such as Retry-After and WWW-Authenticate.
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
    """Return the 503 that asks the caller to come back after some seconds."""
    return RequestProblem(detail, status=503, code=code, headers={"Retry-After": str(seconds)})


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem detail as a response; `code` is the last part of its type."""
    body = ProblemDetail(
        type=f"urn:churn-risk:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=_with_first(detail, errors) if status == HTTPStatus.UNPROCESSABLE_ENTITY else detail,
        instance=path_of(request),
        request_id=request_id(request),
        errors=list(errors[:MOST_ERRORS]),
    )
    request.scope.setdefault("state", {})["problem"] = code
    # What was sent may hold half a surrogate pair, which no UTF-8 can say; it comes back as a question mark.
    content = json.dumps(body.model_dump(), ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, headers, media_type=_media_type(request))


def _with_first(detail: str, errors: Sequence[FieldError]) -> str:
    """Say of the first field what is wrong with it: whoever shows one sentence shows the detail."""
    if not errors or errors[0].detail in detail:
        return detail
    return f"{detail}: {errors[0].pointer or 'the body'}: {errors[0].detail}"


def path_of(request: Request) -> str:
    """Return the path asked for, percent-encoded; unlike `request.url` it is not put together from the Host header.

    As it was sent, where the server says so: decoded, a slash inside an account's id is like any other.
    """
    sent: bytes | None = request.scope.get("raw_path")
    if sent is None:
        return quote(request.scope["path"].encode("utf-8", "replace"), safe="/")
    return NOT_QUOTED.sub("%25", quote(sent, safe=IN_PATHS))


def pointer(location: Sequence[Any]) -> str:
    """Turn ('body', 'accounts', 0, 'invoices') into '/accounts/0/invoices'; other places keep their name.

    Examples
    --------
    >>> pointer(("body", "accounts", 0, "a/b")), pointer(("query", "lang"))
    ('/accounts/0/a~1b', '/query/lang')
    """
    return json_pointer(location[1:] if location and location[0] == "body" else location)


def account_problem(code: str, detail: str, errors: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return why an account of a job has no score, as its results tell it; `code` is one of `serving.jobs.chunks`."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR if code == "internal" else HTTPStatus.UNPROCESSABLE_ENTITY
    return {
        "type": f"urn:churn-risk:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "errors": list(errors[:MOST_ERRORS]),
    }


def _media_type(request: Request) -> str:
    named = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
    return PLAIN_TYPE if PLAIN_TYPE in named and MEDIA_TYPE not in named else MEDIA_TYPE
