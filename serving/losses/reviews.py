"""Loss reviews: departures and what the stored runs said become a review each, the surprises first.

A loss was **seen** where the account stood among those at risk, or at the top of the list, in the last run at least
180, 90 or 30 days before its end; it **would have been seen** where every such run was scored only after the end, so
that nobody could act on it; a **surprise** where such runs judged it and it stood in none of them. Else it is
**not known**: no run counts, the account was not in it, or too little was known of the account to judge it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, TypeGuard

from sqlalchemy.engine import Connection

from serving.acting.acts import feedback_on
from serving.losses.departures import BEFORE, Departure
from serving.losses.past_runs import Run, Sight, Why, read_runs, read_sights, run_before, run_between
from serving.store.past_scores import KeptScore, kept_score

Verdict = Literal["surprise", "not_known", "seen_afterwards", "seen"]
#: In this order they are listed.
VERDICTS: tuple[Verdict, ...] = ("surprise", "not_known", "seen_afterwards", "seen")


@dataclass(frozen=True)
class Review:
    """One loss.

    Attributes
    ----------
    departure : Departure
    sights : mapping of int to Sight or str
        By days before the end what the last run until then said, or why nothing is known.
    feedback : str or None
        What somebody wrote last of the account before it left.
    last : KeptScore or None
        The score of the last of these runs, with its evidence.
    late : Sight or None
        What a run said that does not count, as it came later than the last of these days; only where no loss was seen.
    """

    departure: Departure
    sights: Mapping[int, Sight | Why]
    feedback: str | None
    last: KeptScore | None
    late: Sight | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the model had seen it."""
        if self.seen_days is not None:
            return "seen_afterwards" if self.judged_afterwards else "seen"
        return "surprise" if any(map(_judges, self.sights.values())) else "not_known"

    @property
    def seen_days(self) -> int | None:
        """Days before the end by which it had been seen, by a run that was scored in time if one had; else None."""
        seen = [days for days in BEFORE if _seen(self.sights[days])]
        return next((days for days in seen if not self._afterwards(days)), seen[0] if seen else None)

    def _afterwards(self, days: int) -> bool:
        sight = self.sights[days]
        return isinstance(sight, Sight) and sight.run.scored_at.date() >= self.departure.ended_on

    @property
    def judged_afterwards(self) -> bool:
        """Whether every run that the verdict rests on was scored only after the end."""
        seen = self.sights[self.seen_days] if self.seen_days is not None else None
        judging = [seen] if isinstance(seen, Sight) else [sight for sight in self.sights.values() if _judges(sight)]
        return bool(judging) and all(sight.run.scored_at.date() >= self.departure.ended_on for sight in judging)

    @property
    def cause(self) -> tuple[str, str] | None:
        """Why it left, and the table that says so: churns, or what was written of the account; None: nobody says."""
        if self.departure.reason:
            return self.departure.reason, "churns"
        return (self.feedback, "feedback") if self.feedback else None


def reviews(connection: Connection, left: Sequence[Departure]) -> list[Review]:
    """Return a review of each departure: surprises first, then what is not known, each by falling revenue."""
    runs = read_runs(connection)
    asked = {
        (place, days): run_before(runs, departure.ended_on - timedelta(days=days))
        for place, departure in enumerate(left)
        for days in BEFORE
    }
    wanted: dict[Run, set[str]] = defaultdict(set)
    for (place, _), run in asked.items():
        if isinstance(run, Run):
            wanted[run].add(left[place].account_id)
    last_day = {place: departure.ended_on - timedelta(days=min(BEFORE)) for place, departure in enumerate(left)}
    late = {place: run_between(runs, last_day[place], departure.ended_on) for place, departure in enumerate(left)}
    for place, between in late.items():
        if between is not None:
            wanted[between].add(left[place].account_id)
    sights = read_sights(connection, wanted)
    made = [
        _with_late(
            _review(connection, departure, {days: _sight(asked[place, days], departure, sights) for days in BEFORE}),
            late[place],
            sights,
        )
        for place, departure in enumerate(left)
    ]
    return sorted(
        made,
        key=lambda review: (
            VERDICTS.index(review.verdict), -review.departure.revenue, review.departure.account_id,
            review.departure.ended_on,
        ),
    )  # fmt: skip


def _sight(run: Run | Why, departure: Departure, sights: Mapping[tuple[int, str], Sight]) -> Sight | Why:
    if not isinstance(run, Run):
        return run
    return sights.get((run.run_id, departure.account_id), "not_scored")


def _review(connection: Connection, departure: Departure, sights: Mapping[int, Sight | Why]) -> Review:
    known = [sight for days in reversed(BEFORE) if isinstance(sight := sights[days], Sight)]
    last = None
    if known:
        run = known[0].run
        last = kept_score(connection, departure.account_id, run.as_of, run.model_version)
    return Review(departure, sights, _said(connection, departure), last)


def _with_late(review: Review, run: Run | None, sights: Mapping[tuple[int, str], Sight]) -> Review:
    if run is None or review.seen_days is not None:
        return review
    return replace(review, late=sights.get((run.run_id, review.departure.account_id)))


def _said(connection: Connection, departure: Departure) -> str | None:
    """Return what was written last of an account before it left."""
    said = feedback_on(connection, departure.account_id)
    return next((_text(row) for row in said if row["text"] and row["created_at"].date() < departure.ended_on), None)


def _text(row: Mapping[str, Any]) -> str:
    return str(row["text"])


def _judges(sight: Sight | Why) -> TypeGuard[Sight]:
    return isinstance(sight, Sight) and sight.band != "unknown"


def _seen(sight: Sight | Why) -> bool:
    return isinstance(sight, Sight) and sight.seen
