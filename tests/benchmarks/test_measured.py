"""What a benchmark says of a command is what the operating system says, and a limit on its memory holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.measured import limited, measured

MIB = 2**20
HOLDS = "block = bytearray({mib} * 2**20); print(len(block))"


def test_a_command_is_measured_and_what_it_printed_comes_back() -> None:
    found, printed = measured([sys.executable, "-c", HOLDS.format(mib=200)])
    assert int(printed) == 200 * MIB
    assert 200 / 1024 < found["peak_gib"] < 1
    assert found["processor_seconds"] > 0 and found["seconds"] > 0


def test_a_command_is_refused_more_than_its_limit() -> None:
    allowed = [sys.executable, "-c", HOLDS.format(mib=100)]
    assert int(measured(limited(allowed, 300 * MIB))[1]) == 100 * MIB
    with pytest.raises(subprocess.CalledProcessError):
        measured(limited([sys.executable, "-c", HOLDS.format(mib=400)], 300 * MIB))
    inherited = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{HOLDS.format(mib=400)}'], check=True)"
    with pytest.raises(subprocess.CalledProcessError):
        measured(limited([sys.executable, "-c", inherited], 300 * MIB))
