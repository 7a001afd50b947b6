"""Contracts to renew with the calls on them: the model's and the account manager's, 180 and 90 days before the end.

In: what a run keeps of contracts, and the store. Out: a `Renewal` of each.

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
from serving.store.score_tables import SCORES

#: Days before the end at which a call stands; 0: the newest run.
STAGES = (180, 90, 0)
#: What a manager says of a score that is a call of its own.
SAID = ("agree", "wrong")
PIECE = 500
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


def with_calls(
    connection: Connection, runs: Sequence[Mapping[str, Any]], contracts: Sequence[tuple[Mapping[str, Any], Any]]
) -> Iterator[Renewal]:
    """Yield contracts with the calls on them, in their order.

    Parameters
    ----------
    runs : sequence of mapping
        The current runs, the newest first: run_id, as_of, model_version. Of the newest are the contracts.
    contracts : sequence of (mapping, mapping)
        The row of its account, see `serving.store.figure_tables.read_beside`, and what is kept of the contract.
    """
    asked = [_runs_asked(runs, date.fromisoformat(kept["ends_on"])) for _, kept in contracts]
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


def _runs_asked(runs: Sequence[Mapping[str, Any]], ends_on: date) -> dict[int, Mapping[str, Any]]:
    """Return by stage the run whose call stands then: of the days that have come, the newest run until each."""
    newest = runs[0]
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
