"""Links to reports: signed, expiring, for one account and language, dying with the key that made them."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from itsdangerous import URLSafeSerializer
from support.gates import AUDIENCE, SECRET, Clock, issuing
from support.served import Client, Json, assert_problem
from support.stored import SCORE, put

from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.access.links import SALT, Link, LinkSigner
from serving.api.app import create_app
from serving.settings import ServiceSettings
from serving.store import ScoreStore

MANAGERS = {"A1": "Anna Berg", "B1": "Bernd Cohn", "N1": None, "ä/ö": "Anna Berg"}


class Linking:
    """The whole app over four accounts of two account managers and of nobody, without a model."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.store = ScoreStore(f"sqlite:///{folder / 'scores.db'}")
        self.write(MANAGERS)
        self.keys = KeyStore(self.store.engine, self.clock.now)
        self._app = create_app()
        self.serve(**({"secret": SECRET} | settings))

    def serve(self, **settings: Any) -> None:
        """Start again with other settings."""
        chosen = ServiceSettings(**settings)
        gate = Gate(self.store.engine, chosen, self.clock.now, self.clock.tick)
        self._app.state.runtime = SimpleNamespace(store=self.store, settings=chosen, access=gate, reads=None)

    def write(self, managers: dict[str, str | None]) -> None:
        """Store a run of these accounts."""
        facts = {
            name: {"account": {"account_id": name, "name": f"Name of {name}", "account_manager": manager}}
            for name, manager in managers.items()
        }
        put(self.store, *(replace(SCORE, account_id=name) for name in managers), evidence=facts)

    def client(self, token: str | None = None, address: str = "127.0.0.1") -> Client:
        return Client(self._app, {"Authorization": f"Bearer {token}"} if token else None, address)

    def key(self, *scopes: str, **rights: Any) -> str:
        made = self.keys.create(scopes or ("read",), **rights)[1]
        self.clock.pass_by(seconds=1)
        return made

    def make(self, token: str | None, **body: Any) -> httpx.Response:
        return self.client(token).ask("POST", "/v1/links", json={"account_id": "A1"} | body)

    def link(self, token: str | None = None, **body: Any) -> str:
        answer = self.make(token, **body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])

    def follow(self, url: str, address: str = "8.8.8.8") -> httpx.Response:
        return self.client(address=address).get(url)


@pytest.fixture
def linking(tmp_path: Path) -> Iterator[Linking]:
    made = Linking(tmp_path)
    yield made
    made.store.close()


def token_of(url: str) -> str:
    return url.rpartition("/")[2]


def payload_of(url: str) -> Json:
    """Read a link as whoever has it can, without any secret."""
    text, compressed = token_of(url).removeprefix("."), token_of(url).startswith(".")
    content = base64.urlsafe_b64decode(text.partition(".")[0] + "===")
    found: Json = json.loads(zlib.decompress(content) if compressed else content)
    return found


