"""The registry of all tables, and the column types that behave the same in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

metadata = sa.MetaData()


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC instant, stored as ISO text to the microsecond: it sorts as text and keeps its zone everywhere."""

    impl = sa.String(40)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return the text to store; raises ValueError for an instant without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the instant of a stored text."""
        return None if value is None else datetime.fromisoformat(value)


class AnyText(sa.TypeDecorator[str]):
    """Text with any characters: PostgreSQL takes no NUL, so the type escapes it there."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Return the text to store."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\x10", "\x10p").replace("\x00", "\x100")

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Return the original of a stored text."""
        if value is None or dialect.name != "postgresql":
            return value
        return value.replace("\x100", "\x00").replace("\x10p", "\x10")
