"""Commands run in this process, a home with a champion, tables that are broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import BROKEN, Command
from support.registries import copy_home
from support.served import Done, run_command


@pytest.fixture
def churn_risk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs one command in this process; whatever writes to either stream is caught."""

    def run(*arguments: object) -> Done:
        return run_command(monkeypatch, capfd, *arguments)

    return run


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    folder = tmp_path / "broken"
    folder.mkdir()
    for name, text in BROKEN.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def home(registered_home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home of the test's own in which version 1 is the champion."""
    own = tmp_path_factory.mktemp("champion") / "home"
    copy_home(registered_home, own)
    for name in ("MLFLOW_TRACKING_URI", "CHURN_RISK_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHURN_RISK_HOME", str(own))
    return own
