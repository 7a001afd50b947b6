"""What waits for a decision and what can no longer be kept, as SQL over the scores of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from serving.acting.acts import has_step, last_verdict
from serving.store.score_tables import SCORES


@dataclass(frozen=True)
class Waiting:
    """A threat without a next step, and a score that was called wrong, wait; handled or lapsed, it needs no next step.

    What was said counts for the score it was said of, and a step that was done since it was scored for that score: a
    later run asks anew.
    """

    unplanned: sa.ColumnElement[bool]
    disagreed: sa.ColumnElement[bool]
    handled: sa.ColumnElement[bool]
    lapsed: sa.ColumnElement[bool]

    @classmethod
    def at(cls, as_of: date, scored_at: datetime, model: Mapping[str, Any]) -> Waiting:
        """Return the conditions for the scores of a run; `model` are the facts of the model that scored."""
        account_id = SCORES.c.account_id
        verdict = sa.func.coalesce(last_verdict(account_id, as_of), "")
        lapsed = _lapsed(model)
        unplanned = SCORES.c.threat & ~has_step(account_id, scored_at) & (verdict != "handled") & ~lapsed
        return cls(unplanned, verdict == "wrong", verdict == "handled", lapsed)

    @property
    def first(self) -> sa.ColumnElement[bool]:
        """Whether an account goes before all that do not wait: not one at risk for having been called wrong."""
        return self.unplanned | (self.disagreed & (SCORES.c.band != "at_risk"))

    @property
    def any(self) -> sa.ColumnElement[bool]:
        """Whether an account waits."""
        return self.unplanned | self.disagreed


def _lapsed(model: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    """Return whether an account at risk has left by the model's rule; only a rule of silence says so of anybody."""
    if (model.get("rule") or {}).get("silence_days") is None:
        return sa.false()
    return SCORES.c.lapsed & (SCORES.c.band == "at_risk")
