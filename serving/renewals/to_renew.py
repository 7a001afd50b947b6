"""The contracts of the newest run as lists, of which a page is read and not the whole.

In: the store. Out: `Renewals`, whose lists read what is shown of them. In front stand the contracts on which the
manager's call is another one than the model's. Only the calls say so; but it takes an account of which somebody said
`wrong`, so that the calls of these accounts alone are read for it. All others follow in the order of an index.
Of a run from before this index was kept, all contracts are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Literal, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.acting.acting_tables import FEEDBACK
from serving.renewals.calls import STAGES, Renewal, with_calls
from serving.scoring.book_figures import CONTRACTS
from serving.store.ends_table import ENDS, ends_where
from serving.store.figure_tables import FIGURES, read_beside, read_beside_of
from serving.store.score_tables import CURRENT, NEWEST_FIRST, RUNS
from serving.store.whose import Whose

Kind = Literal["soon", "overdue"]
#: Reasons for which a run has no estimate of any renewal.
NO_COURSE = ("no_course", "not_estimated")
ORDER = (ENDS.c.is_estimated.desc(), ENDS.c.lost.desc(), ENDS.c.ends_on, ENDS.c.account_id, ENDS.c.contract_id)


class Contracts(Protocol):
    """Contracts: disagreements first, then by value x probability of being lost, then those without an estimate."""

    @property
    def total(self) -> int:
        """Their number."""

    @property
    def disagreed(self) -> int:
        """On how many the newest call of a manager is another one than the model's."""

    @property
    def value(self) -> float:
        """The sum of their annual values."""

    def of(self, first: int, count: int) -> Sequence[Renewal]:
        """Return as many, from a place on."""


@dataclass(frozen=True)
class ReadContracts:
    """Contracts that are all read, in their order."""

    rows: Sequence[Renewal]

    @property
    def total(self) -> int:
        """Their number."""
        return len(self.rows)

    @property
    def disagreed(self) -> int:
        """On how many the newest call of a manager is another one than the model's."""
        return sum(row.disagreed for row in self.rows)

    @property
    def value(self) -> float:
        """The sum of their annual values."""
        return sum(row.value for row in self.rows)

    def of(self, first: int, count: int) -> Sequence[Renewal]:
        """Return as many, from a place on."""
        return self.rows[first : first + count]


class StoredContracts:
    """Contracts that are read where they are asked for, while the connection is open.

    Parameters
    ----------
    runs : sequence of mapping
        The current runs, the newest first: of this one are the contracts.
    """

    def __init__(self, connection: Connection, runs: Sequence[Mapping[str, Any]], kind: Kind, whose: Whose) -> None:
        self._connection, self._runs = connection, runs
        self._mine = ends_where(runs[0]["run_id"], kind, whose)

    @property
    def total(self) -> int:
        """Their number."""
        return int(self._sums.total)

    @property
    def disagreed(self) -> int:
        """On how many the newest call of a manager is another one than the model's."""
        return len(self._apart)

    @property
    def value(self) -> float:
        """The sum of their annual values."""
        return float(self._sums.value)

    def of(self, first: int, count: int) -> Sequence[Renewal]:
        """Return as many, from a place on."""
        apart = [renewal for _, renewal in self._apart[first : first + count]]
        others = self._mine
        if self._apart:  # As numbers in the text of the query, of which a database takes more than of parameters.
            end_ids = [end_id for end_id, _ in self._apart]
            others &= ENDS.c.end_id.not_in(sa.bindparam("apart", end_ids, expanding=True, literal_execute=True))
        query = _short(others).order_by(*ORDER).offset(max(0, first - len(self._apart))).limit(count - len(apart))
        return [*apart, *(renewal for _, renewal in self._read(query))]

    @cached_property
    def _sums(self) -> sa.Row[Any]:
        sums = (
            sa.func.count().label("total"),
            sa.func.coalesce(sa.func.sum(ENDS.c.amount), 0.0).label("value"),
            sa.func.min(ENDS.c.ends_on).label("first"),
        )
        return self._connection.execute(sa.select(*sums).where(self._mine)).one()

    @cached_property
    def _apart(self) -> list[tuple[int, Renewal]]:
        """The contracts on which the calls differ, in their order, each with its end_id."""
        if not self.total:
            return []
        said_wrong = sa.select(FEEDBACK.c.account_id).where(FEEDBACK.c.verdict == "wrong")
        oldest = _run_by(self._runs, self._sums.first - timedelta(days=max(STAGES)))
        if oldest is not None:  # No stage of any contract asks a run before it.
            said_wrong = said_wrong.where(FEEDBACK.c.as_of >= oldest["as_of"])
        doubted = self._read(_short(self._mine & ENDS.c.account_id.in_(said_wrong)))
        return sorted((pair for pair in doubted if pair[1].disagreed), key=lambda pair: place_of(pair[1]))

    def _read(self, query: sa.Select[Any]) -> list[tuple[int, Renewal]]:
        """Return contracts with their calls, each with its end_id."""
        ends = self._connection.execute(query).all()
        kept = read_beside_of(self._connection, self._runs[0]["run_id"], CONTRACTS, (end.account_id for end in ends))
        contracts = [(kept[end.account_id], kept[end.account_id]["kept"][end.place]) for end in ends]
        renewals = with_calls(self._connection, self._runs, contracts)
        return [(end.end_id, renewal) for end, renewal in zip(ends, renewals, strict=True)]


