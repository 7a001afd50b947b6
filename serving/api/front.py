"""What BentoML puts before its own routes: every request is answered by our app, BentoML keeps starting and stopping.

BentoML would answer /schema.json, /docs.json and unknown routes itself, errors in plain text. Put in by
`ChurnRisk.add_asgi_middleware(Front, ours=app)`.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Front:
    """Middleware that hands requests to our app and all else to BentoML.

    Parameters
    ----------
    app : ASGIApp
        What BentoML has built.
    ours : ASGIApp
        What answers every HTTP request.
    """

    def __init__(self, app: ASGIApp, ours: ASGIApp) -> None:
        self._bentoml, self._ours = app, ours

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on to whom it belongs."""
        await (self._ours if scope["type"] == "http" else self._bentoml)(scope, receive, send)
