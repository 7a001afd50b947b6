"""Every exception class stands in its package's `errors` module, and in the tree that the module's docstring draws."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("features", "training", "serving")
#: Packages whose exceptions stand in one module; one that gets an `errors.py` is held to it from then on.
KEPT = [layer for layer in LAYERS if (ROOT / layer / "errors.py").exists()]
#: Exceptions elsewhere: they carry an answer of HTTP out of the place that found it, or stand beside what raises them.
ELSEWHERE = {
    "RequestProblem": "serving/api/edge/problems.py",  # carries an HTTP status
    "Refused": "serving/api/edge/limits.py",  # carries the answer
    "Replayed": "serving/api/edge/repeats.py",  # carries the answer
}
NODE = re.compile(r"^(?P<indent>[│ ]*)[├└]── (?P<name>\w+)", re.MULTILINE)


def classes() -> Iterator[tuple[str, str, list[str]]]:
    """Yield every class of the packages: its file, its name, the names of its bases."""
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                    yield path.relative_to(ROOT).as_posix(), node.name, bases


def exceptions() -> dict[str, tuple[str, str]]:
    """Return every exception class by name: its file and its base."""
    known = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    found: dict[str, tuple[str, str]] = {}
    before = -1
    while before != len(found):
        before = len(found)
        for path, name, bases in classes():
            base = next((base for base in bases if base in known | set(found) or base.endswith("Exception")), None)
            if base is not None:
                found[name] = path, base
    return found


FOUND = exceptions()


def drawn(layer: str) -> dict[str, str]:
    """Return the tree that a package draws: every exception below the root with its base."""
    text = ast.get_docstring(ast.parse((ROOT / layer / "errors.py").read_text(encoding="utf-8"))) or ""
    path, bases = ["ChurnRiskError"], {}
    for node in NODE.finditer(text):
        depth = len(node["indent"]) // 4 + 1
        path[depth:] = [node["name"]]
        bases[node["name"]] = path[depth - 1]
    return bases


def test_there_is_something_to_look_at() -> None:
    assert {"features", "serving"} <= set(KEPT)
    assert {"InvalidTables", "StoreUnavailable", "IssuerAway"} <= set(FOUND)
    assert {name: FOUND[name][0] for name in ELSEWHERE} == ELSEWHERE


@pytest.mark.parametrize("layer", KEPT)
def test_exceptions_stand_in_one_module(layer: str) -> None:
    own = {name: path for name, (path, _) in FOUND.items() if path.startswith(f"{layer}/") and name not in ELSEWHERE}
    assert own
    assert not {name: path for name, path in own.items() if path != f"{layer}/errors.py"}


@pytest.mark.parametrize("layer", KEPT)
def test_the_tree_is_drawn_as_it_stands(layer: str) -> None:
    own = {name: base for name, (path, base) in FOUND.items() if path == f"{layer}/errors.py"}
    below = LAYERS[: LAYERS.index(layer)]
    others = {name for name, (path, _) in FOUND.items() if path in {f"{lower}/errors.py" for lower in below}}
    assert {name: base for name, base in drawn(layer).items() if name not in others} == {
        name: base for name, base in own.items() if name != "ChurnRiskError"
    }
