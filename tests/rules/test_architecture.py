"""The architecture as docs/architecture.md has it: its table is the one list of packages and of who may import whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.architecture import (
    LAYERS,
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

from features.tables import TABLES

ROOT = Path(__file__).parents[2]
ROWS = table_rows((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
ALLOWED = {row.package: row.may_import for row in ROWS}
#: Found by folder: the one place that imports modules of ours by a name it puts together.
BY_NAME = ["features/signal.py"]


def test_every_package_stands_in_the_table_once() -> None:
    assert sorted(row.package for row in ROWS) == sorted(packages(ROOT))
    assert all(row.purpose for row in ROWS)


def test_nothing_is_imported_that_is_not_allowed() -> None:
    assert arrows_beyond(package_imports(ROOT), ALLOWED) == []


def test_every_arrow_that_is_allowed_is_used() -> None:
    assert arrows_beyond(ALLOWED, package_imports(ROOT)) == []


def test_packages_form_no_circle() -> None:
    assert circles(package_imports(ROOT)) == []


def test_files_form_no_circle() -> None:
    assert circles(module_imports(ROOT)) == []


def test_modules_are_imported_by_a_written_name() -> None:
    """Otherwise an arrow could be hidden from these tests."""
    assert importing_by_name(ROOT) == BY_NAME


def test_no_folder_is_too_full() -> None:
    assert full_folders(ROOT, most=15) == []


def test_a_file_s_name_is_its_own() -> None:
    assert shared_names(ROOT, TABLES) == []


def test_no_module_and_no_test_is_too_long() -> None:
    assert long_files(ROOT, LAYERS, most=300) == []
    assert long_files(ROOT, ("tests",), most=400) == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_what_the_pages_name_is_there(page: str) -> None:
    assert missing_places(ROOT, (ROOT / page).read_text(encoding="utf-8")) == []
