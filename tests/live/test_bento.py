"""The Bento: built offline from another folder; it carries what it serves with, and nothing that training needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from support.living import BENTO
from support.locks import pins
from support.served import ROOT, START_SECONDS, free_port, process

from training.bundle.bundle import MANIFEST, load_bundle

TRAINING_ONLY = ("mlflow", "shap", "optuna", "empulse", "matplotlib", "numba")
#: What an installation for serving starts with.
ENTRANCES = ("serving.run.service", "serving.cli.main", "serving.jobs.runner", "serving.webhooks.delivery.delivery")
#: Imports modules in an interpreter that has none of some libraries, and says where they came from.
WITHOUT = """
import sys
for name in sys.argv[2].split(","):
    sys.modules[name] = None
for entrance in sys.argv[1].split(","):
    module = __import__(entrance, fromlist=["_"])
    print(module.__file__)
"""


@pytest.fixture(scope="module")
def source(bento_home: Path) -> Path:
    """Return the folder of the Bento's own code."""
    (found,) = (bento_home / "bentos" / "churn_risk").glob("*/src")
    return found


def test_it_carries_the_model_and_the_three_packages_and_no_pickle(bento_home: Path, source: Path) -> None:
    assert {"features", "training", "serving"} <= {path.name for path in source.iterdir()}
    assert not [path for path in source.rglob("*") if "tests" in path.parts or path.suffix in (".pkl", ".db")]
    (model,) = (path for path in (bento_home / "models" / "churn_risk").iterdir() if path.is_dir())
    assert {"model.txt", "manifest.json", "version.json"} <= {path.name for path in model.iterdir()}


@pytest.mark.parametrize("package", ["features", "training", "serving"])
def test_it_carries_every_file_of_the_packages(source: Path, package: str) -> None:
    def files(root: Path) -> set[str]:
        found = (path.relative_to(root) for path in (root / package).rglob("*") if path.is_file())
        return {path.as_posix() for path in found if "__pycache__" not in path.parts}

    assert files(source) == files(ROOT)


def test_it_asks_for_what_serving_needs_and_no_more(bento_home: Path, source: Path) -> None:
    asked = (source.parent / "env" / "python" / "requirements.txt").read_text()
    assert pins(asked) == pins((ROOT / "requirements-serving.lock").read_text())
    names = {name for name, _, hashes in pins(asked) if hashes}
    assert {"bentoml", "lightgbm", "alembic"} <= names and not names & set(TRAINING_ONLY)
    described = yaml.safe_load((source.parent / "bento.yaml").read_text())
    assert described["labels"] == {"product": "churn-risk", "api": "v1"}
    assert (source.parent / "README.md").read_text().startswith("Churn risk of B2B accounts: predictions")
    # BentoML's own trust in X-Forwarded-For is switched off: only proxies that are named count.
    envs = {env["name"]: env["value"] for env in described["envs"]}
    assert envs == {"OMP_WAIT_POLICY": "PASSIVE", "FORWARDED_ALLOW_IPS": "nobody"}


def test_the_locks_agree() -> None:
    names = ("requirements-serving.lock", "requirements.lock", "requirements-dev.lock")
    serving, training, development = (pins((ROOT / name).read_text()) for name in names)
    assert serving < training < development


def test_it_imports_without_what_only_training_needs(source: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", WITHOUT, ",".join(ENTRANCES), ",".join(TRAINING_ONLY)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [Path(line) for line in done.stdout.splitlines()] == [
        source / f"{entrance.replace('.', '/')}.py" for entrance in ENTRANCES
    ]


@pytest.mark.parametrize(
    ("damage", "says"), [("empty", "no bundle and no pointer to one"), ("cut", "not the file that was written")]
)
def test_without_a_model_it_ends_at_once_and_says_why(
    bento_home: Path, bundle_folder: Path, tmp_path: Path, damage: str, says: str
) -> None:
    place = tmp_path / "bundle"
    place.mkdir()
    if damage == "cut":
        shutil.copytree(bundle_folder, place, dirs_exist_ok=True)
        (place / "model.txt").write_text("tree\n")
    assert says in refusal(bento_home, tmp_path, {"CHURN_RISK_BUNDLE": str(place)})


def test_a_manifest_that_was_edited_in_the_bento_is_not_served(bento_home: Path, tmp_path: Path) -> None:
    """It still is a sound manifest, and no file of the bundle tells: only the seal that the Bento was built with."""
    home = Path(shutil.copytree(bento_home, tmp_path / "bentoml"))
    (path,) = (home / "models" / "churn_risk").glob(f"*/{MANIFEST}")
    manifest = json.loads(path.read_text())
    manifest["calibrator"]["intercept"] -= 1
    path.write_text(json.dumps(manifest))
    assert load_bundle(path.parent)
    assert f"{MANIFEST} is not the file that was written" in refusal(home, tmp_path, {})


def refusal(bento_home: Path, folder: Path, variables: Mapping[str, str]) -> str:
    """Serve a Bento that is refused, and return what it says."""
    log, own = folder / "log", {"BENTOML_HOME": str(bento_home), "PYTHONPATH": ""}
    with process([*BENTO, str(free_port())], folder / "home", log, own | dict(variables)) as started:
        assert started.wait(START_SECONDS) != 0
    return log.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["score", "book", "--as-of", "2026-01-01"], "is not installed: this needs what training needs"),
        (["promote", "1"], "is not installed: this needs what training needs"),
        (["serve"], "without MLflow no champion can be fetched"),
    ],
    ids=["score", "promote", "serve"],
)
def test_the_command_line_says_what_is_not_installed(
    source: Path, book_folder: Path, tmp_path: Path, words: list[str], says: str
) -> None:
    (tmp_path / "book").symlink_to(book_folder)
    program = WITHOUT + "sys.argv[1:] = sys.argv[3:]\nmodule.main()"
    command = [sys.executable, "-W", "ignore", "-c", program, "serving.cli.main", ",".join(TRAINING_ONLY), *words]
    if words == ["serve"]:
        command += ["--port", str(free_port())]
    variables = {**os.environ, "PYTHONPATH": str(source), "CHURN_RISK_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 1 and says in done.stderr and "Traceback" not in done.stderr, done.stderr
