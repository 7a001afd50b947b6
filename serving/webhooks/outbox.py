"""Write the events of a scoring run in the transaction that publishes it: either both exist or neither.

One query compares the new scores with the latest scores so far. The first run of a store makes no event, since nothing
has changed. A run that is not the newest makes none either, nor does a rerun with the same figures.

Another model may change thousands of accounts at once, of which nothing is news but the model. An endpoint that would
get more events of such a run than the settings allow gets one event instead, which counts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.settings import ServiceSettings
from serving.store.runs import PublishedRun
from serving.store.score_tables import RUNS, SCORES
from serving.webhooks.alert_cases import alert_rules, publish_alerts
from serving.webhooks.changes import SUMMED, TYPES, EventType, Materiality, Standing, changes, weightiest
from serving.webhooks.endpoints import Endpoint, all_endpoints
from serving.webhooks.event_rows import delivery_row, event_row
from serving.webhooks.event_tables import DELIVERIES, EVENTS
from serving.webhooks.row_locks import keep_endpoints, lock_deliveries

CHUNK = 500
COMPARED = ("as_of", "model_version", "band", "threat", "churn_probability", "revenue_at_risk")
Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """The change of one account, and its receivers: endpoints by the type of event that they get."""

    account_id: str
    account_manager: str | None
    before: Standing | None
    after: Standing
    types: tuple[EventType, ...]
    receivers: dict[EventType, list[Endpoint]]


@dataclass(frozen=True)
class Outbox:
    """Makes the events of a published run; `publish` is a hook of the score store."""

    settings: ServiceSettings

    def publish(self, connection: Connection, run: PublishedRun) -> None:
        """Write the events of a run during its publication, and one delivery per event and endpoint.

        A disabled endpoint gets its deliveries too: they can be redelivered once it is enabled.
        """
        if run.follows is None or not run.newest:
            return
        keep_endpoints(connection)
        endpoints = all_endpoints(connection)
        if not endpoints:
            return
        each = endpoints
        changed = partial(_changed, connection, run.run_id, run.follows, self._material(connection, run))
        follows = connection.execute(sa.select(RUNS).where(RUNS.c.run_id == run.follows)).one()
        if follows.model_version != run.model_version:
            many = _many(chain.from_iterable(changed(endpoints)), self.settings.webhook_most_events)
            _write_sums(
                connection, run, {"as_of": follows.as_of.isoformat(), "model_version": follows.model_version}, many
            )
            summed = {endpoint.endpoint_id for endpoint, _ in many}
            each = [endpoint for endpoint in endpoints if endpoint.endpoint_id not in summed]
        for piece in changed(each) if each else ():
            _write(connection, run, piece)
        publish_alerts(connection, run, endpoints, alert_rules(self.settings))
        _bring_forward(connection, run)

    def _material(self, connection: Connection, run: PublishedRun) -> Materiality:
        average = sa.select(sa.func.avg(SCORES.c.revenue_at_risk)).where(SCORES.c.run_id == run.run_id)
        amount = self.settings.webhook_moved_accounts * (connection.execute(average).scalar_one() or 0.0)
        return Materiality(self.settings.webhook_moved_share, amount)


def _changed(
    connection: Connection, run_id: int, follows: int, material: Materiality, endpoints: Sequence[Endpoint]
) -> Iterator[list[Change]]:
    """Yield the changes that some of the endpoints get by account id, some hundred at a time: there may be many."""
    candidates = _candidates(run_id, follows, material).limit(CHUNK)
    piece = candidates
    while rows := connection.execute(piece).all():
        compared = [_change(row, material, endpoints) for row in rows]
        if received := [change for change in compared if change.receivers]:
            yield received
        piece = candidates.where(candidates.selected_columns.account_id > rows[-1].account_id)


def _candidates(run_id: int, follows: int, material: Materiality) -> sa.Select[Any]:
    """Select the accounts that may have changed, with both scores; `changes` decides."""
    new, old = SCORES.alias("new"), SCORES.alias("old")
    same = (old.c.account_id == new.c.account_id) & (old.c.run_id == follows)
    move = sa.func.abs(new.c.revenue_at_risk - old.c.revenue_at_risk)
    moved = (move > 0) & (move >= material.amount) & (move >= material.share * old.c.revenue_at_risk)
    appeared = old.c.account_id.is_(None) & ((new.c.band == "at_risk") | new.c.threat)
    changed = (new.c.band != old.c.band) | (new.c.threat & ~old.c.threat) | moved
    columns = [
        table.c[name].label(f"{label}_{name}") for label, table in (("new", new), ("old", old)) for name in COMPARED
    ]
    return (
        sa.select(new.c.account_id, new.c.account_manager, *columns)
        .select_from(new.outerjoin(old, same))
        .where(new.c.run_id == run_id, appeared | changed)
        .order_by(new.c.account_id)
    )


def _change(row: sa.Row[Any], material: Materiality, endpoints: Sequence[Endpoint]) -> Change:
    mapping = row._mapping
    before, after = _standing(mapping, "old"), _standing(mapping, "new")
    assert after is not None
    types = changes(before, after, material)
    receivers: dict[EventType, list[Endpoint]] = {}
    for endpoint in endpoints:
        kind = weightiest(types, endpoint.events) if endpoint.wants(row.account_manager) else None
        if kind is not None:
            receivers.setdefault(kind, []).append(endpoint)
    return Change(row.account_id, row.account_manager, before, after, types, receivers)


def _standing(row: sa.RowMapping, label: str) -> Standing | None:
    if row[f"{label}_band"] is None:
        return None
    return Standing(**{name: row[f"{label}_{name}"] for name in COMPARED})


def _many(changed: Iterable[Change], most: int) -> list[tuple[Endpoint, Counter[str]]]:
    """Return the endpoints that would get more than `most` events, each with their number by type."""
    counts: dict[str, tuple[Endpoint, Counter[str]]] = {}
    for change in changed:
        for kind, endpoints in change.receivers.items():
            for endpoint in endpoints:
                counts.setdefault(endpoint.endpoint_id, (endpoint, Counter()))[1][kind] += 1
    return [(endpoint, count) for endpoint, count in counts.values() if count.total() > most]


def _write_sums(
    connection: Connection, run: PublishedRun, before: Row, many: Sequence[tuple[Endpoint, Counter[str]]]
) -> None:
    """Write one event, which is of no account, for each endpoint of `many`."""
    for endpoint, count in many:
        data = {
            "account_manager": endpoint.account_manager,
            "as_of": run.as_of.isoformat(),
            "model_version": run.model_version,
            "before": before,
            "accounts": count.total(),
            "changes": {kind: count[kind] for kind in TYPES},
        }
        event = event_row(run, SUMMED, "", data)
        connection.execute(sa.insert(EVENTS), [event])
        connection.execute(sa.insert(DELIVERIES), [delivery_row(event, endpoint)])


def _write(connection: Connection, run: PublishedRun, changed: Sequence[Change]) -> None:
    """Write the events and deliveries of some accounts."""
    details = _details(connection, run.run_id, [change.account_id for change in changed])
    events: list[Row] = []
    deliveries: list[Row] = []
    for change in changed:
        currency, name = details[change.account_id]
        for kind, endpoints in change.receivers.items():
            event = _event(run, change, kind, currency, name)
            events.append(event)
            deliveries += [delivery_row(event, endpoint) for endpoint in endpoints]
    connection.execute(sa.insert(EVENTS), events)
    connection.execute(sa.insert(DELIVERIES), deliveries)


def _details(connection: Connection, run_id: int, ids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
    """Return the currency and the name of some accounts, by id."""
    mine = (SCORES.c.run_id == run_id) & SCORES.c.account_id.in_(ids)
    rows = connection.execute(sa.select(SCORES.c.account_id, SCORES.c.currency, SCORES.c.name).where(mine))
    return {account_id: (currency, name) for account_id, currency, name in rows}


def _event(run: PublishedRun, change: Change, kind: EventType, currency: str | None, name: str | None) -> Row:
    """Return one event; the delivery adds the sentences of its reasons."""
    data = {
        "account_id": change.account_id,
        "account_name": name,
        "account_manager": change.account_manager,
        "as_of": run.as_of.isoformat(),
        "model_version": run.model_version,
        "currency": currency,
        "changes": list(change.types),
        "before": change.before.as_dict() if change.before else None,
        "after": change.after.as_dict(),
    }
    return event_row(run, kind, change.account_id, data)


def _bring_forward(connection: Connection, run: PublishedRun) -> None:
    """Make earlier failed deliveries about the same accounts due now, so that the new events need not wait for them.

    It is one statement, because it holds SQLite's only write lock, and an unavailable receiver has a long queue.
    """
    newer = DELIVERIES.alias("newer")
    news = sa.select(newer.c.endpoint_id, newer.c.account_id).join(EVENTS).where(EVENTS.c.run_id == run.run_id)
    waiting = (DELIVERIES.c.state == "pending") & (DELIVERIES.c.attempts > 0)
    waiting &= sa.tuple_(DELIVERIES.c.endpoint_id, DELIVERIES.c.account_id).in_(news)
    lock_deliveries(connection, waiting)
    anew = {"attempts": 0, "next_attempt_at": run.scored_at}
    connection.execute(sa.update(DELIVERIES).where(waiting).values(anew))