def test_a_link_needs_nothing_else(linking: Linking) -> None:
    key = linking.key("read")
    answer = linking.make(key, lang="de", expires_in_seconds=600)
    body = answer.json()
    assert set(body) == {"url", "expires_at", "as_of", "warnings", "request_id"}
    assert body["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"http://127\.0\.0\.1/v1/reports/[A-Za-z0-9._-]+", body["url"])
    ends = linking.clock.now() + timedelta(seconds=600)
    assert datetime.fromisoformat(body["expires_at"]) == ends
    page = linking.follow(body["url"])
    assert page.status_code == 200 and '<html lang="de"' in page.text and "Name of A1" in page.text
    assert page.text == linking.client(key).get("/v1/accounts/A1/report?lang=de").text
    assert page.headers["referrer-policy"] == "no-referrer" and "no-store" in page.headers["cache-control"]


def test_a_link_is_english_for_an_hour_by_default(linking: Linking) -> None:
    url = linking.link(linking.key())
    linking.clock.pass_by(minutes=59)
    assert '<html lang="en"' in linking.follow(url).text
    linking.clock.pass_by(minutes=1)
    assert_problem(linking.follow(url), 410)


@pytest.mark.parametrize("account_id", ["ä/ö", "N1"])
def test_any_account_can_be_linked(linking: Linking, account_id: str) -> None:
    assert f"Name of {account_id}" in linking.follow(linking.link(linking.key(), account_id=account_id)).text


def test_the_address_may_be_the_public_one(linking: Linking) -> None:
    key = linking.key()
    linking.serve(secret=SECRET, public_url="https://risk.example/churn/")
    assert linking.link(key).startswith("https://risk.example/churn/v1/reports/")


# What a link holds


def test_a_link_shows_neither_key_nor_account_manager(linking: Linking) -> None:
    key = linking.key("read", account_manager="Anna Berg")
    url = linking.link(key)
    found = payload_of(url)
    assert set(found) == {"account_id", "lang", "maker", "manager", "expires_at"}
    assert found["maker"] == f"key:{linking.keys.list()[0].id}"
    assert "Anna" not in json.dumps(found) and key.split("_", 2)[2] not in url


def test_an_account_manager_cannot_be_guessed_from_a_link(linking: Linking) -> None:
    """Whoever has the link has no key, and a name is soon tried."""
    key = linking.key("read", account_manager="Anna Berg")
    held = payload_of(linking.link(key))["manager"]
    assert not sha256(b"Anna Berg").hexdigest().startswith(held)
    linking.serve(secret="another master secret of more than 32")
    assert payload_of(linking.link(key))["manager"] != held


@pytest.mark.parametrize(
    "change",
    [
        {"account_id": "B1"},
        {"lang": "de"},
        {"maker": "local"},
        {"manager": None},
        {"expires_at": 9_999_999_999},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_link_is_refused(linking: Linking, change: Json) -> None:
    url = linking.link(linking.key("read", account_manager="Anna Berg"))
    signature = url.rpartition(".")[2]
    changed = base64.urlsafe_b64encode(json.dumps(payload_of(url) | change).encode()).rstrip(b"=").decode()
    assert linking.follow(url).status_code == 200
    assert_problem(linking.follow(f"/v1/reports/{changed}.{signature}"), 403)


def test_every_changed_character_is_noticed(linking: Linking) -> None:
    url = linking.link(linking.key())
    # The last sign of a base64 text carries bits that do not count.
    for position in range(len(url) - len(token_of(url)), len(url) - 1):
        other = "A" if url[position] != "A" else "B"
        # Each from another address: too many failures of one are refused as such.
        answer = linking.follow(url[:position] + other + url[position + 1 :], address=f"9.9.{position}.1")
        assert_problem(answer, 403)


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "%00", "ä", "." * 3000, "eyJ9.x"])
def test_nonsense_is_refused(linking: Linking, token: str) -> None:
    linking.key()
    assert linking.follow(f"/v1/reports/{token}").status_code == 403


def test_what_was_signed_for_something_else_is_refused(linking: Linking) -> None:
    linking.key()
    link = payload_of(linking.link(linking.key()))
    for salt, said in ((b"another salt", link), (SALT, link | {"more": 1}), (SALT, [1]), (SALT, "text")):
        other = URLSafeSerializer(SECRET, salt=salt, signer_kwargs=signing()).dumps(said)
        assert_problem(linking.follow(f"/v1/reports/{other}"), 403)
    known = URLSafeSerializer(SECRET, salt=SALT, signer_kwargs=signing()).dumps(link)
    assert linking.follow(f"/v1/reports/{known}").status_code == 200


def signing() -> Json:
    settings: Json = LinkSigner([SECRET])._serializer.signer_kwargs
    return settings


def test_the_secret_can_be_replaced(linking: Linking) -> None:
    other = "another master secret of more than 32"
    url = linking.link(linking.key("read", account_manager="Anna Berg"))
    linking.serve(secret=f"{other}\n{SECRET}")
    assert linking.follow(url).status_code == 200
    newer = linking.link(linking.key())
    linking.serve(secret=other)
    assert linking.follow(newer).status_code == 200
    assert_problem(linking.follow(url), 403)


# Whose link it is


def test_a_link_dies_with_its_key(linking: Linking) -> None:
    url = linking.link(linking.key())
    linking.key()
    assert linking.follow(url).status_code == 200
    linking.keys.revoke(payload_of(url)["maker"].removeprefix("key:"))
    linking.clock.pass_by(seconds=1)
    assert_problem(linking.follow(url), 403)


def test_a_link_lives_no_longer_than_its_key(linking: Linking) -> None:
    ends = linking.clock.now() + timedelta(minutes=10)
    answer = linking.make(linking.key(expires_at=ends))
    assert datetime.fromisoformat(answer.json()["expires_at"]) == ends
    linking.clock.pass_by(minutes=10)
    assert_problem(linking.follow(answer.json()["url"]), 410)


def test_a_link_lives_through_a_rotation(linking: Linking) -> None:
    url = linking.link(linking.key())
    linking.keys.rotate(payload_of(url)["maker"].removeprefix("key:"), timedelta())
    linking.clock.pass_by(seconds=1)
    assert linking.follow(url).status_code == 200


def test_only_what_is_seen_can_be_linked(linking: Linking) -> None:
    key = linking.key("read", account_manager="Anna Berg")
    assert linking.make(key).status_code == 200
    unknown = assert_problem(linking.make(key, account_id="none"), 404, "/account_id")
    for name in ("B1", "N1"):
        problem = assert_problem(linking.make(key, account_id=name), 404, "/account_id")
        said = json.loads(json.dumps(problem).replace(name, "none"))
        assert said | {"request_id": unknown["request_id"]} == unknown


def test_a_link_ends_when_the_account_changes_hands(linking: Linking) -> None:
    whose, all_seeing = linking.link(linking.key("read", account_manager="Anna Berg")), linking.link(linking.key())
    linking.write(MANAGERS | {"A1": "Bernd Cohn"})
    assert_problem(linking.follow(whose), 403)
    assert linking.follow(all_seeing).status_code == 200


def test_a_link_of_who_sees_several_goes_with_the_account_from_one_to_the_other(linking: Linking) -> None:
    lead = linking.link(linking.key("read", account_manager=["Anna Berg", "Bernd Cohn"]))
    assert "Berg" not in lead and linking.follow(lead).status_code == 200
    linking.write(MANAGERS | {"A1": "Bernd Cohn"})
    assert linking.follow(lead).status_code == 200
    for other in ("Carla Diaz", None):
        linking.write(MANAGERS | {"A1": other})
        assert_problem(linking.follow(lead), 403)


def test_a_link_without_keys_is_for_this_machine(linking: Linking) -> None:
    url = linking.link()
    assert linking.follow(url, address="127.0.0.1").status_code == 200
    assert_problem(linking.follow(url), 403)
    linking.key()
    assert_problem(linking.follow(url, address="127.0.0.1"), 403)


def test_a_token_makes_links_too(linking: Linking) -> None:
    with issuing() as issuer:
        settings = {"oidc_issuer": issuer.address, "oidc_audience": AUDIENCE, "oidc_account_manager_claim": "manager"}
        linking.serve(secret=SECRET, **settings)
        url = linking.link(issuer.token(manager="Anna Berg"))
        assert linking.follow(url).status_code == 200
        linking.write(MANAGERS | {"A1": "Bernd Cohn"})
        assert_problem(linking.follow(url), 403)
        linking.write(MANAGERS)
        linking.serve(secret=SECRET)
        assert_problem(linking.follow(url), 403)


def test_the_scope_read_is_needed(linking: Linking) -> None:
    assert_problem(linking.make(linking.key("score", "feedback")), 403)


def test_a_deleted_account_has_no_report(linking: Linking) -> None:
    gone = LinkSigner([SECRET]).sign(Link("gone", "en", payload_of(linking.link(linking.key()))["maker"], None, 2**33))
    assert_problem(linking.follow(f"/v1/reports/{gone}"), 403)


# Bodies, secrets, frames, limits


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lang": "fr"}, "/lang"),
        ({"expires_in_seconds": 59}, "/expires_in_seconds"),
        ({"expires_in_seconds": 7 * 86_400 + 1}, "/expires_in_seconds"),
        ({"account_id": ""}, "/account_id"),
        ({"account_id": 7}, "/account_id"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_wrong_body(linking: Linking, body: Json, pointer: str) -> None:
    assert_problem(linking.make(linking.key(), **body), 422, pointer)


def test_without_a_secret_there_are_no_links(linking: Linking) -> None:
    key = linking.key()
    url = linking.link(key)
    linking.serve()
    assert "CHURN_RISK_SECRET" in assert_problem(linking.make(key), 409)["detail"]
    assert_problem(linking.follow(url), 403)


def test_only_the_crms_pages_may_frame_a_linked_report(linking: Linking) -> None:
    key = linking.key()
    url = linking.link(key)
    assert linking.follow(url).headers["content-security-policy"].endswith("; frame-ancestors 'none'")
    linking.serve(secret=SECRET, frame_ancestors="https://crm.example  https://*.force.example:8443")
    policy = linking.follow(url).headers["content-security-policy"]
    assert policy.endswith("; frame-ancestors https://crm.example https://*.force.example:8443")
    own = linking.client(key).get("/v1/accounts/A1/report").headers["content-security-policy"]
    assert own.endswith("; frame-ancestors 'none'") and "default-src 'none'" in own


def test_guessing_is_limited(linking: Linking) -> None:
    url = linking.link(linking.key())
    found = [linking.follow(f"/v1/reports/guess{number}").status_code for number in range(22)]
    assert found == [403] * 20 + [429] * 2
    assert linking.follow("/v1/reports/guess", address="9.9.9.9").status_code == 403
    assert linking.follow(url).status_code == 200, "what others send from an address spoils no link"
