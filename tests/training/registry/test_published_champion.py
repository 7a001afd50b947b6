"""Where services watch, every move of the champion is published: first the bundle, then the alias, then the pointer."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.registries import Registry, at_gate
from support.served import Done, run_command

from features.errors import BundleDamaged, NoModel
from serving.run.bundle_folder import folder_to_serve
from training.bundle import publishing
from training.bundle.bundle import MODEL, Bundle, load_bundle
from training.bundle.publishing import POINTER, bundle_in, read_pointer
from training.judge.champion_gate import WON
from training.making.pipeline import Trained
from training.registry import champion as champions
from training.registry import promotion, tracking
from training.registry.champion import FIRST, current_version
from training.registry.connecting import connected
from training.registry.tracking import bring_in_line, fetch_bundle, register
from training.settings import CHAMPION, MODEL_NAME, Environment

Command = Callable[..., Done]


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Done:
        return run_command(monkeypatch, capfd, *arguments)

    return run


@pytest.fixture
def watched(environment: Environment) -> Path:
    """Return the default folder, in which a service watches from now on."""
    return environment.home / "bundle"


@pytest.fixture
def registry(registry: Registry, watched: Path) -> Registry:
    """Return a registry with champion 1, which is served, and versions 2 and 3 that won at the gate."""
    assert registry.add(WON) == "2" and registry.add(WON) == "3"
    assert folder_to_serve(registry.environment) == watched
    return registry


def served(root: Path) -> str:
    """Return the version that a service would take up now."""
    return load_bundle(bundle_in(root)).version


def set_alias(registry: Registry, version: str) -> None:
    """Move the alias as somebody does in MLflow itself."""
    with connected(registry.environment) as client:
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, version)


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_promote_and_rollback_point_services_to_the_champion(
    churn_risk: Command, registry: Registry, watched: Path
) -> None:
    assert served(watched) == "1"
    done = churn_risk("promote", "2")
    assert done.code == 0 and f"services that watch {watched} take it up within seconds" in done.err
    assert registry.champion == served(watched) == "2"
    assert churn_risk("promote", "3", "--json").result["published"] == str(watched)
    assert registry.champion == served(watched) == "3"
    for before in ("2", "1"):
        assert churn_risk("rollback").code == 0
        assert registry.champion == served(watched) == before


def test_a_folder_that_is_configured_is_made(
    churn_risk: Command, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "shared" / "bundle"
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(elsewhere))
    assert churn_risk("promote", "2").code == 0
    assert served(elsewhere) == "2"


def test_a_bundle_itself_is_left_alone(
    churn_risk: Command, registry: Registry, bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    shutil.copytree(bundle_folder, own)
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(own))
    done = churn_risk("promote", "2")
    assert done.code == 0 and "a service takes it up when it is started again" in done.err
    assert registry.champion == "2" and served(own) == "1" and not (own / POINTER).exists()
    assert folder_to_serve(Environment()) == own


@pytest.mark.parametrize(("gate", "champion"), [(WON, "4"), ("lost", "1")])
def test_training_publishes_what_wins_at_the_gate(
    trained: Trained, registry: Registry, watched: Path, gate: str, champion: str
) -> None:
    registered, _ = register(at_gate(trained, gate), registry.environment, "a folder")
    assert registered.version == "4" and registry.champion == served(watched) == champion


def test_training_publishes_the_first(trained: Trained, environment: Environment, watched: Path) -> None:
    watched.mkdir(parents=True)
    registered, _ = register(trained, environment, "a folder")
    assert registered.how == FIRST and served(watched) == registered.version == "1"


def test_a_promotion_loads_the_bundle_once_and_the_copy_that_services_take_up_once(
    registry: Registry, watched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def load(folder: Path) -> Bundle:
        loaded.append(folder)
        return load_bundle(folder)

    for module in (promotion, publishing, tracking):
        monkeypatch.setattr(module, "load_bundle", load)
    promotion.promote(registry.environment, "2")
    assert len(loaded) == 2 and loaded[1] == bundle_in(watched)


# Faults


@pytest.mark.parametrize("step", ["copyfile", "fsync"])
def test_on_a_full_disk_the_old_champion_stays(
    churn_risk: Command, registry: Registry, watched: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    moves = registry.moves
    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr("training.bundle.durable.os.fsync", full)
        else:  # not shutil itself: MLflow copies by the same function
            patch.setattr("training.bundle.durable.shutil", SimpleNamespace(copyfile=full, rmtree=shutil.rmtree))
        done = churn_risk("promote", "2")
    assert done.code == 1 and "services go on with what they serve" in done.err and "No space left" in done.err
    assert "Traceback" not in done.err
    assert registry.champion == served(watched) == "1" and registry.moves == moves
    assert churn_risk("promote", "2").code == 0 and served(watched) == "2"


@pytest.mark.parametrize("repair", ["promote", "serve"])
def test_a_pointer_that_could_not_be_swung_is_put_right(
    churn_risk: Command, registry: Registry, watched: Path, monkeypatch: pytest.MonkeyPatch, repair: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("training.bundle.publishing.Path.replace", full)
        done = churn_risk("promote", "2")
    assert done.code == 1 and "services go on with the version before" in done.err
    assert registry.champion == "2" and served(watched) == "1"
    if repair == "promote":
        assert churn_risk("promote", "2").code == 0
    else:
        folder_to_serve(registry.environment)
    assert served(watched) == "2"


def test_a_crash_between_alias_and_pointer_is_put_right(
    registry: Registry, churn_risk: Command, watched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.bundle.publishing.Staged.swing", crash)
        assert churn_risk("promote", "2").code != 0
    assert registry.champion == "2" and served(watched) == "1"
    done = churn_risk("promote", "2")
    assert done.code == 0 and "champion already" in done.err and f"services that watch {watched} have it" in done.err
    assert served(watched) == "2"


def test_a_champion_set_in_mlflow_is_served_when_the_service_is_started(registry: Registry, watched: Path) -> None:
    set_alias(registry, "3")
    assert folder_to_serve(registry.environment) == watched and served(watched) == "3"
    assert bring_in_line(registry.environment, watched) is None


def test_what_was_damaged_where_it_lies_is_put_right(registry: Registry, watched: Path) -> None:
    (bundle_in(watched) / MODEL).write_text("")
    folder_to_serve(registry.environment)
    assert served(watched) == "1"


def test_a_champion_that_does_not_load_never_gets_the_pointer(
    churn_risk: Command, registry: Registry, watched: Path
) -> None:
    (fetch_bundle(registry.environment, "2") / MODEL).write_text("")
    assert churn_risk("promote", "2").code == 1
    assert registry.champion == served(watched) == "1"
    set_alias(registry, "2")
    with pytest.raises(BundleDamaged):
        bring_in_line(registry.environment, watched)
    assert served(watched) == "1"


def test_without_a_registry_what_was_published_is_served(
    registry: Registry,
    watched: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CHURN_RISK_HOME", str(tmp_path / "another machine"))
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(watched))
    assert folder_to_serve(Environment()) == watched
    assert "the champion cannot be asked for" in capsys.readouterr().err
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(tmp_path / "empty"))
    with pytest.raises(NoModel):
        folder_to_serve(Environment())


def test_of_two_moves_the_pointer_follows_the_one_that_was_made(
    registry: Registry, churn_risk: Command, watched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another promotes 3 while 2 is staged: 2 is refused, and its staged pointer is given up."""
    real = champions.current_version

    def overtaken(client: Any) -> str | None:
        monkeypatch.setattr(champions, "current_version", real)
        client.set_registered_model_alias(MODEL_NAME, CHAMPION, "3")
        return current_version(client)

    monkeypatch.setattr(champions, "current_version", overtaken)
    done = churn_risk("promote", "2")
    assert done.code == 1 and "somebody else moved it" in done.err
    assert served(watched) == "1" and not list(watched.glob(".publishing-*.json"))
    assert read_pointer(watched) is not None
