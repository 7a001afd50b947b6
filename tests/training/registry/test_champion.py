"""Moves of the champion: recorded one by one, never overwritten, and readable after a crash anywhere."""

from __future__ import annotations

import fcntl
import getpass
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

from training.registry.champion import (
    GATE,
    PREFIX,
    PROMOTE,
    ROLLBACK,
    Move,
    current_version,
    former_champions,
    move_champion,
    moves,
    took_effect,
    user,
)
from training.registry.tracking import connected
from training.settings import CHAMPION, MODEL_NAME, Environment


def move(from_version: str | None, version: str, how: str = PROMOTE) -> Move:
    return Move(version, from_version, "2026-01-01T00:00:00.000000+00:00", "somebody", how, False, "")


# The stack of former champions


@pytest.mark.parametrize(
    ("recorded", "champion", "former"),
    [
        ([], None, []),
        ([], "1", []),
        ([move(None, "1")], "1", []),
        ([move(None, "1"), move("1", "2")], "2", ["1"]),
        ([move(None, "1"), move("1", "2"), move("2", "1")], "1", ["1", "2"]),
        ([move(None, "1"), move("1", "2"), move("2", "1", ROLLBACK)], "1", []),
        ([move(None, "1"), move("1", "2"), move("2", "3"), move("3", "2", ROLLBACK)], "2", ["1"]),
        ([move(None, "1"), move("1", "2"), move("2", "3"), move("3", "1", ROLLBACK)], "1", []),
        ([move(None, "1"), move("1", "2"), move("2", "1", ROLLBACK), move("1", "3")], "3", ["1"]),
    ],
    ids=["nothing", "before records", "first", "second", "and back by hand", "rolled back", "once", "over one", "on"],
)
def test_versions_to_roll_back_to(recorded: list[Move], champion: str | None, former: list[str]) -> None:
    assert former_champions(recorded, champion) == former


@pytest.mark.parametrize(
    ("recorded", "champion", "former"),
    [
        ([move(None, "1"), move("1", "2")], "1", []),
        ([move(None, "1"), move("1", "2"), move("1", "3")], "3", ["1"]),
        ([move(None, "1"), move("1", "2"), move("2", "1", ROLLBACK)], "2", ["1"]),
        ([move(None, "1"), move("1", "2"), move("2", "1", ROLLBACK), move("2", "3")], "3", ["1", "2"]),
        ([move(None, "1")], None, []),
    ],
    ids=["last", "then another", "rollback", "rollback, then another", "first"],
)
def test_a_move_that_came_to_nothing_is_left_out(recorded: list[Move], champion: str | None, former: list[str]) -> None:
    assert former_champions(recorded, champion) == former


@pytest.mark.parametrize(
    ("recorded", "champion", "former"),
    [
        ([move(None, "1"), move("1", "2")], "7", ["1", "2"]),
        ([move(None, "1"), move("7", "2")], "2", ["1", "7"]),
        ([move("1", "2")], "2", ["1"]),
        ([move(None, "1"), move("1", "2")], None, ["1", "2"]),
    ],
    ids=["set in MLflow", "set in between", "before records", "taken away"],
)
def test_a_champion_that_no_move_tells_of_lies_where_it_was_found(
    recorded: list[Move], champion: str | None, former: list[str]
) -> None:
    assert former_champions(recorded, champion) == former


@given(st.lists(st.tuples(st.sampled_from(["move", "roll back"]), st.integers(1, 5), st.booleans()), max_size=12))
def test_rolling_back_leads_through_every_champion_there_was(steps: list[tuple[str, int, bool]]) -> None:
    """Against a stack that is kept by hand; some moves crash between record and alias."""
    stack: list[str] = []
    recorded: list[Move] = []
    for what, number, crashed in steps:
        before, target = stack[-1] if stack else None, str(number)
        if what == "roll back":
            if len(stack) < 2:
                continue
            recorded.append(move(before, stack[-2], ROLLBACK))
            stack = stack if crashed else stack[:-1]
        elif target != before:
            recorded.append(move(before, target))
            stack = stack if crashed else [*stack, target]
        champion = stack[-1] if stack else None
        assert former_champions(recorded, champion) == stack[:-1]
        assert len(took_effect(recorded, champion)) <= len(recorded)


# In the registry


@pytest.fixture
def client(environment: Environment) -> Iterator[MlflowClient]:
    """Return a client of a registry with three versions of nothing and no champion."""
    with connected(environment) as made:
        made.create_registered_model(MODEL_NAME)
        for _ in range(3):
            made.create_model_version(MODEL_NAME, "file:///nowhere")
        yield made


def moved(client: MlflowClient, environment: Environment, version: str, how: str = PROMOTE, **more: Any) -> Move | None:
    return move_champion(
        client, environment.home, version, expected=current_version(client), how=how, staged=None, **more
    )


