"""Middleware in front of BentoML's routes: our app answers every request, BentoML only starts and stops the service.

Without it, BentoML would answer /schema.json, /docs.json and unknown routes itself, and errors in plain text.
`ChurnRisk.add_asgi_middleware(Front, ours=app)` installs it.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


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
        await (self._ours if scope["type"] == "http" else self._bentoml)(scope, receive, send)
