"""CHURN_RISK_MEMORY: what a connection may take, where the rest goes, and what is said where neither does."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest

from features.errors import InputError
from features.machine import spilling
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


@pytest.mark.parametrize("limit", ["DATA", "AS"])
def test_a_limit_of_the_process_counts_as_its_machine(limit: str) -> None:
    """As of `ulimit -d` and `ulimit -v`: a process that took half of it for DuckDB would be refused the rest."""
    asked = "from features.machine.memory import memory_limit; print(memory_limit({}))"
    bound = f"import resource; resource.setrlimit(resource.RLIMIT_{limit}, (3 << 30, 3 << 30)); {asked}"
    told = subprocess.run([sys.executable, "-c", bound], check=True, capture_output=True, text=True)
    assert int(told.stdout) == 9 << 27 < memory_limit({})


@pytest.mark.parametrize("limit", ["DATA", "AS"])
def test_what_a_limit_of_the_process_forbids_is_not_laid_to_the_machine(limit: str) -> None:
    asked = "from features.machine.memory import memory_limit; memory_limit({'CHURN_RISK_MEMORY': '4GiB'})"
    bound = f"import resource; resource.setrlimit(resource.RLIMIT_{limit}, (3 << 30, 3 << 30)); {asked}"
    told = subprocess.run([sys.executable, "-c", bound], capture_output=True, text=True)
    assert told.stderr.splitlines()[-1] == (
        "ValueError: CHURN_RISK_MEMORY='4GiB': "
        "it must lie between 128MiB and what the limit of the process leaves, 3.0GiB"
    )


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


LEAVES = "from features.machine.spilling import spill_folder; spill_folder().mkdir(); print(1, flush=True); input()"


def spilled(folder: Path) -> int:
    """Return how many folders of connections there are."""
    return sum(path.is_dir() for path in folder.glob("*/*"))


def test_what_a_killed_process_spilled_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a living one spilled stays, and so does what is another's or too young to tell."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    dead, alive = (subprocess.Popen([sys.executable, "-c", LEAVES], env=environment, **pipes) for _ in range(2))  # type: ignore[call-overload]
    with dead, alive:
        assert dead.stdout.readline() == alive.stdout.readline() == b"1\n"
        dead.send_signal(signal.SIGKILL)
        assert dead.wait(60) == -signal.SIGKILL
        (tmp_path / f"{spilling.PREFIX}young").mkdir()
        (tmp_path / f"{spilling.PREFIX}link").symlink_to(tmp_path / "elsewhere")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        assert spilled(tmp_path) == 2
        spilling.remove_left_over()
        assert spilled(tmp_path) == 1 and len(list(tmp_path.iterdir())) == 3
        monkeypatch.setattr(spilling, "UNLOCKED_SECONDS", -1)
        spilling.remove_left_over()
        assert spilled(tmp_path) == 1 and len(list(tmp_path.iterdir())) == 2
        alive.communicate(b"\n", 60)
    assert [path.name for path in tmp_path.iterdir()] == [f"{spilling.PREFIX}link"]


def test_one_line_says_how_to_get_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_MEMORY", "128MiB")
    with pytest.raises(duckdb.OutOfMemoryException) as raised:
        connect().con.execute("SELECT len(list(i)) FROM range(90_000_000) AS t(i)").fetchall()
    told = told_shortage(raised.value)
    assert told == "0.12GiB of memory do not do: allow more by CHURN_RISK_MEMORY, such as CHURN_RISK_MEMORY=256MiB"
    monkeypatch.setenv("CHURN_RISK_MEMORY", "1GiB")
    of_python = told_shortage(MemoryError())
    assert of_python is not None and "learn from fewer rows by CHURN_RISK_MOST_ROWS" in of_python
    assert "leave more of it to Python by CHURN_RISK_MEMORY=768MiB" in of_python, "DuckDB is to take less, not more"


def test_no_line_advises_what_is_set_already_or_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, out_of_memory = machine_memory(), duckdb.OutOfMemoryException("failed to allocate")
    monkeypatch.setenv("CHURN_RISK_MEMORY", "128MiB")
    assert told_shortage(MemoryError()) == (
        f"memory does not do ({whole / 2**30:.1f}GiB in all): free some, "
        "or learn from fewer rows by CHURN_RISK_MOST_ROWS"
    )
    monkeypatch.setenv("CHURN_RISK_MEMORY", f"{whole * 3 // 4}B")
    assert str(told_shortage(out_of_memory)).endswith(f"such as CHURN_RISK_MEMORY={whole // MIB}MiB")
    monkeypatch.setenv("CHURN_RISK_MEMORY", f"{whole}B")
    assert re.search(r"of memory do not do: it is all that .+ (has|leaves)$", str(told_shortage(out_of_memory)))


def test_one_line_says_where_to_make_room() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/there/m.parquet")
    assert told_shortage(full) == (
        "the disk is full: make room in /there/m.parquet, or name a larger place for temporary files by TMPDIR"
    )
    assert told_shortage(OSError(errno.EACCES, "Permission denied")) is None
    assert told_shortage(ValueError("No space left")) is None
