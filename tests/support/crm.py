"""What the tests of the examples for a CRM share: a service with a key and scores, a front that fails, a receiver."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from features.tables import Tables
from serving.access.keys import KeyStore
from serving.scoring.evidence import collect_evidence
from serving.scoring.model_facts import model_facts
from serving.scoring.scoring import score_book
from serving.store import ScoreStore
from support.living import wait_for
from support.served import ROOT, Json, caller, free_port, process, wait_until_ready
from training.bundle.bundle import Bundle

EXAMPLES = ROOT / "examples" / "crm"
HISTORY = EXAMPLES / "history.json"
SERVE = [sys.executable, "-m", "serving.cli.main", "serve", "--port"]
SECRETS = {"CHURN_RISK_SECRET": "m" * 32, "CHURN_RISK_FRAME_ANCESTORS": "https://crm.example"}
#: What runs the files of an ending; the programs that must be there.
RUNNERS = {"sh": "sh", "py": sys.executable, "mjs": "node"}
NEEDED = {"sh": ("curl", "jq"), "py": (), "mjs": ("node",)}


def needs(*programs: str) -> pytest.MarkDecorator:
    """Return the mark that skips a test where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


def in_languages(*endings: str) -> pytest.MarkDecorator:
    """Return the mark that runs a test with the examples of these endings."""
    return pytest.mark.parametrize("ending", [pytest.param(one, marks=needs(*NEEDED[one])) for one in endings])


@dataclass(frozen=True)
class Service:
    """A running service, a client with a key, and what a program that calls it finds in its environment."""

    client: httpx.Client
    variables: dict[str, str]

    def run(self, command: Sequence[object], folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a folder."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_RISK_")}
        own = clean | {"NO_PROXY": "*", "PYTHONPATH": str(ROOT)} | self.variables | changed
        return subprocess.run([str(word) for word in command], cwd=folder, env=own, capture_output=True, text=True)

    def example(
        self, name: str, ending: str, folder: Path, *arguments: object, **changed: str
    ) -> subprocess.CompletedProcess[str]:
        """Run an example."""
        return self.run([RUNNERS[ending], EXAMPLES / f"{name}.{ending}", *arguments], folder, **changed)

    def stored(self, size: int) -> list[Json]:
        """Return every listed account, read in pages of a size, threats first."""
        found: list[Json] = []
        query: Json | None = {"limit": size}
        while query is not None:
            page = self.client.get("/v1/accounts", params=query).json()
            found += page["accounts"]
            query = {"limit": size, "cursor": page["next_cursor"]} if page["next_cursor"] else None
        return [row for row in found if row["threat"]] + [row for row in found if not row["threat"]]


@contextmanager
def serving(
    bundle_folder: Path, bundle: Bundle, book: Tables, as_of: date, folder: Path
) -> Iterator[Service]:  # fmt: skip
    """Run `churn-risk serve` over the book's scores, open to one key."""
    own = {"CHURN_RISK_STORE_URL": f"sqlite:///{folder / 'scores.db'}", **SECRETS}
    key = _filled(own["CHURN_RISK_STORE_URL"], bundle, book, as_of)
    port, log = free_port(), folder / "log"
    address = f"http://127.0.0.1:{port}"
    with process([*SERVE, str(port)], folder / "home", log, own | {"CHURN_RISK_BUNDLE": str(bundle_folder)}) as started:
        wait_until_ready(address, started, log)
        with httpx.Client(base_url=address, timeout=60, headers={"X-API-Key": key}) as client:
            yield Service(client, own | {"CHURN_RISK_URL": address, "CHURN_RISK_KEY": key})


def _filled(url: str, bundle: Bundle, book: Tables, as_of: date) -> str:
    """Store the book's scores; return a key."""
    scored = score_book(book, as_of, bundle)
    evidence = collect_evidence(book, book["accounts"].get_backend().table("spine"), as_of)
    store = ScoreStore(url)
    store.write(scored.rows(), evidence, model_facts(bundle), as_of, scored.scored_at)
    key = KeyStore(store.engine).create(["read", "score"])[1]
    store.close()
    return key


@contextmanager
def front(address: str, *troubles: int | None) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Stand before a service: fail as often as there are troubles, then pass requests on.

    A trouble is a status, answered with Retry-After, or None: the connection ends without an answer. Gives the address,
    and the Idempotency-Key and body of each request.
    """
    seen: list[tuple[str, bytes]] = []

    class Front(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.headers["Idempotency-Key"], body))
            if len(seen) > len(troubles):
                passed = {name: self.headers[name] for name in ("Authorization", "Content-Type", "Idempotency-Key")}
                answer = caller().post(f"{address}{self.path}", content=body, headers=passed, timeout=60)
                self.answer(answer.status_code, answer.content)
            elif (trouble := troubles[len(seen) - 1]) is not None:
                self.answer(trouble, b"{}")

        def answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status != 200:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Front) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Example:
    """A running example of a receiver, and the file that it prints to."""

    url: str
    log: Path

    @property
    def told(self) -> list[list[str]]:
        """What it has told of events, one a line."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line.split("\t") for line in lines if "\t" in line]


@contextmanager
def example_receiver(ending: str, port: int, secret: str, folder: Path) -> Iterator[Example]:
    """Run the receiver of a language on a port, with a signing secret."""
    command, log = [RUNNERS[ending], str(EXAMPLES / f"webhook_receiver.{ending}"), str(port)], folder / "log"
    with process(command, folder, log, {"CHURN_RISK_WEBHOOK_SECRET": secret}) as started:
        wait_for(lambda: started.poll() is not None or "listening on" in log.read_text(), "the receiver to listen")
        assert started.poll() is None, log.read_text()
        yield Example(f"http://127.0.0.1:{port}/", log)
