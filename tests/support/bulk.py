"""What the tests of jobs share: accounts to send, jobs made without HTTP, a predictor that is quick and counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy.engine import Engine

from serving.database.engine import writing
from serving.errors import Refusal
from serving.faults import Fault
from serving.jobs.job_tables import packed_text
from serving.jobs.ledger import CHUNK, Finished, Job, Submitted, make_job, outcomes
from serving.jobs.runner import JobRunner
from serving.predict.predictor import Call
from serving.scoring.cautions import Caution
from serving.scoring.scores import Reason, Score

START = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
DAY = date(2026, 1, 1)
WEEK = timedelta(days=7)
#: Accounts of a job of three chunks, the last one short.
COUNT = 2 * CHUNK + 7
Json = dict[str, Any]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


class Quick:
    """A predictor that needs no model: it notes whom it scored, chunk by chunk, and refuses whom it is told to."""

    def __init__(self, version: str = "1", strangers: Iterable[str] = ()) -> None:
        self.bundle, self.grade = SimpleNamespace(version=version), "B"
        self.categories: dict[str, list[str]] = {}
        self.calls: list[list[str]] = []
        self._strangers = frozenset(strangers)

    def predict_each(self, calls: Sequence[Call]) -> list[list[Score] | Refusal]:
        self.calls.append([history.account.account_id for call in calls for history in call.histories])
        return [self._answer(call) for call in calls]

    def cautions(self, values: Sequence[float], currencies: Collection[str | None]) -> list[Caution]:
        return []

    def _answer(self, call: Call) -> list[Score] | Refusal:
        (history,) = call.histories
        if history.account.account_id in self._strangers:
            fault = Fault(0, ("churns",), "no longer a customer")
            return Refusal("only customers can be scored", [fault])
        assert call.as_of is not None
        return [score(history.account.account_id, call.as_of, self.bundle.version)]


def score(account_id: str, as_of: date = DAY, version: str = "1") -> Score:
    reasons = (
        Reason("nps", "nps_last", 3.0, None, 0.25, True),
        Reason("segment", "account_country", None, "Österreich", -0.125, False),
    )
    return Score(
        account_id=account_id, as_of=as_of, model_version=version, scored_at=START, churn_probability=0.3,
        revenue_365d=1000.0, value=1200.0, currency=None, revenue_at_risk=300.0, expected_profit=45.5,
        best_action="offer", band="at_risk",
        threat=True, base_probability=0.175, reasons=reasons, missing_tables=("loops",), collect=(),
    )  # fmt: skip


def sent(account_id: str, *amounts: float) -> Json:
    """Return an account as a request has it."""
    invoices = [
        {"invoice_id": f"{account_id}-{number}", "invoiced_on": "2025-06-01", "amount": amount}
        for number, amount in enumerate(amounts)
    ]
    return {"account": {"account_id": account_id, "customer_since": "2020-01-01"}, "invoices": invoices}


def names(count: int) -> list[str]:
    return [f"A{number:04d}" for number in range(count)]


def job_of(engine: Engine, accounts: Iterable[Json], principal: str = "local", now: datetime = START) -> Job:
    """Make a job of accounts as they are sent."""
    submitted = [
        Submitted(account["account"]["account_id"] if "account" in account else None, packed_text(json.dumps(account)))
        for account in accounts
    ]
    with writing(engine) as connection:
        return make_job(connection, submitted, principal, DAY, now)


def found(engine: Engine, job: Job) -> list[Finished]:
    """Return what came of all accounts of a job."""
    return [account for chunk in outcomes(engine, job.job_id) for account in chunk]


def runner_of(engine: Engine, predictor: Any, now: Callable[[], datetime] | None = None, **settings: Any) -> JobRunner:
    return JobRunner(engine, lambda: predictor, now=now or Clock(), **settings)


def run_to_the_end(runner: JobRunner) -> int:
    """Let a runner score all that waits; return in how many steps."""
    steps = 0
    while runner.step():
        steps += 1
    return steps
