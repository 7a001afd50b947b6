"""The outbox: a run and its events are there together or not at all, and only what changed makes any."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from support.served import process
from support.webhooks import AT, DAY, SAFE, THREAT, deliveries, own_settings, publish, rows, store_with, subscribe

from features.errors import AccountUnknown
from serving.database.engine import reading
from serving.scoring.scores import Score
from serving.store import PublishedRun, ScoreStore
from serving.store.score_tables import SCORES
from serving.webhooks.changes import SUMMED, TYPES, Materiality, Standing, changes
from serving.webhooks.event_tables import DELIVERIES, EVENTS
from serving.webhooks.outbox import COMPARED, Change, Outbox, _candidates, _change, _standing, _write

OUTBOX = Outbox(own_settings())
URL = "https://crm.example/hook"


@pytest.fixture
def store(database_url: str) -> Iterator[ScoreStore]:
    with store_with(database_url, OUTBOX.publish) as made:
        yield made


def events(engine: Engine) -> list[dict[str, object]]:
    found = sorted(rows(engine, EVENTS), key=lambda row: (row["occurred_at"], row["account_id"], row["type"]))
    return [row | {"event_id": "evt"} for row in found]


def test_an_account_that_becomes_a_threat(store: ScoreStore, engine: Engine) -> None:
    endpoint = subscribe(engine, URL)
    publish(store, SAFE)
    assert rows(engine, EVENTS) == []  # the first run of a store
    publish(store, THREAT, day=1)
    (event,) = events(engine)
    assert event["data"] == {
        "account_id": "A1", "account_name": "A1 & Söhne", "account_manager": "Eva", "as_of": "2026-01-02",
        "model_version": "1", "currency": "EUR", "changes": list(TYPES[:2]),
        "before": {
            "as_of": "2026-01-01", "model_version": "1", "band": "safe", "threat": False, "churn_probability": 0.1,
            "revenue_at_risk": 100.0,
        },
        "after": {
            "as_of": "2026-01-02", "model_version": "1", "band": "at_risk", "threat": True, "churn_probability": 0.4,
            "revenue_at_risk": 400.0,
        },
    }  # fmt: skip
    assert event["type"] == "account.became_threat" and event["account_id"] == "A1"
    assert event["occurred_at"] == AT.replace(day=2)
    (delivery,) = deliveries(engine)
    assert (delivery["endpoint_id"], delivery["state"], delivery["attempts"]) == (endpoint.endpoint_id, "pending", 0)


def test_the_same_again_is_no_news(store: ScoreStore, engine: Engine) -> None:
    subscribe(engine, URL)
    publish(store, SAFE)
    publish(store, THREAT, day=1)
    publish(store, THREAT, day=1, hour=1)  # a rerun
    publish(store, THREAT, day=2)
    assert len(rows(engine, EVENTS)) == 1
    publish(store, SAFE, day=2, hour=1)  # a rerun with other figures
    assert [event["type"] for event in events(engine)] == ["account.became_threat", "account.band_changed"]


def test_what_is_not_the_latest_is_no_news(store: ScoreStore, engine: Engine) -> None:
    subscribe(engine, URL)
    publish(store, SAFE, day=5)
    publish(store, THREAT, day=1)
    publish(store, THREAT, day=1, hour=200, version="2")
    assert rows(engine, EVENTS) == []
    publish(store, THREAT, day=5, hour=1, version="2")
    assert len(rows(engine, EVENTS)) == 1


def test_new_accounts_and_those_that_are_gone(store: ScoreStore, engine: Engine) -> None:
    subscribe(engine, URL)
    publish(store, SAFE, replace(THREAT, account_id="gone"))
    unknown = replace(SAFE, account_id="unknown", band="unknown")
    at_risk = replace(THREAT, account_id="at risk", threat=False)
    publish(store, SAFE, unknown, at_risk, replace(THREAT, account_id="threat"), day=1)
    found = {event["account_id"]: event for event in events(engine)}
    assert {name: event["type"] for name, event in found.items()} == {
        "at risk": "account.band_changed",
        "threat": "account.became_threat",
    }
    assert all(event["data"]["before"] is None for event in found.values())  # type: ignore[index]


def test_each_endpoint_gets_what_it_wants_and_one_event_an_account(store: ScoreStore, engine: Engine) -> None:
    everything = subscribe(engine, f"{URL}/1")
    moves = subscribe(engine, f"{URL}/2", events=[TYPES[2], TYPES[1]])
    others = subscribe(engine, f"{URL}/3", account_manager="Adam")
    own = subscribe(engine, f"{URL}/4", account_manager="Eva")
    publish(store, SAFE)
    publish(store, THREAT, day=1)
    by_id = {event["event_id"]: event for event in rows(engine, EVENTS)}
    got = {row["endpoint_id"]: by_id[row["event_id"]] for row in deliveries(engine)}
    assert {endpoint: event["type"] for endpoint, event in got.items()} == {
        everything.endpoint_id: TYPES[0],
        own.endpoint_id: TYPES[0],
        moves.endpoint_id: TYPES[1],
    }
    assert others.endpoint_id not in got and len(by_id) == 2


def test_what_another_model_changes_in_many_accounts_is_one_event(database_url: str, engine: Engine) -> None:
    """Whoever gets few of them gets each; the same model's news are never summed."""
    everything = subscribe(engine, f"{URL}/1")
    moves = subscribe(engine, f"{URL}/2", events=[TYPES[1]])
    few = subscribe(engine, f"{URL}/3", account_manager="Adam")
    safe, threats = ([replace(score, account_id=f"A{n}") for n in range(4)] for score in (SAFE, THREAT))
    threats[3] = replace(threats[3], threat=False)
    evidence = {"A1": {"account": {"account_manager": "Adam"}}}
    outbox = Outbox(own_settings(webhook_most_events=3))
    with closing(ScoreStore(database_url, [outbox.publish])) as store:
        for day, scores, version in ((0, safe, "1"), (1, threats, "2"), (2, safe, "2")):
            dated = [replace(score, as_of=DAY + timedelta(days=day), model_version=version) for score in scores]
            store.write(dated, evidence, {"version": version}, DAY + timedelta(days=day), AT + timedelta(days=day))
    at_once = [event for event in events(engine) if event["occurred_at"] == AT + timedelta(days=1)]
    by_id = {event["event_id"]: event for event in rows(engine, EVENTS)}
    got = [(row["endpoint_id"], by_id[row["event_id"]]) for row in deliveries(engine)]
    first = {endpoint: event for endpoint, event in got if event["occurred_at"] == AT + timedelta(days=1)}
    assert len(first) == len(at_once) == 3
    assert {first[one.endpoint_id]["type"] for one in (everything, moves)} == {SUMMED}
    assert first[few.endpoint_id]["account_id"] == "A1" and first[few.endpoint_id]["type"] == TYPES[0]
    shared = {
        "account_manager": None, "as_of": "2026-01-02", "model_version": "2", "accounts": 4,
        "before": {"as_of": "2026-01-01", "model_version": "1"},
    }  # fmt: skip
    assert first[everything.endpoint_id]["data"] == shared | {"changes": dict(zip(TYPES, (3, 1, 0), strict=True))}
    assert first[moves.endpoint_id]["data"] == shared | {"changes": dict(zip(TYPES, (0, 4, 0), strict=True))}
    later = [event["type"] for endpoint, event in got if endpoint == everything.endpoint_id][1:]
    assert later == [TYPES[1]] * 4


