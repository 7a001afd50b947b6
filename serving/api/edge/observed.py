"""Middleware around the whole app: one line in the log and one count in the metrics for every request.

It names the route by its template and the caller by the id of a key: no path, no account, no query, no address.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving import logs, metrics
from serving.api.edge.matching import matching

#: Monitoring requests these every few seconds: the log has them only when the answer is an error, or at level DEBUG.
PROBES = frozenset({"/livez", "/healthz", "/readyz", "/metrics"})
#: The template of the catch-all route, for paths that no other route answers.
UNROUTED = "/{path}"
#: The status in the log when the caller disconnects before the answer.
GONE = 499
log = logging.getLogger("churn_risk.requests")


class Observed:
    """Logs and counts every request, and stores in its state when all of it had arrived (`received`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        begun, status, written = perf_counter(), GONE, 0

        async def arriving() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                state.setdefault("received", perf_counter())
            return message

        async def watched(message: Message) -> None:
            nonlocal status, written
            if message["type"] == "http.response.start":
                status = message["status"]
            written += len(message.get("body", b""))
            await send(message)

        token = logs.in_request(state)
        try:
            await self._app(scope, arriving, watched)
        finally:
            _log_request(scope, state, status, written, perf_counter() - begun)
            logs.out_of_request(token)


def _log_request(scope: Scope, state: dict[str, Any], status: int, written: int, seconds: float) -> None:
    route, problem = route_of(scope), state.get("problem")
    metrics.answered(route, scope["method"], status, seconds, problem)
    quiet = route in PROBES and status < HTTPStatus.BAD_REQUEST
    facts = {
        "method": scope["method"],
        "route": route,
        "status": status,
        "duration_ms": round(1000 * seconds, 3),
        "principal_id": state.get("principal_id"),
        "problem": problem,
        "request_bytes": _announced(scope),
        "response_bytes": written,
    }
    log.log(logging.DEBUG if quiet else logging.INFO, "request", extra=facts)


def route_of(scope: Scope) -> str:
    """Return the template of the route that answers; unlike the path, it names no account."""
    route = scope.get("route") or matching(scope)
    template = getattr(route, "path_format", UNROUTED)
    return "unmatched" if template == UNROUTED else str(template)


def _announced(scope: Scope) -> int | None:
    """Return the size of the body as the header states it, or None."""
    sent = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(sent) if sent.isdigit() and len(sent) < 19 else None
