"""Every route with every kind of credential: the status that a small table of rules says, and no word of others.

The walk takes the routes from the app: a new one without a rule fails it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from support.callers import ACCOUNTS, ANNA, BERND, BODY, CARLA, Credential, World, every_credential
from support.gates import Issuer, issuing
from support.served import Client, Json, client_of

from serving.access.gate import Gate
from serving.access.links import Link, LinkSigner
from serving.api.edge.guarded import demanded
from serving.database.engine import open_database
from serving.settings import ServiceSettings
from training.bundle.bundle import Bundle


@dataclass(frozen=True)
class Rule:
    """What a route demands, how it is asked, and what it answers to who may ask.

    `scope` is None where anybody may ask; `link` where the path carries its own credential; `page` where a session is
    the only credential, so that a header is none (what a session sees: tests/serving/pages).
    """

    scope: str | None
    body: Json | None = None
    status: int = 200
    link: bool = False
    page: bool = False


RULES = {
    ("POST", "/v1/predictions"): Rule("score", BODY),
    ("POST", "/v1/jobs"): Rule("score", BODY, 202),
    ("GET", "/v1/jobs"): Rule("score"),
    ("GET", "/v1/jobs/{job_id}"): Rule("score"),
    ("GET", "/v1/jobs/{job_id}/results"): Rule("score"),
    ("POST", "/v1/jobs/{job_id}/cancel"): Rule("score"),
    ("GET", "/v1/accounts"): Rule("read"),
    ("GET", "/v1/accounts/{account_id:path}/risk"): Rule("read"),
    ("GET", "/v1/accounts/{account_id:path}/report"): Rule("read"),
    ("GET", "/v1/accounts/{account_id:path}/movement"): Rule("read"),
    ("POST", "/v1/accounts/{account_id:path}/feedback"): Rule("feedback", {"verdict": "agree"}),
    ("GET", "/v1/accounts/{account_id:path}/steps"): Rule("read"),
    ("POST", "/v1/accounts/{account_id:path}/steps"): Rule(
        "feedback", {"what": "Call", "owner": "Anna", "due_on": "2099-01-31"}
    ),
    ("GET", "/v1/figures"): Rule("read"),
    ("GET", "/v1/figures/{name}"): Rule("read"),
    ("GET", "/v1/renewals"): Rule("read"),
    ("GET", "/v1/losses"): Rule("read"),
    ("POST", "/v1/accounts/{account_id:path}/what-if"): Rule(
        "read", {"edits": [{"kind": "action_done", "action": "call"}]}, 409
    ),
    ("POST", "/v1/links"): Rule("read", {"account_id": "anna/1"}),
    ("GET", "/v1/reports/{token}"): Rule(None, link=True),
    ("GET", "/v1/model"): Rule("read"),
    ("GET", "/metrics"): Rule("admin"),
    ("GET", "/livez"): Rule(None),
    ("GET", "/healthz"): Rule(None),
    ("GET", "/readyz"): Rule(None),
    ("GET", "/openapi.json"): Rule(None),
    ("GET", "/swagger.json"): Rule(None),
    ("GET", "/"): Rule(None, status=303, page=True),
    ("GET", "/accounts/{account_id:path}"): Rule(None, status=303, page=True),
    ("GET", "/figures"): Rule(None, status=303, page=True),
    ("GET", "/figures.pdf"): Rule(None, status=303, page=True),
    ("GET", "/figures/{name}"): Rule(None, status=303, page=True),
    ("GET", "/renewals"): Rule(None, status=303, page=True),
    ("GET", "/losses"): Rule(None, status=303, page=True),
    ("GET", "/report.pdf"): Rule(None, status=303, page=True),
    ("POST", "/accounts/{account_id:path}"): Rule(None, status=401, page=True),
    ("GET", "/login"): Rule(None),
    ("POST", "/login"): Rule(None, status=403),
    ("GET", "/login/oidc"): Rule(None, status=303, page=True),
    ("GET", "/login/callback"): Rule(None, status=303, page=True),
    ("GET", "/login/leave"): Rule(None, status=303, page=True),
    ("POST", "/logout"): Rule(None, status=303, page=True),
    ("GET", "/assets/{name}"): Rule(None),
    ("*", "/{path:path}"): Rule(None, status=404),
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture(scope="module")
def world(bundle: Bundle, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(bundle, f"sqlite:///{tmp_path_factory.mktemp('walk') / 'scores.db'}", issuer)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def credentials(world: World) -> dict[str, Credential]:
    return every_credential(world)


def path_of(template: str, job_id: str = "ghost", account_id: str = "anna/1", path: str = "nothing/here") -> str:
    """Return a route's path with its parts filled in."""
    parts = {"job_id": job_id, "account_id": account_id, "path": path}
    parts["name"] = "revenue_customers" if "figures" in template else "pages.css"
    return re.sub(r"{(\w+)(:path)?}", lambda part: quote(parts[part[1]], safe=""), template)


