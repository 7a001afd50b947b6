"""Each request's id: it is in the answer's body and `X-Request-Id`, in problem details and in the logs.

A caller may send its own id in `X-Request-Id`, so that the same id is in its logs and in ours.
"""

from __future__ import annotations

import re
from uuid import uuid4

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
#: The permitted form of a caller's own id: only characters that are safe in a header, a log line and a file name.
CALLERS_OWN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def request_id(request: Request) -> str:
    """Return the id of this request in the answer and in the logs."""
    state = request.scope.setdefault("state", {})
    return str(state.setdefault("request_id", str(uuid4())))


class Identified:
    """Middleware that gives every request an id and adds it to the answer's headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == HEADER), b"")
        own = sent if CALLERS_OWN.fullmatch(sent) else str(uuid4()).encode()
        scope.setdefault("state", {})["request_id"] = own.decode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, own)]
            await send(message)

        await self._app(scope, receive, named)
