"""Contracts to renew with the calls on them: the model's and the account manager's, 180 and 90 days before the end.

In: the store. Out: `Renewals` of the newest run, of all accounts or of a manager's.

The model's call of a day is the band of the newest run until then, at risk or safe. The manager's is what was said last
of that run's score: to agree is the same call; `wrong` is another one, and does not say whether the risk is too high or
too low.
Of a contract that ends sooner, the newest run's call stands beside it as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acting_tables import FEEDBACK
from serving.scoring.book_figures import CONTRACTS
from serving.store.figure_tables import FIGURES, read_beside
from serving.store.score_tables import CURRENT, NEWEST_FIRST, RUNS, SCORES, newest_run
from serving.store.whose import Whose

#: Days before the end at which a call stands; 0: the newest run.
STAGES = (180, 90, 0)
#: What a manager says of a score that is a call of its own.
SAID = ("agree", "wrong")
PIECE = 500
#: Reasons for which a run has no estimate of any renewal.
NO_COURSE = ("no_course", "not_estimated")
Outcome = Literal["at_risk", "safe"]
OwnCall = Literal["at_risk", "safe", "wrong"]


@dataclass(frozen=True)
class Call:
    """What a run said of an account, and what somebody said of that.

    Attributes
    ----------
    as_of : date
    model_version : str
    churn_probability : float
    band : str
    said : str or None
        `agree` or `wrong`, the last of these; None where nobody said either.
    """

    as_of: date
    model_version: str
    churn_probability: float
    band: str
    said: str | None

    @property
    def model(self) -> Outcome | None:
        """The model's call; None where too little was known."""
        if self.band == "unknown":
            return None
        return "at_risk" if self.band == "at_risk" else "safe"

    @property
    def manager(self) -> OwnCall | None:
        """The manager's own call, `wrong` where it is only known to be another one; None where nobody said one."""
        if self.said is None or self.model is None:
            return None
        return self.model if self.said == "agree" else "wrong"

    @property
    def disagrees(self) -> bool:
        """Whether the two calls differ."""
        return self.manager is not None and self.manager != self.model


@dataclass(frozen=True)
class Renewal:
    """A contract that is to be renewed.

    Attributes
    ----------
    ends_on : date
        Its signed end.
    value : float
        Annual value.
    overdue : bool
        Whether the end is past and no contract of the account runs.
    stays : float or None
        Probability that the customer is there 30 days after the end; None where there is no estimate.
    calls : mapping of int to Call
        By days before the end, of `STAGES`; none where no run had scored the account by then, or the day is to come.
    """

    account_id: str
    name: str | None
    account_manager: str | None
    contract_id: str
    ends_on: date
    value: float
    overdue: bool
    stays: float | None
    calls: Mapping[int, Call]

    @property
    def expected(self) -> float | None:
        """What of the value is expected to be renewed."""
        return None if self.stays is None else self.value * self.stays

    @property
    def disagreed(self) -> bool:
        """Whether the newest call that a manager said is another one than the model's."""
        said = (self.calls[stage] for stage in sorted(self.calls) if self.calls[stage].manager is not None)
        return next((call.disagrees for call in said), False)


@dataclass(frozen=True)
class Renewals:
    """The newest run's list.

    Attributes
    ----------
    run : mapping
        run_id, as_of, model_version, scored_at, and `model`, the facts about its model.
    currency : str or None
    stored : bool
        Whether the run keeps contracts at all: runs without figures keep none.
    estimates : bool
        Whether the run's model estimates who stays until an end; else no contract has an estimate.
    soon, overdue : sequence of Renewal
        Disagreements first, then by value x probability of being lost, then those without an estimate by value.
    """

    run: Mapping[str, Any]
    currency: str | None
    stored: bool
    estimates: bool
    soon: Sequence[Renewal]
    overdue: Sequence[Renewal]


def read_renewals(connection: Connection, whose: Whose) -> Renewals | None:
    """Return the contracts of the newest run, of managers' accounts or of all (None); None without a run."""
    run = connection.execute(newest_run()).mappings().first()
    if run is None:
        return None
    record = connection.execute(
        sa.select(FIGURES.c.record).where(FIGURES.c.run_id == run["run_id"], FIGURES.c.place == 0)
    ).scalar_one_or_none()
    model = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == run["run_id"])).scalar_one()
    rows = sorted(_with_calls(connection, dict(run), whose), key=_place)
    return Renewals(
        run={**run, "model": model},
        currency=None if record is None else record["currency"],
        stored=record is not None,
        estimates=record is not None and _estimates(record),
        soon=[row for row in rows if not row.overdue],
        overdue=[row for row in rows if row.overdue],
    )


