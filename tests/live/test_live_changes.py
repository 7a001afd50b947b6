"""The built Bento with two workers, under load, while the real commands change the champion: no request is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.living import TWO_WORKERS, Living, Load, consistent, living, wait_for
from support.registries import Registry, copy_home
from support.served import Json, client_of, histories, rows_of
from support.versions import version_of_bundle

from serving.run.bundle_folder import folder_to_serve
from serving.store import ScoreStore
from training.bundle.bundle import MODEL, load_bundle
from training.bundle.publishing import POINTER, bundle_in, digest, publish, read_pointer
from training.judge.champion_gate import WON
from training.registry.tracking import fetch_bundle
from training.settings import Environment

ANSWERS = 10


@dataclass(frozen=True)
class Changing:
    """A running Bento that follows a registry's champion, a request, and what each version answers to it."""

    living: Living
    environment: Environment
    body: Json
    expected: dict[str, list[Json]]

    @property
    def root(self) -> Path:
        """The folder that the service watches."""
        return self.environment.home / "bundle"

    def churn_risk(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command in a process of its own."""
        command = [sys.executable, "-m", "serving.cli.main", *arguments]
        variables = {"CHURN_RISK_HOME": str(self.environment.home)}
        return subprocess.run(command, env=_clean() | variables, capture_output=True, text=True)

    def wait_until_served(self, version: str) -> None:
        """Wait until both workers serve a version."""
        name = f'churn_risk_model_info{{model_version="{version}"}}'
        wait_for(lambda: self.living.metrics().get(name) == 2, f"version {version} in both workers")

    def load(self) -> Load:
        return Load(self.living.address, self.body)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CHURN_RISK_")}


@pytest.fixture(scope="module")
def changing(
    bento_home: Path, registered_home: Path, book_folder: Path, as_of: date, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Changing]:
    folder = tmp_path_factory.mktemp("changes")
    environment = Environment(home=folder / "home")
    copy_home(registered_home, environment.home)
    registry = Registry(environment)
    other = version_of_bundle(fetch_bundle(environment, "1"), folder / "model" / "artifacts" / "bundle", "2", shift=1.0)
    assert registry.add(WON, other) == "2"
    body = {"as_of": as_of.isoformat(), "accounts": histories(rows_of(book_folder), ["A000001", "A000002"])}
    expected = {version: answers_of(fetch_bundle(environment, version), body) for version in ("1", "2")}
    variables = TWO_WORKERS | {
        "CHURN_RISK_BUNDLE": str(folder_to_serve(environment)),
        "CHURN_RISK_WATCH_SECONDS": "0.1",
    }
    with living(bento_home, folder / "served", variables) as started:
        made = Changing(started, environment, body, expected)
        made.wait_until_served("1")
        yield made


def answers_of(folder: Path, body: Json) -> list[Json]:
    """Return what a version answers, in this process."""
    answer: Any = client_of(load_bundle(folder), ScoreStore("sqlite://")).post(body).json()
    return [{name: value for name, value in one.items() if name != "scored_at"} for one in answer["predictions"]]


def test_promote_and_rollback_change_the_model_under_load(changing: Changing) -> None:
    with changing.load().running() as load:
        load.wait_for_answers(ANSWERS)
        of_two = since_served(changing, load, "promote", "2")
        of_one = since_served(changing, load, "rollback")
    assert not load.failures and not load.broken
    assert all(consistent(answer, changing.expected) for answer in load.answers)
    assert {answer["model_version"] for answer in load.answers} == {"1", "2"}
    for answers, former in ((of_two, "1"), (of_one, "2")):
        late = [answer for answer in answers if answer["model_version"] == former]
        assert len(late) <= load.clients, "only what was under way may still be of the former version"
    metrics = changing.living.metrics()
    assert metrics["churn_risk_bundle_swaps_total"] >= 4 and metrics["churn_risk_bundle_failures_total"] == 0


def since_served(changing: Changing, load: Load, *command: str) -> list[Json]:
    """Run a command that changes the champion; return some answers that came once both workers served it."""
    done = changing.churn_risk(*command)
    assert done.returncode == 0, done.stderr
    changing.wait_until_served("2" if command[0] == "promote" else "1")
    before = len(load.answers)
    load.wait_for_answers(ANSWERS)
    return load.answers[before:]


def test_a_damaged_bundle_is_refused_under_load(changing: Changing) -> None:
    pointer = read_pointer(changing.root)
    assert pointer is not None and pointer.version == "1"
    with changing.load().running() as load:
        before = changing.living.metrics()["churn_risk_bundle_failures_total"]
        publish_damaged(changing)
        wait_for(lambda: changing.living.metrics()["churn_risk_bundle_failures_total"] >= before + 2, "two refusals")
        load.wait_for_answers(ANSWERS)
    assert not load.failures and not load.broken
    assert {answer["model_version"] for answer in load.answers} == {"1"}
    assert all(consistent(answer, changing.expected) for answer in load.answers)
    refused = [line for line in changing.living.lines if "the published bundle is refused" in line["message"]]
    assert refused and all(line["level"] == "ERROR" and line["model_version"] == "1" for line in refused)
    done = changing.churn_risk("promote", "1")
    assert done.returncode == 0 and digest(bundle_in(changing.root)) == pointer.sha256


def publish_damaged(changing: Changing) -> None:
    """Let the pointer lead to a version 2 that is damaged, from the first moment on."""
    elsewhere = changing.root.with_name("elsewhere")
    pointer = publish(elsewhere, fetch_bundle(changing.environment, "2"))
    folder = changing.root / pointer.folder
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(elsewhere / pointer.folder, folder)
    (folder / MODEL).write_text((folder / MODEL).read_text()[:-1000])
    (elsewhere / POINTER).replace(changing.root / POINTER)


def test_the_log_tells_of_changes(changing: Changing) -> None:
    changes = [line for line in changing.living.lines if line["message"] == "model changed"]
    assert {(line["model_version_before"], line["model_version"]) for line in changes} >= {("1", "2"), ("2", "1")}
