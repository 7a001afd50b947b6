"""Requests that are nearly right: never a server error, always an answer that is documented, nothing left behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from support.documents import faults, operation_of, responses
from support.served import Client, Json, client_of, histories, rows_of

from benchmarks.mutations import mutated
from serving.api.document.openapi import document as document_of
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

COUNT, SEED = 400, 4


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[Client]:
    store = ScoreStore("sqlite://")
    yield client_of(bundle, store, ServiceSettings(rate_limit="1000000/minute"))
    store.close()


@pytest.fixture(scope="module")
def valid(book_folder: Path, as_of: date) -> Json:
    rows = rows_of(book_folder)
    ids = [row["account_id"] for row in rows["accounts"][:12] if row["customer_since"] < as_of.isoformat()]
    gone = {row["account_id"] for row in rows["churns"]}
    return {"as_of": as_of.isoformat(), "accounts": histories(rows, [name for name in ids if name not in gone][:2])}


def test_none_breaks_it(client: Client, valid: Json) -> None:
    before = client.post(valid).json()["predictions"]
    document = document_of(client.app)
    said = responses(document, operation_of(document, "predict"))
    statuses: Counter[int] = Counter()
    for number, body in enumerate(mutated(valid, COUNT, SEED)):
        answer = client.post(body)
        statuses[answer.status_code] += 1
        assert answer.status_code < 500 and str(answer.status_code) in said, (number, body[:2000], answer.text)
        if answer.status_code >= 400:
            content = said[str(answer.status_code)]["content"][answer.headers["content-type"]]
            assert faults(document, content["schema"], answer.json(), closed=True) == [], number
    assert {200, 400, 422} <= set(statuses), statuses
    after = client.post(valid).json()["predictions"]
    assert [one | {"scored_at": ""} for one in after] == [one | {"scored_at": ""} for one in before]


def test_mutations_are_the_same_for_a_seed_and_leave_the_body_alone(valid: Json) -> None:
    before = json.dumps(valid)
    first = list(mutated(valid, 50, 1))
    assert first == list(mutated(valid, 50, 1)) != list(mutated(valid, 50, 2))
    assert json.dumps(valid) == before and len({body for body in first}) > 45
