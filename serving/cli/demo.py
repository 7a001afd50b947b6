"""Runs the demo on a simulated book: it runs the commands that a user would type, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pandas as pd

from features.book_facts import FILE, FINGERPRINTS
from features.console import say
from features.simulation import World
from features.tables import HISTORY
from serving.cli.demo_exports import book_of_exports
from serving.errors import DemoFailed
from serving.run.listening import demand_free_port

START_SECONDS = 120
#: Who is silent for so long has left, where nothing else says it.
SILENCE_DAYS = 180
LANGUAGES = ("de", "en")


def run_demo(home: Path, accounts: int, seed: int, port: int, from_exports: bool = False) -> dict[str, Any]:
    """Simulate, train, score, serve, call and report under `home`; return the paths of all results by name.

    Parameters
    ----------
    home : Path
        Folder of all results; created if it does not exist.
    accounts : int
        Size of the simulated book.
    seed : int
        Seed of the simulated book.
    port : int
        Port of the service on 127.0.0.1.
    from_exports : bool
        Whether the book is written as other systems export theirs, and imported. These know no departures: churn is
        silence.

    Raises
    ------
    PortTaken
        When the service could not listen on the port; nothing else has run by then.
    DemoFailed
        When a command fails, or the endpoint's answer is not the stored score.
    """
    demand_free_port("127.0.0.1", port)
    home.mkdir(parents=True, exist_ok=True)
    book, as_of = home / "book", World(accounts=accounts, seed=seed).ends_on
    store = f"sqlite:///{home.absolute() / 'scores.db'}"
    environment = {**os.environ, "CHURN_RISK_HOME": str(home.absolute()), "CHURN_RISK_STORE_URL": store}
    for name in ("MLFLOW_TRACKING_URI", "CHURN_RISK_BUNDLE"):
        environment.pop(name, None)
    rule: tuple[str, ...] = ()
    if from_exports:
        book_of_exports(home, accounts, seed, partial(_run, environment))
        rule = ("--silence-days", str(SILENCE_DAYS), "--accept-short-silence")
    else:
        _run(environment, "simulate", "--accounts", str(accounts), "--seed", str(seed), "--out", str(book))
    _run(environment, "validate", str(book))
    _run(environment, "train", str(book), *rule)
    scores = home / "scores.parquet"
    _run(environment, "score", str(book), "--as-of", as_of.isoformat(), "--out", str(scores))
    _run(environment, "score", str(book), "--as-of", as_of.isoformat())
    worst = _worst(scores)
    with _service(environment, port) as address:
        _compare(address, book, worst, as_of)
        reports = _save_reports(address, worst, home)
    return _say_where(home, book, scores, reports)


def _run(environment: dict[str, str], *arguments: str) -> None:
    say(f"\n$ churn-risk {' '.join(arguments)}")
    done = subprocess.run([sys.executable, "-m", "serving.cli.main", *arguments], env=environment, check=False)
    if done.returncode:
        raise DemoFailed(f"churn-risk {arguments[0]} ended with exit code {done.returncode}")


def _worst(scores: Path) -> pd.Series:
    frame = pd.read_parquet(scores)
    known = frame[frame["band"] == "at_risk"]
    ranked = (known if len(known) else frame).sort_values("revenue_at_risk", ascending=False)
    return ranked.iloc[0]


@contextmanager
def _service(environment: dict[str, str], port: int) -> Iterator[str]:
    """Start the service in another process, yield its address, and stop it at the end."""
    address = f"http://127.0.0.1:{port}"
    say(f"\n$ churn-risk serve --port {port} &")
    log = Path(environment["CHURN_RISK_HOME"]) / "service.log"
    command = [sys.executable, "-m", "serving.cli.main", "serve", "--port", str(port)]
    with log.open("w") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        try:
            _wait_until_ready(address, process, log)
            yield address
        finally:
            process.terminate()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urlopen(f"{address}/readyz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise DemoFailed(f"the service did not become ready; see {log}")


def _compare(address: str, book: Path, stored: pd.Series, as_of: date) -> None:
    """Send one account's raw history to the endpoint and compare the answer with the batch score."""
    history = raw_history(book, stored["account_id"])
    body = json.dumps({"as_of": as_of.isoformat(), "accounts": [history]}).encode()
    say(f"\n$ curl -X POST {address}/v1/predictions  # the raw history of {stored['account_id']}")
    request = Request(f"{address}/v1/predictions", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        prediction = json.load(answer)["predictions"][0]
    same = prediction["churn_probability"] == stored["churn_probability"] and prediction["band"] == stored["band"]
    if not same:
        raise DemoFailed(f"endpoint {prediction['churn_probability']} is not batch {stored['churn_probability']}")
    top = prediction["reasons"][:3]
    say(
        f"{prediction['churn_probability']:.1%} churn risk, {prediction['revenue_at_risk']:,.0f} of revenue at risk, "
        f"band {prediction['band']}: the same as in batch"
    )
    for reason in top:
        value = reason["value_text"] if reason["value"] is None else f"{reason['value']:,.6g}"
        say(f"  {100 * reason['contribution']:+.1f} points  {reason['signal']} = {value or 'not known'}")


def raw_history(book: Path, account_id: str) -> dict[str, Any]:
    """Return one account from a folder of Parquet files in the form of a request: dates and instants as ISO text."""
    history: dict[str, Any] = {"account": _rows(book / "accounts.parquet", account_id)[0]}
    for name in HISTORY:
        path = book / f"{name}.parquet"
        if path.is_file():
            history[name] = _rows(path, account_id)
    if (book / FILE).is_file():
        known = tomllib.loads((book / FILE).read_text(encoding="utf-8"))
        history["known"] = {name: facts for name, facts in known.items() if name != FINGERPRINTS}
    return history


def _rows(path: Path, account_id: str) -> list[dict[str, Any]]:
    frame = pd.read_parquet(path, filters=[("account_id", "==", account_id)])
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def _save_reports(address: str, stored: pd.Series, home: Path) -> list[Path]:
    saved = []
    for lang in LANGUAGES:
        where = f"{address}/v1/accounts/{quote(stored['account_id'], safe='')}/report?lang={lang}"
        saved.append(home / f"report-{stored['account_id']}-{lang}.html")
        say(f"$ curl {where} > {saved[-1].name}")
        with urlopen(where, timeout=60) as answer:
            saved[-1].write_bytes(answer.read())
    return saved


def _say_where(home: Path, book: Path, scores: Path, reports: list[Path]) -> dict[str, Any]:
    places = {
        "book": book,
        "scores": scores,
        "score_store": home / "scores.db",
        "mlflow": home / "mlflow.db",
        "service_log": home / "service.log",
        **{f"report_{lang}": path for lang, path in zip(LANGUAGES, reports, strict=True)},
    }
    say("\nEverything is here:")
    for name, path in places.items():
        say(f"  {name.replace('_', ' '):14} {path.absolute()}")
    say(f"\nTo go on, here as in `make serve` and `make bento`:  export CHURN_RISK_HOME={home.absolute()}")
    say("           .venv/bin/churn-risk serve")
    say(f"           .venv/bin/mlflow ui --backend-store-uri sqlite:///{(home / 'mlflow.db').absolute()}")
    return {name: str(path.absolute()) for name, path in places.items()}
