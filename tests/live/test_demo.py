"""The demo: simulate, train, score, serve, call and report, each in a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.served import ROOT, Json, free_port, histories, rows_of, run_command

from serving.cli.demo import _compare, _run, raw_history, run_demo
from serving.errors import DemoFailed
from serving.store import ScoreStore
from training.making.pipeline import Trained
from training.settings import Environment


def test_raw_history_is_what_a_request_has(book_folder: Path) -> None:
    ids = ["A000003", "A000200"]
    for account_id, expected in zip(ids, histories(rows_of(book_folder), ids), strict=True):
        found = raw_history(book_folder, account_id)
        del expected["churns"]
        assert set(found) == set(expected)
        for name in expected:
            ours, theirs = ([side] if name == "account" else side for side in (found[name], expected[name]))
            assert [known(row) for row in ours] == [known(row) for row in theirs]


def test_raw_history_has_what_the_book_says_of_its_sources(book_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "accounts.parquet").write_bytes((book_folder / "accounts.parquet").read_bytes())
    (tmp_path / "book.toml").write_text('[surveys]\ninvitations = false\n\n[fingerprints]\nmapping = "x"\n')
    assert raw_history(tmp_path, "A000003")["known"] == {"surveys": {"invitations": False}}


def known(row: Json) -> Json:
    """Return what is not null, dates and instants to the day: the demo sends midnights, which are cut."""
    return {key: value[:10] if isinstance(value, str) else value for key, value in row.items() if value is not None}


def test_an_answer_that_differs_is_a_failure(book_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer:
        def __enter__(self) -> Answer:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self) -> bytes:
            return json.dumps({"predictions": [{"churn_probability": 0.25, "band": "safe"}]}).encode()

    monkeypatch.setattr("serving.cli.demo.urlopen", lambda request, timeout: Answer())
    stored = pd.Series({"account_id": "A000003", "churn_probability": 0.5, "band": "safe"})
    with pytest.raises(DemoFailed, match=r"endpoint 0\.25 is not batch 0\.5"):
        _compare("http://127.0.0.1:1", book_folder, stored, date(2026, 1, 1))


def test_a_step_that_fails_ends_the_demo() -> None:
    with pytest.raises(DemoFailed, match="churn-risk validate ended with exit code 2"):
        _run({**os.environ, "PYTHONPATH": str(ROOT)}, "validate", "nowhere")


@pytest.fixture
def steps(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[list[tuple[str, ...]]]:
    """Run the demo's commands in this process, `train` with the tests' model, to save their start; list them."""
    done: list[tuple[str, ...]] = []

    def here(variables: dict[str, str], *arguments: str) -> None:
        done.append(arguments)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CHURN_RISK_HOME", variables["CHURN_RISK_HOME"])
            patch.setattr("training.making.pipeline.train", lambda *_: trained)
            patch.setattr("training.making.pipeline.advised", lambda trained, _: trained)
            ended = run_command(patch, capfd, *arguments)
        assert ended.code == 0, ended.err

    monkeypatch.setattr("serving.cli.demo._run", here)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield done


def test_the_whole_of_it(
    steps: list[tuple[str, ...]], environment: Environment, capfd: pytest.CaptureFixture[str]
) -> None:
    """The service is a process of its own, as in `make demo`, which CI runs as a user does."""
    home = environment.home / "demo"
    found = run_demo(home, 300, 0, free_port())
    said = capfd.readouterr().err
    assert [arguments[0] for arguments in steps] == ["simulate", "validate", "train", "score", "score"]
    assert set(found) == {
        "book", "scores", "score_store", "mlflow", "service_log", "report_de", "report_en",
    }  # fmt: skip
    assert all(Path(place).is_relative_to(home) and Path(place).exists() for place in found.values())
    assert all(place in said for place in found.values())
    assert "the same as in batch" in said and "/v1/predictions" in said
    for lang in ("de", "en"):
        assert f'<html lang="{lang}"' in Path(found[f"report_{lang}"]).read_text(encoding="utf-8")
    scores = pq.read_table(found["scores"]).to_pylist()
    stored = ScoreStore(f"sqlite:///{found['score_store']}").latest(scores[0]["account_id"])
    assert stored.score.churn_probability == scores[0]["churn_probability"]
    assert "Traceback" not in Path(found["service_log"]).read_text()
