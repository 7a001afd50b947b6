"""The programme's figures in the store: a record for the whole book and one a manager, and what each account adds.

They belong to a scoring run: they appear with it and go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.database.metadata import AnyText, metadata
from serving.scoring.book_figures import BookFigures, together
from serving.store.ends_table import ENDS, KINDS_OF, accounts_with, ends_of, forget_ends
from serving.store.score_tables import CURRENT, MOVES, RUNS, SCORES, newest_run
from serving.store.whose import Whose, theirs

#: `place` 0 is the whole book, whose `account_manager` is null; a manager's record is of the manager's accounts alone.
#: `listed`: whether the run has `ENDS`; null in runs from before them.
FIGURES = sa.Table(
    "score_figures",
    metadata,
    sa.Column("run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_figures_run"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account_manager", AnyText),
    sa.Column("record", sa.JSON, nullable=False),
    sa.Column("listed", sa.Boolean),
)
#: `figures`: by name what the account adds to each figure that is a sum, where it is not 0.
FIGURE_ACCOUNTS = sa.Table(
    "score_figure_accounts",
    metadata,
    sa.Column(
        "run_id", sa.Integer, sa.ForeignKey("score_runs.run_id", name="score_figure_accounts_run"), primary_key=True
    ),
    sa.Column("account_id", AnyText, primary_key=True),
    sa.Column("account_manager", AnyText),
    sa.Column("name", AnyText),
    sa.Column("figures", sa.JSON, nullable=False),
    sa.Index("score_figure_accounts_by_account", "account_id"),
)
#: Tables that hold rows of a run, beside its scores.
OF_A_RUN = (FIGURES, FIGURE_ACCOUNTS, ENDS, MOVES)
CHUNK = 500


@dataclass(frozen=True)
class StoredFigures:
    """The figures of the newest run for who asks.

    Attributes
    ----------
    run : mapping
        run_id, as_of, model_version, scored_at, and `model`, the facts about its model.
    whole_book : bool
        Whether the record is of the whole book, not of one manager's accounts.
    stored : bool
        Whether the run has figures at all; runs from before them, and runs without, have none.
    record : dict or None
        See `serving.scoring.book_figures.Part`; None where the run has no figures of these accounts.
    """

    run: Mapping[str, Any]
    whole_book: bool
    stored: bool
    record: dict[str, Any] | None


@dataclass(frozen=True)
class Behind:
    """The accounts behind a figure, the largest first; `others` and `others_value` are of those not listed.

    Of each account: account_id, name, account_manager, value, and is_scored, whether the run has a score of it.
    """

    accounts: tuple[Mapping[str, Any], ...]
    others: int
    others_value: float


def pieces(run_id: int, figures: BookFigures) -> Iterator[tuple[sa.Table, list[dict[str, Any]]]]:
    """Yield the rows of a run's figures in pieces, each with its table."""
    for place, part in enumerate(figures.parts):
        row = {"place": place, "account_manager": part.account_manager, "record": part.record, "listed": True}
        yield FIGURES, [{"run_id": run_id, **row}]
    rows = ({"run_id": run_id, **row} for row in figures.by_account())
    while piece := list(islice(rows, CHUNK)):
        yield FIGURE_ACCOUNTS, piece
        if ends := [end for row in piece for end in ends_of(row)]:
            yield ENDS, ends


def read_figures(connection: Connection, whose: Whose, as_of: date | None = None) -> StoredFigures | None:
    """Return the newest run's figures of the whole book (None) or of managers' accounts; None without a run.

    Of several managers' accounts `serving.scoring.book_figures.together` says what is known. With `as_of`, those of the
    newest run of this date.
    """
    run = connection.execute(newest_run(as_of)).mappings().first()
    if run is None:
        return None
    model = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == run["run_id"])).scalar_one()
    mine = FIGURES.c.run_id == run["run_id"]
    stored = connection.execute(sa.select(FIGURES.c.place).where(mine).limit(1)).first() is not None
    which = FIGURES.c.place == 0 if whose is None else theirs(FIGURES.c.account_manager, whose)
    kept = connection.execute(sa.select(FIGURES.c.record).where(mine, which).order_by(FIGURES.c.place)).scalars().all()
    return StoredFigures({**run, "model": model}, whose is None, stored, together(kept) if kept else None)


def managers_with_figures(connection: Connection, run_id: int, whose: Whose) -> list[str]:
    """Return the account managers of whom a run keeps figures, of all (None) or of some, by name."""
    which = (FIGURES.c.run_id == run_id) & (FIGURES.c.place != 0) & theirs(FIGURES.c.account_manager, whose)
    return sorted(
        name for name in connection.execute(sa.select(FIGURES.c.account_manager).where(which)).scalars() if name
    )


