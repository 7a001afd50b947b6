"""How long a lease is valid: the clocks of several machines differ a little, and a clock far ahead may be set back.

A new lease ends `reach` from now. A lease that ends more than `SLACK` later than that comes from a wrong clock. It
counts as ended, because otherwise it would block its row until the wrong time arrives.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

SLACK = timedelta(minutes=5)


def has_passed(column: sa.ColumnElement[Any], now: datetime, reach: timedelta) -> sa.ColumnElement[bool]:
    """Return an SQL condition: the column's time has come, or is not set.

    Such times are set at most `reach` ahead. A time more than `SLACK` beyond that comes from a clock that has been set
    back since, so it counts as come. `SLACK` is the permitted difference between the clocks of two workers.
    """
    return column.is_(None) | (column <= now) | (column > now + reach + SLACK)


def is_ahead(until: datetime, now: datetime, reach: timedelta) -> bool:
    """Whether a given time is still ahead: the opposite of `has_passed`, for a value instead of a column."""
    return now < until <= now + reach + SLACK
