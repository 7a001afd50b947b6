"""A request's history -> what sentences tell beside a score: the lists of the store's evidence that words read.

So an account's reasons are the same words whether it is asked for, comes in a job or is scored with its book. The rows
are those that `serving.scoring.evidence` keeps at the same date, cut by time as `features.as_of` cuts them, with what
words need of them: roles, no names or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any

from serving.predict.predictor import rows_in
from serving.scoring.evidence import LIMITS, RECENT_DAYS, month_starts

Row = dict[str, Any]
Known = Mapping[str, Mapping[str, Any] | None]


def told_records(history: Any, as_of: date) -> Known:
    """Return contacts, surveys, loops, contracts and closed tickets of a history as they were known at a date.

    Parameters
    ----------
    history : AccountHistory

    Returns
    -------
    mapping of str to dict or None
        `rows` of each list, as many and in the order that evidence keeps, and their `total`; None where the table is
        not known.
    """
    midnight = datetime.combine(as_of, time())
    contacts = _contacts(history, as_of)
    lists: Mapping[str, tuple[str, Callable[[], list[Row]]]] = {
        "contacts": ("contacts", lambda: contacts),
        "surveys": ("surveys", lambda: _surveys(history, contacts, midnight)),
        "open_loops": ("loops", lambda: _open_loops(history, midnight)),
        "closed_loops": ("loops", lambda: _closed(rows_in(history, "loops"), "loop_id", midnight)),
        "closed_tickets": ("tickets", lambda: _closed(_opened_lately(history, midnight), "ticket_id", midnight)),
        "contracts": ("contracts", lambda: _contracts(history, as_of)),
    }
    return {
        name: None if getattr(history, table) is None else _kept(rows(), LIMITS[name])
        for name, (table, rows) in lists.items()
    }


def _kept(rows: list[Row], most: int) -> Row:
    return {"total": len(rows), "rows": rows[:most]}


def _contacts(history: Any, as_of: date) -> list[Row]:
    begun = [row for row in rows_in(history, "contacts") if row.valid_from < as_of]
    begun.sort(key=attrgetter("valid_from", "contact_id"))
    # Those who are there, then those who left, the last first.
    begun.sort(key=lambda row: row.valid_to if _is_past(row.valid_to, as_of) else as_of, reverse=True)
    return [
        {
            "contact_id": row.contact_id,
            "role": row.role,
            "decision_maker": row.decision_maker,
            "valid_from": row.valid_from.isoformat(),
            "valid_to": row.valid_to.isoformat() if _is_past(row.valid_to, as_of) else None,
        }
        for row in begun
    ]


def _surveys(history: Any, contacts: Sequence[Row], midnight: datetime) -> list[Row]:
    people = {row["contact_id"]: row for row in contacts}
    first = datetime.combine(month_starts(midnight.date())[0], time())
    rows = [
        row
        for row in rows_in(history, "surveys")
        if first <= row.sent_at < midnight and not _is_past(row.bounced_at, midnight)
    ]
    rows.sort(key=attrgetter("survey_id"))
    rows.sort(key=attrgetter("sent_at"), reverse=True)
    return [_survey(row, people, midnight) for row in rows]


def _survey(row: Any, people: Mapping[str | None, Row], midnight: datetime) -> Row:
    is_answered = _is_past(row.answered_at, midnight)
    contact_id = None if row.anonymous else row.contact_id
    person = people.get(contact_id, {})
    return {
        "kind": row.kind,
        "sent_at": row.sent_at.isoformat(),
        "answered_at": row.answered_at.isoformat() if is_answered else None,
        "score": row.score if is_answered else None,
        "anonymous": row.anonymous,
        "contact_id": contact_id,
        "role": person.get("role"),
        "decision_maker": person.get("decision_maker"),
    }


def _open_loops(history: Any, midnight: datetime) -> list[Row]:
    loops = [
        row for row in rows_in(history, "loops") if row.opened_at < midnight and not _is_past(row.closed_at, midnight)
    ]
    if not loops:
        return []
    loops.sort(key=attrgetter("opened_at", "loop_id"))
    scores = {
        row.survey_id: row.score
        for row in rows_in(history, "surveys")
        if _is_past(row.answered_at, midnight) and not _is_past(row.bounced_at, midnight)
    }
    return [{"score": scores.get(row.survey_id)} for row in loops]


def _opened_lately(history: Any, midnight: datetime) -> list[Any]:
    return [row for row in rows_in(history, "tickets") if row.opened_at >= midnight - timedelta(days=RECENT_DAYS)]


def _closed(rows: Sequence[Any], own: str, midnight: datetime) -> list[Row]:
    """Return the closed ones, the last closed first, with the hours that each took."""
    closed = [row for row in rows if row.opened_at < midnight and _is_past(row.closed_at, midnight)]
    closed.sort(key=attrgetter(own))
    closed.sort(key=attrgetter("closed_at"), reverse=True)
    return [
        {
            "closed_at": row.closed_at.isoformat(),
            "hours": round((row.closed_at - row.opened_at) / timedelta(hours=1), 4),
        }
        for row in closed
    ]


def _contracts(history: Any, as_of: date) -> list[Row]:
    begun = [row for row in rows_in(history, "contracts") if row.starts_on < as_of]
    begun.sort(key=attrgetter("contract_id"))
    begun.sort(key=attrgetter("starts_on"), reverse=True)
    return [
        {
            "starts_on": row.starts_on.isoformat(),
            "ends_on": None if row.ends_on is None else row.ends_on.isoformat(),
            "annual_value": row.annual_value,
            "running": row.ends_on is None or row.ends_on >= as_of,
        }
        for row in begun
    ]


def _is_past(moment: date | None, now: date) -> bool:
    return moment is not None and moment < now
