"""What the last term did to the value of an account's contracts: evidence goes in, the value before it comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from serving.words.people import rows_of

#: Smaller differences are rounding.
CENT = 0.01


def value_before(evidence: Mapping[str, Any], now: float) -> float | None:
    """Return the annual value of the terms that ran before the latest one that runs began, where it was higher.

    Parameters
    ----------
    evidence : mapping
        `contracts` of it, as `serving.scoring.evidence` collects them.
    now : float
        Annual value of the running contracts, as the signal has it.

    Returns
    -------
    float or None
        None where the value has not fallen, and where the evidence does not hold all running contracts.
    """
    rows = rows_of(evidence, "contracts")
    running = [row for row in rows if row["running"]]
    if not running or abs(_sum(running) - now) > CENT:
        return None
    begun = max(date.fromisoformat(row["starts_on"]) for row in running)
    before = _sum([row for row in rows if _ran(row, begun - timedelta(days=1))])
    return before if before > now + CENT else None


def _ran(row: Mapping[str, Any], day: date) -> bool:
    ends = row["ends_on"]
    return date.fromisoformat(row["starts_on"]) <= day and (ends is None or date.fromisoformat(ends) >= day)


def _sum(rows: Sequence[Mapping[str, Any]]) -> float:
    return sum(row["annual_value"] or 0.0 for row in rows)
