"""Limits on size, depth, encoding and time of a request: each is answered by a problem, and none is in the way."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from support.served import Client, Json, assert_problem

from serving.api.edge import handlers
from serving.api.edge.depth import too_deep
from serving.api.edge.identity import Identified
from serving.api.edge.limits import Limits
from serving.settings import ServiceSettings

LIMITS: Json = {"body_bytes": 100, "job_body_bytes": 200, "json_depth": 4, "body_seconds": 60, "answer_seconds": 60}
JSON_HEADERS = {"Content-Type": "application/json"}
Message = dict[str, Any]


def limited(**changes: Any) -> FastAPI:
    """Return an app that says how many bytes it got, within limits."""
    app = FastAPI(openapi_url=None)
    handlers.install(app)
    for middleware in (Limits, handlers.Unexpected, Identified):
        app.add_middleware(middleware)
    app.state.runtime = SimpleNamespace(settings=ServiceSettings(**LIMITS | changes))

    async def echo(request: Request) -> Json:
        body = await request.body()
        return {"size": len(body), "body": body.decode("utf-8", "replace")}

    for path in ("/echo", "/v1/jobs", "/v1/predictions"):
        app.add_api_route(path, echo, methods=["POST", "PUT", "GET"], openapi_extra={"requestBody": {}})
    return app


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(limited())


def send(client: Client, content: Any, path: str = "/echo", method: str = "POST", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.ask(method, path, content=content, headers=JSON_HEADERS | named)


async def scripted(
    app: FastAPI, receive: Callable[[], Awaitable[Message]], headers: list[tuple[bytes, bytes]], path: str = "/echo"
) -> list[Message]:
    """Send a request whose body is what `receive` says; return the messages of the answer."""
    sent: list[Message] = []
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": headers, "scheme": "http", "server": ("127.0.0.1", 80), "http_version": "1.1"}  # fmt: skip

    async def keep(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, keep)  # type: ignore[arg-type]
    return sent


# Size


def test_a_body_of_the_greatest_size_is_taken(client: Client) -> None:
    body = json.dumps("x" * 98)
    assert send(client, body).json() == {"size": 100, "body": body}
    assert_problem(send(client, body + " "), 413)


@pytest.mark.parametrize(("method", "path", "size"), [("POST", "/v1/jobs", 200), ("PUT", "/v1/jobs", 100)])
def test_a_job_may_be_larger(client: Client, method: str, path: str, size: int) -> None:
    assert send(client, " " * size, path, method).json()["size"] == size
    assert "bytes" in assert_problem(send(client, " " * (size + 1), path, method), 413)["detail"]


@pytest.mark.parametrize("length", [b"101", b"9" * 30, b"9" * 5000, b"-1", b"+5", b"1e1", b"", b"\xb2"])
def test_a_length_too_large_or_none_at_all_is_refused_before_anything_is_read(length: bytes) -> None:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    answer = asyncio.run(scripted(limited(), receive, [(b"content-length", length)]))
    assert answer[0]["status"] == 413


def test_a_body_without_length_is_counted_while_it_comes() -> None:
    pieces = iter([b"x" * 60] * 100)

    async def receive() -> Message:
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    answer = asyncio.run(scripted(limited(), receive, [(b"transfer-encoding", b"chunked")]))
    assert answer[0]["status"] == 413
    assert len(list(pieces)) == 98, "no more is read than tells that it is too large"


def test_pieces_are_put_together(client: Client) -> None:
    async def pieces() -> Any:
        for piece in (b'{"a"', b": [1,", b" 2]}"):
            yield piece

    assert send(client, pieces()).json()["body"] == '{"a": [1, 2]}'


def test_a_caller_that_goes_away_is_not_answered() -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(messages)

    assert asyncio.run(scripted(limited(), receive, [(b"transfer-encoding", b"chunked")])) == []


async def unread() -> Message:
    raise AssertionError("the body was read")


@pytest.mark.parametrize(("path", "status"), [("/plain", 200), ("/unknown", 404)])
def test_where_no_body_is_taken_none_is_read(path: str, status: int) -> None:
    """However large it is said to be, or in whatever form: nobody can fill a worker with it."""
    app = limited()
    app.add_api_route("/plain", lambda: {}, methods=["POST"])
    for headers in (
        [(b"content-length", b"9" * 9)],
        [(b"transfer-encoding", b"chunked"), (b"content-encoding", b"br")],
    ):
        answer = asyncio.run(scripted(app, unread, [*headers, (b"content-type", b"application/json")], path))
        assert answer[0]["status"] == status


def test_what_all_hold_at_a_time_is_limited() -> None:
    """Counted from when it is announced, or as it comes, until it is answered; one alone may be larger."""
    app = limited(body_bytes=1000, bodies_bytes=100)
    started, ended = asyncio.Event(), asyncio.Event()

    def body_of(size: int, *events: asyncio.Event) -> Callable[[], Awaitable[Message]]:
        async def receive() -> Message:
            for event in events:
                started.set()
                await event.wait()
            return {"type": "http.request", "body": b"x" * size, "more_body": False}

        return receive

    async def all_of() -> list[int]:
        chunked = [(b"transfer-encoding", b"chunked")]
        first = asyncio.create_task(scripted(app, body_of(80, ended), [(b"content-length", b"80")]))
        await started.wait()
        found = [
            (await scripted(app, body_of(size), headers))[0]
            for size, headers in ((20, [(b"content-length", b"20")]), (21, [(b"content-length", b"21")]),
                                  (20, chunked), (21, chunked))
        ]  # fmt: skip
        assert [name for name, _ in found[1]["headers"] if name == b"retry-after"] == [b"retry-after"]
        ended.set()
        await first
        found.append((await scripted(app, body_of(900), chunked))[0])
        return [answer["status"] for answer in found]

    assert asyncio.run(all_of()) == [200, 503, 200, 503, 200]


# Encoding and depth


def test_a_body_in_too_many_pieces_is_refused() -> None:
    """A parser makes an object of each and collects garbage meanwhile: some megabytes hold a worker up for seconds."""
    client = Client(limited(body_bytes=1_000_000))
    rows = [{"invoice_id": "1", "invoiced_on": "2026-01-01", "amount": 1.0}] * 10_000
    assert send(client, json.dumps(rows)).status_code == 200
    assert "8 bytes" in assert_problem(send(client, "[" + "[]," * 20_000 + "1]"), 413)["detail"]
    assert send(client, "[" + "[]," * 5_000 + "1]").status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "nonsense"])
def test_a_compressed_body_is_refused(client: Client, encoding: str) -> None:
    answer = send(client, b"{}", Content_Encoding=encoding)
    assert encoding in assert_problem(answer, 415)["detail"] and answer.headers["accept-encoding"] == "identity"


def test_identity_is_no_compression(client: Client) -> None:
    assert send(client, b"{}", Content_Encoding=" Identity").status_code == 200


def test_a_byte_order_mark_is_left_out(client: Client) -> None:
    assert send(client, b'\xef\xbb\xbf{"a": "\xc3\xa4"}').json()["body"] == '{"a": "ä"}'


@pytest.mark.parametrize(
    "body", [b'"\xff"', b'"\xed\xa0\x80"', '"ä"'.encode("latin-1"), '{"a": 1}'.encode("utf-16"),
             '{"a": 1}'.encode("utf-16-le"), '{"a": 1}'.encode("utf-32"), b'"\0"']
)  # fmt: skip
def test_what_is_not_utf_8_is_refused(client: Client, body: bytes) -> None:
    assert assert_problem(send(client, body), 400, "")["errors"][0]["detail"] == "not JSON: not UTF-8"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("[[[[]]]]", 200),
        ("[[[[[]]]]]", 400),
        ('{"a":' * 5 + "1" + "}" * 5, 400),
        ("[" * 50, 400),
        ('["[[[[[[[["]', 200),
    ],
)
def test_depth(client: Client, body: str, status: int) -> None:
    answer = send(client, body)
    assert answer.status_code == status
    assert status == 200 or "4 levels" in assert_problem(answer, 400, "")["errors"][0]["detail"]


@pytest.mark.parametrize("media_type", ["application/JSON; charset=utf-8", "application/vnd.crm+json"])
def test_json_by_another_name_has_the_same_limits(client: Client, media_type: str) -> None:
    assert_problem(client.ask("POST", "/echo", content="[" * 50, headers={"Content-Type": media_type}), 400, "")


def test_what_is_not_json_is_not_looked_into(client: Client) -> None:
    answer = client.ask("POST", "/echo", content=b"\xff[[[[[[[[", headers={"Content-Type": "text/csv"})
    assert answer.json()["size"] == 9


JSON_VALUES = st.recursive(
    st.text(alphabet='[]{}"\\aä\n') | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[]{}"\\a'), inner, max_size=3),
    max_leaves=12,
)


def deepest(value: Any) -> int:
    """Return how deeply a value is nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(deepest, inner), default=0)


