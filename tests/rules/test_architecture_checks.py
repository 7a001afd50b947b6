"""Each check of the architecture fails where it should: shown on made-up trees and graphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.architecture import (
    Row,
    arrows_beyond,
    circles,
    full_folders,
    importing_by_name,
    long_files,
    missing_places,
    module_imports,
    package_imports,
    packages,
    shared_names,
    table_rows,
)


def tree(root: Path, **files: str) -> Path:
    """Write modules, `a__b` for a/b.py, each folder a package."""
    for name, text in files.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for folder in (path.parent, *path.parent.parents):
            if folder == root:
                break
            (folder / "__init__.py").touch()
    return root


@pytest.mark.parametrize(
    "line",
    [
        "import features.time",
        "from features.time import cut",
        "from features import time",
        "def run():\n    from features.time import cut",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from features.time import Clock",
        "try:\n    import features.time as clock\nexcept ImportError:\n    pass",
        "from ...features.time import cut",
    ],
)
def test_an_import_is_seen_wherever_it_stands(tmp_path: Path, line: str) -> None:
    root = tree(tmp_path, features__time="import os", training__judge__verdict=line)
    assert module_imports(root)["training.judge.verdict"] == {"features.time"}
    assert package_imports(root)["training.judge"] == {"features"}


def test_relative_imports_count_from_the_package(tmp_path: Path) -> None:
    root = tree(
        tmp_path, serving__store__pages="from .runs import run\nfrom ..clock import now", serving__store__runs=""
    )
    tree(root, serving__clock="")
    (root / "serving/store/__init__.py").write_text("from .pages import Page\nfrom . import runs")
    assert module_imports(root)["serving.store.pages"] == {"serving.store.runs", "serving.clock"}
    assert module_imports(root)["serving.store"] == {"serving.store.pages", "serving.store.runs"}
    assert package_imports(root)["serving.store"] == {"serving"}


def test_what_a_package_hands_on_is_an_import_of_the_package(tmp_path: Path) -> None:
    root = tree(tmp_path, features__book="from features.simulation import World", features__simulation__world="")
    assert module_imports(root)["features.book"] == {"features.simulation"}
    assert packages(root) == {"features", "features.simulation"}


def test_imports_by_a_text_are_seen(tmp_path: Path) -> None:
    root = tree(tmp_path, features__a="from importlib import import_module as load", features__b="import importlib")
    tree(root, serving__c="def run():\n    __import__('training')")
    assert importing_by_name(root) == ["features/a.py", "serving/c.py"]


def test_arrows_that_are_not_allowed_and_arrows_nobody_uses() -> None:
    used, allowed = {"a": {"b", "c"}, "d": {"a"}}, {"a": {"b"}, "b": {"c"}}
    assert arrows_beyond(used, allowed) == ["a -> c", "d -> a"]
    assert arrows_beyond(allowed, used) == ["b -> c"]
    assert arrows_beyond(used, used) == []


def test_circles_are_found_long_and_short() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"a", "c"}}) == []
    assert circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}) == [["a", "b"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": {"d", "a"}}) == [["a", "b", "c"], ["d", "e"]]
    assert circles({"a": {"elsewhere"}}) == []


def test_a_circle_between_files_of_one_package_is_none_between_packages(tmp_path: Path) -> None:
    root = tree(tmp_path, training__one="import training.two", training__two="def run():\n    import training.one")
    assert circles(module_imports(root)) == [["training.one", "training.two"]]
    assert circles(package_imports(root)) == []


def test_folders_that_are_too_full(tmp_path: Path) -> None:
    root = tree(tmp_path, **{f"serving__words__w{number}": "" for number in range(3)}, serving__clock="")
    assert full_folders(root, 3) == [] and full_folders(root, 2) == ["serving/words: 3"]


def test_names_that_stand_twice(tmp_path: Path) -> None:
    root = tree(tmp_path, training__card__figures="", serving__reports__figures="", training__card__card="")
    tree(root, serving__card="", features__settings="", training__settings="", training__errors="", serving__errors="")
    tree(root, features__signals__loops="", features__simulation__records__loops="", serving__loops="")
    assert shared_names(root, {"loops"}) == ["serving/reports/figures.py, training/card/figures.py"]


@pytest.mark.parametrize(
    "shared",
    [
        ["features/loops.py", "serving/loops.py"],
        ["serving/run/settings.py", "training/judge/settings.py"],
        ["features/signals/rhythm.py", "features/simulation/records/rhythm.py"],
    ],
)
def test_what_may_share_a_name_may_do_so_in_its_place_only(tmp_path: Path, shared: list[str]) -> None:
    root = tree(tmp_path, **{path.removesuffix(".py").replace("/", "__"): "" for path in shared})
    assert shared_names(root, {"loops"}) == [", ".join(shared)]


def test_files_that_are_too_long(tmp_path: Path) -> None:
    root = tree(tmp_path, training__long="x = 1\n" * 4, training__short="x = 1\n" * 3, tests__long="x = 1\n" * 9)
    assert long_files(root, ("training",), 3) == ["training/long.py: 4"]
    assert long_files(root, ("training", "tests"), 4) == ["tests/long.py: 9"]


def test_the_table_is_read_off_the_page() -> None:
    page = (
        "| package | what it is | may import |\n|---|---|---|\n"
        "| `features` | tables, time | nothing |\n"
        "| `serving.api` | the app | `serving`, `serving.access` |\n\n| `x` | y |\n"
    )
    assert table_rows(page) == [
        Row("features", "tables, time", ()),
        Row("serving.api", "the app", ("serving", "serving.access")),
    ]


def test_places_that_are_not_there(tmp_path: Path) -> None:
    root = tree(tmp_path, serving__clock="NOW: int = 1\nclass Clock:\n    def now(self): ...\n")
    good = "`serving/clock.py`, `serving/`, `serving/clock.py::Clock.now`, `serving/clock.py::NOW`, `no_path`, a/b.py"
    assert missing_places(root, good) == []
    bad = "`serving/clocks.py`\n```\n`serving/nothing.py`\n```\n`serving/clock.py::Clock.then` `serving/no.py::x`"
    assert missing_places(root, bad) == ["serving/clocks.py", "serving/clock.py::Clock.then", "serving/no.py::x"]
