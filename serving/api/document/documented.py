"""The errors in the document: one entry per status; each route lists the entries of its own statuses.

`serving.api.document.openapi` adds the statuses that any route can answer with (`EVERYWHERE`), those of a route with a
body (`WITH_BODY`) and those of a route that demands a scope (`GUARDED`).
"""

from __future__ import annotations

from typing import Any

from serving.api.edge.problems import ProblemDetail

Responses = dict[int | str, dict[str, Any]]

TEXTS = {
    400: "The body is not JSON in UTF-8, or nested too deeply",
    401: "No valid API key or token was sent",
    403: "The key or token does not hold the scope that is needed",
    404: "There is nothing of this id, or nothing that the caller may see",
    405: "The method is not one of those in Allow",
    408: "The body did not arrive in time",
    409: "The state of what is asked for does not allow this, or the same request is still being worked on",
    410: "It was there and is gone for good",
    413: "The body is larger than the service takes, or in more pieces",
    415: "The body is of another media type than application/json, or compressed",
    422: "Fields are not as they should be, each named",
    429: "The key has asked too often, or has too much waiting; Retry-After says when to come back",
    500: "An unexpected failure; it is logged under the request id",
    503: "Not ready, overloaded, or the database is away; Retry-After says when to come back",
}
#: The most common type of problem of each status, `urn:churn-risk:problem:<code>`; for examples.
CODES = {
    400: "broken-json",
    401: "unauthenticated",
    403: "scope-missing",
    404: "not-found",
    405: "method-not-allowed",
    408: "body-too-slow",
    409: "conflict",
    410: "gone",
    413: "body-too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
    429: "too-often",
    500: "internal",
    503: "not-ready",
}
#: Errors of every route, and errors of a route with a body: the limits apply before the route sees the request.
EVERYWHERE = (500, 503)
WITH_BODY = (400, 408, 413, 415)
#: Errors of a route that demands a scope.
GUARDED = (401, 403, 429)


def errors(*statuses: int) -> Responses:
    """Return the entries of some statuses."""
    return {status: {"description": TEXTS[status], "model": ProblemDetail} for status in statuses}


#: A report, as a page or as a PDF.
REPORT: Responses = {
    200: {
        "description": "The report in the format that was asked for",
        "content": {
            "text/html": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
BODY_ERRORS = errors(400, 415, 422)
ACCOUNT_ERRORS = errors(404, 422)
