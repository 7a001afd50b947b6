"""What the packages import is declared in pyproject.toml, by whom it is needed; nothing is left to what others need.

Loggers are declared by name, too: what is not below `churn_risk` counts as said by a library.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("features", "training", "serving")
#: Module -> its distribution, where several share the module's name.
SHARED = {"mlflow": "mlflow", "opentelemetry": "opentelemetry-api"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = PROJECT["dependencies"]
#: What a layer may import beside, where it is installed.
EXTRA = {"features": "spark", "training": "training"}


def name_of(distribution: str) -> str:
    """Return a distribution's name as it is compared (PEP 503), without extras and versions."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!;\s]", distribution)[0]).lower()


def imported(layer: str) -> set[str]:
    """Return the distributions that a layer imports, wherever in its modules."""
    modules = set()
    for path in (ROOT / layer).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(str(node.module).split(".")[0])
    known = packages_distributions()
    third_party = modules - set(sys.stdlib_module_names) - set(LAYERS)
    return {name_of(SHARED.get(module) or known.get(module, [module])[0]) for module in third_party}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_import_is_declared(layer: str) -> None:
    extra = PROJECT["optional-dependencies"][EXTRA[layer]] if layer in EXTRA else []
    declared = {name_of(item) for item in [*BASE, *extra]}
    found = imported(layer)
    assert found
    assert found <= declared, f"{layer} imports what pyproject.toml does not declare: {sorted(found - declared)}"


@pytest.mark.parametrize("layer", LAYERS)
def test_every_logger_of_a_module_is_below_our_own_or_is_a_librarys(layer: str) -> None:
    """`getLogger(__name__)` would be neither: commands would keep it for a library, the service would drop its INFO."""
    asked = [
        [ast.unparse(argument) for argument in node.args]
        for path in (ROOT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "getLogger"
    ]
    assert layer == "features" or ["'churn_risk.training'"] in asked or ["'churn_risk.running'"] in asked
    assert ["__name__"] not in asked
