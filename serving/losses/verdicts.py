"""Whether the model had seen a loss, judged by what the runs at some days before its end said.

A loss was **seen** where the account stood among those at risk, or at the top of the list, in the last run at least
180, 90 or 30 days before its end; it **would have been seen** where every such run was scored only after the end, so
that nobody could act on it; a **surprise** where such runs judged it and it stood in none of them. Else it is
**not known**: no run counts, the account was not in it, or too little was known of the account to judge it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal, Protocol

from serving.losses.departures import BEFORE
from serving.losses.past_runs import Run, Why

Verdict = Literal["surprise", "not_known", "seen_afterwards", "seen"]
#: In this order they are listed.
VERDICTS: tuple[Verdict, ...] = ("surprise", "not_known", "seen_afterwards", "seen")


class Judging(Protocol):
    """What a run said of an account, as far as the verdict rests on it."""

    @property
    def run(self) -> Run:
        """The run."""

    @property
    def band(self) -> str:
        """Of the account in it."""

    @property
    def seen(self) -> bool:
        """Whether the account was among those at risk, or at the top of the list."""


@dataclass(frozen=True)
class Judgement:
    """What the runs before an end come to.

    Attributes
    ----------
    ended_on : date
    sights : mapping of int to Judging or str
        By days before the end what the last run until then said, or why nothing is known.
    """

    ended_on: date
    sights: Mapping[int, Judging | Why]

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the model had seen it."""
        if self.seen_days is not None:
            return "seen_afterwards" if self.judged_afterwards else "seen"
        return "surprise" if self._judging else "not_known"

    @cached_property
    def seen_days(self) -> int | None:
        """Days before the end by which it had been seen, by a run that was scored in time if one had; else None."""
        seen = {days: sight for days in BEFORE if not isinstance(sight := self.sights[days], str) and sight.seen}
        return next((days for days, sight in seen.items() if not self._afterwards(sight)), next(iter(seen), None))

    @cached_property
    def judged_afterwards(self) -> bool:
        """Whether every run that the verdict rests on was scored only after the end."""
        seen = None if self.seen_days is None else self.sights[self.seen_days]
        judging = self._judging if seen is None or isinstance(seen, str) else [seen]
        return bool(judging) and all(map(self._afterwards, judging))

    @property
    def _judging(self) -> list[Judging]:
        return [sight for sight in self.sights.values() if not isinstance(sight, str) and sight.band != "unknown"]

    def _afterwards(self, sight: Judging) -> bool:
        return sight.run.scored_at.date() >= self.ended_on
