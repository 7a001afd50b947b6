"""How old a book is at an as-of date: each table's last record before it, against the table's own gaps.

In: a book and an as-of date. Out: a `Freshness` a table. Who scores a book long after its end takes missing records for
silence.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from features.recording import EVENTS, recording
from features.tables import Tables


@dataclass(frozen=True)
class Freshness:
    """One table's age.

    Attributes
    ----------
    last : date
        Day of the last record before as_of; records that lie alone long after all others do not count.
    age_days : int
        Days from it to as_of, 1 or more.
    longest_gap_days : int
        Most days between two days with records, up to the last.
    is_stale : bool
        Whether nothing came for much longer than ever before, though `book.toml` does not say that the table ended.
    """

    last: date
    age_days: int
    longest_gap_days: int
    is_stale: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self) | {"last": self.last.isoformat()}


def freshness(tables: Tables, as_of: date) -> dict[str, Freshness]:
    """Return the age of each history table, and of churns, that has a record before as_of.

    A table of contracts is never stale, since they are signed ahead.
    """
    spans = recording(tables, as_of - timedelta(days=1)).tables
    return {
        name: Freshness(
            span.last,
            (as_of - span.last).days,
            span.longest_gap,
            name in (*EVENTS, "churns") and tables.known[name].until is None and span.is_quiet_at(as_of),
        )
        for name, span in spans.items()
    }


def stale_warnings(ages: dict[str, Freshness], as_of: date) -> list[str]:
    """Return a sentence for each stale table: which, since when, and what follows."""
    return [
        f"{name}: the last record is of {age.last}, {age.age_days} days before {as_of}, and no gap before was longer "
        f"than {age.longest_gap_days}: what happened since is not in these scores, and reads as nothing"
        for name, age in ages.items()
        if age.is_stale
    ]
