"""What of an account's records must not wait: its evidence goes in, alerts come out, at most one of each kind.

    detractor      somebody answered with 0 to 6
    unanswered     a decision maker has answered no invitation for so many days of the calendar
    bounced        an invitation did not arrive, and none did since that went to the same contact
    loop_due       feedback is open and about to pass 48 hours
    contact_left   a contact left
    contract_due   a running contract ends within so many days

All but `loop_due` are told when they come about: after the date of the scores before, and by the date of these. An
alert names records by their ids; what customers wrote is in none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from features.signals.nps import DETRACTOR
from serving.alert_kinds import ALERT_KINDS, AlertKind

#: Lists of the evidence that alerts look at.
LISTS = ("surveys", "bounced_surveys", "open_loops", "contacts", "contracts")
LOOP_HOURS = 48.0
Row = Mapping[str, Any]


@dataclass(frozen=True)
class AlertRules:
    """Which alerts there are, and after how many days, or before how many.

    Attributes
    ----------
    kinds : collection of str
        Of `ALERT_KINDS`.
    unanswered_days, contract_days : int
    """

    kinds: Collection[str] = ALERT_KINDS
    unanswered_days: int = 14
    contract_days: int = 90


@dataclass(frozen=True)
class Alert:
    """One cause at one account with the ids of its records; `since` is the first one's day, of a contract its end."""

    kind: AlertKind
    since: date
    records: tuple[str, ...]


def alerts_of(evidence: Row, before: date, as_of: date, rules: AlertRules) -> list[Alert]:
    """Return the alerts of an account, in the order of `ALERT_KINDS`.

    Parameters
    ----------
    evidence : mapping
        Lists as `serving.scoring.evidence` has them; one that is missing or null is not known.
    before, as_of : date
        Date of the scores before, and of these.

    Examples
    --------
    >>> answer = {"survey_id": "S1", "score": 3, "answered_at": "2026-01-05T10:00:00Z", "sent_at": None}
    >>> evidence = {"surveys": {"total": 1, "rows": [answer]}}
    >>> alerts_of(evidence, date(2026, 1, 1), date(2026, 1, 8), AlertRules())
    [Alert(kind='detractor', since=datetime.date(2026, 1, 5), records=('S1',))]
    >>> alerts_of(evidence, date(2026, 1, 6), date(2026, 1, 8), AlertRules())
    []
    """
    found: dict[AlertKind, list[tuple[date, str]]] = {}
    for kind, day, record in _records(evidence, before, as_of, rules):
        if kind in rules.kinds:
            found.setdefault(kind, []).append((day, record))
    return [
        Alert(kind, min(found[kind])[0], tuple(record for _, record in sorted(found[kind])))
        for kind in ALERT_KINDS
        if kind in found
    ]


def _records(evidence: Row, before: date, as_of: date, rules: AlertRules) -> Iterator[tuple[AlertKind, date, str]]:
    """Yield each record that is a cause, with its kind and its day."""
    for row in _rows(evidence, "surveys"):
        answered = _day(row["answered_at"])
        if answered and row["score"] is not None and row["score"] <= DETRACTOR and before <= answered < as_of:
            yield "detractor", answered, row["survey_id"]
    yield from _unanswered(evidence, before, as_of, timedelta(days=rules.unanswered_days))
    yield from _bounced(evidence, before, as_of)
    for row in _rows(evidence, "open_loops"):
        opened = _day(row["opened_at"])
        if opened and row["hours"] is not None and row["hours"] < LOOP_HOURS:
            yield "loop_due", opened, row["loop_id"]
    for row in _rows(evidence, "contacts"):
        left = _day(row["valid_to"])
        if left and before <= left < as_of:
            yield "contact_left", left, row["contact_id"]
    for row in _rows(evidence, "contracts"):
        ends = _day(row["ends_on"])
        if ends and row["running"] and before < ends - timedelta(days=rules.contract_days) <= as_of <= ends:
            yield "contract_due", ends, row["contract_id"]


def _unanswered(evidence: Row, before: date, as_of: date, wait: timedelta) -> Iterator[tuple[AlertKind, date, str]]:
    """Yield invitations that decision makers left unanswered; not of who answered a later one, or has left."""
    surveys = _rows(evidence, "surveys")
    heard = {row.get("contact_id"): "9999" for row in _rows(evidence, "contacts") if row["valid_to"]}
    for row in surveys:
        contact = row.get("contact_id")
        heard[contact] = max(heard.get(contact, ""), row["answered_at"] or "")
    for row in surveys:
        sent, contact = _day(row["sent_at"]), row.get("contact_id")
        silent = not row["answered_at"] and (contact is None or heard[contact] < row["sent_at"])
        if sent and row.get("decision_maker") and silent and before < sent + wait <= as_of:
            yield "unanswered", sent, row["survey_id"]


def _bounced(evidence: Row, before: date, as_of: date) -> Iterator[tuple[AlertKind, date, str]]:
    """Yield invitations that came back; not of who got a later one, or has left."""
    reached = {row.get("contact_id"): "9999" for row in _rows(evidence, "contacts") if row["valid_to"]}
    for row in _rows(evidence, "surveys"):
        contact = row.get("contact_id")
        reached[contact] = max(reached.get(contact, ""), row["sent_at"] or "")
    for row in _rows(evidence, "bounced_surveys"):
        back, contact = _day(row["bounced_at"]), row["contact_id"]
        away = contact is None or reached.get(contact, "") < row["sent_at"]
        if back and away and before <= back < as_of:
            yield "bounced", back, row["survey_id"]


def _rows(evidence: Row, name: str) -> list[Row]:
    return (evidence.get(name) or {"rows": []})["rows"]


def _day(text: str | None) -> date | None:
    return datetime.fromisoformat(text).date() if text else None