@given(JSON_VALUES, st.booleans(), st.integers(1, 6))
def test_depth_is_told_exactly_of_what_is_json(value: Any, ascii_only: bool, limit: int) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert too_deep(body, limit) == (deepest(value) > limit)


def opened(body: bytes) -> int:
    """Return how many levels a parser opens before it stops, read byte by byte."""
    stack, most, quoted, escaped = [], 0, False, False
    for byte in body:
        if quoted:
            quoted, escaped = (escaped or byte != 0x22), byte == 0x5C and not escaped
        elif byte == 0x22:
            quoted = True
        elif byte in b"[{":
            stack.append(byte + 2)
            most = max(most, len(stack))
        elif byte == 0x5C or (byte in b"]}" and (not stack or stack.pop() != byte)):
            break
    return most


@given(st.binary(max_size=30).map(lambda raw: bytes(b'[]{}"\\a'[byte % 7] for byte in raw)), st.integers(1, 4))
def test_no_parser_goes_deeper_into_what_is_no_json(body: bytes, limit: int) -> None:
    assert too_deep(body, limit) or opened(body) <= limit


# Time


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    begun = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Message:
        for message in begun:
            return message
        return await asyncio.Future()

    headers = [(b"content-length", b"10"), (b"x-request-id", b"slow-1")]
    answer = asyncio.run(scripted(limited(body_seconds=0.02), receive, headers))
    assert answer[0]["status"] == 408 and (b"connection", b"close") in answer[0]["headers"]
    assert json.loads(answer[1]["body"])["request_id"] == "slow-1"


