"""One direction: features <- training <- serving; heavy or risky libraries in one place each; nothing on import."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("features", "training", "serving")
FILES = sorted(path.relative_to(ROOT) for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))
#: Library -> the only files that may import it, at the top or in a function.
ONLY = {
    "mlflow": {
        "training/registry/connecting.py",
        "training/registry/tracking.py",
        "training/registry/run_records.py",
        "training/registry/champion.py",
        "training/registry/vanished.py",
        "training/bundle/pyfunc.py",
    },
    "shap": {"training/registry/plots.py"},
    "optuna": {"training/tuning/search.py"},
}
#: Layer -> the layers it must not know.
ABOVE = {"features": {"training", "serving"}, "training": {"serving"}, "serving": set()}


def imported(path: Path) -> set[str]:
    """Return the top-level names of everything a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(path.parts[0] if node.level else (node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            named = node.args[0]
            text = ast.unparse(named).lstrip("f").strip("'\"")
            found.add(text.split(".")[0])
    return found


def test_there_is_something_to_look_at() -> None:
    assert {path.parts[0] for path in FILES} == set(LAYERS)
    assert len(FILES) > 50


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_layer_knows_the_one_above(path: Path) -> None:
    assert not imported(path) & ABOVE[path.parts[0]]


@pytest.mark.parametrize("library", ONLY)
def test_a_library_is_imported_in_its_place_only(library: str) -> None:
    importers = {path.as_posix() for path in FILES if library in imported(path)}
    assert importers <= ONLY[library]
    assert importers


def test_packages_do_not_import_the_tests() -> None:
    tests = {"tests", "support", "conftest", "pytest", "hypothesis"}
    assert not {path.as_posix() for path in FILES if imported(path) & tests}


QUIET = """
import importlib, os, sys, threading, warnings
before = dict(os.environ), len(warnings.filters), list(sys.path), os.getcwd()
for name in sys.argv[1:]:
    importlib.import_module(name)
assert dict(os.environ) == before[0], set(os.environ.items()) ^ set(before[0].items())
assert list(sys.path) == before[2] and os.getcwd() == before[3]
assert threading.active_count() == 1, threading.enumerate()
print(*sorted(sys.modules))
"""


def loaded(tmp_path: Path, *modules: str) -> set[str]:
    """Import modules in a fresh process in an empty folder; nothing may be left there; return all modules loaded."""
    (tmp_path / "cwd").mkdir()
    places = {"HOME": "nobody", "CHURN_RISK_HOME": "cwd/home", "MPLCONFIGDIR": "matplotlib"}
    set_by_sklearn = {"KMP_DUPLICATE_LIB_OK": "True", "KMP_INIT_AT_FORK": "FALSE"}
    quiet = os.environ | set_by_sklearn | {name: str(tmp_path / place) for name, place in places.items()}
    done = subprocess.run(
        [sys.executable, "-B", "-c", QUIET, *modules], cwd=tmp_path / "cwd", env=quiet, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("cwd/*"))
    assert not (tmp_path / "nobody").exists()
    return set(done.stdout.split())


def test_importing_the_packages_does_nothing(tmp_path: Path) -> None:
    found = loaded(tmp_path, "features", "training", "serving")
    assert not found & {"pandas", "ibis", "lightgbm", "mlflow", "bentoml", "shap"}


def test_importing_the_command_line_is_light(tmp_path: Path) -> None:
    """`--help` answers at once: what a command needs is imported when it runs."""
    found = loaded(
        tmp_path,
        "features.cli.book_commands",
        "training.cli.model_commands",
        "serving.cli.score_commands",
        "serving.cli.main",
    )
    assert not found & {"pandas", "ibis", "duckdb", "lightgbm", "sklearn", "mlflow", "bentoml", "shap", "matplotlib"}


def test_importing_what_scores_does_nothing_and_needs_no_mlflow(tmp_path: Path) -> None:
    modules = (
        "features.matrix",
        "features.validation",
        "training.making.pipeline",
        "training.judge.judgement",
        "serving.scoring.scoring",
    )
    found = loaded(tmp_path, *modules, "training.settings", "training.registry.plots", "training.rivals")
    assert not found & {"mlflow", "shap", "bentoml", "optuna", "empulse"}