def test_every_route_has_a_rule(world: World) -> None:
    found = {(method, route.path) for route in world.app.routes for method in (getattr(route, "methods", None) or "*")}
    assert found == set(RULES)


def test_every_route_demands_what_its_rule_says(world: World) -> None:
    for route in world.app.routes:
        for method in getattr(route, "methods", None) or "*":
            assert demanded(route) == RULES[method, route.path].scope, route.path


@pytest.mark.parametrize(("method", "template"), [key for key, rule in RULES.items() if not rule.link])
def test_a_route_answers_each_credential_by_its_rule(
    world: World, credentials: dict[str, Credential], method: str, template: str
) -> None:
    rule = RULES[method, template]
    admin, expected, found = credentials["key with admin"], {}, {}
    for name, credential in credentials.items():
        may = rule.scope is None or credential.may(rule.scope)
        expected[name] = rule.status if may else 401 if credential.scopes is None else 403
        job = world.job((credential if rule.scope and may else admin).sent) if "{job_id}" in template else ""
        answer = world.ask(credential.sent, method, path_of(template, job), rule.body)
        found[name] = answer.status_code
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith('Bearer realm="churn-risk"')
        if answer.status_code in (401, 403):
            # The path that was asked for comes back; nothing else does.
            assert not any(account in answer.text for account in ACCOUNTS if account != "anna/1")
            assert "Name of" not in answer.text
    assert found == expected


@pytest.mark.parametrize(("method", "template"), [key for key, rule in RULES.items() if rule.scope])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{}", b"\xff", b"[" * 5000, b" " * (11 * 2**20)],
    ids=["empty", "broken", "wrong", "no text", "deep", "large"],
)
def test_strangers_learn_nothing_of_what_is_wrong_with_their_request(
    world: World, method: str, template: str, content: bytes
) -> None:
    path = path_of(template)
    headers = {"Content-Type": "application/json", "Idempotency-Key": "1"}
    for query in ("", "?limit=none&lang=none&format=none&cursor=none"):
        answer = world.client("crk_000000000000_x").ask(method, path + query, content=content, headers=headers)
        assert answer.status_code == 401


def test_a_stranger_sees_the_same_of_what_is_there_and_what_is_not(world: World) -> None:
    for path in ("/v1/accounts/{}/risk", "/v1/accounts/{}/report"):
        there, missing = (world.ask(None, "GET", path.format(name)) for name in ("anna-2", "ghost"))
        assert there.status_code == missing.status_code == 401
        assert there.json()["detail"] == missing.json()["detail"]


# Links


def test_a_link_by_its_state(world: World) -> None:
    revoked = world.keys.create(["read"])[0]
    world.keys.revoke(revoked.id)
    no_reader = world.keys.create(["score"])[0]
    world.clock.pass_by(seconds=1)
    good = world.link()
    past = int((world.clock.now() - timedelta(seconds=1)).timestamp())
    found = {
        "good": good,
        "tampered": good[:-5] + ("AAAAA" if not good.endswith("AAAAA") else "BBBBB"),
        "cut": good[:-10],
        "expired": world.link(expires_at=past),
        "of a revoked key": world.link(maker=f"key:{revoked.id}"),
        "of no key": world.link(maker="key:000000000000"),
        "of a key that may not read": world.link(maker=f"key:{no_reader.id}"),
        "of this machine": world.link(maker="local"),
        "of another account manager": world.link(manager="0" * 32),
        "to no account": world.link(account_id="ghost"),
        "another secret": f"/v1/reports/{LinkSigner(['another secret of 32 characters !']).sign(a_link(world))}",
    }
    for sent in (None, world.key("admin"), "crk_000000000000_x"):
        answers = {name: world.ask(sent, "GET", path).status_code for name, path in found.items()}
        assert answers == dict.fromkeys(found, 403) | {"good": 200, "expired": 410}


