"""Sources: folders and DuckDB files that are not there, not usable, not written to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.raw_tables import (
    BARE,
    GOOD,
    as_duckdb,
    folder_of,
    problems_of,
)

from features.errors import UnusableSource
from features.sources import open_source
from features.validation import validate


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableSource, match="there is no such folder"):
        open_source(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert {item.table for item in problems_of(tmp_path)} == {"accounts", "invoices"}


def test_a_source_of_an_unknown_kind() -> None:
    with pytest.raises(UnusableSource, match="a source is a folder"):
        open_source("ftp://somewhere/book")


def test_a_duckdb_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableSource, match="there is no such file"):
        open_source(f"duckdb:///{tmp_path}/nothing.duckdb")


def test_a_file_that_is_no_duckdb_file(tmp_path: Path) -> None:
    (tmp_path / "book.duckdb").write_text("no database at all, but long enough to be read as one" * 100)
    with pytest.raises(UnusableSource, match="not a DuckDB file"):
        open_source(f"duckdb:///{tmp_path}/book.duckdb")


def test_a_duckdb_file_is_not_written_to(tmp_path: Path) -> None:
    source = as_duckdb(tmp_path, BARE)
    before = (tmp_path / "book.duckdb").read_bytes()
    validate(open_source(source))
    assert (tmp_path / "book.duckdb").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["book.duckdb"]


def test_a_relative_duckdb_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_duckdb(tmp_path, BARE)
    monkeypatch.chdir(tmp_path)
    assert validate(open_source("duckdb:///book.duckdb"))["invoices"].count().execute() == 2


def test_two_books_at_once_do_not_meet(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first = validate(open_source(folder_of(folders[0], churns=GOOD["churns"])))
    second = validate(open_source(folder_of(folders[1], churns=GOOD["churns"].splitlines()[0])))
    assert first["churns"].count().execute() == 1
    assert second["churns"].count().execute() == 0
