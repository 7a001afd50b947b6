"""Middleware that keeps a request within limits: size, time to arrive, encoding and depth of its body, time to answer.

It reads the body once and passes it on whole. No route sees a body that is too large, arrives too slowly or is
compressed. No route sees JSON that is not UTF-8, or that is nested so deeply or broken into so many pieces that a
parser could fail on it or hold up other requests. When the route takes no body, the middleware reads none. The limits
come from the running service's settings, or from their defaults while the service starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.edge.depth import stands_twice, too_deep
from serving.api.edge.handlers import broken_json, says_json
from serving.api.edge.matching import matching
from serving.api.edge.problems import FieldError, problem
from serving.settings import ServiceSettings

#: The day of a request: of two, a parser would take the last.
AS_OF = "as_of"
BOM = b"\xef\xbb\xbf"
#: Methods whose requests may be given up without harm: they store nothing, so the caller can repeat them.
GIVEN_UP = frozenset({"GET", "HEAD", "OPTIONS"})
STORES_NOTHING = "/v1/predictions"
#: The path that takes the larger body.
JOBS = "/v1/jobs"
#: Ends of paths whose answers take long by nature; their routes limit how many of them run at a time.
LONG = ("/results",)
#: Seconds until the next request is useful: after an answer that took too long, and after a lack of room for a body.
SLOW_SECONDS, FULL_SECONDS = 5, 1
#: Minimum bytes of JSON per object or list in it (a row of a table has fifty or more), and how many always pass.
BYTES_A_PIECE, FEW_PIECES = 8, 10_000


@dataclass(frozen=True)
class BodyLimit:
    """The limits of one request's body.

    Attributes
    ----------
    size : int
        Maximum bytes.
    seconds : float
        Maximum time until all of it has arrived.
    depth : int
        Maximum levels of nesting of JSON.
    """

    size: int
    seconds: float
    depth: int


class Refused(Exception):
    """The service does not take a body; carries the answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