def run_dates(connection: Connection) -> list[date]:
    """Return the as-of dates of the current runs, the newest first."""
    dates = sa.select(RUNS.c.as_of).where(CURRENT).distinct().order_by(RUNS.c.as_of.desc())
    return list(connection.execute(dates).scalars())


def read_behind(connection: Connection, run_id: int, figure: str, whose: Whose, limit: int) -> Behind:
    """Return the accounts behind a figure that is a sum, of the whole book or of managers' accounts.

    Parameters
    ----------
    figure : str
        Its name, one of `features.figures.figure.figure_names()`.
    limit : int
        Most accounts that are listed, by falling absolute value.
    """
    value = FIGURE_ACCOUNTS.c.figures[figure].as_float()
    which = (FIGURE_ACCOUNTS.c.run_id == run_id) & value.is_not(None) & theirs(FIGURE_ACCOUNTS.c.account_manager, whose)
    columns = (FIGURE_ACCOUNTS.c.account_id, FIGURE_ACCOUNTS.c.name, FIGURE_ACCOUNTS.c.account_manager)
    mine = (SCORES.c.run_id == FIGURE_ACCOUNTS.c.run_id) & (SCORES.c.account_id == FIGURE_ACCOUNTS.c.account_id)
    is_scored = sa.exists().where(mine).label("is_scored")
    largest = sa.select(*columns, value.label("value"), is_scored).where(which)
    largest = largest.order_by(sa.func.abs(value).desc(), FIGURE_ACCOUNTS.c.account_id).limit(limit)
    rows = connection.execute(largest).mappings().all()
    count, total = connection.execute(sa.select(sa.func.count(), sa.func.sum(value)).where(which)).one()
    listed = sum(row["value"] for row in rows)
    return Behind(tuple(map(dict, rows)), count - len(rows), (total or 0.0) - listed if count > len(rows) else 0.0)


def read_beside(connection: Connection, run_id: int, name: str, whose: Whose) -> list[dict[str, Any]]:
    """Return account_id, name, account_manager and `kept`, what a run keeps of each account beside its figures.

    Parameters
    ----------
    name : str
        Under which it is kept, such as `serving.scoring.book_figures.CONTRACTS`.
    whose : str, sequence of str or None
        Whose accounts; None: all.
    """
    if name in KINDS_OF and has_ends(connection, run_id):
        there = FIGURE_ACCOUNTS.c.account_id.in_(accounts_with(run_id, name, whose))
    else:  # Every account's row is read, and what it holds.
        there = FIGURE_ACCOUNTS.c.figures[name].as_string().is_not(None)
    query = _beside(run_id, name).where(there, theirs(FIGURE_ACCOUNTS.c.account_manager, whose))
    return [dict(row) for row in connection.execute(query.order_by(FIGURE_ACCOUNTS.c.account_id)).mappings()]


def read_beside_of(
    connection: Connection, run_id: int, name: str, account_ids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Return the rows of `read_beside` of some accounts, by id."""
    rows: dict[str, dict[str, Any]] = {}
    asked = iter(sorted(set(account_ids)))
    while piece := list(islice(asked, CHUNK)):
        query = _beside(run_id, name).where(FIGURE_ACCOUNTS.c.account_id.in_(piece))
        rows |= {row["account_id"]: dict(row) for row in connection.execute(query).mappings()}
    return rows


def has_ends(connection: Connection, run_id: int) -> bool:
    """Return whether a run has `ENDS`; one from before them keeps contracts and departures beside the figures alone."""
    listed = sa.select(FIGURES.c.listed).where(FIGURES.c.run_id == run_id, FIGURES.c.place == 0)
    return bool(connection.execute(listed).scalar_one_or_none())


def _beside(run_id: int, name: str) -> sa.Select[Any]:
    columns = (FIGURE_ACCOUNTS.c.account_id, FIGURE_ACCOUNTS.c.name, FIGURE_ACCOUNTS.c.account_manager)
    kept = FIGURE_ACCOUNTS.c.figures[name].label("kept")
    return sa.select(*columns, kept).where(FIGURE_ACCOUNTS.c.run_id == run_id)


def forget_figures(connection: Connection, account_id: str) -> Mapping[str, int]:
    """Remove what an account adds to figures from every run; sums of the book and of managers keep it."""
    forget_ends(connection, account_id)
    gone = connection.execute(sa.delete(FIGURE_ACCOUNTS).where(FIGURE_ACCOUNTS.c.account_id == account_id))
    return {"figures": gone.rowcount}