def _estimates(record: Mapping[str, Any]) -> bool:
    reasons = record["figures"].get("renewals_expected_365d", {}).get("reason") or [None]
    return reasons[-1] is None or reasons[-1][0] not in NO_COURSE


def _place(renewal: Renewal) -> tuple[Any, ...]:
    known = renewal.expected is not None
    lost = renewal.value - (renewal.expected or 0.0)
    return (not renewal.disagreed, not known, -lost, renewal.ends_on, renewal.account_id, renewal.contract_id)


def _with_calls(connection: Connection, newest: Mapping[str, Any], whose: Whose) -> Iterator[Renewal]:
    columns = (RUNS.c.run_id, RUNS.c.as_of, RUNS.c.model_version)
    runs = connection.execute(sa.select(*columns).where(CURRENT).order_by(*NEWEST_FIRST)).mappings().all()
    contracts = [
        (row, kept) for row in read_beside(connection, newest["run_id"], CONTRACTS, whose) for kept in row["kept"]
    ]
    asked = [_runs_asked(runs, newest, date.fromisoformat(kept["ends_on"])) for _, kept in contracts]
    wanted: dict[int, set[str]] = defaultdict(set)
    for (row, _), by_stage in zip(contracts, asked, strict=True):
        for run in by_stage.values():
            wanted[run["run_id"]].add(row["account_id"])
    calls = _calls(connection, {run["run_id"]: run for run in runs}, wanted)
    for (row, kept), by_stage in zip(contracts, asked, strict=True):
        mine = {stage: calls.get((run["run_id"], row["account_id"])) for stage, run in by_stage.items()}
        yield Renewal(
            **{name: row[name] for name in ("account_id", "name", "account_manager")},
            **{name: kept[name] for name in ("contract_id", "value", "overdue", "stays")},
            ends_on=date.fromisoformat(kept["ends_on"]),
            calls={stage: call for stage, call in mine.items() if call is not None},
        )


def _runs_asked(runs: Sequence[Any], newest: Mapping[str, Any], ends_on: date) -> dict[int, Any]:
    """Return by stage the run whose call stands then: of the days that have come, the newest run until each."""
    asked = {0: newest}
    for stage in (stage for stage in STAGES if stage):
        day = ends_on - timedelta(days=stage)
        run = next((run for run in runs if run["as_of"] <= day), None)
        if run is not None and day <= newest["as_of"]:
            asked[stage] = run
    return asked


def _calls(
    connection: Connection, runs: Mapping[int, Any], wanted: Mapping[int, Iterable[str]]
) -> dict[tuple[int, str], Call]:
    found = {}
    for run_id, account_ids in wanted.items():
        run = runs[run_id]
        for piece in _pieces(sorted(account_ids)):
            said = _said(connection, run["as_of"], piece)
            columns = (SCORES.c.account_id, SCORES.c.churn_probability, SCORES.c.band)
            which = (SCORES.c.run_id == run_id) & SCORES.c.account_id.in_(piece)
            for row in connection.execute(sa.select(*columns).where(which)):
                found[run_id, row.account_id] = Call(
                    run["as_of"], run["model_version"], row.churn_probability, row.band, said.get(row.account_id)
                )
    return found


def _said(connection: Connection, as_of: date, account_ids: Sequence[str]) -> dict[str, str]:
    """Return the last call that was said of the accounts' scores of a date."""
    which = (FEEDBACK.c.as_of == as_of) & FEEDBACK.c.account_id.in_(account_ids) & FEEDBACK.c.verdict.in_(SAID)
    query = sa.select(FEEDBACK.c.account_id, FEEDBACK.c.verdict).where(which).order_by(FEEDBACK.c.feedback_id)
    return {row.account_id: row.verdict for row in connection.execute(query)}


def _pieces(account_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (account_ids[start : start + PIECE] for start in range(0, len(account_ids), PIECE))
