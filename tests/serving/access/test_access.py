"""Who is let in, over HTTP: this machine while there are no keys, then credentials; limits; what a refusal says."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import Depends
from support.gates import Gated, gated
from support.served import Client, assert_problem

from serving.access.gate import Caller
from serving.access.keys import KEYS, SECRETS, KeyStore
from serving.access.principal import LOCAL, SCOPES, Principal
from serving.access.rates import FAILURES
from serving.api.edge.demands import demand
from serving.database.engine import writing
from serving.errors import StoreUnavailable
from serving.settings import ServiceSettings

CHALLENGE = 'Bearer realm="churn-risk"'


@pytest.fixture
def app(tmp_path: Path) -> Gated:
    return gated(tmp_path)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(app: Gated, token: str, path: str = "/read", address: str = "127.0.0.1") -> httpx.Response:
    return Client(app.client.app, bearer(token), address).get(path)


# While there are no keys


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_let_in_without_keys(app: Gated, address: str) -> None:
    for scope in SCOPES:
        assert Client(app.client.app, address=address).get(f"/{scope}").json()["id"] == LOCAL.id
    assert app.seen[0]["principal_id"] == "local"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]:3000", "localhost."])
def test_names_of_this_machine(app: Gated, host: str) -> None:
    assert app.client.ask("GET", "/read", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": "evil.example#localhost"},
        {"Host": ""},
        {"Host": "["},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
def test_others_do_not_pass_for_this_machine(app: Gated, headers: dict[str, str]) -> None:
    """A name that was pointed here (DNS rebinding), another page in the browser, a proxy in front."""
    problem = assert_problem(app.client.ask("GET", "/read", headers=headers), 403)
    assert problem["type"].endswith(":closed") and "churn-risk keys create" in problem["detail"]


def test_a_proxy_that_speaks_http_1_0_does_not_pass_for_this_machine(app: Gated) -> None:
    """As nginx does with `proxy_pass` alone: no header of its own, and the address it asks as `Host`."""

    async def passed_on(scope: Any, receive: Any, send: Any) -> None:
        await app.client.app(scope | {"http_version": "1.0"}, receive, send)

    headers = {"Host": "127.0.0.1:3000"}
    assert app.client.ask("GET", "/read", headers=headers).status_code == 200
    assert_problem(Client(passed_on, headers).get("/read"), 403)  # type: ignore[arg-type]
    token = app.token()
    assert Client(passed_on, headers | bearer(token)).get("/read").status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["192.168.1.2", "10.0.0.1", "2001:db8::1", "", "unix"])
def test_other_machines_are_refused_without_keys(app: Gated, address: str) -> None:
    for headers in ({}, bearer("crk_000000000000_x"), {"Host": "localhost"}):
        assert_problem(Client(app.client.app, headers, address).get("/read"), 403)


def test_a_service_that_listens_on_another_address_lets_nobody_in(app: Gated) -> None:
    answer = app.client.ask("GET", "http://192.168.1.2/read", headers={"Host": "localhost"})
    assert_problem(answer, 403)


# With keys


def test_from_the_first_key_on_everybody_needs_one(app: Gated) -> None:
    assert app.client.get("/read").status_code == 200
    token = app.token("read")
    answer = app.client.get("/read")
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert ask(app, token).status_code == ask(app, token, address="8.8.8.8").status_code == 200


def test_revoking_the_last_key_opens_nothing(app: Gated) -> None:
    app.token("read")
    app.keys.revoke(app.keys.list()[0].id)
    app.clock.pass_by(seconds=1)
    assert_problem(app.client.get("/read"), 401)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "X-API-Key", "x-api-key"])
def test_both_headers_carry_a_key(app: Gated, name: str) -> None:
    token = app.token("read", account_manager="Anna Berg")
    sent = f"Bearer {token}" if name.lower() == "authorization" else token
    found = app.client.ask("GET", "/read", headers={name: sent}).json()
    assert found == {"id": f"key:{app.keys.list()[0].id}", "account_manager": "Anna Berg"}
    assert app.seen[-1]["principal_id"] == found["id"]


def test_the_name_of_the_scheme_has_no_case(app: Gated) -> None:
    assert app.client.ask("GET", "/read", headers={"Authorization": f"bEARER {app.token()}"}).status_code == 200


@pytest.mark.parametrize("held", SCOPES)
def test_a_scope_opens_its_own_routes_and_admin_all(app: Gated, held: str) -> None:
    token = app.token(held)
    for scope in SCOPES:
        answer = ask(app, token, f"/{scope}")
        if held in (scope, "admin"):
            assert answer.status_code == 200
        else:
            assert f"'{scope}'" in assert_problem(answer, 403)["detail"]


@pytest.mark.parametrize("sent", ["nonsense", "crk_", "crk_000000000000_secret", "a.b.c", "ä", "x" * 5000, "crk_%00_"])
def test_a_wrong_key_is_a_401_that_says_so(app: Gated, sent: str) -> None:
    app.token()
    for headers in ({"Authorization": f"Bearer {sent}".encode()}, {"X-API-Key": sent.encode()}):
        answer = app.client.ask("GET", "/read", headers=headers)
        assert_problem(answer, 401)
        assert answer.headers["www-authenticate"] == f'{CHALLENGE}, error="invalid_token"'


@pytest.mark.parametrize("sent", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "", "crk_000000000000_x"])
def test_what_is_no_bearer_credential_is_none(app: Gated, sent: str) -> None:
    app.token()
    answer = app.client.ask("GET", "/read", headers={"Authorization": sent})
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == CHALLENGE


def test_expiry_and_revocation_work_on_a_running_service(app: Gated) -> None:
    expires = app.token(expires_at=app.clock.now().replace(hour=13))
    revoked = app.token()
    assert ask(app, expires).status_code == ask(app, revoked).status_code == 200
    app.keys.revoke(app.keys.list()[1].id)
    app.clock.pass_by(seconds=1)
    assert "revoked" in assert_problem(ask(app, revoked), 401)["detail"]
    app.clock.pass_by(hours=1)
    assert "expired" in assert_problem(ask(app, expires), 401)["detail"]


def test_a_key_that_is_rotated_keeps_its_caller(app: Gated) -> None:
    old = app.token()
    made, new = app.keys.rotate(app.keys.list()[0].id)
    app.clock.pass_by(seconds=1)
    assert ask(app, old).json()["id"] == ask(app, new).json()["id"] == f"key:{made.id}"
    app.clock.pass_by(days=7)
    assert ask(app, new).status_code == 200
    assert_problem(ask(app, old), 401)


def test_the_day_of_use_is_noted(app: Gated) -> None:
    token = app.token()
    assert ask(app, token).status_code == 200
    app.gate.close()
    assert app.keys.list()[0].last_used_on == app.clock.now().date()


def test_the_day_of_use_is_noted_where_the_route_fails(app: Gated) -> None:
    def fails(principal: Principal = Depends(demand("read"))) -> None:  # noqa: B008
        raise RuntimeError

    app.client.app.get("/fails")(fails)
    token = app.token()
    assert_problem(ask(app, token, "/fails"), 500)
    app.gate.close()
    assert app.keys.list()[0].last_used_on == app.clock.now().date()


def test_without_the_database_nobody_is_let_in(app: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with a key that was good a second ago nor as this machine."""

    def away(*arguments: Any) -> Any:
        raise StoreUnavailable("away")

    token = app.token()
    assert ask(app, token).status_code == 200
    monkeypatch.setattr("serving.access.keys.reading", away)
    app.clock.pass_by(seconds=1)
    for answer in (ask(app, token), app.client.get("/read")):
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
    monkeypatch.undo()
    with pytest.raises(StoreUnavailable):  # Refused for the rest of the second: so long it is not ready either.
        app.gate.demand_reachable()
    app.clock.pass_by(seconds=1)
    assert ask(app, token).status_code == 200


