"""The clock of the serving layer: only this module reads the time; code that needs another clock gets it passed in."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)