@pytest.mark.parametrize(
    ("version", "most", "written"),
    [("1", 4, [(2, 2), (2, 2), (1, 1)]), ("2", 5, [(2, 7), (2, 2), (1, 1)]), ("2", 4, [])],
    ids=["the same model", "another, which is counted first", "another, too many"],
)
def test_changes_are_written_some_at_a_time(
    database_url: str,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    most: int,
    written: list[tuple[int, int]],
) -> None:
    """Nobody holds the events of a whole book; an endpoint that gets their sum gets its alerts all the same."""
    compared: list[str] = []
    at_once: list[tuple[int, int]] = []
    told: list[str] = []

    def comparing(row: sa.Row[Any], *asked: Any) -> Any:
        compared.append(row.account_id)
        return _change(row, *asked)

    def writing_some(connection: Connection, run: PublishedRun, changed: list[Change]) -> None:
        _write(connection, run, changed)
        at_once.append((len(changed), len(compared)))
        compared.clear()

    everything = subscribe(engine, URL)
    subscribe(engine, f"{URL}/2", account_manager="Adam")
    module = "serving.webhooks.outbox"
    for name, put in {"CHUNK": 2, "_change": comparing, "_write": writing_some}.items():
        monkeypatch.setattr(f"{module}.{name}", put)
    monkeypatch.setattr(f"{module}.publish_alerts", lambda *asked: told.extend(one.endpoint_id for one in asked[2]))
    outbox = Outbox(own_settings(webhook_most_events=most))
    with store_with(database_url, outbox.publish) as store:
        publish(store, *(replace(SAFE, account_id=f"A{n}") for n in range(7)))
        now = [replace(SAFE if n in (1, 4) else THREAT, account_id=f"A{n}") for n in range(7)]
        publish(store, *now, day=1, version=version)
    assert at_once == written, "what is compared is written before more is"
    accounts = ["A0", "A2", "A3", "A5", "A6"] if written else [""]
    assert [event["account_id"] for event in events(engine)] == accounts
    assert [row["endpoint_id"] for row in deliveries(engine)] == [everything.endpoint_id] * len(accounts)
    assert len(told) == 2 and everything.endpoint_id in told


