"""The home is its owner's alone, with its databases and bundles: made so, and mended, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.registries import Registry
from support.served import run_command

from serving.database.engine import open_database, writing
from serving.run.bundle_folder import folder_to_serve
from serving.run.running import before_workers
from serving.settings import ServiceSettings
from training.making.packing import write_bundle
from training.making.pipeline import Trained
from training.registry.connecting import connected
from training.registry.tracking import fetch_bundle
from training.settings import Environment


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Let files be readable by all, as on most machines."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(home: Path) -> set[str]:
    """Return the home and what of its databases and bundles others could read."""
    watched = [home, *home.glob("*.db*")]
    for name in ("bundle", "bundles"):
        watched += [home / name, *(home / name).rglob("*")]
    watched += home.rglob("manifest.json")
    return {
        path.relative_to(home).as_posix()
        for path in watched
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def test_it_is_made_so(environment: Environment, trained: Trained, tmp_path: Path) -> None:
    engine = open_database(environment.scores_url)
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        assert {path.name for path in environment.home.iterdir()} >= {"scores.db", "scores.db-wal"}
        assert open_to_others(environment.home) == set()
    engine.dispose()
    with connected(environment) as client:
        client.create_experiment("a")
    assert (environment.home / "mlflow.db").stat().st_size > 0
    assert open_to_others(environment.home) == set()
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_bundle(folder, trained, "2026-01-01T00:00:00+00:00", "test")
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_what_is_fetched_and_published_is_private(registry: Registry) -> None:
    home = registry.environment.home
    home.chmod(0o700)
    fetch_bundle(registry.environment)
    folder_to_serve(registry.environment)
    assert (home / "bundle" / "champion.json").is_file() and list((home / "bundles").rglob("manifest.json"))
    published = [home / "bundle", *(home / "bundle").rglob("*"), *(home / "bundles").rglob("*")]
    assert {path.name for path in published if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()


def test_a_folder_that_others_may_enter_is_published_for_them(registry: Registry, tmp_path: Path) -> None:
    """`CHURN_RISK_BUNDLE` may lie where a service of another user reads it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    folder_to_serve(Environment(home=registry.environment.home, bundle=shared / "bundle"))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (shared / "bundle").rglob("*.json")}
    assert modes == {0o644}


def loosened(home: Path) -> None:
    """Make a home as earlier versions left it."""
    open_database(f"sqlite:///{home / 'scores.db'}").dispose()
    (home / "bundle" / "versions" / "1-abc").mkdir(parents=True)
    (home / "bundle" / "versions" / "1-abc" / "manifest.json").write_text("{}")
    for path in (home, *home.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert len(open_to_others(home)) >= 4


def test_a_command_mends_it(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loosened(environment.home)
    assert run_command(monkeypatch, capsys, "keys", "list").code == 0
    assert open_to_others(environment.home) == set()
    assert stat.S_IMODE(environment.home.stat().st_mode) == 0o700


def test_the_service_mends_it(environment: Environment, bundle_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loosened(environment.home)
    monkeypatch.setattr("serving.run.running.metrics.make_folder", lambda: None)
    monkeypatch.setattr("serving.run.running.logs.configure", lambda *_: None)
    before_workers(ServiceSettings(), bundle_folder)
    assert open_to_others(environment.home) == set()


def test_what_users_ask_for_is_theirs(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A file that `--out` names has the permissions of any other file of theirs."""
    out = tmp_path / "openapi.json"
    assert run_command(monkeypatch, capsys, "openapi", "--out", out).code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o644
    assert not environment.home.exists(), "and a home that is not needed is not made"


def test_a_database_elsewhere_is_private_when_new_and_left_alone_when_not(tmp_path: Path) -> None:
    path = tmp_path / "shared" / "scores.db"
    open_database(f"sqlite:///{path}").dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o660)
    open_database(f"sqlite:///{path}").dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