def a_link(world: World) -> Link:
    maker = f"key:{world.keys.list()[0].id}"
    return Link("anna/1", "en", maker, None, int(world.clock.now().timestamp()) + 60)


# One account manager, another, and the lead of both who does not see the third's


@pytest.fixture(scope="module")
def anna(world: World) -> str:
    return world.key("read", "score", "feedback", account_manager=ANNA)


@pytest.fixture(scope="module")
def bernd(world: World) -> str:
    return world.key("read", "score", "feedback", account_manager=BERND)


@pytest.fixture(scope="module")
def lead(world: World) -> str:
    return world.key("read", "score", "feedback", account_manager=[ANNA, BERND])


@pytest.fixture(scope="module")
def everybody(world: World) -> str:
    return world.key("admin")


def listed(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["account_id"] for row in answer.json()["accounts"]]


def test_a_list_holds_ones_own_accounts(world: World, anna: str, bernd: str, everybody: str) -> None:
    for token, whose in ((anna, ANNA), (bernd, BERND)):
        own = sorted(name for name, manager in ACCOUNTS.items() if manager == whose)
        for query in ("", "?limit=200", "?band=at_risk", "?threat=true", f"?account_manager={quote(whose)}"):
            assert sorted(listed(world.ask(token, "GET", f"/v1/accounts{query}"))) == own
    for other in (BERND, "", "nobody", "%"):
        assert listed(world.ask(anna, "GET", f"/v1/accounts?account_manager={quote(other)}")) == []
    assert sorted(listed(world.ask(everybody, "GET", "/v1/accounts"))) == sorted(ACCOUNTS)


def test_a_lead_s_list_holds_the_accounts_of_both_and_of_each_who_is_asked_for(world: World, lead: str) -> None:
    own = {ANNA: ["anna-2", "anna/1"], BERND: ["bernd-2", "bernd/1"]}
    for query in ("", "?limit=200", "?band=at_risk", "?threat=true"):
        assert sorted(listed(world.ask(lead, "GET", f"/v1/accounts{query}"))) == [*own[ANNA], *own[BERND]]
    for whose, accounts in own.items():
        assert sorted(listed(world.ask(lead, "GET", f"/v1/accounts?account_manager={quote(whose)}"))) == accounts
    for other in (CARLA, "", f"{ANNA}, {BERND}", f'["{ANNA}", "{BERND}"]'):
        assert listed(world.ask(lead, "GET", f"/v1/accounts?account_manager={quote(other)}")) == []
    found, cursor = [], ""
    while cursor is not None:
        page = world.ask(lead, "GET", f"/v1/accounts?limit=3&cursor={quote(cursor)}").json()
        found += [row["account_id"] for row in page["accounts"]]
        cursor = page["next_cursor"]
    assert sorted(found) == [*own[ANNA], *own[BERND]]


def test_anothers_cursor_leads_nowhere(world: World, anna: str, bernd: str, everybody: str) -> None:
    for token in (bernd, everybody):
        cursor = world.ask(token, "GET", "/v1/accounts?limit=1").json()["next_cursor"]
        answer = world.ask(anna, "GET", f"/v1/accounts?limit=5&cursor={quote(cursor)}")
        assert answer.status_code == 422 or all(ACCOUNTS[name] == ANNA for name in listed(answer))
        narrowed = world.ask(anna, "GET", f"/v1/accounts?account_manager={quote(BERND)}&cursor={quote(cursor)}")
        assert narrowed.status_code == 422 or listed(narrowed) == []


@pytest.mark.parametrize("account_id", [name for name, manager in ACCOUNTS.items() if manager != ANNA])
def test_what_is_anothers_is_unknown(world: World, anna: str, lead: str, everybody: str, account_id: str) -> None:
    """To the word: nobody can tell an account that is another's from one that is not there."""
    of_lead = 200 if ACCOUNTS[account_id] == BERND else 404
    for token, status in ((anna, 404), (lead, of_lead), (everybody, 200)):
        for name in ("risk", "report", "movement"):
            theirs = world.ask(token, "GET", f"/v1/accounts/{quote(account_id, safe='')}/{name}")
            assert theirs.status_code == status
            if status == 404:
                missing = world.ask(token, "GET", f"/v1/accounts/ghost/{name}").json()["detail"]
                assert theirs.json()["detail"].replace(account_id, "ghost") == missing
        assert world.ask(token, "POST", "/v1/links", {"account_id": account_id}).status_code == status


