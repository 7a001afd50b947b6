"""A store with drawn runs, contracts, departures and feedback, and how much is read from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acting_tables import Verdict
from serving.acting.acts import NewFeedback, add_feedback
from serving.database.engine import writing
from serving.losses.departures import BEFORE, FACTS
from serving.losses.kept_departures import LOSSES
from serving.scoring.book_figures import CONTRACTS, DEPARTURES
from serving.scoring.scores import Score
from serving.store import ScoreStore
from serving.store.figure_tables import FIGURES
from support.figures import figures_by_hand, kept_beside
from support.stored import MODEL, SCORE

NEWEST = SCORE.as_of  # 2026-01-01
#: As-of dates of the runs before, the last slice of their model, and when they were scored, the same day for None.
EARLIER = (
    (date(2024, 9, 1), "2023-06-01", None), (date(2025, 6, 1), "2024-05-01", None),
    (date(2025, 9, 15), "2024-05-01", datetime(2025, 12, 1, tzinfo=UTC)), (date(2025, 10, 1), "2025-08-01", None),
)  # fmt: skip
MANAGERS = ("Ana", "Bo", "Cem", None)


def put_ends(store: ScoreStore, accounts: int, said: int = 60) -> None:
    """Store the runs of so many accounts, of which half have contracts and a third have left, and what was said."""
    rng = Random(7)
    for as_of, last_slice, scored_at in EARLIER:
        model = MODEL | {"slices": [last_slice], "economics": {"capacity": 0.2}}
        at = scored_at or datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
        store.write(_scores(rng, accounts, as_of), {}, model, as_of, at)
    kept = {f"A{number}": _contracts(rng, number) for number in range(0, accounts, 2)}
    left = {f"A{number}": _departures(rng, number) for number in range(0, accounts, 3)}
    figures = figures_by_hand()
    losses = {LOSSES: {"first": "2025-01-01", "reason": None}}
    parts = tuple(replace(part, record=part.record | losses) for part in figures.parts)
    beside = (kept_beside(CONTRACTS, kept), kept_beside(DEPARTURES, left))
    newest = replace(figures, parts=parts, accounts=[], beside=beside)
    store.write(_scores(rng, accounts, NEWEST), {}, MODEL, NEWEST, SCORE.scored_at, figures=newest)
    _say(store, rng, accounts, said)


def as_before_lists(store: ScoreStore) -> None:
    """Make the newest run one from before there was an index of what ends."""
    with writing(store.engine) as connection:
        connection.execute(sa.update(FIGURES).values(listed=None))


@contextmanager
def counted(connection: Connection) -> Iterator[list[str]]:
    """Collect the queries of a block."""
    asked: list[str] = []

    def note(*query: Any) -> None:
        asked.append(query[2])

    sa.event.listen(connection, "before_cursor_execute", note)
    yield asked
    sa.event.remove(connection, "before_cursor_execute", note)


def _scores(rng: Random, accounts: int, as_of: date) -> list[Score]:
    bands = ("safe", "safe", "safe", "at_risk", "unknown")
    return [
        replace(
            SCORE, account_id=f"A{number}", as_of=as_of, band=rng.choice(bands), churn_probability=rng.random(),
            revenue_at_risk=float(rng.choice((0, 100, rng.randint(1, 900)))),
        )
        for number in range(accounts)
        if rng.random() < 0.9
    ]  # fmt: skip


def _contracts(rng: Random, number: int) -> list[dict[str, Any]]:
    """Return contracts whose values sum up without rounding, some of which have the same place in all but their id."""
    own = {"name": f"Account {number}", "account_manager": MANAGERS[number % 4]}
    overdue = rng.random() < 0.3
    days = [
        rng.randint(-90, -2) if overdue else rng.choice((0, 30, rng.randint(0, 180))) for _ in range(1 + number % 3)
    ]
    return [
        own | {
            "contract_id": f"K{place}-{number}", "ends_on": (NEWEST + timedelta(days=day)).isoformat(),
            "value": rng.choice((1000.0, rng.randint(1, 9000) / 4)), "overdue": overdue,
            "stays": None if overdue else rng.choice((None, 0.0, 0.5, rng.random())),
        }
        for place, day in enumerate(days)
    ]  # fmt: skip


def _departures(rng: Random, number: int) -> list[dict[str, Any]]:
    ends = sorted(rng.sample(range(1, 366), 1 + (number % 9 == 0)))
    return [
        {
            "name": f"Account {number}", "account_manager": MANAGERS[number % 4],
            "ended_on": (NEWEST - timedelta(days=day)).isoformat(), "reason": rng.choice((None, "price")),
            "returned": number % 2 == 0, "revenue": rng.choice((500.0, rng.randint(1, 9000) / 4)),
            "facts": {str(days): dict.fromkeys(FACTS, 1.5) for days in BEFORE},
        }
        for day in ends
    ]  # fmt: skip


def _say(store: ScoreStore, rng: Random, accounts: int, said: int) -> None:
    numbers = count()
    with writing(store.engine) as connection:
        for _ in range(said):
            as_of = rng.choice([*(as_of for as_of, *_ in EARLIER), NEWEST])
            score = replace(SCORE, account_id=f"A{rng.randrange(accounts)}", as_of=as_of)
            verdict: Verdict = rng.choice(("agree", "wrong", "wrong", "note", "handled"))
            text = None if verdict == "agree" else f"text {next(numbers)}"
            at = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
            add_feedback(connection, score, NewFeedback(verdict, text), "key:1", at, f"once {next(numbers)}")
