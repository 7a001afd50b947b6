"""A champion that somebody deleted in MLflow: an alarm, never an empty throne for the next model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.commands import Command
from support.registries import Registry, at_gate
from support.served import run_command

import training.registry.tracking as tracking
from features.errors import NoModel
from training.bundle.bundle import load_bundle
from training.bundle.publishing import POINTER, bundle_in
from training.judge.champion_gate import FIRST, UNDECIDED, VANISHED, WON, champion_vanished
from training.making.pipeline import Trained
from training.registry.champion import PREFIX
from training.registry.promotion import look_up
from training.registry.tracking import bring_in_line, connected, fetch, register
from training.registry.vanished import vanished
from training.settings import CHAMPION, MODEL_NAME, Environment

SOURCE = "book"


@pytest.fixture(autouse=True)
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "draw_plots", lambda trained, folder: [])


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return lambda *words: run_command(monkeypatch, capfd, *words)


@pytest.fixture
def watched(registry: Registry) -> Path:
    """Return the folder that a service watches, to which version 1 has been published."""
    root = registry.environment.home / "bundle"
    root.mkdir()
    bring_in_line(registry.environment, root)
    return root


def forget_moves(registry: Registry) -> None:
    with connected(registry.environment) as client:
        for name in client.get_registered_model(MODEL_NAME).tags:
            if name.startswith(PREFIX):
                client.delete_registered_model_tag(MODEL_NAME, name)


def delete_version(registry: Registry) -> None:
    registry.delete("1")


def delete_alias(registry: Registry) -> None:
    with connected(registry.environment) as client:
        client.delete_registered_model_alias(MODEL_NAME, CHAMPION)


def delete_all(registry: Registry) -> None:
    with connected(registry.environment) as client:
        client.delete_registered_model(MODEL_NAME)


@pytest.mark.parametrize("vanish", [delete_version, delete_alias, delete_all])
def test_the_published_pointer_tells_of_it(
    registry: Registry, watched: Path, trained: Trained, vanish: Callable[[Registry], None]
) -> None:
    forget_moves(registry)
    assert vanished(registry.environment) is None
    vanish(registry)
    assert vanished(registry.environment) == "1"
    registered, manifest = register(at_gate(trained, FIRST), registry.environment, SOURCE)
    assert not registered.champion and registered.vanished == "1"
    assert registered.gate.decision == manifest.gate["decision"] == VANISHED
    assert look_up(registry.environment, registered.version).gate == VANISHED
    assert registry.champion is None and load_bundle(bundle_in(watched)).version == "1"


def test_a_new_registry_beside_services_that_serve_is_no_beginning(
    registry: Registry, watched: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{registry.environment.home / 'other.db'}")
    assert vanished(registry.environment) == "1"
    registered, _ = register(trained, registry.environment, SOURCE)
    assert not registered.champion and registered.gate.decision == VANISHED


@pytest.mark.parametrize("vanish", [delete_version, delete_alias])
def test_without_a_pointer_the_recorded_moves_tell_of_it(
    registry: Registry, trained: Trained, vanish: Callable[[Registry], None]
) -> None:
    vanish(registry)
    assert not (registry.environment.home / "bundle").exists()
    registered, _ = register(at_gate(trained, WON), registry.environment, SOURCE, against="1")
    assert not registered.champion and registered.gate == champion_vanished("1")


def test_a_registry_that_never_had_a_champion_has_none_that_vanished(
    environment: Environment, trained: Trained
) -> None:
    assert vanished(environment) is None and not environment.home.exists()
    assert register(trained, environment, SOURCE)[0].how == "first"


def test_train_says_so_loudly_and_registers_a_candidate(
    registry: Registry, watched: Path, trained: Trained, churn_risk: Command, book_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    poor = replace(trained, verdict=replace(trained.verdict, grade="D"))
    monkeypatch.setattr("training.making.pipeline.train", lambda *_: poor)
    monkeypatch.setattr("training.making.pipeline.advised", lambda trained, _: trained)
    delete_version(registry)
    done = churn_risk("train", book_folder, "--no-figures")
    assert done.code == 0 and done.err.count("THE CHAMPION, version 1, HAS VANISHED") == 2, "before and after the work"
    assert "version 2 is a candidate only" in done.err and "champion (first)" not in done.err
    done = churn_risk("train", book_folder, "--no-figures", "--json")
    assert done.code == 0 and done.result["champion"] is False and done.result["vanished_champion"] == "1"
    assert done.result["gate"]["decision"] == VANISHED and "version 1, has vanished" in done.result["gate"]["why"]
    assert registry.champion is None and load_bundle(bundle_in(watched)).version == "1"


def test_promote_by_hand_settles_it(
    registry: Registry, watched: Path, trained: Trained, churn_risk: Command, book_folder: Path
) -> None:
    delete_version(registry)
    version = register(trained, registry.environment, SOURCE)[0].version
    for words in (("score", book_folder, "--as-of", "2025-12-01"), ("card",)):
        done = churn_risk(*words)
        assert done.code == 1 and "the champion, version 1, has vanished from the registry" in done.err
    done = churn_risk("promote", version)
    assert done.code == 2 and "the champion had vanished when it was made" in done.err
    done = churn_risk("promote", version, "--override", "--reason", "1 was deleted by mistake")
    assert done.code == 0 and registry.champion == version == load_bundle(bundle_in(watched)).version
    assert vanished(registry.environment) is None
    gate = champion_vanished("1").settled(version)
    assert gate.decision == UNDECIDED, "the next one meets the new champion, or is made anew"


def test_a_service_goes_on_with_what_was_published(registry: Registry, watched: Path) -> None:
    delete_version(registry)
    with pytest.raises(NoModel, match=r"the champion, version 1, has vanished .* `churn-risk promote VERSION` names"):
        fetch(registry.environment)
    with pytest.raises(NoModel, match="has vanished"):
        bring_in_line(registry.environment, watched)
    assert (watched / POINTER).exists() and load_bundle(bundle_in(watched)).version == "1"