def test_the_token_of_an_account_manager_sees_the_same(world: World, issuer: Issuer) -> None:
    several = issuer.token(manager=[CARLA, BERND])
    assert sorted(listed(world.ask(several, "GET", "/v1/accounts"))) == ["bernd-2", "bernd/1", "carla-1"]
    assert world.ask(several, "GET", "/v1/accounts/anna-2/risk").status_code == 404
    token = issuer.token(manager=BERND)
    assert sorted(listed(world.ask(token, "GET", "/v1/accounts"))) == ["bernd-2", "bernd/1"]
    assert world.ask(token, "GET", "/v1/accounts/anna-2/risk").status_code == 404
    assert world.ask(token, "GET", "/v1/accounts/bernd-2/risk").status_code == 200


def test_a_job_is_its_makers_and_the_admins(world: World, anna: str, bernd: str, everybody: str) -> None:
    job = world.job(anna)
    paths = [("GET", f"/v1/jobs/{job}"), ("GET", f"/v1/jobs/{job}/results"), ("POST", f"/v1/jobs/{job}/cancel")]
    for token, status in ((anna, 200), (everybody, 200), (bernd, 404)):
        assert [world.ask(token, method, path).status_code for method, path in paths] == [status] * 3
        ids = [one["job_id"] for one in world.ask(token, "GET", "/v1/jobs?limit=100").json()["jobs"]]
        assert (job in ids) == (status == 200)
    missing = world.ask(bernd, "GET", "/v1/jobs/ghost").json()["detail"]
    assert world.ask(bernd, "GET", f"/v1/jobs/{job}").json()["detail"].replace(job, "ghost") == missing


def test_an_idempotency_key_is_ones_own(world: World, anna: str, bernd: str) -> None:
    made = [
        world.client(token).ask("POST", "/v1/jobs", json=BODY, headers={"Idempotency-Key": "same"})
        for token in (anna, bernd)
    ]
    assert [answer.status_code for answer in made] == [202, 202]
    assert made[0].json()["job_id"] != made[1].json()["job_id"]


@pytest.mark.parametrize(("method", "template"), [key for key, rule in RULES.items() if not rule.link])
def test_no_answer_names_anothers_account(world: World, anna: str, lead: str, method: str, template: str) -> None:
    """Whatever a route is asked for: of another's accounts nothing but what was sent comes back."""
    rule = RULES[method, template]
    for token, seen in ((anna, {ANNA}), (lead, {ANNA, BERND})):
        others = [name for name, manager in ACCOUNTS.items() if manager not in seen]
        for asked in ACCOUNTS if token == anna else others:
            job = world.job(token) if "{job_id}" in template else ""
            body = rule.body | {"account_id": asked} if rule.body and "account_id" in rule.body else rule.body
            text = world.ask(token, method, path_of(template, job, asked, asked), body).text
            assert not [name for name in others if f"Name of {name}" in text or (name != asked and name in text)]
            assert not [name for name in {BERND, CARLA} - seen if name in text]


# While there are no keys


def test_without_keys_this_machine_may_all_and_others_nothing(bundle: Bundle, world: World, tmp_path: Path) -> None:
    settings = ServiceSettings()
    keyless = Gate(open_database(f"sqlite:///{tmp_path / 'keys.db'}"), settings)
    open_app = client_of(bundle, world.store, settings, keyless).app
    for (method, template), rule in RULES.items():
        if rule.link or rule.page or "/login" in template:
            continue
        content = {} if rule.body is None else {"json": rule.body}
        verb, path = "GET" if method == "*" else method, path_of(template)
        here = Client(open_app).ask(verb, path, **content).status_code
        away = Client(open_app, address="192.168.1.2").ask(verb, path, **content).status_code
        assert away == (403 if rule.scope else rule.status), template
        unknown = 404 if "{job_id}" in template else 409 if template == "/v1/links" else rule.status
        assert here == unknown, template
