"""A worker's connections: how many, how long until the headers are there, how long an answer may stay unread."""

from __future__ import annotations

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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[uvicorn.Server]:
    for name, value in {"connections": 5, "header_seconds": 0.3, "unread_seconds": 0.3}.items():
        monkeypatch.setattr(LIMITS, name, value)
    config = uvicorn.Config(app, port=0, http=Limited, log_level="critical", lifespan="off", timeout_keep_alive=60)
    made = uvicorn.Server(config)
    thread = Thread(target=made.run)
    thread.start()
    wait_for(lambda: made.started)
    yield made
    made.should_exit = made.force_exit = True
    thread.join(PATIENCE)


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


def test_it_stands_in_the_place_of_uvicorns_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(uvicorn.config.HTTP_PROTOCOLS, "auto", uvicorn.config.HTTP_PROTOCOLS["auto"])
    connections.install()
    config = uvicorn.Config(app)
    config.load()
    assert config.http_protocol_class is Limited
