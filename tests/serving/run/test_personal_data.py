"""Names, numbers and addresses of contacts stand in reports and their evidence, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from support.bulk_client import Bulk
from support.personal import leaks, names_in
from support.registries import copy_home
from support.served import histories, rows_of, run_command

from serving.database.engine import reading
from serving.database.metadata import metadata
from serving.jobs.job_tables import unpacked
from serving.logs import configure
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

PLANTED = {"name": "Zacharias Plantagenet", "email": "zp@planted.example", "phone": "+49 30 23125 999"}


def content_of(path: Path) -> bytes:
    """Return what stands in a file; a Parquet file is compressed, so its rows are read."""
    if path.suffix == ".parquet":
        return json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
    return path.read_bytes()


@pytest.fixture(scope="module")
def names(book_folder: Path) -> tuple[bytes, ...]:
    """Return fifty of the names in the book that was trained on."""
    return names_in(book_folder)


def test_neither_mlflow_nor_a_model_holds_anybody(registered_home: Path, names: tuple[bytes, ...]) -> None:
    """The registry with its runs, artefacts and cards, and the bundle that serving loads."""
    files = [path for path in registered_home.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".db", ".json", ".txt", ".html", ".parquet"} <= kinds, kinds
    assert {str(path): found for path in files if (found := leaks(content_of(path), names))} == {}


def in_database(store: ScoreStore, names: tuple[bytes, ...]) -> dict[str, list[bytes]]:
    """Return what leaks from each column of the store; packed columns are unpacked."""
    found: dict[str, list[bytes]] = {}
    with reading(store.engine) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)).mappings():
                for column, value in row.items():
                    text = json.dumps(_plain(value), default=str, ensure_ascii=False).encode()
                    if hits := leaks(text, names):
                        found.setdefault(f"{table.name}.{column}", []).extend(hits)
    return found


def _plain(value: Any) -> Any:
    try:
        return unpacked(value) if isinstance(value, bytes) else value
    except Exception:  # bytes that are not packed are read as they are
        return value.decode("latin-1")


@pytest.fixture
def bulk(bundle: Bundle, tmp_path: Path) -> Iterator[Bulk]:
    made = Bulk(bundle, f"sqlite:///{tmp_path / 'scores.db'}", ServiceSettings(secret="s" * 32))
    yield made
    made.store.close()


def test_what_is_sent_goes_no_further_than_the_request(
    bulk: Bulk, book_folder: Path, as_of: date, capfd: pytest.CaptureFixture[str]
) -> None:
    """A prediction, a job, a refusal, a kept answer, the log and the metrics."""
    configure("DEBUG")
    sent = histories(rows_of(book_folder), ["A000001", "A000002"])
    for account in sent:
        account["contacts"] = [row | PLANTED for row in account["contacts"]]
    body = json.dumps({"as_of": as_of.isoformat(), "accounts": sent})
    repeated = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answers = [bulk.client.ask("POST", "/v1/predictions", content=body, headers=repeated)]
    answers.append(bulk.client.ask("POST", "/v1/jobs", content=body, headers=repeated))
    assert [answer.status_code for answer in answers] == [200, 202]
    names = (PLANTED["name"].encode(),)
    assert in_database(bulk.store, names) == {}, "while the job waits"
    bulk.run()
    results = bulk.results(answers[1].json()["job_id"])
    wrong = body.replace('"customer_since": "', '"customer_since": "x')
    answers.append(
        bulk.client.ask("POST", "/v1/predictions", content=wrong, headers={"Content-Type": "application/json"})
    )
    assert answers[-1].status_code == 422 and [row["status"] for row in results] == ["done", "done"]
    metrics, logged = bulk.client.get("/metrics"), capfd.readouterr()
    told = (
        "".join(answer.text for answer in answers)
        + metrics.text
        + logged.out
        + logged.err
        + json.dumps(results, default=str)
    )
    assert metrics.status_code == 200 and "request_id" in logged.err
    assert leaks(told.encode(), names) == [] and in_database(bulk.store, names) == {}


def test_a_stored_run_holds_people_in_its_evidence_only(
    registered_home: Path, book_folder: Path, as_of: date, names: tuple[bytes, ...], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Neither a list, an event, the command's output nor a file of scores has them; the report has."""
    copy_home(registered_home, tmp_path / "home")
    monkeypatch.setenv("CHURN_RISK_HOME", str(tmp_path / "home"))
    stored = run_command(monkeypatch, capfd, "score", book_folder, "--as-of", as_of, "--no-figures")
    written = [run_command(monkeypatch, capfd, "score", book_folder, "--as-of", as_of, "--out", tmp_path / f"s.{kind}")
               for kind in ("csv", "parquet")]  # fmt: skip
    assert [done.code for done in (stored, *written)] == [0, 0, 0]
    assert leaks("".join(done.out + done.err for done in (stored, *written)).encode(), names) == []
    assert leaks(content_of(tmp_path / "s.csv") + content_of(tmp_path / "s.parquet"), names) == []
    store = ScoreStore(f"sqlite:///{tmp_path / 'home/scores.db'}")
    assert set(in_database(store, names)) == {"scores.evidence"}
    store.close()
    report = run_command(monkeypatch, capfd, "report", "A000001", "--out", tmp_path / "report.html")
    assert report.code == 0 and leaks(content_of(tmp_path / "report.html"), ()) != []
    assert leaks((report.out + report.err).encode(), names) == []
