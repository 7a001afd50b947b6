"""What the tests of the score store share: one score, a model, and a way to store scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from serving.database.engine import connect
from serving.scoring.scores import Reason, Score
from serving.store import ScoreStore
from serving.store.score_tables import RUNS, SCORES

DAY, AT = date(2026, 1, 1), datetime(2026, 1, 1, 6, 0, 0, 123456, tzinfo=UTC)
REASONS = (
    Reason("nps", "nps_last", 3.0, None, 0.25, True),
    Reason("segment", "account_country", None, "Österreich", -0.125, False),
    Reason("silence", "silence_never_surveyed", None, None, 0.0, True),
)
SCORE = Score(
    account_id="A1", as_of=DAY, model_version="1", scored_at=AT, churn_probability=0.3, revenue_365d=1000.0,
    value=1200.0, currency="EUR", revenue_at_risk=300.0, expected_profit=45.0, best_action="offer",
    band="at_risk", threat=True,
    base_probability=0.175, reasons=REASONS, missing_tables=("loops",), collect=(),
)  # fmt: skip
MODEL = {"version": "1", "grade": "B", "rule": {"horizon_days": 180}, "metrics": {"roc_auc": None},
         "level": {"spread": 0.4, "periods": 6.0, "dates": 3}}  # fmt: skip


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = AT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def scores(count: int, **changes: Any) -> list[Score]:
    """Return scores of A0, A1, ...; the revenue at risk falls with the number."""
    return [
        replace(SCORE, account_id=f"A{number}", revenue_at_risk=1000.0 - number, **changes) for number in range(count)
    ]


def put(store: ScoreStore, *scores: Score, evidence: dict[str, Any] | None = None) -> int:
    """Store a run of these scores, of which the first gives as-of date, version and instant."""
    first = scores[0]
    return store.write(scores, evidence or {}, MODEL | {"version": first.model_version}, first.as_of, first.scored_at)


def as_json(score: Score) -> dict[str, Any]:
    """Return a score as JSON holds it: dates as ISO text, tuples as lists."""
    plain: dict[str, Any] = json.loads(json.dumps(score.in_full(), default=lambda moment: moment.isoformat()))
    return plain


@contextmanager
def opened(url: str, **options: Any) -> Iterator[ScoreStore]:
    """Open a store for a block."""
    store = ScoreStore(url, **options)
    try:
        yield store
    finally:
        store.close()


def runs_in(url: str) -> list[sa.Row[Any]]:
    """Return every run as it stands in the database."""
    return _rows(url, sa.select(RUNS).order_by(RUNS.c.run_id))


def scores_in(url: str) -> list[tuple[int, str]]:
    """Return run and account of every score in the database, whether it can be seen or not."""
    keys = sa.select(SCORES.c.run_id, SCORES.c.account_id).order_by(SCORES.c.run_id, SCORES.c.account_id)
    return [tuple(row) for row in _rows(url, keys)]


def _rows(url: str, query: sa.Select[Any]) -> list[sa.Row[Any]]:
    engine = connect(url)
    with engine.connect() as connection:
        found = list(connection.execute(query).all())
    engine.dispose()
    return found
