"""Middleware that lets nobody keep an answer that does not say otherwise: `Cache-Control: private, no-store`.

Without it a browser or a proxy may keep a GET's answer by its own judgement, and an account would be shown after its
key was revoked or its manager changed. There is no ETag: an answer stands on the run, on feedback and steps, on who
asks and on the day, its body has the request's id, and every reading is noted; a 304 would save bytes alone.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME, NOT_KEPT = b"cache-control", b"private, no-store"


class Uncached:
    """Adds the header to every answer that has none.

    Parameters
    ----------
    app : ASGIApp
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if all(name.lower() != NAME for name, _ in headers):
                    message = {**message, "headers": [*headers, (NAME, NOT_KEPT)]}
            await send(message)

        await self._app(scope, receive, marked)
