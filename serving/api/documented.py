"""What the document says of errors: one entry a status, put together by the routes that can answer so."""

from __future__ import annotations

from typing import Any

from serving.api.problems import ProblemDetail

Responses = dict[int | str, dict[str, Any]]

TEXTS = {
    400: "The body is not JSON",
    404: "No score of this account is stored",
    415: "The body is of another media type than application/json",
    422: "Fields are not as they should be, each named",
}


def errors(*statuses: int) -> Responses:
    """Return the documented errors of some statuses."""
    return {status: {"description": TEXTS[status], "model": ProblemDetail} for status in statuses}


BODY_ERRORS = errors(400, 415, 422)
ACCOUNT_ERRORS = errors(404, 422)
