"""The built Bento with two workers, from the first champion to its end: no request is lost, no answer is wrong.

While clients ask, commands change the champion, a published bundle is damaged, a worker is killed, and at last it is
told to stop; in between its store is lost. One service goes through all of it, in the order of this file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.living import PATIENCE, TWO_WORKERS, Living, Load, consistent, living, wait_for
from support.registries import Registry, copy_home
from support.served import Json, caller, client_of, histories, rows_of, run_command
from support.stored import opened, put, scores
from support.versions import version_of_bundle

from serving.access.keys import KeyStore
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

    @property
    def variables(self) -> dict[str, str]:
        """What leads a command to the registry and to the service's store."""
        return {"CHURN_RISK_HOME": str(self.environment.home), "CHURN_RISK_STORE_URL": self.store_url}

    @property
    def store_url(self) -> str:
        return store_url(self.environment.home)

    def wait_until_served(self, version: str) -> None:
        """Wait until both workers serve a version."""
        name = f'churn_risk_model_info{{model_version="{version}"}}'
        wait_for(lambda: self.living.metrics().get(name) == 2, f"version {version} in both workers")

    def load(self, retrying: bool = False) -> Load:
        return Load(self.living.address, self.body, self.living.headers, retrying=retrying)

    def process(self, *words: str) -> None:
        """Run `churn-risk` in a process of its own, as an operator does."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_RISK_")}
        command = [sys.executable, "-m", "serving.cli.main", *words]
        done = subprocess.run(command, env=clean | self.variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def store_url(home: Path) -> str:
    return f"sqlite:///{home / 'store' / 'scores.db'}"


@pytest.fixture
def command(
    changing: Changing, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., None]:
    """Return what runs `churn-risk` in this process, to save its start."""
    for name, value in changing.variables.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> None:
        done = run_command(monkeypatch, capfd, *words)
        assert done.code == 0, done.err

    return run


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
    with opened(store_url(environment.home)) as filled:
        put(filled, *scores(5))
        token = KeyStore(filled.engine).create(["read", "score", "admin"])[1]
    variables = TWO_WORKERS | {
        "CHURN_RISK_BUNDLE": str(folder_to_serve(environment)),
        "CHURN_RISK_WATCH_SECONDS": "0.1",
        "CHURN_RISK_STORE_URL": store_url(environment.home),
        "CHURN_RISK_RATE_LIMIT": "1000000/minute",
    }
    with living(bento_home, folder / "served", variables, {"Authorization": f"Bearer {token}"}) as started:
        made = Changing(started, environment, body, expected)
        made.wait_until_served("1")
        yield made


def answers_of(folder: Path, body: Json) -> list[Json]:
    """Return what a version answers, in this process."""
    answer: Any = client_of(load_bundle(folder), ScoreStore("sqlite://")).post(body).json()
    return [{name: value for name, value in one.items() if name != "scored_at"} for one in answer["predictions"]]


def test_promote_and_rollback_change_the_model_under_load(changing: Changing, command: Callable[..., None]) -> None:
    with changing.load().running() as load:
        load.wait_for_answers(ANSWERS)
        command("promote", "2")
        of_two = since_served(changing, load, "2")
        command("rollback")
        of_one = since_served(changing, load, "1")
    assert not load.failures and not load.broken
    assert all(consistent(answer, changing.expected) for answer in load.answers)
    assert {answer["model_version"] for answer in load.answers} == {"1", "2"}
    for answers, former in ((of_two, "1"), (of_one, "2")):
        late = [answer for answer in answers if answer["model_version"] == former]
        assert len(late) <= load.clients, "only what was under way may still be of the former version"
    metrics = changing.living.metrics()
    assert metrics["churn_risk_bundle_swaps_total"] >= 4 and metrics["churn_risk_bundle_failures_total"] == 0


def since_served(changing: Changing, load: Load, version: str) -> list[Json]:
    """Return some answers that came once both workers served a version."""
    changing.wait_until_served(version)
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
    changing.process("promote", "1")
    assert digest(bundle_in(changing.root)) == pointer.sha256


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


def test_a_store_that_is_deleted_and_restored_answers_as_before(
    changing: Changing, command: Callable[..., None], tmp_path: Path
) -> None:
    store = changing.environment.home / "store" / "scores.db"

    def ask(path: str) -> httpx.Response:
        return caller().get(f"{changing.living.address}{path}", headers=dict(changing.living.headers), timeout=60)

    def told(path: str) -> Json:
        answer = ask(path)
        assert answer.status_code == 200, answer.text
        return {name: value for name, value in answer.json().items() if name != "request_id"}

    paths = ("/v1/accounts", "/v1/accounts/A1/risk")
    before = [told(path) for path in paths]
    command("store", "backup", str(tmp_path / "backup.db"))
    for file in store.parent.iterdir():
        file.unlink()
    wait_for(lambda: {ask(path).status_code for path in (*paths, "/readyz")} == {503}, "the loss being seen")
    assert not store.exists()
    command("store", "restore", str(tmp_path / "backup.db"))
    wait_for(lambda: [ask("/readyz").status_code for _ in range(20)] == [200] * 20, "both workers being ready")
    for _ in range(10):
        assert [told(path) for path in paths] == before


def test_a_worker_that_is_killed_is_replaced_and_no_answer_is_wrong(changing: Changing) -> None:
    before, begun, counted = changing.living.workers(), initialised(changing), answered(changing)
    assert len(before) == 2
    with changing.load(retrying=True).running() as load:
        load.wait_for_answers(ANSWERS)
        os.kill(before[0], signal.SIGKILL)
        load.wait_for_answers(ANSWERS)
        wait_for(lambda: len(set(changing.living.workers()) - {before[0]}) == 2, "another worker")
        wait_for(lambda: initialised(changing) == begun + 1, "the other worker to have started")
        changing.wait_until_served("1")
        load.wait_for_answers(ANSWERS)
    assert not load.failures
    assert all(consistent(answer, changing.expected) for answer in load.answers)
    assert caller().get(f"{changing.living.address}/readyz", timeout=PATIENCE).json()["status"] == "ready"
    assert answered(changing) >= counted + len(load.answers), "what the killed worker had counted is not lost"


def initialised(changing: Changing) -> int:
    """Return how many workers have started so far."""
    return changing.living.log.read_text(encoding="utf-8").count("Service churn_risk initialized")


def answered(changing: Changing) -> float:
    return changing.living.metrics()['churn_risk_requests_total{method="POST",route="/v1/predictions",status="200"}']


def test_told_to_stop_it_answers_what_it_has_begun(changing: Changing) -> None:
    living, mine = changing.living, "told-to-stop"
    with Load(living.address, changing.body, living.headers | {"X-Request-Id": mine}).running() as load:
        load.wait_for_answers(ANSWERS)
        living.process.send_signal(signal.SIGTERM)
        assert living.process.wait(PATIENCE) == 0
    assert not load.failures
    assert all(consistent(answer, changing.expected) for answer in load.answers)
    told = [line["status"] for line in living.requests if line["request_id"] == mine]
    assert told == [200] * len(load.answers), "every request that was taken up was answered, to the last byte"
    assert len([line for line in living.lines if line["message"] == "Completed cleanup hook: stop"]) == 2
    with pytest.raises(httpx.ConnectError):
        caller().get(f"{living.address}/livez")
