"""The clock of the features layer: only this module reads it; whoever needs another day hands one over."""

from __future__ import annotations

from datetime import UTC, date, datetime


def utc_today() -> date:
    """Return the present day in UTC."""
    return datetime.now(UTC).date()
