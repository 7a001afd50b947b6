"""The clock of the serving layer: the one place that asks which instant it is; who needs another one is handed it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)
