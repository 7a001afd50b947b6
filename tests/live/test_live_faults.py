"""The built Bento in trouble while clients ask: a worker is killed, the service is told to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.living import PATIENCE, TWO_WORKERS, Living, Load, consistent, living, wait_for
from support.served import Json, client_of, histories, rows_of

from serving.store import ScoreStore
from training.bundle.bundle import Bundle

ANSWERS = 10


@pytest.fixture(scope="module")
def body(book_folder: Path, as_of: date) -> Json:
    return {"as_of": as_of.isoformat(), "accounts": histories(rows_of(book_folder), ["A000001", "A000002"])}


@pytest.fixture(scope="module")
def expected(bundle: Bundle, body: Json) -> dict[str, list[Json]]:
    """Return what the one version answers, in this process."""
    found: Any = client_of(bundle, ScoreStore("sqlite://")).post(body).json()
    return {"1": [{name: value for name, value in one.items() if name != "scored_at"} for one in found["predictions"]]}


@pytest.fixture
def service(bento_home: Path, tmp_path: Path) -> Iterator[Living]:
    with living(bento_home, tmp_path / "served", TWO_WORKERS) as started:
        wait_for(lambda: serving(started) == 2, "two workers")
        yield started


def serving(service: Living) -> float:
    """Return how many workers say that they serve the model."""
    return service.metrics().get('churn_risk_model_info{model_version="1"}', 0.0)


def test_a_worker_that_is_killed_is_replaced_and_no_answer_is_wrong(
    service: Living, body: Json, expected: dict[str, list[Json]]
) -> None:
    before = service.workers()
    assert len(before) == 2
    with Load(service.address, body, retrying=True).running() as load:
        load.wait_for_answers(ANSWERS)
        os.kill(before[0], signal.SIGKILL)
        load.wait_for_answers(ANSWERS)
        wait_for(lambda: len(set(service.workers()) - {before[0]}) == 2, "another worker")
        wait_for(lambda: serving(service) == 2, "both workers serving")
        load.wait_for_answers(ANSWERS)
    assert not load.failures
    assert all(consistent(answer, expected) for answer in load.answers)
    assert httpx.get(f"{service.address}/readyz", timeout=PATIENCE).json()["status"] == "ready"
    counted = service.metrics()['churn_risk_requests_total{method="POST",route="/v1/predictions",status="200"}']
    assert counted >= len(load.answers), "what the killed worker had counted is not lost"


def test_told_to_stop_it_answers_what_it_has_begun(
    service: Living, body: Json, expected: dict[str, list[Json]]
) -> None:
    with Load(service.address, body).running() as load:
        load.wait_for_answers(ANSWERS)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
    assert not load.failures
    assert all(consistent(answer, expected) for answer in load.answers)
    told = [line["status"] for line in service.requests if line["route"] == "/v1/predictions"]
    assert told == [200] * len(load.answers), "every request that was taken up was answered, to the last byte"
    assert len([line for line in service.lines if line["message"] == "Completed cleanup hook: stop"]) == 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.address}/livez")