class Limits:
    """Keeps every request within limits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._held = app, Held()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its whole body, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, settings = Request(scope, receive), _settings(scope)
        if not takes_body(matching(scope)):
            await self._answer(request, _replayed(b"", receive), send, settings)
            return
        with self._held.part(settings.bodies_bytes) as part:
            try:
                body = await _body(request, _body_limit(scope, settings), part)
            except Refused as refused:
                await refused.answer(scope, receive, send)
                return
            if body is not None:
                await self._answer(request, _replayed(body, receive), send, settings)

    async def _answer(self, request: Request, receive: Receive, send: Send, settings: ServiceSettings) -> None:
        scope = request.scope
        if not _may_be_given_up(request):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(settings.answer_seconds) as timer:

                async def begun(message: Message) -> None:
                    if not timer.expired():  # An expired timer cannot be rescheduled.
                        timer.reschedule(None)
                    await send(message)

                await self._app(scope, receive, begun)
        except TimeoutError:
            if not timer.expired():
                raise
            detail = f"no answer within {settings.answer_seconds:g} seconds; nothing was stored, ask again"
            headers = {"Retry-After": str(SLOW_SECONDS)}
            await problem(request, 503, "too-slow", detail, headers=headers)(scope, receive, send)


class Held:
    """How many bytes of bodies a worker holds at this moment, from their arrival until their answers."""

    def __init__(self) -> None:
        self._bytes = 0

    @contextmanager
    def part(self, most: int) -> Iterator[Part]:
        """Yield the part of one request, which may take bytes up to `most` in total; at the end it gives all back."""
        part = Part(self, most)
        try:
            yield part
        finally:
            self._bytes -= part.size


@dataclass
class Part:
    """The bytes that one request holds."""

    held: Held
    most: int
    size: int = 0

    def take(self, size: int) -> bool:
        """Hold `size` more bytes; False if other requests leave no room. A request without others gets all it needs."""
        others = self.held._bytes - self.size
        if others > 0 and self.held._bytes + size > self.most:
            return False
        self.size += size
        self.held._bytes += size
        return True


def takes_body(route: BaseRoute | None) -> bool:
    """Whether a route reads a body: it declares one, or a form, or its part of the document has a request body."""
    if getattr(route, "takes_form", False):
        return True
    if not isinstance(route, APIRoute):
        return False
    return route.body_field is not None or "requestBody" in (route.openapi_extra or {})


def _settings(scope: Scope) -> ServiceSettings:
    served = getattr(scope["app"].state, "runtime", None)
    return served.settings if served is not None else ServiceSettings.model_construct()


def _body_limit(scope: Scope, settings: ServiceSettings) -> BodyLimit:
    """Return the limits of one request; a larger body gets proportionally more time."""
    larger = scope["method"] == "POST" and scope["path"] == JOBS
    size = settings.job_body_bytes if larger else settings.body_bytes
    return BodyLimit(size, settings.body_seconds * max(size / settings.body_bytes, 1.0), settings.json_depth)


def _may_be_given_up(request: Request) -> bool:
    if request.method in GIVEN_UP:
        return not request.scope["path"].endswith(LONG)
    # A request with a key stores its answer.
    return request.scope["path"] == STORES_NOTHING and "idempotency-key" not in request.headers


async def _body(request: Request, limit: BodyLimit, part: Part) -> bytes | None:
    """Return the body; None when the caller disconnects before all of it has arrived.

    Raises
    ------
    Refused
        When the service does not take it.
    """
    announced = request.headers.get("content-length")
    if announced in (None, "0") and "transfer-encoding" not in request.headers:
        return b""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        detail = f"a body must not be compressed ({encoding})"
        headers = {"Accept-Encoding": "identity"}
        raise Refused(problem(request, 415, "unsupported-encoding", detail, headers=headers))
    if announced is not None and not _within(announced, limit.size):
        raise Refused(_too_large(request, limit))
    if announced is not None and not part.take(int(announced)):
        raise Refused(_full(request))
    try:
        async with asyncio.timeout(limit.seconds):
            body = await _read(request, limit, part)
    except TimeoutError:
        detail = f"the body did not arrive within {limit.seconds:g} seconds"
        headers = {"Connection": "close"}
        raise Refused(problem(request, 408, "body-too-slow", detail, headers=headers)) from None
    return _readable(request, body, limit.depth) if body and says_json(request) else body


def _within(announced: str, size: int) -> bool:
    # Python refuses to read a number with thousands of digits.
    return announced.isdecimal() and len(announced) <= 18 and int(announced) <= size


async def _read(request: Request, limit: BodyLimit, part: Part) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit.size:
            raise Refused(_too_large(request, limit))
        if size > part.size and not part.take(size - part.size):
            raise Refused(_full(request))
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_large(request: Request, limit: BodyLimit) -> Response:
    return problem(request, 413, "body-too-large", f"the body is larger than {limit.size:,} bytes")


def _full(request: Request) -> Response:
    headers = {"Retry-After": str(FULL_SECONDS)}
    return problem(request, 503, "overloaded", "too much is being worked on already; ask again", headers=headers)


def _readable(request: Request, body: bytes, depth: int) -> bytes:
    """Return JSON that a parser can take, without a byte order mark; raises Refused."""
    body = body.removeprefix(BOM)
    if not _is_utf8(body):
        raise Refused(broken_json(request, "not UTF-8"))
    if body.count(b"{") + body.count(b"[") > FEW_PIECES + len(body) // BYTES_A_PIECE:
        detail = f"the body is broken into more objects and lists than one for {BYTES_A_PIECE} bytes"
        raise Refused(problem(request, 413, "body-too-large", detail))
    if too_deep(body, depth):
        raise Refused(broken_json(request, f"nested more than {depth} levels deep"))
    if request.url.path != JOBS and stands_twice(body, AS_OF):  # The reader of jobs sees it itself.
        faults = [FieldError(pointer=f"/{AS_OF}", detail="stands there twice")]
        raise Refused(problem(request, 422, "invalid-request", "it is not clear which day is meant", faults))
    return body


def _is_utf8(body: bytes) -> bool:
    """Whether a body is UTF-8; UTF-16 and UTF-32 have zero bytes, which JSON never has."""
    try:
        body.isascii() or body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that returns the body once, and after that the messages of the original `receive`."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again
