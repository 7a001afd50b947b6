"""`churn-risk serve`: it serves the registry's champion, says where it lies, and follows `promote` while it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.living import wait_for
from support.registries import Registry
from support.served import caller, free_port, process, run_command, wait_until_ready

from training.judge.champion_gate import WON
from training.settings import Environment


def test_it_serves_the_champion_and_follows_it(
    registry: Registry, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    port, log, root = free_port(), tmp_path / "log", environment.home / "bundle"
    address = f"http://127.0.0.1:{port}"

    def version() -> str:
        return str(caller().get(f"{address}/readyz", timeout=60).json()["model_version"])

    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", str(port)]
    with process(command, environment.home, log) as started:
        announced = f"listening on {address}, loopback only because there are no API keys; model in {root}"
        wait_for(lambda: "listening on" in log.read_text() or started.poll() is not None, "a word that it listens")
        assert caller().get(f"{address}/livez", timeout=60).status_code == 200, "it answers when it says so"
        wait_until_ready(address, started, log)
        said = log.read_text()
        assert f"version 1 is the champion and now lies in {root}" in said
        assert announced in said and said.count("listening on") == 1
        assert version() == "1"
        registry.add(WON)
        assert run_command(monkeypatch, capfd, "promote", "2").code == 0
        wait_for(lambda: version() == "2", "the promoted version")
