"""CHURN_RISK_MEMORY: what a connection may take, where the rest goes, and what is said where neither does."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import duckdb
import pytest

from features.errors import InputError
from features.machine.memory import machine_memory, memory_limit, told_shortage
from features.sources import connect

MIB = 2**20


@pytest.mark.parametrize(
    ("said", "bytes_"), [("512MiB", 512 * MIB), ("0.5 GiB", 512 * MIB), (" 800mb ", 800 * 10**6), ("1GB", 10**9)]
)
def test_a_size_has_a_unit(said: str, bytes_: int) -> None:
    assert memory_limit({"CHURN_RISK_MEMORY": said}) == bytes_


def test_half_of_the_machine_by_default() -> None:
    assert memory_limit({}) == memory_limit({"CHURN_RISK_MEMORY": " "}) == machine_memory() // 2


@pytest.mark.parametrize("said", ["4", "4 apples", "-1GB", "50%", "1MiB", "9999TB"])
def test_a_wrong_size_is_refused_with_what_stands_there(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_MEMORY", said)
    with pytest.raises(InputError, match=re.escape(f"CHURN_RISK_MEMORY={said!r}: ")):
        connect()


def test_what_memory_does_not_hold_goes_to_a_folder_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_MEMORY", "128MiB")
    run = connect().con.execute
    ((folder,),) = run("SELECT current_setting('temp_directory')").fetchall()
    assert Path(folder).parent.stat().st_mode & 0o077 == 0
    run("CREATE TEMP TABLE wide AS SELECT i, hash(i) AS a, hash(i + 1) AS b FROM range(9_000_000) AS t(i)")
    assert run("SELECT count(*) FROM wide").fetchall() == [(9_000_000,)]
    assert list(Path(folder).iterdir())


def test_one_line_says_how_to_get_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_MEMORY", "128MiB")
    with pytest.raises(duckdb.OutOfMemoryException) as raised:
        connect().con.execute("SELECT len(list(i)) FROM range(90_000_000) AS t(i)").fetchall()
    told = told_shortage(raised.value)
    assert told == "0.12GiB of memory do not do: allow more by CHURN_RISK_MEMORY, such as CHURN_RISK_MEMORY=256MiB"


def test_one_line_says_where_to_make_room() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/there/m.parquet")
    assert told_shortage(full) == (
        "the disk is full: make room in /there/m.parquet, or name a larger place for temporary files by TMPDIR"
    )
    assert told_shortage(OSError(errno.EACCES, "Permission denied")) is None
    assert told_shortage(ValueError("No space left")) is None