def test_a_move_is_recorded_with_who_when_how_and_why(
    client: MlflowClient, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_RISK_USER", "Jörg")
    before = datetime.now(UTC)
    first = moved(client, environment, "2", GATE)
    second = moved(client, environment, "3", override=True, reason="the gate's book lacks März")
    assert current_version(client) == "3"
    assert moves(client) == [first, second]
    assert second is not None and replace(second, at="") == Move(
        "3", "2", "", "Jörg", "promote", True, "the gate's book lacks März"
    )
    instants = [datetime.fromisoformat(found.at) for found in moves(client)]
    assert before <= instants[0] < instants[1] <= datetime.now(UTC)
    assert all(found.utcoffset() is not None for found in instants)


def test_the_version_s_own_tags_say_the_same(client: MlflowClient, environment: Environment) -> None:
    moved(client, environment, "1", GATE)
    recorded = moved(client, environment, "2", override=True, reason="because")
    assert recorded is not None
    assert client.get_model_version(MODEL_NAME, "2").tags == {
        "promoted_at": recorded.at,
        "promoted_by": recorded.by,
        "promoted_how": "promote",
        "promoted_reason": "because",
        "override": "true",
    }
    assert client.get_model_version(MODEL_NAME, "1").tags["override"] == "false"


def test_no_move_is_overwritten_and_each_fits_a_tag(client: MlflowClient, environment: Environment) -> None:
    reason = "ä" * 1000
    for number in range(30):
        moved(client, environment, str(1 + number % 3), reason=reason)
    tags = client.get_registered_model(MODEL_NAME).tags
    records = [value for name, value in tags.items() if name.startswith(PREFIX)]
    assert len(records) == 30 and max(map(len, records)) < 2000
    assert [found.version for found in moves(client)] == [str(1 + number % 3) for number in range(30)]


def test_moves_stay_in_order_when_a_clock_is_behind(client: MlflowClient, environment: Environment) -> None:
    future = replace(move(None, "1"), at="2999-01-01T00:00:00.000000+00:00")
    client.set_registered_model_tag(MODEL_NAME, f"{PREFIX}29990101T000000.000000Z.0", json.dumps(vars(future)))
    client.set_registered_model_alias(MODEL_NAME, CHAMPION, "1")
    later = moved(client, environment, "2")
    assert later is not None and moves(client) == [future, later] and later.at > future.at


def test_other_tags_and_broken_records_are_left_out(client: MlflowClient, environment: Environment) -> None:
    for name, value in (("team", "retention"), (f"{PREFIX}0", "{"), (f"{PREFIX}1", '{"version": "1"}')):
        client.set_registered_model_tag(MODEL_NAME, name, value)
    assert moves(client) == []
    kept = moved(client, environment, "1")
    assert moves(client) == [kept]


def test_without_a_model_there_are_no_moves_and_no_champion(environment: Environment) -> None:
    with connected(environment) as client:
        assert moves(client) == [] and current_version(client) is None


# Crashes, and two at a time


class Crash(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("step", "champion", "former"),
    [
        ("set_registered_model_tag", "2", ["1"]),
        ("set_registered_model_alias", "2", ["1"]),
        ("set_model_version_tag", "3", ["1", "2"]),
    ],
)
def test_a_crash_leaves_a_history_to_roll_back_by(
    client: MlflowClient,
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    champion: str,
    former: list[str],
) -> None:
    moved(client, environment, "1", GATE)
    moved(client, environment, "2")

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(client, step, crash)
        with pytest.raises(Crash):
            moved(client, environment, "3")
    assert current_version(client) == champion
    assert former_champions(moves(client), champion) == former
    assert moved(client, environment, "1") is not None, "the lock is free again"
    assert former_champions(moves(client), "1") == [*former, champion]


def test_a_decision_on_another_champion_is_not_carried_out(client: MlflowClient, environment: Environment) -> None:
    moved(client, environment, "1")
    kept = moves(client)
    for expected in (None, "2"):
        assert move_champion(client, environment.home, "3", expected=expected, how=PROMOTE, staged=None) is None
    assert current_version(client) == "1" and moves(client) == kept
    assert "promoted_at" not in client.get_model_version(MODEL_NAME, "3").tags


def test_the_lock_is_held_from_the_look_to_the_last_write(
    client: MlflowClient, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []

    def watched(name: str) -> Any:
        real = getattr(client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            found.append(_locked(environment.home / "champion.lock"))
            return real(*arguments, **named)

        return call

    for name in ("get_model_version_by_alias", "set_registered_model_tag", "set_registered_model_alias"):
        monkeypatch.setattr(client, name, watched(name))
    assert move_champion(client, environment.home, "1", expected=None, how=PROMOTE, staged=None) is not None
    assert found == [True, True, True]
    assert not _locked(environment.home / "champion.lock")


def _locked(path: Path) -> bool:
    with path.open("w") as other:
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_of_several_at_once_one_moves(client: MlflowClient, environment: Environment) -> None:
    moved(client, environment, "1")
    results: list[Move | None] = []

    def work(version: str) -> None:
        results.append(move_champion(client, environment.home, version, expected="1", how=PROMOTE, staged=None))

    threads = [Thread(target=work, args=(version,)) for version in ("2", "3", "2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [result for result in results if result is not None]
    assert len(results) == 4 and current_version(client) == winner.version and moves(client)[1:] == [winner]


# Who


def test_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user() == getpass.getuser()
    monkeypatch.setenv("CHURN_RISK_USER", "release pipeline")
    assert user() == "release pipeline"
    monkeypatch.setenv("CHURN_RISK_USER", "x" * 300)
    assert user() == "x" * 200


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 1234)
    assert user() == "user 1234"
