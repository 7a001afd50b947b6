"""When a failed delivery is tried again: delays that grow over three days, jitter, and the receiver's wishes.

References
----------
The Standard Webhooks specification 1.0.0, "Deliverability and reliability": its example schedule is this one.
RFC 9110, section 10.2.3: Retry-After.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Before the second attempt, the third and so on: ten attempts in 75 hours and 35 minutes.
DELAYS = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
#: Jitter changes a delay by up to this share, so that deliveries that failed together are not retried together.
JITTER = 0.2
#: The longest pause that a receiver can ask for.
LONGEST_PAUSE = timedelta(hours=24)
#: The latest time of a next attempt, from now; a later one comes from a clock that has been set back since.
HORIZON = DELAYS[-1] * (1 + JITTER)


def next_attempt(attempts: int, now: datetime, chance: float, pause: timedelta | None = None) -> datetime | None:
    """Return the time of the next attempt; None when the delivery is given up.

    Parameters
    ----------
    attempts : int
        Number of attempts so far; 1 or more.
    chance : float
        A random number from 0 to 1 (exclusive).
    pause : timedelta, optional
        The pause that the receiver asked for; the longer of pause and delay counts.

    Examples
    --------
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> next_attempt(2, noon, 0.5) - noon
    datetime.timedelta(seconds=300)
    >>> next_attempt(2, noon, 0.0) - noon
    datetime.timedelta(seconds=240)
    >>> next_attempt(2, noon, 0.5, timedelta(hours=1)) - noon
    datetime.timedelta(seconds=3600)
    >>> next_attempt(10, noon, 0.5) is None
    True
    """
    if attempts > len(DELAYS):
        return None
    delay = DELAYS[attempts - 1] * (1 + JITTER * (2 * chance - 1))
    return now + max(delay, pause or timedelta())


def asked_pause(retry_after: str | None, now: datetime) -> timedelta | None:
    """Return the pause that a Retry-After header asks for, at most `LONGEST_PAUSE`; None for an unreadable header.

    Examples
    --------
    >>> asked_pause("120", datetime(2026, 1, 1, tzinfo=UTC))
    datetime.timedelta(seconds=120)
    >>> asked_pause("Thu, 01 Jan 2026 00:05:00 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    datetime.timedelta(seconds=300)
    >>> asked_pause("soon", datetime(2026, 1, 1, tzinfo=UTC)) is None
    True
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), LONGEST_PAUSE.total_seconds()))
    try:
        until = parsedate_to_datetime(text)
        left = (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):  # OverflowError: no date has such a time zone or year.
        return None
    return min(max(left, timedelta()), LONGEST_PAUSE)
