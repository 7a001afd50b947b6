"""What the live tests share: the built Bento served from another folder, as a CRM meets it, and a load on it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import httpx

from support.served import START_SECONDS, Json, caller, free_port, process, wait_until_ready

BENTO = [sys.executable, "-m", "bentoml", "serve", "churn_risk:latest", "--port"]
#: Long enough for a machine that does ten other things; nobody waits so long for nothing.
PATIENCE = 120
#: Between a client's answer and its next request: the workers are always busy, and others have their turn as well.
PAUSE_SECONDS = 0.05
#: What BentoML writes when it is given options, before it loads the service.
BEFORE_US = "Applying user config override from ENV VAR"
TWO_WORKERS = {"BENTOML_CONFIG_OPTIONS": "services.churn_risk.workers=2"}


@dataclass(frozen=True)
class Living:
    """A running Bento: its address, its process, its home, its log, and the headers of who may ask it."""

    address: str
    port: int
    process: Popen[bytes]
    home: Path
    log: Path
    headers: Mapping[str, str]

    @property
    def lines(self) -> list[Json]:
        """What it has logged, one object a line; a line that is none fails, but for BentoML's before it loads us."""
        written = self.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in written if BEFORE_US not in line]

    @property
    def requests(self) -> list[Json]:
        """The lines of answered requests."""
        return [line for line in self.lines if line["logger"] == "churn_risk.requests"]

    def metrics(self) -> dict[str, float]:
        """Return every sample that is exposed, by its name and labels as they are written."""
        text = caller().get(f"{self.address}/metrics", headers=dict(self.headers), timeout=60).text
        samples = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in samples}

    def workers(self) -> list[int]:
        """Return the process ids of the workers, as the system tells them."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if "_bentoml_impl.worker" in _command(pid)]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


@contextmanager
def living(
    bento_home: Path, folder: Path, variables: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[Living]:
    """Serve the built Bento from an empty folder, without the checkout on the path, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log, home = free_port(), folder / "log", folder / "home"
    own = {"BENTOML_HOME": str(bento_home), "PYTHONPATH": ""} | dict(variables or {})
    with process([*BENTO, str(port)], home, log, own) as started:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, started, log)
        yield Living(address, port, started, home, log, headers or {})


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Look again and again until something is true; fail when the time is up."""
    deadline = monotonic() + PATIENCE
    while not true():
        assert monotonic() < deadline, f"waited {PATIENCE} seconds for {what}"
        sleep(0.05)


@dataclass
class Load:
    """Clients that ask again and again, each on connections of its own, and everything that came of it."""

    address: str
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)
    clients: int = 4
    #: Whether a request whose connection broke is sent again, as a CRM would.
    retrying: bool = False
    answers: list[Json] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Ask until the block ends, then finish what was asked."""
        stopped = Event()
        threads = [Thread(target=self._ask, args=(stopped,)) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            stopped.set()
            for thread in threads:
                thread.join()

    def wait_for_answers(self, more: int) -> None:
        """Wait until so many more answers are there."""
        wanted = len(self.answers) + more
        wait_for(lambda: len(self.answers) >= wanted or bool(self.failures), f"{more} more answers")
        assert not self.failures, self.failures[:3]

    def _ask(self, stopped: Event) -> None:
        each_alone = httpx.Limits(max_keepalive_connections=0)
        own = {"base_url": self.address, "headers": self.headers, "timeout": START_SECONDS}
        with httpx.Client(**own, limits=each_alone) as client:
            while not stopped.is_set():
                try:
                    self._take(client.post("/v1/predictions", json=self.body))
                except httpx.TransportError as error:
                    self.broken.append(repr(error))
                    if not self.retrying:
                        return
                sleep(PAUSE_SECONDS)

    def _take(self, answer: httpx.Response) -> None:
        if answer.status_code == 200:
            self.answers.append(answer.json())
        else:
            self.failures.append(f"{answer.status_code} {answer.text[:300]}")


def consistent(answer: Json, expected: Mapping[str, Any]) -> bool:
    """Whether every prediction of an answer names the answer's version and holds what that version says.

    Parameters
    ----------
    expected : mapping of version to the predictions it gives for the same body, without `scored_at`
    """
    found = [{name: value for name, value in one.items() if name != "scored_at"} for one in answer["predictions"]]
    return found == expected[answer["model_version"]]
