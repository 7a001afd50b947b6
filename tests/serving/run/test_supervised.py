"""A worker whose supervisor is killed ends by itself; what nobody supervises goes on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from serving.run.supervised import SUPERVISOR, Supervised, name_supervisor

WORKER = """
import threading
from serving.run.supervised import Supervised
supervised = Supervised(pause=0.02)
supervised.start()
print(supervised.parent is not None, flush=True)
threading.Event().wait(120)
print("went on", flush=True)
"""
STARTS = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[1]])\n"
NAMES = "from serving.run.supervised import name_supervisor\nname_supervisor()\n"


@pytest.mark.server
def test_a_worker_ends_once_the_process_that_started_it_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NAMES + STARTS, WORKER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "True\n"
        supervisor.kill()
        assert supervisor.stdout.read() == "", "the worker holds the pipe until it ends, long before its two minutes"


@pytest.mark.server
def test_a_worker_that_finds_its_supervisor_gone_when_it_has_loaded_ends_too() -> None:
    waits = "import sys\nprint('begun', flush=True)\nsys.stdin.read()\n" + WORKER
    with subprocess.Popen(
        [sys.executable, "-c", NAMES + STARTS, waits],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as supervisor:  # fmt: skip
        assert supervisor.stdout is not None and supervisor.stdin is not None
        assert supervisor.stdout.readline() == "begun\n"
        supervisor.kill()
        supervisor.wait()
        supervisor.stdin.close()
        assert "went on" not in supervisor.stdout.read()


def test_a_process_that_serves_alone_or_for_another_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISOR, str(os.getppid()))
    name_supervisor()
    assert os.environ[SUPERVISOR] == str(os.getpid()) and Supervised().parent is None
    monkeypatch.delenv(SUPERVISOR)
    assert Supervised().parent is None
    monkeypatch.setenv(SUPERVISOR, str(os.getppid()))
    assert Supervised().parent == os.getppid()