def test_nobody_listens(store: ScoreStore, engine: Engine) -> None:
    """Nothing is kept of accounts that nobody asked to hear of."""
    publish(store, SAFE)
    publish(store, THREAT, day=1)
    assert rows(engine, EVENTS) == []


def test_a_move_is_measured_against_the_book(store: ScoreStore, engine: Engine) -> None:
    """Three times the average account's revenue at risk, by default: 300 here."""
    subscribe(engine, URL)
    rest = [replace(SAFE, account_id=f"rest {number}", revenue_at_risk=79.5) for number in range(18)]
    others = [replace(SAFE, account_id=name, revenue_at_risk=10.0) for name in ("small", "large")]
    publish(store, *rest, *others)
    moved = [replace(other, revenue_at_risk=amount) for other, amount in zip(others, (259.0, 310.0), strict=True)]
    publish(store, *rest, *moved, day=1)
    assert [(event["account_id"], event["type"]) for event in events(engine)] == [("large", TYPES[2])]


def test_what_is_still_pending_of_an_account_is_tried_anew(store: ScoreStore, engine: Engine) -> None:
    """That account's to that endpoint; nothing else is touched."""
    for wanted in ({}, {"account_manager": "nobody's"}):
        subscribe(engine, URL, **wanted)
    other_safe, other_threat = (replace(score, account_id="A2") for score in (SAFE, THREAT))
    publish(store, SAFE, other_safe)
    publish(store, THREAT, other_threat, day=1)
    late = {"attempts": 7, "next_attempt_at": AT.replace(day=9)}
    with engine.begin() as connection:
        connection.execute(sa.update(DELIVERIES).values(late))
    publish(store, SAFE, other_threat, day=2)
    found = {(row["account_id"], row["attempts"], row["next_attempt_at"]) for row in deliveries(engine)}
    assert found == {("A1", 0, AT.replace(day=3)), ("A2", 7, AT.replace(day=9))}


class Broken(RuntimeError):
    pass


def broken(connection: Connection, run: PublishedRun) -> None:
    assert connection.execute(sa.select(sa.func.count()).select_from(EVENTS)).scalar_one() == 1
    raise Broken


