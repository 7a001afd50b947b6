"""The losses of the newest run as a list, of which all are judged and a page is reviewed.

In: the store. Out: how many losses have a verdict and what they come to, and the reviews of a page. A verdict takes the
band of an account in three runs and whether it stood at the top of them: the database reads both in indexes. Of a run
from before `serving.store.ends_table` all losses are reviewed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.losses.departures import BEFORE
from serving.losses.kept_departures import Period, read_left, read_left_at
from serving.losses.past_runs import Run, Why, in_top, read_runs, run_before
from serving.losses.reviews import Review, reviews
from serving.losses.verdicts import VERDICTS, Judgement, Judging, Verdict
from serving.scoring.scores import Band
from serving.store.ends_table import ENDS, ends_where
from serving.store.figure_tables import has_ends
from serving.store.score_tables import SCORES, same_account
from serving.store.whose import Whose


@dataclass(frozen=True)
class LossList:
    """Losses: surprises first, then what is not known, each by falling revenue.

    Attributes
    ----------
    revenues : mapping of str to sequence of float
        By verdict a year's invoicing before the end of each.
    listed : sequence of Review
        Those of the page.
    """

    revenues: Mapping[Verdict, Sequence[float]]
    listed: Sequence[Review]

    @property
    def total(self) -> int:
        """Their number."""
        return sum(map(len, self.revenues.values()))


@dataclass(frozen=True, eq=False)
class Glance:
    """What a run said of an account, as far as the verdict rests on it."""

    run: Run
    band: str
    seen: bool


def read_losses(connection: Connection, period: Period, whose: Whose, first: int, count: int) -> LossList:
    """Return the losses of a run, of managers' accounts or of all (None), with the reviews of some from a place on."""
    if not has_ends(connection, period.run_id):
        found = reviews(connection, read_left(connection, period, whose))
        return LossList(
            _revenues((each.verdict, each.departure.revenue) for each in found), found[first : first + count]
        )
    ends = connection.execute(_ends(period.run_id, whose)).all()
    judged = sorted(zip(_verdicts(connection, period.run_id, whose, ends), ends, strict=True), key=_place)
    listed = read_left_at(connection, period, [(end.account_id, end.place) for _, end in judged[first : first + count]])
    return LossList(_revenues((verdict, end.amount) for verdict, end in judged), reviews(connection, listed))


def _ends(run_id: int, whose: Whose) -> sa.Select[Any]:
    columns = (ENDS.c.account_id, ENDS.c.ends_on, ENDS.c.amount, ENDS.c.place)
    return sa.select(*columns).where(ends_where(run_id, "lost", whose))


def _revenues(pairs: Iterable[tuple[Verdict, float]]) -> dict[Verdict, list[float]]:
    by_verdict: dict[Verdict, list[float]] = {verdict: [] for verdict in VERDICTS}
    for verdict, revenue in pairs:
        by_verdict[verdict].append(revenue)
    return by_verdict


def _place(judged: tuple[Verdict, Any]) -> tuple[Any, ...]:
    verdict, end = judged
    return VERDICTS.index(verdict), -end.amount, end.account_id, end.ends_on


def _verdicts(connection: Connection, run_id: int, whose: Whose, ends: Sequence[Any]) -> list[Verdict]:
    """Return the verdict of each loss; those of one day of which the runs said the same are judged once."""
    runs, days = read_runs(connection), {end.ends_on for end in ends}
    asked = {day: tuple(run_before(runs, day - timedelta(days=before)) for before in BEFORE) for day in days}
    glances = _glances(connection, run_id, whose, asked)
    judged: dict[tuple[Any, ...], Verdict] = {}
    verdicts = []
    for end in ends:
        said: list[Judging | Why] = [
            run if isinstance(run, str) else glances[run.run_id].get(end.account_id, "not_scored")
            for run in asked[end.ends_on]
        ]
        key = (end.ends_on, *said)
        if key not in judged:
            judged[key] = Judgement(end.ends_on, dict(zip(BEFORE, said, strict=True))).verdict
        verdicts.append(judged[key])
    return verdicts


def _glances(
    connection: Connection, run_id: int, whose: Whose, asked: Mapping[date, Sequence[Run | Why]]
) -> dict[int, dict[str, Glance]]:
    """Return by run and account what each run said of who left on the days of which it is asked."""
    days: dict[Run, list[date]] = defaultdict(list)
    for day, of_day in asked.items():
        for run in of_day:
            if isinstance(run, Run):
                days[run].append(day)
    left = ends_where(run_id, "lost", whose)
    return {
        run.run_id: _glances_of(connection, run, left & ENDS.c.ends_on.between(min(of_run), max(of_run)))
        for run, of_run in days.items()
    }


def _glances_of(connection: Connection, run: Run, left: sa.ColumnElement[bool]) -> dict[str, Glance]:
    at_top = in_top(connection, run)
    joined = ENDS.join(SCORES, (SCORES.c.run_id == run.run_id) & same_account(connection, SCORES, ENDS))
    query = sa.select(SCORES.c.account_id, SCORES.c.band, at_top.label("is_top")).select_from(joined).where(left)
    # One object for all of whom a run said the same, so that the same is known by itself.
    known = {
        (band, is_top): Glance(run, band, band == "at_risk" or is_top)
        for band in get_args(Band)
        for is_top in (False, True)
    }
    return {row.account_id: known[row.band, bool(row.is_top)] for row in connection.execute(query)}
