"""Closed by default: another address than loopback is refused without keys, by our command and by a bare BentoML."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import click
import pytest
from sqlalchemy.engine import Engine
from support.served import START_SECONDS, Done, free_port, process, run_command

from serving.access.gate import has_credentials
from serving.access.keys import KeyStore
from serving.database.engine import open_database
from serving.errors import TooOpen
from serving.run.listening import asked_addresses, bound_addresses, demand_closed
from serving.settings import ServiceSettings
from training.settings import Environment

ELSEWHERE = ("0.0.0.0", "::", "192.168.1.2", "example.org", "")
Command = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *words: run_command(monkeypatch, capsys, *words)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, bundle_folder: Path) -> list[list[str]]:
    """Return what `churn-risk serve` would have become, instead of becoming it."""
    commands: list[list[str]] = []
    monkeypatch.setenv("CHURN_RISK_BUNDLE", str(bundle_folder))
    monkeypatch.setattr("os.execve", lambda path, command, variables: commands.append(command))
    return commands


@pytest.mark.parametrize("address", ELSEWHERE)
def test_another_address_needs_credentials(address: str) -> None:
    with pytest.raises(TooOpen, match="churn-risk keys create"):
        demand_closed(["127.0.0.1", address], has_credentials=False)
    demand_closed([address], has_credentials=True)


def test_this_machine_needs_none() -> None:
    demand_closed(["127.0.0.1", "localhost", "::1", "127.0.0.2"], has_credentials=False)
    demand_closed([], has_credentials=False)


def test_what_counts_as_credentials(environment: Environment) -> None:
    engine: Engine = open_database(environment.scores_url)
    assert not has_credentials(engine, ServiceSettings())
    issuer: dict[str, Any] = {"oidc_issuer": "https://id.example", "oidc_audience": "us"}
    assert has_credentials(engine, ServiceSettings(**issuer))
    keys = KeyStore(engine)
    keys.revoke(keys.create(["read"])[0].id)
    assert has_credentials(engine, ServiceSettings())
    engine.dispose()


# `churn-risk serve`


def test_serve_elsewhere_is_refused_and_then_allowed_with_a_key(run: Command, started: list[list[str]]) -> None:
    refused = run("serve", "--host", "0.0.0.0", "--port", free_port())
    assert refused.code == 2 and "churn-risk keys create" in refused.err and started == []
    assert run("keys", "create", "--scope", "read").code == 0
    allowed = run("serve", "--host", "0.0.0.0", "--port", free_port())
    assert allowed.code == 0 and "a key or a token" in allowed.err
    assert started[0][started[0].index("--host") + 1] == "0.0.0.0"


def test_serve_elsewhere_is_allowed_with_an_issuer(
    run: Command, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_RISK_OIDC_ISSUER", "https://id.example")
    monkeypatch.setenv("CHURN_RISK_OIDC_AUDIENCE", "us")
    assert run("serve", "--host", "0.0.0.0", "--port", free_port()).code == 0 and len(started) == 1


# BentoML's own command


def test_what_bentoml_was_asked_for() -> None:
    found = []

    @click.command()
    @click.option("--host")
    def serve(host: str | None) -> None:
        found.append(asked_addresses())

    for words in (["--host", "0.0.0.0"], []):
        serve.main(words, standalone_mode=False)
    assert found == [["0.0.0.0"], []] and asked_addresses() == []


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("form", [["--fd", "{}"], ["--fd={}"]], ids=["two words", "one word"])
def test_what_a_worker_was_given(address: str, form: list[str]) -> None:
    with socket.create_server((address, 0)) as given:
        words = ["worker", "bento", *(word.format(given.fileno()) for word in form), "--backlog", "2048"]
        assert bound_addresses(words) == [address]
        assert given.getsockname()[0] == address, "the worker's own socket must stay open"


def test_a_socket_of_this_machine_has_no_address(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(os.fspath(tmp_path / "s"))
        assert bound_addresses(["--fd", str(given.fileno())]) == []
    assert bound_addresses(["pytest"]) == bound_addresses() == []


def refused(ended: Popen[bytes] | subprocess.CompletedProcess[bytes], log: str) -> bool:
    return ended.returncode not in (0, None) and "refused to listen on 0.0.0.0" in log


@pytest.mark.server
def test_bentoml_serve_elsewhere_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bentoml", "serve", "serving.run.service:ChurnRisk", "--host", "0.0.0.0", "--port"]
    log = tmp_path / "log"
    variables = {"CHURN_RISK_BUNDLE": str(bundle_folder)}
    with process([*command, str(free_port())], tmp_path / "home", log, variables) as ended:
        ended.wait(START_SECONDS)
    assert refused(ended, log.read_text())


@pytest.mark.server
def test_a_worker_elsewhere_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    """However BentoML was told to listen there."""
    with socket.create_server(("0.0.0.0", 0)) as given:
        os.set_inheritable(given.fileno(), True)
        worker = ["-m", "_bentoml_impl.worker.service", "serving.run.service:ChurnRisk", "--fd", str(given.fileno())]
        variables = {"CHURN_RISK_BUNDLE": str(bundle_folder), "CHURN_RISK_HOME": str(tmp_path / "home")}
        path = {"PYTHONPATH": str(Path(__file__).parents[3])}
        ended = subprocess.run(
            [sys.executable, *worker, "--worker-id", "1"],
            env=os.environ | variables | path, cwd=tmp_path, pass_fds=[given.fileno()], capture_output=True,
            timeout=START_SECONDS, check=False,
        )  # fmt: skip
    assert refused(ended, (ended.stdout + ended.stderr).decode())
