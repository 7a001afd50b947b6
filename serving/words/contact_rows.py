"""Contacts and their answers in an account's evidence: who is there, who left, who fell silent, who scored low.

Sentences and steps speak of them by role only (`serving.words.people`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from features.signals.nps import DETRACTOR
from features.signals.response import GRACE_DAYS, NOW_DAYS
from serving.words.formats import Lang
from serving.words.glossary import glossary

Row = Mapping[str, Any]
#: A low answer that is older needs no talk within days, unless its loop is still open.
YOUNG_DAYS = 30
#: Days for which it is told who left, and how long before that day a successor may have begun.
LEFT_DAYS, HANDED_OVER_DAYS = 365, 90


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


def departments(evidence: Row) -> float | None:
    """Return in how many departments contacts are active; None where that is not known of every one."""
    roles = [row["role"] for row in rows_of(evidence, "contacts") if row["valid_to"] is None]
    return float(len(set(roles))) if roles and all(roles) else None


def low_answers(evidence: Row, values: Row, as_of: date) -> tuple[bool, bool]:
    """Return whether a low answer waits for a talk, of anybody and of a decision maker.

    It is the latest of its contact, who is still there and known, and it is young, or a loop of a low answer is open.
    Without evidence of surveys the signals decide: the account's last score, its age and the open loops.
    """
    if not evidence.get("surveys"):
        low, decider = (is_low(values.get(name)) for name in ("nps_last", "nps_decision_maker_last"))
        age, loops = values.get("nps_answer_age_months"), values.get("loops_open")
        waits = (isinstance(age, float) and age <= 1) or (isinstance(loops, float) and loops >= 1)
        return low and waits, low and decider and waits
    rows = list(low_rows(evidence, as_of))
    return bool(rows), any(row.get("decision_maker") for row in rows)


def low_rows(evidence: Row, as_of: date, settled: bool = False) -> Iterator[Row]:
    """Yield the low answers that wait for a talk; with `settled` those that are their contact's latest and old.

    Anonymous answers are never among them.
    """
    asked = {row.get("survey_id") for row in rows_of(evidence, "open_loops") if is_low(row.get("score"))}
    since = (as_of - timedelta(days=YOUNG_DAYS)).isoformat()
    for who, row in latest_answers(evidence).items():
        # A loop that names no survey may be of any low answer.
        waits = None in asked or row.get("survey_id") in asked or (row["answered_at"] or row["sent_at"]) >= since
        if who not in gone_ids(evidence) and is_low(row.get("score")) and (settled or waits):
            yield row


def low_lately(evidence: Row, as_of: date) -> bool:
    """Return whether a low answer that waits for a talk is young."""
    since = (as_of - timedelta(days=YOUNG_DAYS)).isoformat()
    return any((row["answered_at"] or row["sent_at"]) >= since for row in low_rows(evidence, as_of))


def latest_answers(evidence: Row) -> dict[str | None, Row]:
    """Return the latest answer of each contact, of who is not named the latest, the newest last."""
    latest: dict[str | None, Row] = {}
    for row in sorted(rows_of(evidence, "surveys"), key=lambda row: row["answered_at"] or ""):
        if row.get("score") is not None and not row.get("anonymous"):
            latest.pop(row.get("contact_id"), None)
            latest[row.get("contact_id")] = row
    return latest


def gone_ids(evidence: Row) -> set[str | None]:
    """Return the ids of the contacts who have left."""
    return {row.get("contact_id") for row in rows_of(evidence, "contacts") if row["valid_to"] is not None}


def is_low(score: Any) -> bool:
    """Whether a score is a detractor's; one that is not known is none."""
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


#: A contact or a record, the key of what is said of it in `[people]` of the page texts, and the figures of that.
Found = tuple[Row, str, Mapping[str, Any]]


def left_rows(evidence: Row, as_of: date) -> Iterator[Row]:
    """Yield the contacts who left in a year, the latest first, without whom another one on record has followed."""
    there = [row for row in rows_of(evidence, "contacts") if row["valid_to"] is None]
    for row in sorted(_gone_lately(evidence, as_of), key=lambda row: str(row["valid_to"]), reverse=True):
        successor = next((each for each in there if _follows(each, row)), None)
        if successor is None:
            yield row
        else:
            there.remove(successor)


def _gone_lately(evidence: Row, as_of: date) -> list[Row]:
    since = (as_of - timedelta(days=LEFT_DAYS)).isoformat()
    return [row for row in rows_of(evidence, "contacts") if row["valid_to"] is not None and row["valid_to"] >= since]


def _follows(contact: Row, gone: Row) -> bool:
    """Return whether a contact began when or after another one left, and decides as that one did, or has the role."""
    handed_over = date.fromisoformat(gone["valid_to"][:10]) - timedelta(days=HANDED_OVER_DAYS)
    if (contact.get("valid_from") or "") < handed_over.isoformat():
        return False
    if gone.get("decision_maker"):
        return bool(contact.get("decision_maker"))
    return bool(gone["role"]) and contact["role"] == gone["role"]


def to_follow(evidence: Row, as_of: date) -> tuple[bool, bool]:
    """Return whether nobody on record has followed somebody who left in a year, of anybody and of who decides.

    Where the evidence has nobody who left so, the signals decide.
    """
    gone, unfollowed = _gone_lately(evidence, as_of), list(left_rows(evidence, as_of))
    decided, undecided = ([row for row in rows if row.get("decision_maker")] for rows in (gone, unfollowed))
    return bool(unfollowed) or not gone, bool(undecided) or not decided


def low_only_of_gone(evidence: Row) -> bool:
    """Return whether every contact whose latest answer is low has left, and there is one."""
    low = [who for who, row in latest_answers(evidence).items() if is_low(row.get("score"))]
    return bool(low) and set(low) <= gone_ids(evidence)
