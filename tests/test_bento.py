"""The Bento: built from the bundle, served from another folder without MLflow's store, on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from served import Client, client_of, free_port, histories, process, rows_of, wait_until_ready

from serving.store import ScoreStore
from training.bundle import Bundle


@pytest.fixture(scope="module")
def bento(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of BentoML's stores after a build of the checkout from another folder."""
    home = tmp_path_factory.mktemp("bentoml")
    settings = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "true", "CHURN_RISK_BUNDLE": str(bundle_folder)}
    command = [sys.executable, "-W", "ignore", "-m", "serving.bento"]
    subprocess.run(command, env={**os.environ, **settings}, cwd=home, check=True, capture_output=True)
    return home


def test_it_carries_the_model_and_the_three_packages_and_no_pickle(bento: Path) -> None:
    [source] = (bento / "bentos" / "churn_risk").glob("*/src")
    assert {"features", "training", "serving"} <= {path.name for path in source.iterdir()}
    assert (source / "serving" / "reports" / "templates" / "report.css").is_file()
    assert not [path for path in source.rglob("*") if "tests" in path.parts or path.suffix in (".pkl", ".db")]
    [model] = [path for path in (bento / "models" / "churn_risk").iterdir() if path.is_dir()]
    assert {"model.txt", "manifest.json", "version.json"} <= {path.name for path in model.iterdir()}


@pytest.fixture
def served(bento: Path, tmp_path: Path) -> Iterator[str]:
    port, log = free_port(), tmp_path / "log"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "bentoml", "serve", "churn_risk:latest", "--port", str(port)]
    variables = {"BENTOML_HOME": str(bento), "BENTOML_DO_NOT_TRACK": "true", "PYTHONPATH": ""}
    with process(command, tmp_path / "home", log, variables) as started:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, started, log)
        assert "listening on http://127.0.0.1" in log.read_text()
        yield address


def test_it_scores_from_elsewhere_as_the_checkout_does(
    served: str, bundle: Bundle, book_folder: Path, as_of: date
) -> None:
    here: Client = client_of(bundle, ScoreStore("sqlite://"))
    body = {"as_of": as_of.isoformat(), "accounts": histories(rows_of(book_folder), ["A000002"])}
    answer = httpx.post(f"{served}/v1/predictions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    expected = here.post(body).json()["predictions"][0]
    found = answer.json()["predictions"][0]
    assert found["churn_probability"] == expected["churn_probability"]
    assert found["reasons"] == expected["reasons"]
