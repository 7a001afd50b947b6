"""`churn-risk keys`: a new key alone on standard output, the rest on standard error, one JSON object with --json."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.served import Done, run_command
from support.stored import SCORE, opened, put

from serving.access.keys import KeyStore, matching
from serving.database.engine import open_database
from training.settings import Environment

KEY = re.compile(r"crk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
Command = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *words: run_command(monkeypatch, capsys, "keys", *words)


@pytest.fixture
def store(environment: Environment) -> Iterator[KeyStore]:
    engine = open_database(environment.scores_url)
    yield KeyStore(engine)
    engine.dispose()


def test_a_new_key_is_alone_on_standard_output(run: Command, store: KeyStore) -> None:
    done = run("create", "--scope", "read", "--scope", "score", "--name", "CRM", "--account-manager", "Anna Berg")
    token = done.out.removesuffix("\n")
    found = KEY.fullmatch(token)
    assert done.code == 0 and found and token not in done.err
    (made,) = store.list()
    assert matching({made.id: made}, token, store.now()) == made
    assert (made.id, made.scopes, made.name) == (found[1], {"read", "score"}, "CRM")
    assert "read, score" in done.err and "Anna Berg" in done.err and "shown this once" in done.err


def test_a_key_of_an_account_manager_whom_no_score_names_is_warned_of(run: Command, environment: Environment) -> None:
    assert "warning" not in run("create", "--scope", "read", "--account-manager", "Eva Krüger").err, "no scores yet"
    with opened(environment.scores_url) as scores:
        put(scores, SCORE, evidence={"A1": {"account": {"account_manager": "Eva Krüger"}}})
    assert "warning" not in run("create", "--scope", "read", "--account-manager", "Eva Krüger").err
    told = run("create", "--scope", "read", "--account-manager", "Eva Krueger")
    assert told.code == 0 and "has the account manager 'Eva Krueger'; did you mean 'Eva Krüger'?" in told.err


def test_a_key_of_several_account_managers(run: Command, environment: Environment, store: KeyStore) -> None:
    with opened(environment.scores_url) as scores:
        put(scores, SCORE, evidence={"A1": {"account": {"account_manager": "Eva Krüger"}}})
    named = ("--account-manager", "Eva Krüger", "--account-manager", "Jan Öst")
    made = run("create", "--scope", "read", *named)
    assert made.code == 0 and "the accounts of Eva Krüger, Jan Öst" in made.err
    assert "'Jan Öst'" in made.err and "'Eva Krüger'" not in made.err, "no score names the second alone"
    (found,) = run("list", "--json").result["keys"]
    assert (found["account_manager"], found["account_managers"]) == ("Eva Krüger, Jan Öst", ["Eva Krüger", "Jan Öst"])
    assert "Eva Krüger, Jan Öst" in " ".join(run("list").err.split()), "a list of keys cuts no name"
    assert run("create", "--scope", "read", "--scope", "admin", *named).code == 2 and len(store.list()) == 1


def test_a_new_key_as_json(run: Command, store: KeyStore) -> None:
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    found = run("create", "--scope", "admin", "--expires", day, "--json").result
    (made,) = store.list()
    assert found["id"] == made.id and matching({made.id: made}, found["key"], store.now()) == made
    assert found["expires_at"] == f"{day}T00:00:00+00:00"
    assert (found["scopes"], found["state"], found["account_manager"]) == (["admin"], "usable", None)


def test_an_admin_of_one_account_manager_is_refused(run: Command, store: KeyStore) -> None:
    done = run("create", "--scope", "admin", "--account-manager", "Anna Berg")
    assert done.code == 2 and done.out == "" and "admin" in done.err
    assert store.list() == ()


def test_list_shows_no_secret(run: Command) -> None:
    secrets = [run("create", "--scope", "read").out.strip().split("_", 2)[2] for _ in range(2)]
    for done in (run("list"), run("list", "--json")):
        assert done.code == 0 and not any(secret in done.out + done.err for secret in secrets)
    found = run("list", "--json").result["keys"]
    assert len(found) == 2 and all(key["state"] == "usable" and "key" not in key for key in found)
    assert all(key["id"] in run("list").err for key in found)


def test_list_without_keys(run: Command) -> None:
    assert run("list", "--json").result == {"keys": []}


def test_revoke(run: Command, store: KeyStore) -> None:
    found = run("create", "--scope", "read", "--json").result
    done = run("revoke", found["id"])
    assert done.code == 0 and done.out == "" and found["id"] in done.err
    assert run("revoke", found["id"], "--json").result["state"] == "revoked"
    assert store.get(found["id"]).revoked_at is not None


def test_rotate(run: Command, store: KeyStore) -> None:
    old = run("create", "--scope", "read", "--json").result
    done = run("rotate", old["id"], "--overlap-days", 3)
    new = done.out.strip()
    assert KEY.fullmatch(new) and new != old["key"] and "3 more days" in done.err
    first, second = sorted(store.get(old["id"]).secrets, key=lambda secret: secret.valid_until is None)
    assert second.valid_until is None and first.valid_until is not None
    assert timedelta(days=2, hours=23) < first.valid_until - datetime.now(UTC) <= timedelta(days=3)
    assert KEY.fullmatch(run("rotate", old["id"], "--json").result["key"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create",), "--scope"),
        (("create", "--scope", "all"), "read, score, feedback, admin"),
        (("create", "--scope", "read", "--expires", "2001-01-01"), "past"),
        (("create", "--scope", "read", "--expires", "soon"), "YYYY-MM-DD"),
        (("create", "--scope", "read", "--account-manager", ""), "account_manager"),
        (("revoke", "nobody"), "'nobody'"),
        (("rotate", "nobody"), "'nobody'"),
        (("rotate", "nobody", "--overlap-days", "-1"), "Usage"),
    ],
)
def test_bad_usage_is_exit_code_2(run: Command, store: KeyStore, words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert done.code == 2 and said in done.err and done.out == ""
    assert store.list() == ()


def test_an_expired_key_is_not_rotated(run: Command, store: KeyStore) -> None:
    made, _ = KeyStore(store._engine, lambda: datetime(2026, 1, 1, tzinfo=UTC)).create(
        ["read"], expires_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    done = run("rotate", made.id)
    assert done.code == 2 and "has expired" in done.err and done.out == ""


def test_a_revoked_key_is_not_rotated(run: Command) -> None:
    made = run("create", "--scope", "read", "--json").result
    run("revoke", made["id"])
    done = run("rotate", made["id"])
    assert done.code == 2 and "revoked" in done.err and done.out == ""
