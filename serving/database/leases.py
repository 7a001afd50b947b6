"""How long a lease is believed: clocks of several machines differ a little, and one that was far ahead is set back.

A lease that ends later than one that was made this moment, and `SLACK` on top, comes from a clock that was wrong. It
counts as ended, for else it would hold what it is for until the wrong time has come.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

SLACK = timedelta(minutes=5)


def has_passed(column: sa.ColumnElement[Any], now: datetime, reach: timedelta) -> sa.ColumnElement[bool]:
    """Return as SQL whether a time has come, or none is set; times are set `reach` ahead at most.

    One further ahead comes from a clock that has been put back since: it has come. Not so when it is ahead by no more
    than the clocks of two workers may differ.
    """
    return column.is_(None) | (column <= now) | (column > now + reach + SLACK)


def is_ahead(until: datetime, now: datetime, reach: timedelta) -> bool:
    """Say of a time that is at hand the opposite of `has_passed`."""
    return now < until <= now + reach + SLACK
