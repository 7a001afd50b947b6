"""What moved the revenue at risk of a book between two runs: sums by theme, kept when the later run is published.

A page cannot read the reasons of ten thousand accounts, so the sums are made while the run is written: one row an
account manager and part. The run before is the newest of an earlier as-of date; only accounts with a score in both
count. With probability p and revenue r (not below 0) an account's change is p' r' - p r, and

    themes and model   what moved p, times the mean of r and r'        (see `serving.scoring.movement`)
    revenue            what moved r, times the mean of p and p'

the mean of both orders again, so that the parts sum to the change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from serving.database.engine import reading
from serving.scoring.movement import BundleOf, Movement, movements
from serving.scoring.scores import FIELDS, Score
from serving.store.runs import PublishedRun
from serving.store.score_tables import MOVES, RUNS, SCORES, newest_run, score_of
from serving.store.whose import Whose, theirs

#: `theme` has the theme as its code. `whole`: what cannot be told apart, of account and model together.
Kind = Literal["theme", "model", "whole", "revenue"]
Part = tuple[Kind, str]


class BookMovement:
    """The sums of a run that is being written.

    Parameters
    ----------
    as_of : date
        The run's; what it is compared with is older.
    bundle_of : callable
        Gives the bundle of a version, or None.
    """

    def __init__(self, engine: Engine, as_of: date, bundle_of: BundleOf) -> None:
        self._engine, self._bundle_of = engine, bundle_of
        with reading(engine) as connection:
            self._before = connection.execute(newest_run().where(RUNS.c.as_of < as_of)).first()
        self._sums: dict[tuple[str | None, Part], float] = defaultdict(float)

    @property
    def compares(self) -> bool:
        """Whether there is a run to compare with."""
        return self._before is not None

    def add(self, scores: Sequence[Score], managers: Sequence[str | None]) -> None:
        """Add some scores of the run, of one model, with their account managers."""
        if self._before is None:
            return
        former = self._former([score.account_id for score in scores])
        pairs = [
            (score, manager) for score, manager in zip(scores, managers, strict=True) if score.account_id in former
        ]
        found = movements(
            [former[score.account_id] for score, _ in pairs], [score for score, _ in pairs], self._bundle_of
        )
        for moved, (_, manager) in zip(found, pairs, strict=True):
            for part, amount in parts_of(moved):
                self._sums[manager, part] += amount

    def keep(self, connection: Connection, run: PublishedRun) -> None:
        """Write the sums in the transaction that publishes the run."""
        if self._before is None or not self._sums:
            return
        same = {"run_id": run.run_id, "before_run_id": self._before.run_id}
        rows = [
            same | {"account_manager": manager, "kind": kind, "code": code, "amount": amount}
            for (manager, (kind, code)), amount in self._sums.items()
        ]
        connection.execute(sa.insert(MOVES), rows)

    def _former(self, account_ids: Sequence[str]) -> dict[str, Score]:
        assert self._before is not None
        mine = (SCORES.c.run_id == self._before.run_id) & SCORES.c.account_id.in_(account_ids)
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(*(SCORES.c[name] for name in FIELDS)).where(mine)).mappings()
            return {row["account_id"]: score_of(dict(row)) for row in rows}


def parts_of(moved: Movement) -> Iterator[tuple[Part, float]]:
    """Yield what moved an account's revenue at risk, in currency; the parts sum to the change of the stored figures."""
    before, after = moved.before, moved.after
    then, now = (max(score.revenue_365d, 0.0) for score in (before, after))
    revenue = (then + now) / 2
    parts: list[tuple[Part, float]] = [(("theme", code), part * revenue) for code, part in moved.themes.items()]
    if moved.model is None:
        parts.append((("whole", ""), moved.change * revenue))
    elif moved.model:
        parts.append((("model", ""), moved.model * revenue))
    yield from parts
    # Revenue moved the rest: (now - then) x the mean probability, and the cents that rounding leaves over.
    yield ("revenue", ""), after.revenue_at_risk - before.revenue_at_risk - sum(amount for _, amount in parts)


def read_moves(connection: Connection, run_id: int, before_run_id: int, whose: Whose) -> Mapping[Part, float]:
    """Return the sums between two runs, of some account managers or of all; empty where they are not kept."""
    of_runs = (MOVES.c.run_id == run_id) & (MOVES.c.before_run_id == before_run_id)
    which = of_runs & theirs(MOVES.c.account_manager, whose)
    query = sa.select(MOVES.c.kind, MOVES.c.code, sa.func.sum(MOVES.c.amount)).where(which)
    rows: list[Any] = list(connection.execute(query.group_by(MOVES.c.kind, MOVES.c.code)))
    return {(kind, code): amount for kind, code, amount in rows}
