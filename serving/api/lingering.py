"""Middleware that takes in what is left of a refused body before the answer ends, so that its sender reads the answer.

A server that closes while its client still sends makes the client's system drop the answer ("connection reset", "broken
pipe"). Many clients send all of a body before they read, and ask for the connection to be closed (Python's urllib
does), so they would never learn that the body was too large or the key wrong.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Most bytes that are taken in and thrown away, and for how long; who sends more sees the connection close.
MOST_BYTES, MOST_SECONDS = 128 * 1024 * 1024, 10.0


class Lingers:
    """Ends an answer only when the request's body has arrived.

    Parameters
    ----------
    app : ASGIApp
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _sends_a_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        arrived = closes = answered = False

        async def receiving() -> Message:
            nonlocal arrived
            message = await receive()
            arrived = arrived or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            nonlocal closes, answered
            if message["type"] == "http.response.start":
                closes = Headers(raw=message["headers"]).get("connection") == "close"
            elif not (arrived or closes or message.get("more_body", False)):
                answered, message = True, {**message, "more_body": True}
            await send(message)

        await self._app(scope, receiving, sending)
        if answered:
            await _take_in(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _sends_a_body(headers: Headers) -> bool:
    """Whether a body comes in any case; who waits for "100 Continue" sends none to an answer."""
    length = headers.get("content-length", "0")
    return "expect" not in headers and (length != "0" or "transfer-encoding" in headers)


async def _take_in(receive: Receive) -> None:
    left = MOST_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(MOST_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