class SlowKeys:
    """Keys of which the first so many reads wait until the test says so."""

    def __init__(self, app: Gated, monkeypatch: pytest.MonkeyPatch, first: int = 9) -> None:
        self.go_on, self.reads, read = threading.Event(), 0, app.keys.list

        def slow(store: KeyStore) -> Any:
            self.reads += 1
            assert self.reads > first or self.go_on.wait(60)
            return read()

        monkeypatch.setattr(KeyStore, "list", slow)


def test_all_who_ask_meanwhile_share_one_reading_of_the_keys(app: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them leaves, and takes nothing from the others."""
    token, caller = app.token(), Caller(None, "127.0.0.1", True)
    slow = SlowKeys(app, monkeypatch)

    async def all_ask() -> list[Any]:
        asking = [asyncio.create_task(app.gate.identify(replace(caller, credential=token))) for _ in range(20)]
        await asyncio.sleep(0)
        asking[0].cancel()
        slow.go_on.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    gone, *others = asyncio.run(all_ask())
    assert isinstance(gone, asyncio.CancelledError) and slow.reads == 1
    assert {principal.id for principal in others} == {f"key:{key.id}" for key in app.keys.list()}


def test_nobody_waits_for_ever_for_the_keys(app: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that hangs, since nobody answers on its connection, is left to itself: the next one is another's."""
    token = app.token()
    slow = SlowKeys(app, monkeypatch, first=2)
    monkeypatch.setattr("serving.access.gate.PATIENCE_SECONDS", 0.05)
    for number in (1, 2):
        assert_problem(ask(app, token), 503)
        assert slow.reads == number
    monkeypatch.setattr("serving.access.gate.PATIENCE_SECONDS", 60.0)
    assert ask(app, token).status_code == 200
    slow.go_on.set()


# Limits


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the clock of the limits, to be moved."""
    moment = [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    return moment


def test_a_key_may_ask_so_often_and_then_later(tmp_path: Path, hour: list[float]) -> None:
    app = gated(tmp_path, rate_limit="3/minute")
    token, other = app.token(), app.token()
    assert [ask(app, token).status_code for _ in range(3)] == [200] * 3
    answer = ask(app, token)
    assert_problem(answer, 429)
    assert answer.headers["retry-after"] == "60"
    assert ask(app, other).status_code == 200
    hour[0] += 59
    assert ask(app, token).headers["retry-after"] == "1"
    hour[0] += 1.5
    assert ask(app, token).status_code == 200


def test_this_machine_is_not_limited(tmp_path: Path) -> None:
    app = gated(tmp_path, rate_limit="1/hour")
    assert [app.client.get("/read").status_code for _ in range(4)] == [200] * 4


def test_a_clock_that_is_set_back_locks_nobody_out(tmp_path: Path, hour: list[float]) -> None:
    app = gated(tmp_path, rate_limit="1/minute")
    token = app.token()
    assert [ask(app, token).status_code for _ in range(2)] == [200, 429]
    hour[0] -= 86_400
    assert [ask(app, token).status_code for _ in range(2)] == [200, 429]


def wrong(token: str) -> str:
    return token[:-2] + ("AA" if not token.endswith("AA") else "BB")


def test_failures_are_limited_by_address_and_key(app: Gated, hour: list[float]) -> None:
    most = int(FAILURES.partition("/")[0])
    token, other = app.token(), app.token()
    assert [ask(app, wrong(token)).status_code for _ in range(most)] == [401] * most
    answer = ask(app, wrong(token))
    assert_problem(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert [ask(app, wrong(token), address="9.9.9.9").status_code, ask(app, wrong(other)).status_code] == [401, 401]
    assert ask(app, token).status_code == 200, "what others send from an address locks nobody out"
    hour[0] += 61
    assert ask(app, wrong(token)).status_code == 401


def test_unknown_keys_are_limited_together(app: Gated, hour: list[float]) -> None:
    most = int(FAILURES.partition("/")[0])
    token = app.token()
    found = [ask(app, f"crk_{number:012x}_x").status_code for number in range(most + 2)]
    assert found == [401] * most + [429] * 2
    assert ask(app, token).status_code == 200


def test_addresses_of_one_network_fail_together(app: Gated, hour: list[float]) -> None:
    most = int(FAILURES.partition("/")[0])
    app.token()
    for number in range(most):
        assert ask(app, "nonsense", address=f"2001:db8:1:2::{number:x}").status_code == 401
    assert ask(app, "nonsense", address="2001:db8:1:2:ffff::1").status_code == 429
    assert ask(app, "nonsense", address="2001:db8:1:3::1").status_code == 401


def test_no_address_is_kept(app: Gated) -> None:
    app.token()
    assert ask(app, "nonsense", address="203.0.113.7").status_code == 401
    kept = vars(app.gate._rates._failures._limiter.storage)
    assert kept["storage"] and "203.0.113.7" not in str(kept)


def test_a_clock_that_is_set_back_blocks_no_address(app: Gated, hour: list[float]) -> None:
    token = app.token()
    while ask(app, wrong(token)).status_code != 429:
        pass
    hour[0] -= 86_400
    assert ask(app, wrong(token)).status_code == 401


# What the document says, and the settings


def test_the_document_names_both_ways(app: Gated) -> None:
    document = app.client.get("/openapi.json").json()
    schemes = document["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer" and schemes["apiKey"]["name"] == "X-API-Key"
    assert document["paths"]["/read"]["get"]["security"] == [{"bearer": []}, {"apiKey": []}]


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_limit": "many"},
        {"rate_limit": ""},
        {"rate_limit": "600/minute;1/second"},
        {"rate_limit": "600/minute, 600/minute"},
        {"rate_limit": "0/minute"},
        {"oidc_issuer": "https://id.example"},
        {"oidc_audience": "us"},
        {"oidc_issuer": "http://id.example", "oidc_audience": "us"},
        {"oidc_issuer": "id.example", "oidc_audience": "us"},
        {"public_url": "ftp://risk.example"},
        {"frame_ancestors": "https://crm.example; script-src *"},
        {"frame_ancestors": "crm.example"},
        {"frame_ancestors": "*"},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings)).partition("_")[0]):
        ServiceSettings(**settings)  # type: ignore[arg-type]


def test_keys_that_vanish_open_nothing(app: Gated) -> None:
    """A key stays listed for good: without any, the database is lost, or another one."""
    app.token("read")
    assert app.client.get("/read").status_code == 401
    with writing(app.engine) as connection:
        connection.execute(sa.delete(SECRETS))
        connection.execute(sa.delete(KEYS))
    app.clock.pass_by(seconds=2)
    assert app.client.get("/read").status_code == 401
