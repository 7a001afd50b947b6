"""Who is meant: the roles of contacts that sentences name, from an account's evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from features.signals.response import GRACE_DAYS, NOW_DAYS


def role_words(evidence: Mapping[str, Any], as_of: date) -> dict[str, str]:
    """Return `sole_role`, the only active contact's role, and `silent_roles`, each only where known."""
    active = [row["role"] for row in _rows(evidence, "contacts") if row["valid_to"] is None]
    found = {"sole_role": active[0]} if len(active) == 1 and active[0] else {}
    silent = silent_roles(_rows(evidence, "surveys"), as_of)
    return found | ({"silent_roles": ", ".join(silent)} if silent else {})


def _rows(evidence: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return list((evidence.get(name) or {"rows": []})["rows"])


def silent_roles(surveys: Iterable[Mapping[str, Any]], as_of: date) -> list[str]:
    """Return the roles of the contacts who answered over 180 days ago, were invited since and did not answer."""
    by_contact: dict[str, list[tuple[float, bool, str | None]]] = {}
    for row in surveys:
        age = (as_of - date.fromisoformat(row["sent_at"][:10])).days
        answered = row["answered_at"] is not None
        if row["contact_id"] is not None and (answered or age > GRACE_DAYS):
            by_contact.setdefault(row["contact_id"], []).append((age, answered, row["role"]))
    roles = set()
    for rows in by_contact.values():
        recent = [answered for age, answered, _ in rows if age <= NOW_DAYS]
        before = any(answered for age, answered, _ in rows if age > NOW_DAYS)
        if before and recent and not any(recent) and rows[0][2]:
            roles.add(rows[0][2])
    return sorted(roles)
