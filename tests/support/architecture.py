"""What the rules of the architecture look at: packages, who imports whom, circles, lengths and names of files.

Everything here takes a root folder or plain graphs, so that made-up trees can show that each check fails.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LAYERS = ("features", "training", "serving")
#: Names that stand directly in more than one layer, once each.
OF_EACH_LAYER = {"settings", "errors"}
#: Where modules bear the names of the contract's tables.
BY_TABLE = {"features/signals", "features/simulation/records"}
Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Row:
    """A row of the table in docs/architecture.md."""

    package: str
    purpose: str
    may_import: tuple[str, ...]


def table_rows(text: str) -> list[Row]:
    """Return the rows of the table of packages: those that begin with a package's name as code."""
    found = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return [Row(package, purpose, tuple(re.findall(r"`([\w.]+)`", allowed))) for package, purpose, allowed in found]


def module_files(root: Path) -> dict[str, Path]:
    """Return the file of every module of the layers by its dotted name; a package's name is its `__init__`."""
    files = sorted(path for layer in LAYERS for path in (root / layer).rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def packages(root: Path) -> set[str]:
    """Return the packages of the layers."""
    return {name for name, path in module_files(root).items() if path.name == "__init__.py"}


def module_imports(root: Path) -> dict[str, set[str]]:
    """Return for every module the modules of the layers that it imports, wherever in it the import stands."""
    files = module_files(root)
    return {name: set(_imported(name, path, files)) - {name} for name, path in files.items()}


def package_imports(root: Path) -> dict[str, set[str]]:
    """Return for every package the other packages that its modules import."""
    files = module_files(root)
    owner = {name: name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in files.items()}
    arrows: dict[str, set[str]] = {package: set() for package in owner.values()}
    for module, imported in module_imports(root).items():
        arrows[owner[module]] |= {owner[name] for name in imported} - {owner[module]}
    return arrows


def importing_by_name(root: Path) -> list[str]:
    """Return the files that name what imports modules by a text, which no reader of imports can follow."""
    texts = {path.relative_to(root).as_posix(): path.read_text("utf-8") for path in module_files(root).values()}
    return sorted(path for path, text in texts.items() if re.search(r"\b(import_module|__import__)\b", text))


def arrows_beyond(used: Graph, allowed: Graph) -> list[str]:
    """Return the arrows of the first graph that the second does not have."""
    return sorted(
        f"{start} -> {end}" for start, ends in used.items() for end in ends if end not in allowed.get(start, ())
    )


def circles(graph: Graph) -> list[list[str]]:
    """Return the sets of nodes that reach each other: the strongly connected components of more than one node."""
    reach = {node: _reachable(graph, node) for node in graph}
    in_circles = {node: {other for other in ends if node in reach.get(other, ())} for node, ends in reach.items()}
    return sorted(map(list, {tuple(sorted(circle)) for circle in in_circles.values() if len(circle) > 1}))


def full_folders(root: Path, most: int) -> list[str]:
    """Return the folders with more modules than so many, `__init__` not counted."""
    files = [path for path in module_files(root).values() if path.name != "__init__.py"]
    counts = Counter(path.parent.relative_to(root).as_posix() for path in files)
    return sorted(f"{folder}: {count}" for folder, count in counts.items() if count > most)


def shared_names(root: Path, tables: Collection[str]) -> list[str]:
    """Return the names of files that stand in several folders and may not."""
    places: dict[str, list[str]] = {}
    for path in module_files(root).values():
        place = path.relative_to(root)
        if not _may_share(place, tables):
            places.setdefault(place.stem, []).append(place.as_posix())
    return sorted(", ".join(sorted(paths)) for paths in places.values() if len(paths) > 1)


def long_files(root: Path, folders: Collection[str], most: int) -> list[str]:
    """Return the Python files of the folders with more lines than so many."""
    lengths = {
        path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in (root / folder).rglob("*.py")
    }
    return sorted(f"{path}: {length}" for path, length in lengths.items() if length > most)


def missing_places(root: Path, text: str) -> list[str]:
    """Return what a page names as code and is not there: `folder/file`, and `folder/file.py::Name` within it.

    Fenced blocks hold examples and drawings, and are not read.
    """
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"`([\w./-]+/[\w./-]*)(?:::([\w.]+))?`", prose)
    return [f"{path}::{name}" if name else path for path, name in named if not _is_there(root / path, name)]


def _imported(module: str, path: Path, files: Collection[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom):
            start = _start(module, path, node)
            for alias in node.names:
                yield from [name for name in (f"{start}.{alias.name}", start) if name in files][:1]


def _start(module: str, path: Path, node: ast.ImportFrom) -> str:
    """Return the absolute name of what is imported from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".") + (["__init__"] if path.name == "__init__.py" else [])
    return ".".join([*parts[: -node.level], *([node.module] if node.module else [])])


def _reachable(graph: Graph, start: str) -> set[str]:
    reached: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in reached:
            reached.add(node)
            waiting += graph.get(node, ())
    return reached


def _may_share(place: Path, tables: Collection[str]) -> bool:
    folder, name = place.parent, place.stem
    if name == "__init__" or name == folder.name:
        return True
    return name in (OF_EACH_LAYER if folder.as_posix() in LAYERS else tables if folder.as_posix() in BY_TABLE else ())


def _is_there(path: Path, name: str) -> bool:
    if not name:
        return path.exists()
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else []
    for part in name.split("."):
        inner = next((node for node in body if part in _names(node)), None)
        if inner is None:
            return False
        body = getattr(inner, "body", [])
    return True


def _names(node: ast.stmt) -> set[str]:
    """Return what a statement defines."""
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    if isinstance(node, ast.AnnAssign):
        return {ast.unparse(node.target)}
    return {getattr(node, "name", "")}
