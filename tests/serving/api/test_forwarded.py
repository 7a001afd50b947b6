"""X-Forwarded-For counts only from proxies that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from support.served import Client, client_of
from support.stored import SCORE, put

from serving.access import rates
from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

PROXY, STRANGER = "10.0.0.9", "203.0.113.5"
FAILURES = 3


@pytest.fixture(autouse=True)
def few_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "FAILURES", f"{FAILURES}/minute")


def client(bundle: Bundle, folder: Path, address: str, proxies: str = "") -> Client:
    settings = ServiceSettings(proxies=proxies, secret="a master secret of more than 32 characters")
    store = ScoreStore(f"sqlite:///{folder / 'scores.db'}")
    KeyStore(store.engine).create(["read"])
    return client_of(bundle, store, settings, Gate(store.engine, settings)).with_headers(address)


def statuses(asker: Client, *forwarded: str) -> list[int]:
    """Ask with a wrong key, each time under another forwarded address."""
    found = []
    for address in forwarded:
        headers = {"X-API-Key": "crk_wrong", "X-Forwarded-For": address}
        found.append(asker.ask("GET", "/v1/model", headers=headers).status_code)
    return found


OTHERS = [f"198.51.100.{number}" for number in range(FAILURES + 2)]


@pytest.mark.parametrize(
    ("address", "proxies"), [(STRANGER, ""), ("127.0.0.1", ""), (STRANGER, PROXY), ("127.0.0.1", PROXY)]
)
def test_nobody_chooses_the_address_that_failures_are_counted_under(
    bundle: Bundle, tmp_path: Path, address: str, proxies: str
) -> None:
    assert statuses(client(bundle, tmp_path, address, proxies), *OTHERS) == [401] * FAILURES + [429] * 2


@pytest.mark.parametrize("proxies", [PROXY, "10.0.0.0/24", f"192.0.2.1, {PROXY}"])
def test_behind_a_named_proxy_each_caller_has_an_address(bundle: Bundle, tmp_path: Path, proxies: str) -> None:
    asker = client(bundle, tmp_path, PROXY, proxies)
    assert statuses(asker, *OTHERS) == [401] * len(OTHERS)
    assert statuses(asker, *[STRANGER] * (FAILURES + 1)) == [401] * FAILURES + [429]


def test_the_last_address_that_is_no_proxys_counts(bundle: Bundle, tmp_path: Path) -> None:
    """What a caller wrote himself stands before what the proxy added."""
    asker = client(bundle, tmp_path, PROXY, "10.0.0.0/24")
    forged = [f"{other}, {STRANGER}, 10.0.0.7" for other in OTHERS]
    assert statuses(asker, *forged) == [401] * FAILURES + [429] * 2


def test_the_scheme_of_a_named_proxy_counts(bundle: Bundle, tmp_path: Path) -> None:
    def url(proxies: str) -> str:
        folder = tmp_path / (proxies or "none")
        folder.mkdir()
        settings = ServiceSettings(proxies=proxies, secret="a master secret of more than 32 characters")
        store = ScoreStore(f"sqlite:///{folder / 'scores.db'}")
        put(store, SCORE)
        token = KeyStore(store.engine).create(["read"])[1]
        asker = client_of(bundle, store, settings, Gate(store.engine, settings)).with_headers(PROXY, X_API_Key=token)
        answer = asker.ask("POST", "/v1/links", json={"account_id": "A1"}, headers={"X-Forwarded-Proto": "https"})
        return str(answer.json()["url"])

    assert url(PROXY).startswith("https://") and url("").startswith("http://")


@pytest.mark.parametrize("proxies", ["proxy.example", "10.0.0.0/33", "10.0.0.1,*", "10.0.0.5/24"])
def test_proxies_are_addresses_or_networks(proxies: str) -> None:
    with pytest.raises(ValidationError, match="no address or network"):
        ServiceSettings(proxies=proxies)