def hanging(app: FastAPI, path: str, method: str) -> threading.Event:
    """Have a path answered, in a thread of its own, when the event is set."""
    event = threading.Event()
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) != path]
    app.add_api_route(path, lambda: {"waited": event.wait(60)}, methods=[method])
    return event


@pytest.mark.parametrize(("method", "path"), [("GET", "/slow"), ("POST", "/v1/predictions")])
def test_an_answer_that_does_not_come_is_given_up(method: str, path: str) -> None:
    app = limited(answer_seconds=0.05)
    event = hanging(app, path, method)
    # A read with an Idempotency-Key is a read all the same.
    answer = Client(app).ask(method, path, headers={"Idempotency-Key": "k"} if method == "GET" else {})
    assert "ask again" in assert_problem(answer, 503)["detail"] and int(answer.headers["retry-after"]) > 0
    event.set()
    assert Client(app).ask(method, path).json() == {"waited": True}


@pytest.mark.parametrize(("path", "headers"), [("/v1/links", {}), ("/v1/predictions", {"Idempotency-Key": "k"})])
def test_what_may_have_stored_something_is_waited_for(path: str, headers: dict[str, str]) -> None:
    app = limited(answer_seconds=0.05)
    event = hanging(app, path, "POST")
    threading.Timer(0.3, event.set).start()
    assert Client(app).ask("POST", path, headers=headers).json() == {"waited": True}


def test_an_answer_that_is_ready_as_the_time_runs_out_is_given() -> None:
    """The loop is busy with another request when the timer rings; the answer is there by then."""
    app = limited(answer_seconds=0.2)

    async def predicted() -> Json:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()

        def busy() -> None:
            time.sleep(0.3)
            answer.set_result(None)

        loop.call_later(0.1, busy)
        await asyncio.wait_for(answer, 60)  # It swallows being cancelled where its future is done already.
        return {"ready": True}

    app.add_api_route("/ready", predicted)
    answer = Client(app).get("/ready")
    assert answer.status_code == 200 and answer.json() == {"ready": True}


def test_what_is_long_by_itself_is_waited_for() -> None:
    app = limited(answer_seconds=0.05)
    event = hanging(app, "/v1/jobs/1/results", "GET")
    threading.Timer(0.3, event.set).start()
    assert Client(app).get("/v1/jobs/1/results").json() == {"waited": True}


def test_an_answer_that_has_begun_is_not_cut() -> None:
    app = limited(answer_seconds=0.05)

    async def rows() -> Any:
        yield b"first,"
        await asyncio.sleep(0.2)
        yield b"last"

    app.add_api_route("/rows", lambda: StreamingResponse(rows()))
    assert Client(app).get("/rows").text == "first,last"


def test_a_time_out_of_the_inside_is_a_failure_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    app = limited()

    async def broken() -> None:
        raise TimeoutError("a server inside")

    app.add_api_route("/broken", broken)
    assert_problem(Client(app).get("/broken"), 500)
    assert "a server inside" in caplog.text


def test_limits_hold_while_the_service_starts() -> None:
    app = limited()
    del app.state.runtime
    assert_problem(send(Client(app), "[" * 100), 400, "")
    assert send(Client(app), " " * 1000).status_code == 200, "the default is greater"
