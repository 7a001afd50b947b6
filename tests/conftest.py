"""What the tests share: a small simulated book, a model trained on it, its bundle, and an environment of their own.

Everything is seeded, made only when a test asks for it, and kept for all workers and later runs (`support.kept`).
Imports stand in the fixtures, so that a test that needs no model does not wait for one.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from support.kept import kept

if TYPE_CHECKING:
    from support.registries import Registry

    from features.tables import Tables
    from training.bundle.bundle import Bundle
    from training.making.pipeline import Trained
    from training.settings import Environment, TrainingSettings

pytest_plugins = ("support.databases", "support.registry_tables", "support.schedule", "support.sparks")

ACCOUNTS, SEED = 400, 1
MODEL = "trained.pickle"
#: Read by the libraries when they are first loaded: one thread each, no window, nothing sent to anybody.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "true",
    "DO_NOT_TRACK": "true",
}
#: What would lead a test to somebody's real models, scores or settings.
FOREIGN = ("CHURN_RISK_", "MLFLOW_", "_MLFLOW_")
#: What is meant for the tests: the public data sets, and the folder in which pictures of the pages are kept.
OURS = ("CHURN_RISK_REAL_DATA", "CHURN_RISK_PICTURES")


def pytest_configure() -> None:
    """Set the process up before any test module is imported."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) and name not in OURS]:
        del os.environ[name]
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # A hundred processes are started: none is to compile again what another has compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Nearly all that is imported stays: looking through it again and again for garbage takes a tenth of a run.
    gc.set_threshold(50_000, 20, 100)
    # The same examples in every run, and no clock: a loaded machine is no failure.
    hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None)
    hypothesis.settings.load_profile("seeded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, a browser or a notebook: all of `tests/live`, and what asks for PostgreSQL."""
    for item in items:
        if "live" in item.path.parts or "postgres" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


@pytest.fixture(autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Return an environment of the test's own: a home that is not there yet and an empty working directory.

    Runs, versions and scores are kept under that home unless a test sets `MLFLOW_TRACKING_URI` or
    `CHURN_RISK_STORE_URL` itself.
    """
    from training.settings import Environment

    own = tmp_path_factory.mktemp("own")
    (own / "working").mkdir()
    monkeypatch.chdir(own / "working")
    monkeypatch.setenv("CHURN_RISK_HOME", str(own / "home"))
    return Environment()


@pytest.fixture(scope="session")
def book_folder() -> Path:
    """Return a folder with the eleven tables of a simulated book of 400 accounts over 36 months, as Parquet."""
    from features.simulation import World, simulate

    return kept("book", "features", lambda folder: simulate(World(accounts=ACCOUNTS, seed=SEED), folder))


@pytest.fixture(scope="session")
def as_of() -> date:
    """Return the day after the book's last record: the date at which its accounts are to be scored."""
    from features.simulation import World

    return World(accounts=ACCOUNTS, seed=SEED).ends_on


@pytest.fixture(scope="session")
def book(book_folder: Path) -> Tables:
    """Return the simulated book, validated."""
    from features.sources import open_source
    from features.validation import validate

    return validate(open_source(book_folder))


@pytest.fixture(scope="session")
def quick_settings() -> TrainingSettings:
    """Return settings that train on the book in a few seconds."""
    from training.settings import FitSettings, TrainingSettings

    fit = FitSettings(max_rounds=48, num_leaves=6, learning_rate=0.1, min_data_in_leaf=20)
    return TrainingSettings(slice_days=90, least_slices=1, folds=3, bootstraps=20, fit=fit)


@pytest.fixture(scope="session")
def trained(request: pytest.FixtureRequest, quick_settings: TrainingSettings) -> Trained:
    """Return a model trained on the book."""

    def make(folder: Path) -> None:
        from training.making.pipeline import train
        from training.slices.preparing import prepare

        book = request.getfixturevalue("book")
        model = train(book, prepare(book, quick_settings), quick_settings)
        (folder / MODEL).write_bytes(pickle.dumps(model))

    model: Trained = pickle.loads((kept("trained", "training", make) / MODEL).read_bytes())
    return model


@pytest.fixture(scope="session")
def bundle_folder(request: pytest.FixtureRequest) -> Path:
    """Return the folder of the model's bundle, version 1; copy it before changing anything in it."""

    def make(folder: Path) -> None:
        from training.bundle.bundle import stamp_version
        from training.making.packing import write_bundle

        write_bundle(folder, request.getfixturevalue("trained"), "2026-01-01T00:00:00+00:00", "test")
        stamp_version(folder, "1")

    return kept("bundle", "training", make)


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    """Return the bundle as serving loads it."""
    from training.bundle.bundle import load_bundle

    return load_bundle(bundle_folder)


@pytest.fixture(scope="session")
def registered_home(request: pytest.FixtureRequest) -> Path:
    """Return a home whose registry holds one version, the champion; `support.registries.copy_home` copies it."""

    def make(home: Path) -> None:
        from training.registry.tracking import fetch_bundle, register
        from training.settings import Environment

        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            environment = Environment(home=home)
            register(request.getfixturevalue("trained"), environment, str(request.getfixturevalue("book_folder")))
            fetch_bundle(environment)

    return kept("registered-home", "training", make)


@pytest.fixture
def registry(registered_home: Path, environment: Environment) -> Registry:
    """Return a registry of the test's own, under the environment's home."""
    from support.registries import Registry, copy_home

    copy_home(registered_home, environment.home)
    return Registry(environment)


@pytest.fixture(scope="session")
def bento_home(bundle_folder: Path) -> Path:
    """Return the home of BentoML's stores with the checkout's Bento in it, built from another folder, offline."""

    def make(home: Path) -> None:
        nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        settings = nowhere | {
            "BENTOML_HOME": str(home), "CHURN_RISK_BUNDLE": str(bundle_folder), "UV_OFFLINE": "1", "PIP_NO_INDEX": "1",
        }  # fmt: skip
        command = [sys.executable, "-W", "ignore", "-m", "serving.run.bento"]
        done = subprocess.run(command, env={**os.environ, **settings}, cwd=home, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return kept("bento", "serving", make)