@dataclass(frozen=True)
class Renewals:
    """The newest run's lists.

    Attributes
    ----------
    run : mapping
        run_id, as_of, model_version, scored_at, and `model`, the facts about its model.
    currency : str or None
    stored : bool
        Whether the run keeps contracts at all: runs without figures keep none.
    estimates : bool
        Whether the run's model estimates who stays until an end; else no contract has an estimate.
    soon, overdue : Contracts
    """

    run: Mapping[str, Any]
    currency: str | None
    stored: bool
    estimates: bool
    soon: Contracts
    overdue: Contracts


def read_renewals(connection: Connection, whose: Whose) -> Renewals | None:
    """Return the contracts of the newest run, of managers' accounts or of all (None); None without a run."""
    columns = (RUNS.c.run_id, RUNS.c.as_of, RUNS.c.model_version, RUNS.c.scored_at)
    current = connection.execute(sa.select(*columns).where(CURRENT).order_by(*NEWEST_FIRST)).mappings()
    runs = [dict(row) for row in current]
    if not runs:
        return None
    run = runs[0]
    whole = sa.select(FIGURES.c.record, FIGURES.c.listed).where(FIGURES.c.run_id == run["run_id"], FIGURES.c.place == 0)
    figures = connection.execute(whole).first()
    model = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == run["run_id"])).scalar_one()
    soon, overdue = (
        _stored(connection, runs, whose) if figures is not None and figures.listed else _read(connection, runs, whose)
    )
    return Renewals(
        run={**run, "model": model},
        currency=None if figures is None else figures.record["currency"],
        stored=figures is not None,
        estimates=figures is not None and _estimates(figures.record),
        soon=soon,
        overdue=overdue,
    )


def place_of(renewal: Renewal) -> tuple[Any, ...]:
    """Return by what contracts are ordered: `ORDER`, below those on which the calls differ."""
    known = renewal.expected is not None
    lost = renewal.value - (renewal.expected or 0.0)
    return (not renewal.disagreed, not known, -lost, renewal.ends_on, renewal.account_id, renewal.contract_id)


def _stored(
    connection: Connection, runs: Sequence[Mapping[str, Any]], whose: Whose
) -> tuple[StoredContracts, StoredContracts]:
    return StoredContracts(connection, runs, "soon", whose), StoredContracts(connection, runs, "overdue", whose)


def _read(
    connection: Connection, runs: Sequence[Mapping[str, Any]], whose: Whose
) -> tuple[ReadContracts, ReadContracts]:
    """Return all contracts of a run from before there was an index of them."""
    kept = read_beside(connection, runs[0]["run_id"], CONTRACTS, whose)
    contracts = [(row, contract) for row in kept for contract in row["kept"]]
    rows = sorted(with_calls(connection, runs, contracts), key=place_of)
    return ReadContracts([row for row in rows if not row.overdue]), ReadContracts([row for row in rows if row.overdue])


def _estimates(record: Mapping[str, Any]) -> bool:
    reasons = record["figures"].get("renewals_expected_365d", {}).get("reason") or [None]
    return reasons[-1] is None or reasons[-1][0] not in NO_COURSE


def _short(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(ENDS.c.end_id, ENDS.c.account_id, ENDS.c.place).where(which)


def _run_by(runs: Sequence[Mapping[str, Any]], day: date) -> Mapping[str, Any] | None:
    return next((run for run in runs if run["as_of"] <= day), None)
