"""Who left since a digest: departures that the newest run keeps go in, the manager's own of late come out.

An account that left has no score any more, so that how it stood is that of the digest, or of the run, before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.engine import Connection

from serving.digest.digest_ledger import Standing
from serving.losses.departures import Departure
from serving.losses.kept_departures import read_left, read_period
from serving.words.formats import Formats


@dataclass(frozen=True)
class Lost:
    """One account that left, and how it stood `since`; None where that is not kept."""

    departure: Departure
    since: date
    before: Standing | None


def departed(connection: Connection, manager: str) -> tuple[Departure, ...]:
    """Return the manager's accounts that the newest run knows to have left, the latest first."""
    period = read_period(connection)
    left = [] if period is None else read_left(connection, period, manager)
    still = (each for each in left if not each.returned)
    return tuple(sorted(still, key=lambda each: (-each.ended_on.toordinal(), each.account_id)))


def lost_since(left: Sequence[Departure], day: date | None, before: Mapping[str, Standing]) -> tuple[Lost, ...]:
    """Return who left on `day`, the as-of date of what a digest compares with, or later; none without one."""
    return tuple(
        Lost(each, day, before.get(each.account_id)) for each in left if day is not None and each.ended_on >= day
    )


def told_of(lost: Lost, words: Mapping[str, str], formats: Formats) -> tuple[str, str | None, str, str]:
    """Return id and name of an account that left, nothing before the text, and when it left and what it was worth."""
    left = lost.departure
    said = words["left"].format(day=formats.day(left.ended_on))
    if lost.before is not None and lost.before.band != "unknown":
        risk = formats.probability(lost.before.churn_probability)
        said = f"{said}; {words['was'].format(risk=risk, day=formats.day(lost.since))}"
    return left.account_id, left.name, "", f"{said}; {words['worth'].format(money=formats.money(left.revenue))}"
