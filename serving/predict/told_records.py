"""A request's history -> what sentences tell beside a score: the lists of the store's evidence that words read.

So an account's reasons are the same words whether it is asked for, comes in a job or is scored with its book. The rows
are those that `serving.scoring.evidence` keeps at the same date, cut by time as `features.as_of` cuts them, with what
words need of them: roles, no names or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any

from serving.predict.request_rows import rows_in
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
    return _Told(history, as_of)


class _Told(Known):
    """Lists that are made when a sentence asks for them: few do."""

    def __init__(self, history: Any, as_of: date) -> None:
        self._history, self._as_of = history, as_of
        self._made: dict[str, dict[str, Any] | None] = {}

    def __getitem__(self, name: str) -> dict[str, Any] | None:
        if name not in self._made:
            table, rows = _LISTS[name]
            known = getattr(self._history, table) is not None
            self._made[name] = _kept(rows(self._history, self._as_of), LIMITS[name]) if known else None
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_LISTS)

    def __len__(self) -> int:
        return len(_LISTS)


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


def _surveys(history: Any, as_of: date) -> list[Row]:
    people, midnight = {row["contact_id"]: row for row in _contacts(history, as_of)}, _midnight(as_of)
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


def _open_loops(history: Any, as_of: date) -> list[Row]:
    midnight = _midnight(as_of)
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


def _closed_loops(history: Any, as_of: date) -> list[Row]:
    return _closed(rows_in(history, "loops"), "loop_id", _midnight(as_of))


def _closed_tickets(history: Any, as_of: date) -> list[Row]:
    midnight = _midnight(as_of)
    lately = [row for row in rows_in(history, "tickets") if row.opened_at >= midnight - timedelta(days=RECENT_DAYS)]
    return _closed(lately, "ticket_id", midnight)


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


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


#: Each list: the table that it is of, and what makes it.
_LISTS: Mapping[str, tuple[str, Callable[[Any, date], list[Row]]]] = {
    "contacts": ("contacts", _contacts),
    "surveys": ("surveys", _surveys),
    "open_loops": ("loops", _open_loops),
    "closed_loops": ("loops", _closed_loops),
    "closed_tickets": ("tickets", _closed_tickets),
    "contracts": ("contracts", _contracts),
}
