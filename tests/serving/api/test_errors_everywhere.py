"""Errors of every route and of none: problem details, by the media type that was asked for, with the request's id."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.documents import operations
from support.served import Client, Json, assert_problem, client_of

from serving.api.app import create_app
from serving.api.document.openapi import document as document_of
from serving.api.front import Front
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "QUERY", "BREW")
DOCUMENT = document_of(create_app())
ALLOWED = {path: ", ".join(sorted(method.upper() for method in methods)) for path, methods in DOCUMENT["paths"].items()}
ROUTES = [name.partition(" ")[::2] for name, _ in operations(DOCUMENT)]
WRONG = [(method, path) for path, allowed in ALLOWED.items() for method in METHODS if method not in allowed.split(", ")]
PROBLEM, PLAIN = "application/problem+json", "application/json"


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[Client]:
    store = ScoreStore("sqlite://")
    yield client_of(bundle, store, ServiceSettings(secret="a master secret of more than 32 characters"))
    store.close()


def filled(path: str) -> str:
    """Return a path with something for each of its parts."""
    return re.sub(r"\{\w+\}", "some-id", path)


def documented(method: str, path: str) -> set[int]:
    return {int(status) for status in DOCUMENT["paths"][path][method.lower()]["responses"]}


def takes_body(method: str, path: str) -> bool:
    return "requestBody" in DOCUMENT["paths"][path][method.lower()]


# Unknown routes, wrong methods


@pytest.mark.parametrize(("method", "path"), [one for one in WRONG if one[0] != "HEAD" or "GET" not in ALLOWED[one[1]]])
def test_a_wrong_method_is_told_the_right_ones(client: Client, method: str, path: str) -> None:
    answer = client.ask(method, filled(path))
    assert answer.status_code == 405 and answer.headers["allow"] == ALLOWED[path]
    assert answer.headers["content-type"] == PROBLEM
    if method != "HEAD":
        assert_problem(answer, 405)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path", ["/schema.json", "/docs.json", "/static_content/x.js", "/docs", "/v1//", "/v1/%00", "/%FF"]
)
def test_an_unknown_route(client: Client, method: str, path: str) -> None:
    answer = client.ask(method, path)
    assert answer.status_code == 404 and answer.headers["content-type"] == PROBLEM
    assert method == "HEAD" or answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/livez/", "/v1/model/", "/v1/accounts/"])
def test_nobody_is_sent_elsewhere(client: Client, path: str) -> None:
    """A redirect to the path without the slash would be an answer that no document names."""
    assert_problem(client.get(path), 404)


# Every route, whatever is wrong


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_answers_503_while_the_service_starts(method: str, path: str) -> None:
    client = Client(create_app())
    answer = client.ask(method.upper(), filled(path), json={} if method == "post" else None)
    assert answer.status_code in documented(method, path)
    if path not in ("/livez", "/healthz", "/openapi.json", "/swagger.json"):
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0


BROKEN: dict[str, tuple[int, Json]] = {
    "large": (413, {"content": b"x", "headers": {"Content-Length": "999999999"}}),
    "compressed": (415, {"content": b"{}", "headers": {"Content-Encoding": "gzip"}}),
    "deep": (400, {"content": b"[" * 99, "headers": {"Content-Type": PLAIN}}),
}


@pytest.mark.parametrize("wrong", BROKEN)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_that_takes_a_body_keeps_the_limits(client: Client, method: str, path: str, wrong: str) -> None:
    """Of what is sent to another one nothing is read."""
    status, sent = BROKEN[wrong]
    answer = client.ask(method.upper(), filled(path), **sent)
    assert answer.status_code in documented(method, path)
    assert (answer.status_code == status) == (status in documented(method, path)) == takes_body(method, path)
    assert answer.is_success or answer.headers["content-type"].startswith(PROBLEM)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("host", ["[", "[::1", "a b", "\xff", "", "x" * 9000, "evil\\@host"])
def test_no_host_header_breaks_a_route(client: Client, method: str, path: str, host: str) -> None:
    answer = client.ask(method.upper(), filled(path), headers={"Host": host.encode("latin-1")})
    assert answer.status_code < 500 and answer.status_code in documented(method, path)


ODD_HEADERS = [
    ("Content-Type", b"\xff\xfe/json"), ("Content-Type", b"application/json; charset=\xe4; charset"),
    ("Content-Type", b";;;"), ("Accept", b"\xff, */*;q=x"), ("Accept", b"," * 5000), ("Authorization", b"Bearer"),
    ("Authorization", b"Basic \xff"), ("Authorization", b"Bearer " + b"x" * 9000), ("X-API-Key", b"\xe4\xff"),
    ("X-API-Key", b"crk_x_y"), ("X-Forwarded-For", b"\xff"), ("Origin", b"null"), ("Origin", b"http://[["),
    ("Idempotency-Key", b"\xff"), ("Idempotency-Key", b"k" * 9000), ("X-Request-Id", b"\xff"), ("Expect", b"nothing"),
    ("Range", b"bytes=x-y"), ("If-None-Match", b"*"), ("Cookie", b"\xff=;;"), ("Transfer-Encoding", b"\xff"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ODD_HEADERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_header_breaks_a_route(client: Client, method: str, path: str, name: str, value: bytes) -> None:
    answer = client.ask(method.upper(), filled(path), headers={name: value})
    assert answer.status_code < 500 and answer.status_code in documented(method, path), answer.text


ODD_TEXTS = [
    "%00",
    "%FF",
    "%ED%A0%80",
    "%0D%0AX-Injected:%201",
    "%F0%9F%98%80",
    "a" * 8000,
    "..%2F..",
    "%25%32%46",
    "'--",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "{" in route[1]])
def test_no_path_breaks_a_route(client: Client, method: str, path: str, text: str) -> None:
    answer = client.ask(method.upper(), re.sub(r"\{\w+\}", text, path))
    assert answer.status_code in documented(method, path) and answer.status_code < 500
    assert "x-injected" not in answer.headers


@pytest.mark.parametrize("text", ODD_TEXTS)
@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] == "get"])
def test_no_query_breaks_a_route(client: Client, method: str, path: str, text: str) -> None:
    names = [one["name"] for one in DOCUMENT["paths"][path][method].get("parameters", ()) if one["in"] == "query"]
    for name in (*names, "unknown"):
        answer = client.ask(method.upper(), f"{filled(path)}?{name}={text}&{name}=&{text}")
        assert answer.status_code in documented(method, path) and answer.status_code < 500, name


def test_no_text_breaks_a_database(bundle: Bundle, database_url: str) -> None:
    """PostgreSQL takes no text with a NUL in it, and nothing that is not UTF-8."""
    store = ScoreStore(database_url)
    client = client_of(bundle, store, ServiceSettings(secret="a master secret of more than 32 characters"))
    for text in ODD_TEXTS:
        for method, path in ROUTES:
            parameters = DOCUMENT["paths"][path][method].get("parameters", ())
            named = [f"{one['name']}={text}" for one in parameters if one["in"] == "query"]
            # In two requests: httpx takes no address of more than 65,536 characters.
            for query in ("&".join(named[::2]), "&".join(named[1::2])):
                answer = client.ask(method.upper(), f"{re.sub(r'{[a-z_]+}', text, path)}?{query}")
                assert answer.status_code in documented(method, path) - {500, 503}, (method, path, text)
    for number, text in enumerate(("\x00", "\ud800", "😀", "a" * 5000)):
        account = {"account_id": text, "name": text, "customer_since": "2020-01-01"}
        accounts = [{"account": account, "invoices": []}]
        for path, body in (("/v1/links", {"account_id": text}), ("/v1/predictions", {"accounts": accounts}),
                           ("/v1/jobs", {"accounts": accounts})):  # fmt: skip
            headers = {"Content-Type": PLAIN, "Idempotency-Key": f"key-{number}"}
            answer = client.ask("POST", path, content=json.dumps(body), headers=headers)
            assert answer.status_code in documented("POST", path) - {500, 503}, (path, text)
    store.close()


# Media type and request id


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PROBLEM),
        ("*/*", PROBLEM),
        ("application/*", PROBLEM),
        ("text/html", PROBLEM),
        (PROBLEM, PROBLEM),
        (f"{PLAIN}, {PROBLEM}", PROBLEM),
        (PLAIN, PLAIN),
        ("Application/JSON;q=0.9, text/plain, */*", PLAIN),
    ],
)
def test_clients_that_know_no_problem_type_get_json(client: Client, accept: str, expected: str) -> None:
    for method, path in (("GET", "/nope"), ("DELETE", "/v1/model"), ("GET", "/v1/accounts/nobody/risk")):
        answer = client.ask(method, path, headers={"Accept": accept})
        assert answer.headers["content-type"] == expected
        assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("sent", ["a", "b3f1.2-3_4", "x" * 64])
def test_a_caller_may_name_its_request(client: Client, sent: str) -> None:
    for path in ("/livez", "/v1/model", "/nope"):
        answer = client.ask("GET", path, headers={"X-Request-Id": sent})
        assert answer.headers.get_list("x-request-id") == [sent] and answer.json()["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a\tb", "ä", "a,b", '"', "<script>"])
def test_a_name_that_is_none_is_not_taken(client: Client, sent: str) -> None:
    answer = client.ask("GET", "/nope", headers={"X-Request-Id": sent.encode("latin-1")})
    given = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", given) and answer.json()["request_id"] == given


def test_every_request_has_an_id_of_its_own(client: Client) -> None:
    assert len({client.get("/livez").headers["x-request-id"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("rows", "counted", "listed"),
    [(900, "900 fields are", 100), (1001, "1 field is", 1), (3_000_000, "1 field is", 1)],
)
def test_many_faults_are_counted_and_the_first_listed(client: Client, rows: int, counted: str, listed: int) -> None:
    """A fault costs a thousand times its row: of millions, only the first of each table is looked for."""
    body = '{"accounts": [{"account": {"account_id": "A", "customer_since": "2020-01-01"}, "invoices": [%s]}]}'
    answer = client.post(body % ",".join("3" * rows)).json()
    assert answer["detail"].startswith(counted) and len(answer["errors"]) == listed
    assert answer["errors"][0]["pointer"] == "/accounts/0/invoices/0"


def test_a_request_of_a_hundred_long_accounts_is_refused_with_little(client: Client) -> None:
    rows = [{"not a column": "of any table"}] * 500
    account = {"account": {}, "invoices": rows, "tickets": rows}
    answer = client.post({"accounts": [account] * 100})
    assert answer.json()["detail"].startswith("700 fields are")


# BentoML in front of it


class Recorded:
    """An ASGI app that keeps what it was asked."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope["type"])


@pytest.mark.parametrize(("kind", "ours"), [("http", True), ("lifespan", False), ("websocket", False)])
def test_the_front_answers_requests_and_leaves_the_rest(kind: str, ours: bool) -> None:
    bentoml, app = Recorded(), Recorded()
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message.get("status"))

    asyncio.run(Front(bentoml, app)({"type": kind}, None, send))  # type: ignore[arg-type]
    # An answer begins in any case: BentoML's middleware waits for that.
    assert sent == ([400, None] if ours else [])
    assert (app if ours else bentoml).seen == [kind] and (bentoml if ours else app).seen == []


def test_what_is_sent_back_is_utf_8_whatever_came(client: Client) -> None:
    body = '{"accounts": [{"account": {"account_id": "A", "customer_since": "2020-01-01"}, "invoices": [], "churns": ' \
           '[{"account_id": "\\ud800", "churned_on": "2020-01-01"}]}]}'  # fmt: skip
    answer = client.post(body)
    assert_problem(answer, 422, "/accounts/0/churns/0/account_id")
    json.loads(answer.content.decode("utf-8"))
