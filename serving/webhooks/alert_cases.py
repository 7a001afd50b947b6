"""Alerts become events when a run is published: one an account and cause, and no record of it is told twice.

A case holds what was told of an account and cause. Of accounts that nobody asked to hear of nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.alert_kinds import kinds_in
from serving.settings import ServiceSettings
from serving.store.runs import PublishedRun
from serving.store.score_tables import RUNS, SCORES, newest_run
from serving.webhooks.alerts import LISTS, Alert, AlertRules, alerts_of
from serving.webhooks.changes import ALERT
from serving.webhooks.endpoints import Endpoint
from serving.webhooks.event_rows import delivery_row, event_row
from serving.webhooks.event_tables import ALERT_CASES, DELIVERIES, EVENTS

CHUNK = 500
#: Records of a case that are remembered, the latest.
REMEMBERED = 200
Row = Mapping[str, Any]


def alert_rules(settings: ServiceSettings) -> AlertRules:
    """Return the rules of the settings."""
    return AlertRules(kinds_in(settings.alerts), settings.alert_unanswered_days, settings.alert_contract_days)


def publish_alerts(connection: Connection, run: PublishedRun, endpoints: Sequence[Endpoint], rules: AlertRules) -> None:
    """Write the events of a run's alerts for the endpoints that subscribed to them, and remember what was told."""
    wanting = [endpoint for endpoint in endpoints if ALERT in endpoint.events]
    before = connection.execute(newest_run().where(RUNS.c.as_of < run.as_of)).first()
    if not wanting or not rules.kinds or before is None:
        return
    for piece in _pieces(connection, run.run_id):
        found = [(row, alert) for row in piece for alert in alerts_of(row, before.as_of, run.as_of, rules)]
        _tell(connection, run, found, wanting)


def forget_alerts(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove an account's cases; return their number."""
    gone = connection.execute(sa.delete(ALERT_CASES).where(ALERT_CASES.c.account_id == account_id))
    return {"alert_cases": gone.rowcount}


def read_evidence(connection: Connection, which: sa.ColumnElement[bool]) -> Iterator[Row]:
    """Yield what alerts look at of some scores: the account, and lists of its evidence."""
    lists = (SCORES.c.evidence[name].label(name) for name in LISTS)
    columns = (SCORES.c[name] for name in ("account_id", "name", "account_manager", "currency", "revenue_at_risk"))
    yield from (dict(row) for row in connection.execute(sa.select(*columns, *lists).where(which)).mappings())


def _pieces(connection: Connection, run_id: int) -> Iterator[list[Row]]:
    """Yield the accounts of a run some hundred at a time: the evidence of a large book is never in memory at once."""
    last = None
    while True:
        mine = SCORES.c.run_id == run_id
        after = mine if last is None else mine & (SCORES.c.account_id > last)
        first = sa.select(SCORES.c.account_id).where(after).order_by(SCORES.c.account_id).limit(CHUNK)
        ids = list(connection.execute(first).scalars())
        if not ids:
            return
        yield list(read_evidence(connection, mine & SCORES.c.account_id.in_(ids)))
        last = ids[-1]


def _tell(
    connection: Connection, run: PublishedRun, found: Sequence[tuple[Row, Alert]], endpoints: Sequence[Endpoint]
) -> None:
    if not found:
        return
    cases = _cases(connection, [row["account_id"] for row, _ in found])
    events: list[dict[str, Any]] = []
    deliveries: list[dict[str, Any]] = []
    for row, alert in found:
        case = cases.get((row["account_id"], alert.kind))
        told = case["records"] if case else []
        receivers = [endpoint for endpoint in endpoints if endpoint.wants(row["account_manager"])]
        if not receivers or set(alert.records) <= set(told):
            continue
        _remember(connection, run, row["account_id"], alert, case)
        event = event_row(run, ALERT, row["account_id"], _data(run, row, alert))
        events.append(event)
        deliveries += [delivery_row(event, endpoint) for endpoint in receivers]
    if events:
        connection.execute(sa.insert(EVENTS), events)
        connection.execute(sa.insert(DELIVERIES), deliveries)


def _cases(connection: Connection, account_ids: Sequence[str]) -> dict[tuple[str, str], Row]:
    query = sa.select(ALERT_CASES).where(ALERT_CASES.c.account_id.in_(account_ids))
    return {(row["account_id"], row["kind"]): dict(row) for row in connection.execute(query).mappings()}


def _remember(connection: Connection, run: PublishedRun, account_id: str, alert: Alert, case: Row | None) -> None:
    """Merge what is told now into the case of the account and cause."""
    records = list(dict.fromkeys([*(case["records"] if case else []), *alert.records]))[-REMEMBERED:]
    since: date = min(alert.since, case["since"]) if case else alert.since
    values = {"since": since, "records": records, "run_id": run.run_id}
    if case:
        own = (ALERT_CASES.c.account_id == account_id) & (ALERT_CASES.c.kind == alert.kind)
        connection.execute(sa.update(ALERT_CASES).where(own).values(**values))
    else:
        connection.execute(sa.insert(ALERT_CASES).values(account_id=account_id, kind=alert.kind, **values))


def _data(run: PublishedRun, row: Row, alert: Alert) -> dict[str, Any]:
    return {
        "account_id": row["account_id"],
        "account_name": row["name"],
        "account_manager": row["account_manager"],
        "as_of": run.as_of.isoformat(),
        "model_version": run.model_version,
        "currency": row["currency"],
        "kind": alert.kind,
        "since": alert.since.isoformat(),
        "evidence": {"ids": list(alert.records)},
    }