def test_a_failure_before_the_end_leaves_neither_run_nor_events(database_url: str, engine: Engine) -> None:
    subscribe(engine, URL)
    with store_with(database_url, OUTBOX.publish, broken) as store:
        with pytest.raises(AssertionError):
            publish(store, SAFE)
        with pytest.raises(AccountUnknown):
            store.latest("A1")
    with store_with(database_url) as store:
        publish(store, SAFE)
    with store_with(database_url, OUTBOX.publish, broken) as store:
        with pytest.raises(Broken):
            publish(store, THREAT, day=1)
        assert store.latest("A1").score.band == "safe"
    assert rows(engine, EVENTS) == deliveries(engine) == []


KILLED = """
import sys
from serving.webhooks.outbox import Outbox
from serving.store import ScoreStore
from support.webhooks import THREAT, own_settings, publish

def wait(connection, run):
    print("written", flush=True)
    sys.stdin.readline()

publish(ScoreStore({url!r}, (Outbox(own_settings()).publish, wait)), THREAT, day=1)
"""


@pytest.mark.server
def test_kill_before_the_commit_leaves_neither_run_nor_events(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    subscribe(engine, URL)
    with store_with(database_url) as store:
        publish(store, SAFE)
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})" + KILLED.format(url=database_url)
    with process([sys.executable, "-c", code], tmp_path / "home", tmp_path / "log", piped=True) as publishing:
        assert publishing.stdout is not None
        assert publishing.stdout.readline() == b"written\n", (tmp_path / "log").read_text()
        publishing.send_signal(signal.SIGKILL)
        assert publishing.wait(60) == -signal.SIGKILL
    assert rows(engine, EVENTS) == deliveries(engine) == []
    with store_with(database_url, OUTBOX.publish) as store:
        assert store.latest("A1").score.band == "safe"
        publish(store, THREAT, day=1)
    assert len(deliveries(engine)) == 1


def book(rng: np.random.Generator, count: int) -> list[Score]:
    """Accounts whose figures are often on a threshold and often the same as in another book."""
    names = rng.choice(2 * count, count, replace=False)
    return [
        replace(
            SAFE,
            account_id=f"A{name}",
            band=str(rng.choice(["safe", "at_risk", "unknown"])),  # type: ignore[arg-type]
            threat=bool(rng.random() < 0.3),
            revenue_at_risk=float(rng.choice([0.0, 80.0, 100.0, 125.0, 200.0, 300.0])),
        )
        for name in sorted(names)
    ]


def standing(row: sa.RowMapping | None) -> Standing | None:
    return row and Standing(**{name: row[name] for name in COMPARED})


@pytest.mark.parametrize(("share", "amount"), [(0.25, 50.0), (0.0, 0.0), (0.5, 120.0)])
def test_the_query_finds_what_the_function_finds(
    database_url: str, engine: Engine, share: float, amount: float
) -> None:
    rng, limits = np.random.default_rng(0), Materiality(share, amount)
    with store_with(database_url) as store:
        publish(store, *book(rng, 300))
        publish(store, *book(rng, 300), day=1)
    scores = rows(engine, SCORES)
    old, new = ({row["account_id"]: row for row in scores if row["run_id"] == run} for run in (1, 2))
    wanted = ((key, standing(old.get(key)), standing(row)) for key, row in new.items())
    with reading(engine) as connection:
        candidates = connection.execute(_candidates(2, 1, limits)).mappings().all()
    asked = ((row["account_id"], _standing(row, "old"), _standing(row, "new")) for row in candidates)
    expected, found = (
        {key: types for key, before, after in pairs if after and (types := changes(before, after, limits))}
        for pairs in (wanted, asked)
    )
    assert found == expected
    assert set(expected.values()) >= {TYPES[:1], TYPES[1:2], TYPES[2:], TYPES[:2], TYPES[1:]}
