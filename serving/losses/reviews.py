"""Loss reviews: departures and what the stored runs said become a review each, the surprises first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

from sqlalchemy.engine import Connection

from serving.acting.acts import texts_on
from serving.losses.departures import BEFORE, Departure
from serving.losses.past_runs import Run, Sight, Why, read_runs, read_sights, run_before, run_between
from serving.losses.verdicts import VERDICTS, Judgement, Verdict
from serving.store.past_scores import KeptScore, kept_score


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
        The score of the last of these runs, with its evidence; only where it was asked for.
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
        return self._judgement.verdict

    @property
    def seen_days(self) -> int | None:
        """Days before the end by which it had been seen, by a run that was scored in time if one had; else None."""
        return self._judgement.seen_days

    @property
    def judged_afterwards(self) -> bool:
        """Whether every run that the verdict rests on was scored only after the end."""
        return self._judgement.judged_afterwards

    @cached_property
    def _judgement(self) -> Judgement:
        return Judgement(self.departure.ended_on, self.sights)

    @property
    def cause(self) -> tuple[str, str] | None:
        """Why it left, and the table that says so: churns, or what was written of the account; None: nobody says."""
        if self.departure.reason:
            return self.departure.reason, "churns"
        return (self.feedback, "feedback") if self.feedback else None


def reviews(connection: Connection, left: Sequence[Departure], explained: range = range(0)) -> list[Review]:
    """Return a review of each departure: surprises first, then what is not known, each by falling revenue.

    Parameters
    ----------
    explained : range
        The places in this order whose last score is read.
    """
    runs = read_runs(connection)
    asked = [{days: run_before(runs, each.ended_on - timedelta(days=days)) for days in BEFORE} for each in left]
    late = [run_between(runs, each.ended_on - timedelta(days=min(BEFORE)), each.ended_on) for each in left]
    wanted: dict[Run, set[str]] = defaultdict(set)
    for departure, by_days, between in zip(left, asked, late, strict=True):
        for run in (*by_days.values(), between):
            if isinstance(run, Run):
                wanted[run].add(departure.account_id)
    sights, said = read_sights(connection, wanted), _said(connection, left)
    made = []
    for departure, by_days, between, text in zip(left, asked, late, said, strict=True):
        seen = {days: _sight(run, departure, sights) for days, run in by_days.items()}
        made.append(_with_late(Review(departure, seen, text, None), between, sights))
    made.sort(key=_place)
    return [_explained(connection, review) if place in explained else review for place, review in enumerate(made)]


def _place(review: Review) -> tuple[Any, ...]:
    left = review.departure
    return VERDICTS.index(review.verdict), -left.revenue, left.account_id, left.ended_on


def _sight(run: Run | Why, departure: Departure, sights: Mapping[tuple[int, str], Sight]) -> Sight | Why:
    if not isinstance(run, Run):
        return run
    return sights.get((run.run_id, departure.account_id), "not_scored")


def _explained(connection: Connection, review: Review) -> Review:
    """Return a review with the last score before the end."""
    runs = [sight.run for days in reversed(BEFORE) if isinstance(sight := review.sights[days], Sight)]
    if not runs:
        return review
    of_run = (runs[0].as_of, runs[0].model_version)
    return replace(review, last=kept_score(connection, review.departure.account_id, *of_run))


def _with_late(review: Review, run: Run | None, sights: Mapping[tuple[int, str], Sight]) -> Review:
    if run is None or review.seen_days is not None:
        return review
    return replace(review, late=sights.get((run.run_id, review.departure.account_id)))


def _said(connection: Connection, left: Sequence[Departure]) -> list[str | None]:
    """Return what was written last of each account before it left."""
    said = texts_on(connection, {departure.account_id for departure in left})
    return [
        next((text for at, text in said.get(each.account_id, ()) if at.date() < each.ended_on), None) for each in left
    ]
