"""A worker's connections: how many, how long until the headers are there, how long an answer may stay unread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
import uvicorn
import uvicorn.config
from bentoml._internal.server.http.traffic import TimeoutMiddleware

from serving.api.front import Front
from serving.run import connections
from serving.run.connections import LIMITS, Limited

PATIENCE = 30.0
#: More than all buffers between the server and a caller hold.
LARGE = 64 * 2**20


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer /large with a lot, and anything else with a little."""
    if scope["type"] != "http":
        return
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(served: Any) -> Iterator[uvicorn.Server]:
    config = uvicorn.Config(served, port=0, http=Limited, log_level="critical", lifespan="off", timeout_keep_alive=60)
    made = uvicorn.Server(config)
    thread = Thread(target=made.run, daemon=True)
    thread.start()
    wait_for(lambda: made.started)
    try:
        yield made
        told = made.should_exit
    except BaseException:
        told = False
        raise
    finally:
        made.should_exit, made.force_exit = True, not told
        thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[uvicorn.Server]:
    for name, value in {"connections": 5, "header_seconds": 0.3, "unread_seconds": 0.3}.items():
        monkeypatch.setattr(LIMITS, name, value)
    with serving(app) as made:
        yield made


def wait_for(done: Any) -> None:
    deadline = monotonic() + PATIENCE
    while not done():
        assert monotonic() < deadline
        sleep(0.01)


def address(server: uvicorn.Server) -> tuple[str, int]:
    name: tuple[str, int] = server.servers[0].sockets[0].getsockname()
    return name


@contextmanager
def connected(server: uvicorn.Server, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(address(server), PATIENCE) as made:
        made.sendall(sent)
        yield made


def ended(connection: socket.socket) -> bool:
    """Wait until the server closes a connection, and return whether it did so without an answer."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n"], ids=["nothing", "half a line", "half"]
)
def test_half_open_requests_are_closed(server: uvicorn.Server, sent: bytes) -> None:
    with connected(server, sent) as connection:
        assert ended(connection)
    wait_for(lambda: not server.server_state.connections)


def test_headers_that_trickle_in_are_closed(server: uvicorn.Server) -> None:
    """The clock runs from the first byte, and not anew from each."""
    with connected(server, b"GET / HTTP/1.1\r\n") as connection:
        connection.settimeout(0.05)
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                connection.sendall(b"a")
                if connection.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
    pytest.fail("the connection stayed open")


def test_the_second_request_of_a_connection_has_a_clock_too(server: uvicorn.Server) -> None:
    with connected(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nHo")
        while connection.recv(1000) not in (b"",):
            pass


def test_a_connection_between_two_requests_is_left_alone(server: uvicorn.Server) -> None:
    with connected(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
        while not connection.recv(1000).endswith(b"xx"):
            pass
        sleep(3 * LIMITS.header_seconds)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_is_given_up(server: uvicorn.Server) -> None:
    with connected(server, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
        wait_for(lambda: server.server_state.tasks)
        wait_for(lambda: not server.server_state.tasks and not server.server_state.connections)
        assert connection.fileno() > 0


def test_a_large_answer_that_is_read_arrives(server: uvicorn.Server) -> None:
    host, port = address(server)
    assert len(httpx.get(f"http://{host}:{port}/large", timeout=PATIENCE).content) == LARGE


def test_a_caller_who_reads_slowly_is_not_cut_off(server: uvicorn.Server) -> None:
    """Each time the clock looks, something was read."""
    with connected(server, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
        deadline, taken = monotonic() + 5 * LIMITS.unread_seconds, 0
        while monotonic() < deadline:
            taken += len(connection.recv(2**18))
            sleep(LIMITS.unread_seconds / 20)
        assert 0 < taken < LARGE
        while taken < LARGE:
            found = len(connection.recv(2**22))
            assert found
            taken += found


def test_there_are_only_so_many(server: uvicorn.Server) -> None:
    LIMITS.header_seconds = PATIENCE  # The fixture sets it back.
    host, port = address(server)
    with ExitStack() as opened:
        for _ in range(LIMITS.connections):
            opened.enter_context(connected(server))
        wait_for(lambda: len(server.server_state.connections) == LIMITS.connections)
        answer = httpx.get(f"http://{host}:{port}/", timeout=PATIENCE)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:churn-risk:problem:overloaded"
    wait_for(lambda: not server.server_state.connections)
    assert httpx.get(f"http://{host}:{port}/", timeout=PATIENCE).status_code == 200


#: What is no HTTP, or stops being it; nothing of it can do harm.
MALFORMED = {
    "chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
    "tls": b"\x16\x03\x01\x00\n\n\n\r\n\r\n",
    "large header": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
}


def test_a_server_forgets_malformed_requests_and_stops() -> None:
    """BentoML's own middleware, around ours, waits for an answer to begin; ours has nobody to answer."""

    async def ours(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            pass

    with serving(TimeoutMiddleware(Front(app, ours), timeout=4 * PATIENCE)) as server:
        for sent in MALFORMED.values():
            with connected(server, sent) as connection:
                assert connection.recv(1000).startswith(b"HTTP/1.1 400")
        wait_for(lambda: not server.server_state.tasks and not server.server_state.connections)
        server.should_exit = True


def test_a_server_that_is_told_to_stop_waits_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    ended_early = []

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(10 * PATIENCE)
        except asyncio.CancelledError:
            ended_early.append(True)
            raise

    monkeypatch.setattr(LIMITS, "stop_seconds", 0.2)
    with serving(endless) as server, connected(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        wait_for(lambda: server.server_state.tasks)
        server.should_exit = True
        wait_for(lambda: ended_early)


def test_it_stands_in_the_place_of_uvicorns_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", uvicorn.config.HTTP_PROTOCOLS["auto"])
    connections.install()
    config = uvicorn.Config(app)
    config.load()
    assert config.http_protocol_class is Limited
