"""Middleware in front of BentoML's routes: our app answers every request, BentoML only starts and stops the service.

Without it, BentoML would answer /schema.json, /docs.json and unknown routes itself, and errors in plain text.
`ChurnRisk.add_asgi_middleware(Front, ours=app)` installs it.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Front:
    """Middleware that hands requests to our app and everything else to BentoML.

    Parameters
    ----------
    app : ASGIApp
        BentoML's app.
    ours : ASGIApp
        Our app, which answers every HTTP request.
    """

    def __init__(self, app: ASGIApp, ours: ASGIApp) -> None:
        self._bentoml, self._ours = app, ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request to our app and anything else to BentoML."""
        if scope["type"] == "http":
            await self._answered(scope, receive, send)
        else:
            await self._bentoml(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have our app answer, and begin an answer where it ends without one, as it does for a caller who is gone.

        BentoML's TimeoutMiddleware (1.4), which is around us, waits until an answer begins, not until its app ends: the
        task of a caller who hung up, or sent a broken chunk, within the body would stay, and keep the worker from
        stopping. uvicorn throws away what is sent to a caller who is gone.
        """
        begun = False

        async def beginning(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._ours(scope, receive, beginning)
        finally:
            if not begun:
                headers = [(b"content-length", b"0"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": 400, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
