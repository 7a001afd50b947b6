"""What the tests share: a small simulated book, a model trained on it, its bundle, and an environment of their own.

Everything is seeded and made at most once a process (once a worker under pytest-xdist), and only when a test asks for
it. Imports stand in the fixtures, so that a test that needs no model does not wait for one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from features.tables import Tables
    from training.bundle.bundle import Bundle
    from training.making.pipeline import Trained
    from training.settings import Environment, TrainingSettings

pytest_plugins = ("support.databases",)

ACCOUNTS, SEED = 400, 1
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


def pytest_configure() -> None:
    """Set the process up before any test module is imported."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) and name != "CHURN_RISK_REAL_DATA"]:
        del os.environ[name]
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    # The same examples in every run, and no clock: a loaded machine is no failure.
    hypothesis.settings.register_profile("seeded", derandomize=True, deadline=None)
    hypothesis.settings.load_profile("seeded")


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
def book_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the eleven tables of a simulated book of 400 accounts over 36 months, as Parquet."""
    from features.simulation import World, simulate

    folder = tmp_path_factory.mktemp("book") / "tables"
    simulate(World(accounts=ACCOUNTS, seed=SEED), folder)
    return folder


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
def trained(book: Tables, quick_settings: TrainingSettings) -> Trained:
    """Return a model trained on the book."""
    from training.making.pipeline import train
    from training.slices.preparing import prepare

    return train(book, prepare(book, quick_settings), quick_settings)


@pytest.fixture(scope="session")
def bundle_folder(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the model's bundle, version 1; copy it before changing anything in it."""
    from training.bundle.bundle import stamp_version
    from training.making.packing import write_bundle

    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    folder.mkdir()
    write_bundle(folder, trained, "2026-01-01T00:00:00+00:00", "test")
    stamp_version(folder, "1")
    return folder


@pytest.fixture(scope="session")
def bundle(bundle_folder: Path) -> Bundle:
    """Return the bundle as serving loads it."""
    from training.bundle.bundle import load_bundle

    return load_bundle(bundle_folder)


@pytest.fixture(scope="session")
def bento_home(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of BentoML's stores with the checkout's Bento in it, built from another folder, offline."""
    home = tmp_path_factory.mktemp("bentoml")
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    settings = nowhere | {
        "BENTOML_HOME": str(home), "CHURN_RISK_BUNDLE": str(bundle_folder), "UV_OFFLINE": "1", "PIP_NO_INDEX": "1",
    }  # fmt: skip
    command = [sys.executable, "-W", "ignore", "-m", "serving.run.bento"]
    done = subprocess.run(command, env={**os.environ, **settings}, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return home
