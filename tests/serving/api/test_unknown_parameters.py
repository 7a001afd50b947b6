"""A parameter that a route does not know, or that stands twice, is a fault; it is told after the caller's rights."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from support.served import Client, assert_problem, client_of
from support.stored import MODEL, scores

from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.api.app import create_app
from serving.api.edge.guarded import API
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

SECRET = "a master secret of more than 32 characters"
KNOWN = "account_manager, band, cursor, lang, limit, search, sort, threat, unmanaged"


@pytest.fixture(scope="module")
def store() -> ScoreStore:
    made = ScoreStore("sqlite://")
    found = scores(2)
    made.write(found, {}, MODEL, found[0].as_of, found[0].scored_at)
    return made


@pytest.fixture(scope="module")
def client(bundle: Bundle, store: ScoreStore) -> Client:
    settings = ServiceSettings(secret=SECRET)
    asking = client_of(bundle, store, settings, Gate(store.engine, settings))
    token = KeyStore(store.engine).create(["read"])[1]
    return asking.with_headers(Authorization=f"Bearer {token}")


def test_all_that_is_wrong_with_a_query_is_told(client: Client) -> None:
    answer = client.get("/v1/accounts?thread=true&Limit=3&lang=de&lang=en&limit=0&threshold=high")
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["detail"]) for fault in answer.json()["errors"]] == [
        ("/query/thread", f"there is no parameter \"thread\"; did you mean 'threat'? Known: {KNOWN}"),
        ("/query/Limit", f"there is no parameter \"Limit\"; did you mean 'limit'? Known: {KNOWN}"),
        ("/query/threshold", f"there is no parameter \"threshold\". Known: {KNOWN}"),
        ("/query/lang", "one value is expected, not several"),
        ("/query/limit", "1 or more is expected, not \"0\""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "/v1/accounts?x=1"), ("GET", "/v1/accounts/A0/risk?lnag=de"), ("GET", "/v1/model?x=1"),
     ("POST", "/v1/accounts/A0/what-if?x=1")],
)  # fmt: skip
def test_every_route_has_the_rule(client: Client, method: str, path: str) -> None:
    assert client.ask(method, path, content=b"{}").status_code == 422


def test_what_mail_programs_append_is_left_alone(client: Client) -> None:
    assert client.get("/v1/accounts?limit=1&utm_source=digest&fbclid=a&fbclid=b").status_code == 200
    assert client.get("/livez?t=1").status_code == 200


def test_rights_are_asked_first(client: Client) -> None:
    assert_problem(client.with_headers().get("/v1/accounts?x=1"), 401)
    assert_problem(client.get("/v1/jobs?x=1"), 403)  # Its key may read only.
    assert_problem(client.get("/v1/reports/made-up?x=1"), 403)
    link = client.ask("POST", "/v1/links", json={"account_id": "A0"}).json()["url"]
    assert_problem(client.get(f"{link}?fromat=pdf"), 422, "/query/fromat")
    assert client.get(f"{link}?utm_medium=mail").status_code == 200


def test_every_route_of_the_api_documents_it() -> None:
    """A route that has no fields to be wrong still has parameters that it does not know."""
    routes = [route for route in create_app().routes if isinstance(route, APIRoute) and route.path.startswith(API)]
    assert routes and [route.path for route in routes if 422 not in route.responses] == []
