"""The ledger of digests: nobody gets one twice for the same week, whoever runs the command however often.

A row is marked "sending" before anything goes out, and "sent" or "failed" after it. What a process that died left as
"sending" may have been sent: it is told, and sent again only when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from serving.digest.digest_tables import DIGESTS, STANDINGS, Channel, State

CHUNK = 500


@dataclass(frozen=True)
class Standing:
    """How an account stood: `listed` is whether the digest named it as one to call."""

    account_id: str
    band: str
    threat: bool
    churn_probability: float
    listed: bool


@dataclass(frozen=True)
class Baseline:
    """The digest of an earlier week that surely was sent: what later ones compare with."""

    digest_id: int
    begun_at: datetime
    as_of: date
    model_version: str
    standings: Mapping[str, Standing]


@dataclass(frozen=True)
class Entry:
    """What is sent: whose accounts it is about, by which way, in which week, a checksum of it, and its run."""

    account_manager: str
    channel: Channel
    period: str
    content: str
    as_of: date
    model_version: str


@dataclass(frozen=True)
class Begun:
    """A digest that only this process may send now; `number` counts those that were sent again."""

    digest_id: int
    number: int


#: Why a digest is not to be sent: it was, or it may have been.
Kept = Literal["sent", "sending"]


def period_of(day: date) -> str:
    """Return the week of a day, by ISO 8601; it sorts as text.

    Examples
    --------
    >>> period_of(date(2026, 12, 31)), period_of(date(2027, 1, 3)), period_of(date(2027, 1, 4))
    ('2026-W53', '2026-W53', '2027-W01')
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def baseline(connection: Connection, account_manager: str, period: str) -> Baseline | None:
    """Return the last digest of a manager that was sent in a week before this one."""
    earlier = _of(account_manager) & (DIGESTS.c.period < period) & (DIGESTS.c.state == "sent")
    order = (DIGESTS.c.period.desc(), DIGESTS.c.digest_id.desc())
    row = connection.execute(sa.select(DIGESTS).where(earlier).order_by(*order).limit(1)).first()
    if row is None:
        return None
    columns = [column for column in STANDINGS.columns if column.name != "digest_id"]
    found = connection.execute(sa.select(*columns).where(STANDINGS.c.digest_id == row.digest_id)).mappings()
    standings = {each["account_id"]: Standing(**each) for each in found}
    return Baseline(row.digest_id, row.begun_at, row.as_of, row.model_version, standings)


def begin(
    connection: Connection, entry: Entry, standings: Sequence[Standing], at: datetime, again: bool
) -> Begun | Kept:
    """Mark a digest as being sent, or say why it is not to be sent.

    Parameters
    ----------
    standings : sequence of Standing
        Every account of the manager, for the digest of the next week.
    again : bool
        Whether it is sent even if it was, or may have been.

    Returns
    -------
    Begun or str
        "sent" when it was sent in this week already; "sending" when it may have been, or another process sends it now.
    """
    mine = _of(entry.account_manager) & (DIGESTS.c.channel == entry.channel) & (DIGESTS.c.period == entry.period)
    last = connection.execute(sa.select(DIGESTS).where(mine).order_by(DIGESTS.c.number.desc()).limit(1)).first()
    values = {"content": entry.content, "as_of": entry.as_of, "model_version": entry.model_version}
    values |= {"state": "sending", "begun_at": at, "ended_at": None}
    if last is not None and last.state == "failed":
        own = (DIGESTS.c.digest_id == last.digest_id) & (DIGESTS.c.state == "failed")
        if connection.execute(sa.update(DIGESTS).where(own).values(**values)).rowcount == 0:
            return "sending"  # Another process took it in between.
        begun = Begun(last.digest_id, last.number)
        connection.execute(sa.delete(STANDINGS).where(STANDINGS.c.digest_id == begun.digest_id))
    elif last is not None and not again:
        return "sent" if last.state == "sent" else "sending"
    else:
        number = 1 if last is None else last.number + 1
        key = {"account_manager": entry.account_manager, "channel": entry.channel, "period": entry.period}
        inserted = _inserted(connection, key | values | {"number": number})
        if inserted is None:
            return "sending"
        begun = Begun(inserted, number)
    _keep(connection, begun.digest_id, standings)
    return begun


def settle(connection: Connection, digest_id: int, state: State, at: datetime) -> None:
    """Record what became of a digest."""
    own = DIGESTS.c.digest_id == digest_id
    connection.execute(sa.update(DIGESTS).where(own).values(state=state, ended_at=at))


def drop_old_standings(connection: Connection, account_manager: str, before: int) -> None:
    """Remove what was kept with a manager's digests from before another one."""
    old = sa.select(DIGESTS.c.digest_id).where(_of(account_manager), DIGESTS.c.digest_id < before)
    connection.execute(sa.delete(STANDINGS).where(STANDINGS.c.digest_id.in_(old)))


def forget_in_digests(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove how an account stood in digests; return the number of records."""
    gone = connection.execute(sa.delete(STANDINGS).where(STANDINGS.c.account_id == account_id))
    return {"digest_standings": gone.rowcount}


def _of(account_manager: str) -> sa.ColumnElement[bool]:
    return DIGESTS.c.account_manager == account_manager


def _inserted(connection: Connection, row: Mapping[str, Any]) -> int | None:
    """Insert a row and return its id; None when another process was faster, which the unique key tells."""
    try:
        with connection.begin_nested():
            (digest_id,) = connection.execute(sa.insert(DIGESTS), row).inserted_primary_key or (None,)
            return digest_id
    except IntegrityError:
        return None


def _keep(connection: Connection, digest_id: int, standings: Sequence[Standing]) -> None:
    for start in range(0, len(standings), CHUNK):
        rows = [vars(each) | {"digest_id": digest_id} for each in standings[start : start + CHUNK]]
        connection.execute(sa.insert(STANDINGS), rows)
