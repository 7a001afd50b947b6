"""What a caller may not see is asked before anything is loaded, and the whole book's figures are for who sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.served import Client, assert_problem, client_of
from support.stored import MODEL, scores

from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

SECRET = "a master secret of more than 32 characters"
MINE, FOREIGN, NOBODYS = "A0", "A1", "A9"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ScoreStore]:
    made = ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}")
    found = scores(2)
    evidence: dict[str, Any] = {
        MINE: {"account": {"account_manager": "Ana"}},
        FOREIGN: {"account": {"account_manager": "Bo"}},
    }
    made.write(found, evidence, MODEL, found[0].as_of, found[0].scored_at)
    yield made
    made.close()


@pytest.fixture
def client(bundle: Bundle, store: ScoreStore) -> Client:
    settings = ServiceSettings(secret=SECRET)
    return client_of(bundle, store, settings, Gate(store.engine, settings))


def key(store: ScoreStore, manager: str | None) -> dict[str, str]:
    token = KeyStore(store.engine).create(["read"], account_manager=manager)[1]
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def statements(store: ScoreStore) -> Iterator[list[str]]:
    """Collect the statements that the store's database is asked, without their values."""
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    sa.event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["/v1/accounts/{}/risk", "/v1/accounts/{}/report", "/v1/links"])
def test_somebody_elses_account_is_asked_for_like_none(client: Client, store: ScoreStore, path: str) -> None:
    ana = key(store, "Ana")

    def ask(account_id: str) -> tuple[list[str], int]:
        method, content = ("POST", {"json": {"account_id": account_id}}) if path == "/v1/links" else ("GET", {})
        client.ask("GET", "/v1/model", headers=ana)  # The keys are read now, and not below.
        with statements(store) as asked:
            answer = client.ask(method, path.format(account_id), headers=ana, **content)
        if answer.status_code == 404:
            assert_problem(answer, 404, "/path/account_id" if method == "GET" else "/account_id")
        return [statement for statement in asked if "scores" in statement], answer.status_code

    foreign, none, mine = (ask(account_id) for account_id in (FOREIGN, NOBODYS, MINE))
    assert foreign == none and foreign[1] == 404
    assert len(foreign[0]) == 1 and not any(word in foreign[0][0] for word in ("evidence", "reasons", "model,"))
    assert mine[1] == 200 and len(mine[0]) > 1


def test_an_account_that_was_handed_over_is_no_longer_seen(client: Client, store: ScoreStore) -> None:
    ana = key(store, "Ana")
    assert client.ask("GET", f"/v1/accounts/{MINE}/risk", headers=ana).status_code == 200
    found = scores(1, model_version="2")
    evidence = {MINE: {"account": {"account_manager": "Bo"}}}
    store.write(found, evidence, MODEL | {"version": "2"}, found[0].as_of, found[0].scored_at.replace(year=2027))
    assert client.ask("GET", f"/v1/accounts/{MINE}/risk", headers=ana).status_code == 404


def test_reference_figures_are_for_who_sees_the_whole_book(client: Client, store: ScoreStore) -> None:
    admin, ana = key(store, None), key(store, "Ana")
    everything, part = (client.ask("GET", "/v1/model", headers=who).json() for who in (admin, ana))
    assert len(everything["reference"]["value_percentiles"]) == 101
    assert part["reference"] is None
    for name in ("version", "grade", "metrics", "signals"):
        assert part[name] == everything[name]
    greatest = max(everything["reference"]["value_percentiles"])
    assert str(greatest) not in client.ask("GET", "/v1/model", headers=ana).text
