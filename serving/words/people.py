"""Who is meant: contacts whom sentences and reports speak of, from an account's evidence.

Sentences name roles only: they also go to lists, webhooks and other programs. A contact's name stands in reports alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from features.signals.nps import DETRACTOR
from features.signals.response import GRACE_DAYS, NOW_DAYS
from serving.words.formats import Lang
from serving.words.glossary import glossary

Row = Mapping[str, Any]
#: A low answer that is older needs no talk within days, unless its loop is still open.
YOUNG_DAYS = 30


def role_words(evidence: Row, as_of: date, lang: Lang) -> dict[str, str]:
    """Return `sole_role`, the only active contact's role, and `silent_roles`, each only where known."""
    active = [row["role"] for row in rows_of(evidence, "contacts") if row["valid_to"] is None]
    named = {"sole_role": active[0]} if len(active) == 1 and active[0] else {}
    silent = silent_contacts(rows_of(evidence, "surveys"), as_of)
    roles = ", ".join(sorted({glossary().say("role", role, lang) for role in silent.values() if role}))
    sole = {key: glossary().say("role", role, lang) for key, role in named.items()}
    return sole | ({"silent_roles": roles} if roles else {})


def rows_of(evidence: Row, name: str) -> list[Row]:
    """Return the rows of one list of the evidence; none where the list is not known."""
    return list((evidence.get(name) or {"rows": []})["rows"])


def low_answers(evidence: Row, values: Row, as_of: date) -> tuple[bool, bool]:
    """Return whether a low answer waits for a talk, of anybody and of a decision maker.

    It is the latest of its contact, who is still there and known, and it is young, or a loop of a low answer is open.
    Without evidence of surveys the signals decide: the account's last score, its age and the open loops.
    """
    if not evidence.get("surveys"):
        low, decider = (_is_low(values.get(name)) for name in ("nps_last", "nps_decision_maker_last"))
        age, loops = values.get("nps_answer_age_months"), values.get("loops_open")
        waits = (isinstance(age, float) and age <= 1) or (isinstance(loops, float) and loops >= 1)
        return low and waits, low and decider and waits
    open_low = any(_is_low(row.get("score")) for row in rows_of(evidence, "open_loops"))
    gone = {row.get("contact_id") for row in rows_of(evidence, "contacts") if row["valid_to"] is not None}
    latest: dict[str | None, Row] = {}
    for row in sorted(rows_of(evidence, "surveys"), key=lambda row: row["answered_at"] or ""):
        if row.get("score") is not None and not row.get("anonymous"):
            latest[row.get("contact_id")] = row
    since = (as_of - timedelta(days=YOUNG_DAYS)).isoformat()
    low_rows = [
        row
        for who, row in latest.items()
        if who not in gone
        and _is_low(row.get("score"))
        and (open_low or (row["answered_at"] or row["sent_at"]) >= since)
    ]
    return bool(low_rows), any(row.get("decision_maker") for row in low_rows)


def _is_low(score: Any) -> bool:
    return isinstance(score, (int, float)) and score <= DETRACTOR


def silent_contacts(surveys: Iterable[Row], as_of: date) -> dict[str, str | None]:
    """Return ids and roles of the contacts who answered over 180 days ago, were invited since and did not answer."""
    by_contact: dict[str, list[tuple[float, bool, str | None]]] = {}
    for row in surveys:
        age = (as_of - date.fromisoformat(row["sent_at"][:10])).days
        answered = row["answered_at"] is not None
        if row["contact_id"] is not None and (answered or age > GRACE_DAYS):
            by_contact.setdefault(row["contact_id"], []).append((age, answered, row["role"]))
    return {contact_id: rows[0][2] for contact_id, rows in by_contact.items() if _fell_silent(rows)}


def _fell_silent(rows: Iterable[tuple[float, bool, str | None]]) -> bool:
    recent = [answered for age, answered, _ in rows if age <= NOW_DAYS]
    before = any(answered for age, answered, _ in rows if age > NOW_DAYS)
    return before and bool(recent) and not any(recent)
