"""The document against the app, by schemathesis: examples, edge cases, fuzzing and sequences, with all its checks.

No answer may be a server error, or of a status, media type, header or shape that the document does not name; bad data
must be refused, good data taken, credentials demanded, other methods answered by 405. Seeded: the same requests in
every run of a day.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import StopReason, events, from_schema
from support.documents import operations
from support.served import Json, client_of
from support.stored import put, scores

from serving.access import rates
from serving.access.gate import Gate
from serving.access.keys import KeyStore
from serving.api.document.openapi import document
from serving.api.edge import papers
from serving.settings import ServiceSettings
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

SECRET = "a master secret of more than 32 characters"
OFTEN = "1000000/minute"
#: What a schema cannot say, and 422 does: dates that lie in the future, rows that contradict each other, who is no
#: customer, a cursor that was never given, an Idempotency-Key that was sent with another body, a step that names
#: neither what is to be done nor which one is done, a reason of characters that nobody sees, a score of no date, an
#: edit that contradicts the records.
SEMANTIC = (
    "predict",
    "createJob",
    "createLink",
    "listAccounts",
    "listJobs",
    "giveFeedback",
    "addStep",
    "getMovement",
    "askWhatIf",
)
ACCEPTED = ["2xx", "401", "403", "404", "409", "422"]


@dataclass
class Found:
    """What came out: requests by phase and by operation, findings, and how it ended."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    labels: set[str] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    ended: StopReason | None = None


@dataclass(frozen=True)
class Served:
    """An app with scores, and a key of each scope."""

    app: FastAPI
    keys: dict[str, str]


@pytest.fixture
def served(bundle: Bundle, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(rates, "FAILURES", OFTEN)
    monkeypatch.setattr(papers, "pdf_of", lambda documents: b"%PDF-1.7")  # A second each, and no matter of the schema.
    logging.getLogger("churn_risk").setLevel(logging.CRITICAL)
    store = ScoreStore(f"sqlite:///{tmp_path / 'scores.db'}")
    found = scores(4)
    put(store, *found, evidence={one.account_id: {"account": {"account_id": one.account_id}} for one in found})
    settings = ServiceSettings(rate_limit=OFTEN, secret=SECRET)
    keys = {scope: KeyStore(store.engine).create([scope])[1] for scope in ("admin", "read")}
    yield Served(client_of(bundle, store, settings, Gate(store.engine, settings)).app, keys)
    logging.getLogger("churn_risk").setLevel(logging.NOTSET)
    store.close()


#: What each key is tried with. The edge cases of each value and the other methods are the widest key's: the others meet
#: the same routes behind the same checks, which `fuzzing` and `stateful` cross with good and bad values.
ALL_PHASES = ("examples", "coverage", "fuzzing", "stateful")
PHASES: dict[str | None, tuple[str, ...]] = {
    "admin": ALL_PHASES,
    "read": ("examples", "fuzzing", "stateful"),
    None: ("examples", "fuzzing", "stateful"),
}


def configured(key: str | None, examples: int, phases: tuple[str, ...]) -> SchemathesisConfig:
    semantic = {"positive_data_acceptance": {"expected-statuses": ACCEPTED}}
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "continue-on-failure": True,
            "suppress-health-check": ["too_slow"],  # a clock: a loaded machine is no failure
            "phases": {phase: {"enabled": phase in phases} for phase in ALL_PHASES},
            "generation": {"deterministic": True, "database": "none", "max-examples": examples},
            "auth": {"openapi": {"bearer": {"bearer": key}, "apiKey": {"api_key": key}}} if key else {},
            "operations": [{"include-operation-id": name, "checks": semantic} for name in SEMANTIC],
        }
    )


def run(app: FastAPI, said: Json, key: str | None, examples: int, phases: tuple[str, ...]) -> Found:
    """Test an app against what is said of it."""
    schema = schemathesis.openapi.from_dict(said, config=configured(key, examples, phases))
    schema.app = app
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _take(found, event)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.findings.append(f"schemathesis: {event}")
        elif isinstance(event, events.EngineFinished):
            found.ended = event.stop_reason
    return found


def _take(found: Found, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    found.labels.add(recorder.label)
    for interaction in recorder.interactions.values():
        found.requests[event.phase.value] += 1
        if interaction.response is not None:
            found.statuses[interaction.response.status_code] += 1
    for checks in recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info
                found.findings.append(f"{recorder.label}: {failure.failure}\n{failure.code_sample[:2000]}")


@pytest.mark.parametrize(("scope", "examples"), [("admin", 7), ("read", 2), (None, 2)])
def test_no_finding(served: Served, scope: str | None, examples: int) -> None:
    said = document(served.app)
    found = run(served.app, said, served.keys.get(scope or ""), examples, PHASES[scope])
    assert found.findings == [], "\n\n".join(found.findings[:5])
    assert found.ended is StopReason.COMPLETED
    assert {name.lower() for name in found.labels} >= {name for name, _ in operations(said)}
    assert all(found.requests[phase] for phase in PHASES[scope])
    expected = {"admin": {200, 202, 404, 405, 422}, "read": {200, 403}, None: {200, 401}}[scope]
    assert expected <= set(found.statuses) and max(found.statuses) < 500


def test_it_would_find_something(served: Served) -> None:
    """An app that answers otherwise than its document is found out."""
    changed = document(served.app)
    changed["paths"] = {"/livez": changed["paths"]["/livez"]}
    changed["components"]["schemas"]["LiveOut"]["properties"]["status"]["enum"] = ["dead"]
    found = run(served.app, changed, None, 1, ALL_PHASES)
    assert any("dead" in finding for finding in found.findings)
