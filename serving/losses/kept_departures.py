"""Departures as a scoring run keeps them, so that the service reviews losses without the book.

In: departures of the twelve months before a run. Out: the run's figures with them beside the accounts, and departures
again as they are read. They go with the run, and with an account that is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from features.errors import InputError
from features.figures.known import Because, because
from features.figures.programme import YEAR_MONTHS, months_before
from features.recording import recording
from features.tables import Tables
from serving.losses.departures import Departure, Departures
from serving.scoring.book_figures import DEPARTURES, Beside, BookFigures
from serving.store.figure_tables import FIGURES, read_beside, read_beside_of
from serving.store.score_tables import RUNS, newest_run
from serving.store.whose import Whose

#: Where a record of figures says which losses are kept.
LOSSES = "losses"


@dataclass(frozen=True)
class Period:
    """The twelve months before the newest run, whose losses it keeps.

    Attributes
    ----------
    run_id : int
    as_of : date
    first : date
        First day of the period before it.
    currency : str or None
    why : Because or None
        Why no losses are kept; None where they are, or there were none.
    model_version : str
    model : mapping
        The facts about the run's model.
    """

    run_id: int
    as_of: date
    first: date
    currency: str | None
    why: Because | None
    model_version: str
    model: Mapping[str, Any]


def with_departures(figures: BookFigures, tables: Tables, as_of: date) -> BookFigures:
    """Return a run's figures with the departures of the twelve months before it, or why there are none."""
    book = recording(tables, as_of).book
    first = max(months_before(as_of, YEAR_MONTHS), as_of if book is None else book.first)
    left: tuple[Beside, ...] = ()
    try:
        left, why = (Beside(DEPARTURES, Departures(tables, first, as_of), _plain),), None
    except InputError:
        why = ["missing", {"table": "churns"}]
    said = {LOSSES: {"first": first.isoformat(), "reason": why}}
    parts = tuple(replace(part, record=part.record | said) for part in figures.parts)
    return replace(figures, parts=parts, beside=(*figures.beside, *left))


def read_period(connection: Connection) -> Period | None:
    """Return of what period the newest run keeps losses; None without a run."""
    run = connection.execute(newest_run()).mappings().first()
    if run is None:
        return None
    whole = (FIGURES.c.run_id == run["run_id"]) & (FIGURES.c.place == 0)
    record = connection.execute(sa.select(FIGURES.c.record).where(whole)).scalar_one_or_none() or {}
    facts = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == run["run_id"])).scalar_one()
    said, of_run = record.get(LOSSES), {"run_id": run["run_id"], "as_of": run["as_of"], "model": facts}
    of_run |= {"model_version": run["model_version"], "currency": record.get("currency")}
    if said is None:
        return Period(**of_run, first=run["as_of"], why=because("not_stored"))
    code = said["reason"]
    why = None if code is None else because(code[0], **code[1])
    return Period(**of_run, first=date.fromisoformat(said["first"]), why=why)


def read_left(connection: Connection, period: Period, whose: Whose) -> list[Departure]:
    """Return who left in a period by account, of managers' accounts or of all (None)."""
    if period.why is not None:
        return []
    rows = read_beside(connection, period.run_id, DEPARTURES, whose)
    return [_departure(row["account_id"], kept) for row in rows for kept in row["kept"]]


def read_left_at(connection: Connection, period: Period, places: Sequence[tuple[str, int]]) -> list[Departure]:
    """Return some departures by account and place, see `serving.store.ends_table.ENDS`."""
    rows = read_beside_of(connection, period.run_id, DEPARTURES, (account_id for account_id, _ in places))
    return [_departure(account_id, rows[account_id]["kept"][place]) for account_id, place in places]


def _plain(departure: Departure) -> dict[str, Any]:
    return {
        "name": departure.name, "account_manager": departure.account_manager,
        "ended_on": departure.ended_on.isoformat(), "reason": departure.reason, "returned": departure.returned,
        "revenue": departure.revenue, "facts": {str(days): dict(facts) for days, facts in departure.facts.items()},
    }  # fmt: skip


def _departure(account_id: str, kept: dict[str, Any]) -> Departure:
    own = {
        "account_id": account_id, "ended_on": date.fromisoformat(kept["ended_on"]),
        "facts": {int(days): facts for days, facts in kept["facts"].items()},
    }  # fmt: skip
    return Departure(**(kept | own))
