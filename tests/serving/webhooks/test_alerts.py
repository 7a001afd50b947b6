"""Alerts: what is one and what is none, one event an account and cause, no record told twice, no words of customers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from sqlalchemy.engine import Engine
from support.webhooks import AT, DAY, SAFE, deliveries, own_settings, rows, store_with, subscribe

from serving.alert_kinds import ALERT_KINDS
from serving.database.engine import writing
from serving.store import ScoreStore
from serving.webhooks.alert_cases import forget_alerts
from serving.webhooks.alerts import AlertRules, alerts_of
from serving.webhooks.changes import ALERT, TYPES
from serving.webhooks.delivery.messages import Message, body_of
from serving.webhooks.delivery.slack import alert_words
from serving.webhooks.endpoints import Endpoint, Signature
from serving.webhooks.event_tables import ALERT_CASES, EVENTS
from serving.webhooks.outbox import Outbox
from serving.words.formats import LANGS

BEFORE, NOW = date(2026, 1, 1), date(2026, 1, 8)
URL = "https://crm.example/hook"


def survey(record: str = "S1", **changed: Any) -> dict[str, Any]:
    row = {"survey_id": record, "sent_at": "2025-12-20T08:00:00Z", "answered_at": None, "score": None,
           "comment": "geheim", "decision_maker": False}  # fmt: skip
    return row | changed


def evidence_of(**lists: Any) -> dict[str, Any]:
    return {name: None if found is None else {"total": len(found), "rows": found} for name, found in lists.items()}


def bounced(**changed: Any) -> dict[str, Any]:
    row = {"survey_id": "B1", "sent_at": "2026-01-05T08:00:00Z", "bounced_at": "2026-01-05T08:01:00Z",
           "contact_id": "C1"}  # fmt: skip
    return row | changed


def loop(hours: float) -> dict[str, Any]:
    return {"loop_id": "L1", "opened_at": "2026-01-07T00:00:00Z", "hours": hours}


def left(day: str | None) -> dict[str, Any]:
    return {"contact_id": "C1", "valid_to": day, "name": "Frau Geheim"}


def contract(day: str | None, running: bool = True) -> dict[str, Any]:
    return {"contract_id": "K1", "ends_on": day, "running": running}


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        ({"surveys": [survey(answered_at="2026-01-01T00:00:00Z", score=6)]}, ["detractor"]),
        ({"surveys": [survey(answered_at="2025-12-31T23:59:59Z", score=6)]}, []),
        ({"surveys": [survey(answered_at="2026-01-07T10:00:00Z", score=7)]}, []),
        ({"surveys": [survey(decision_maker=True)]}, ["unanswered"]),
        ({"surveys": [survey(decision_maker=True, answered_at="2026-01-02T10:00:00Z", score=9)]}, []),
        ({"surveys": [survey(decision_maker=True, sent_at="2025-12-25T00:00:00Z")]}, ["unanswered"]),
        ({"surveys": [survey(decision_maker=True, sent_at="2025-12-26T00:00:00Z")]}, []),
        ({"surveys": [survey(decision_maker=True, sent_at="2025-12-18T00:00:00Z")]}, []),
        ({"surveys": [survey(decision_maker=None)]}, []),
        (
            {
                "surveys": [
                    survey(decision_maker=True, contact_id="C1"),
                    survey("S2", sent_at="2025-12-01T00:00:00Z", answered_at="2025-12-21T00:00:00Z", contact_id="C1"),
                ]
            },
            [],
        ),
        ({"surveys": [survey(decision_maker=True, contact_id="C1")], "contacts": [left("2025-12-24")]}, []),
        ({"bounced_surveys": [bounced()]}, ["bounced"]),
        ({"bounced_surveys": [bounced(contact_id=None)], "surveys": [survey(contact_id=None)]}, ["bounced"]),
        ({"bounced_surveys": [bounced(bounced_at="2026-01-08T00:00:00Z")]}, []),
        ({"bounced_surveys": [bounced(bounced_at="2025-12-31T23:00:00Z", sent_at="2025-12-31T22:00:00Z")]}, []),
        ({"bounced_surveys": [bounced()], "surveys": [survey(contact_id="C1")]}, ["bounced"]),
        (
            {"bounced_surveys": [bounced()], "surveys": [survey(contact_id="C1", sent_at="2026-01-06T08:00:00Z")]},
            [],
        ),
        ({"bounced_surveys": [bounced()], "contacts": [left("2025-12-24")]}, []),
        ({"open_loops": [loop(24.0)]}, ["loop_due"]),
        ({"open_loops": [loop(48.0)]}, []),
        ({"contacts": [left("2026-01-07")]}, ["contact_left"]),
        ({"contacts": [left("2025-12-31")]}, []),
        ({"contacts": [left(None)]}, []),
        ({"contracts": [contract("2026-04-08")]}, ["contract_due"]),
        ({"contracts": [contract("2026-04-09")]}, []),
        ({"contracts": [contract("2026-04-01")]}, []),
        ({"contracts": [contract("2026-04-05", running=False)]}, []),
        ({"contracts": [contract(None)]}, []),
        ({"surveys": None, "contacts": []}, []),
    ],
)
def test_what_is_an_alert(lists: dict[str, Any], found: list[str]) -> None:
    evidence = evidence_of(**lists)
    assert [alert.kind for alert in alerts_of(evidence, BEFORE, NOW, AlertRules())] == found
    assert alerts_of(evidence, BEFORE, NOW, AlertRules(kinds=set(ALERT_KINDS) - set(found))) == []


def test_records_of_one_cause_are_one_alert() -> None:
    answers = [survey(f"S{day}", answered_at=f"2026-01-0{day}T10:00:00Z", score=0) for day in (5, 3, 7)]
    (alert,) = alerts_of(evidence_of(surveys=answers), BEFORE, NOW, AlertRules())
    assert (alert.since, alert.records) == (date(2026, 1, 3), ("S3", "S5", "S7"))


def test_settings_name_the_kinds() -> None:
    assert own_settings(alerts=" loop_due, detractor").alerts == "loop_due,detractor"
    with pytest.raises(ValidationError, match="'loops' is no kind of alert; there are detractor"):
        own_settings(alerts="detractor,loops")


def publish(store: ScoreStore, days: int, hours: int = 0, **surveys: list[dict[str, Any]]) -> None:
    """Score accounts so many days after the first run; each has these surveys, and a manager of its own name."""
    as_of, at = DAY + timedelta(days=days), AT + timedelta(days=days, hours=hours)
    evidence = {
        name: evidence_of(surveys=found) | {"account": {"name": f"{name} & Co", "account_manager": f"of {name}"}}
        for name, found in surveys.items()
    }
    scores = [replace(SAFE, account_id=name, as_of=as_of, scored_at=at) for name in surveys]
    store.write(scores, evidence, {"version": "1"}, as_of, at)


def test_events_are_told_once_to_who_subscribed(database_url: str, engine: Engine) -> None:
    low = [survey("S1", answered_at="2026-01-04T10:00:00Z", score=2), survey("S2", decision_maker=True)]
    more = [*low, survey("S3", answered_at="2026-01-05T10:00:00Z", score=0)]
    with store_with(database_url, Outbox(own_settings()).publish) as store:
        subscribe(engine, f"{URL}/usual", events=TYPES)
        publish(store, 0, A1=low, A2=low)
        publish(store, 3, A1=low, A2=low)
        assert rows(engine, EVENTS) == [] and rows(engine, ALERT_CASES) == [], "nobody subscribed"
        alerts = subscribe(engine, f"{URL}/alerts", events=[ALERT], account_manager="of A1")
        publish(store, 7, A1=low, A2=low)
        (event,) = rows(engine, EVENTS)
        assert event["type"] == ALERT and event["data"] == {
            "account_id": "A1", "account_name": "A1 & Co", "account_manager": "of A1", "as_of": "2026-01-08",
            "model_version": "1", "currency": "EUR", "kind": "detractor", "since": "2026-01-04",
            "evidence": {"ids": ["S1"]},
        }  # fmt: skip
        assert [row["endpoint_id"] for row in deliveries(engine)] == [alerts.endpoint_id]
        publish(store, 7, 1, A1=low, A2=low)
        assert len(rows(engine, EVENTS)) == 1, "a rerun is no news"
        publish(store, 7, 2, A1=more, A2=more)
        told = [(row["data"]["kind"], row["data"]["evidence"]["ids"]) for row in rows(engine, EVENTS)]
        assert sorted(told)[-1] == ("detractor", ["S1", "S3"]) and len(told) == 2, "a late record is"
    assert {(row["account_id"], row["kind"]) for row in rows(engine, ALERT_CASES)} == {("A1", "detractor")}
    with writing(engine) as connection:
        assert forget_alerts(connection, "A1") == {"alert_cases": 1}


def test_what_is_sent() -> None:
    data = {"account_id": "A1", "account_name": "<!channel> & Söhne", "account_manager": "Eva", "as_of": "2026-01-08",
            "model_version": "1", "currency": "EUR", "kind": "detractor", "since": "2026-01-03",
            "evidence": {"ids": ["S1", "S3"]}}  # fmt: skip
    message, (standard, *_) = Message("evt_1", ALERT, AT, data, run_id=1), get_args(Signature)
    slack = Endpoint("ep_1", URL, (ALERT,), None, "slack", "de", standard, AT)
    body = body_of(message, slack).decode()
    assert "2 kritische Antworten seit dem 03.01.2026" in body and "<!channel>" not in body and "Betreuung: Eva" in body
    plain = body_of(message, replace(slack, format="standard")).decode()
    assert '"kind":"detractor"' in plain and "reason_1" not in plain
    for lang in LANGS:
        texts = {alert_words(kind, number, "2026-01-03", lang) for kind in ALERT_KINDS for number in (1, 2)}
        assert len(texts) == 2 * len(ALERT_KINDS) and all("2026" in text for text in texts)
