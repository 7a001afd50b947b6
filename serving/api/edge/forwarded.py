"""Middleware that takes the caller's address and scheme from a proxy's headers, if the proxy is one that is named.

Who is named stands in the setting `proxies`. From anybody else, X-Forwarded-For and X-Forwarded-Proto are text: a
caller who writes them himself would otherwise choose the address under which failed attempts are counted. uvicorn's own
reading of them, which trusts this machine, is switched off in `serving.run.service`.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware


class Forwarded:
    """Replaces the address of a named proxy by that of its caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._named: tuple[str, ASGIApp] = ("", app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._by(_proxies(scope))(scope, receive, send)

    def _by(self, proxies: str) -> ASGIApp:
        if self._named[0] != proxies:
            trusting: ASGIApp = ProxyHeadersMiddleware(self._app, proxies) if proxies else self._app  # type: ignore[arg-type, assignment]
            self._named = (proxies, trusting)
        return self._named[1]


def _proxies(scope: Scope) -> str:
    app = scope.get("app")
    served = getattr(app.state, "runtime", None) if app is not None else None
    settings = getattr(served, "settings", None)
    return "" if settings is None else str(settings.proxies).strip()
