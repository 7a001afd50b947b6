"""A refused body is taken in before the answer ends: its sender reads why, not that the connection was reset."""

from __future__ import annotations

import asyncio
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api import lingering
from serving.api.lingering import Lingers

PIECE = b"x" * 1000
HEAD: Message = {"type": "http.response.start", "status": 413, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"no"}


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    await send(HEAD | {"headers": scope.get("answers", [])})
    await send(BODY)


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await refusing(scope, receive, send)


def told(app: ASGIApp, pieces: int = 5, **headers: str) -> list[str]:
    """Return what happens: `r` for a piece that is received, and what is sent."""
    sent = {"content-length": "5000"} | {name.replace("_", "-"): value for name, value in headers.items()}
    answers = [(b"connection", b"close")] if sent.pop("answers", None) else []
    raw = [(name.encode(), value.encode()) for name, value in sent.items()]
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": raw, "answers": answers}
    left, seen = pieces, []

    async def receive() -> Message:
        nonlocal left
        left -= 1
        seen.append("r")
        return {"type": "http.request", "body": PIECE, "more_body": left > 0}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            seen.append("more" if message.get("more_body") else "end")

    asyncio.run(Lingers(app)(scope, receive, send))
    return seen


def test_the_answer_is_sent_then_the_body_is_taken_in_then_the_answer_ends() -> None:
    assert told(refusing) == ["more", *"rrrrr", "end"]
    assert told(refusing, content_length="0", transfer_encoding="chunked") == ["more", *"rrrrr", "end"]


def test_what_needs_no_waiting_is_left_alone() -> None:
    assert told(reading) == [*"rrrrr", "end"]
    assert told(refusing, content_length="0") == ["end"]
    assert told(refusing, expect="100-continue") == ["end"]
    assert told(refusing, answers="close") == ["end"]


def test_nobody_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MOST_BYTES", 2500)
    assert told(refusing, pieces=1000) == ["more", *"rrr", "end"]


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.server
def test_a_client_that_reads_last_and_closes_learns_why() -> None:
    with serving(Lingers(refusing)) as address:
        request = urllib.request.Request(address, b"x" * 12_000_000)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60)
        assert caught.value.code == 413 and caught.value.read() == b"no"
        caught.value.close()
