"""A page of the newest run, highest revenue at risk or another figure first; a cursor stays with that run.

The cursor is opaque to its holder: it has the run, the last score's place and a digest of the filters, in base64. It
grants no access: the service checks the caller's rights with every page. A run that has not been the newest for long
can no longer be paged through, although the store keeps it as history: its accounts may have other managers by now.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from hashlib import sha256
from math import isfinite
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from serving.errors import CursorInvalid, PageGone
from serving.scoring.scores import ScoreSummary
from serving.store.score_tables import KEPT, RUNS, SCORES, ends_on, newest_run, score_of, shown_in_lists
from serving.store.searching import folded, holds
from serving.store.whose import Whose, names_of, theirs, unmanaged
from serving.words.formats import Lang

Sort = Literal["revenue_at_risk", "churn_probability", "expected_profit", "revenue_365d", "contract_ends_on"]
#: The list's usual order; an index has it.
USUAL: Sort = "revenue_at_risk"
#: The order that rises, by days; who has none stands last.
BY_END: Sort = "contract_ends_on"
DAMAGED = "the cursor is damaged; send it as `next_cursor` gave it"
#: The greatest number of a run in SQLite and PostgreSQL.
GREATEST_RUN = 2**31 - 1


@dataclass(frozen=True)
class Filters:
    """The filters of a list, None: no filter; and the figure by which it falls, or the day by which it rises."""

    band: str | None
    account_manager: Whose
    threat: bool | None
    unmanaged: bool | None = None
    search: str = ""
    sort: Sort = USUAL

    def condition(self, columns: Any) -> sa.ColumnElement[bool]:
        """Return the filters as SQL over the columns of scores."""
        filters = {"band": self.band, "threat": self.threat}
        others = [columns[name] == value for name, value in filters.items() if value is not None]
        others += [holds(columns, self.search)] if self.search else []
        nobodys = sa.true() if self.unmanaged is None else unmanaged(columns.account_manager) == self.unmanaged
        return sa.and_(theirs(columns.account_manager, self.account_manager), nobodys, *others)

    def digest(self) -> str:
        """Return a digest of the filters, which does not reveal the account managers."""
        names = names_of(self.account_manager)
        whose = sorted(names) if names is not None and len(names) > 1 else names and names[0]
        # A list without the newest filters has the digest that it had before there was one.
        newest: list[Any] = [] if self.unmanaged is None else [self.unmanaged]
        newest += [folded(self.search)] if self.search else []
        newest += [{"sort": self.sort}] if self.sort != USUAL else []
        return sha256(json.dumps([self.band, whose, self.threat, *newest]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Cursor:
    """The place after a score in one run's list; `figure` is that of the list's order, of a day its ordinal."""

    run_id: int
    figure: float
    account_id: str
    filters: str

    def token(self) -> str:
        """Return the cursor as text that a URL may hold."""
        fields = [self.run_id, self.figure, self.account_id, self.filters]
        return urlsafe_b64encode(json.dumps(fields, ensure_ascii=False).encode()).decode().rstrip("=")

    @classmethod
    def of(cls, token: str) -> Cursor:
        """Return the cursor of a token; raises CursorInvalid."""
        try:
            fields = json.loads(urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4)))
            cursor = cls(*fields)
            sound = cursor._is_sound() and cursor.token() == token
        except (ValueError, TypeError, RecursionError):
            sound = False
        if not sound:
            raise CursorInvalid(DAMAGED)
        return cursor

    def after(self, columns: Any, sort: Sort) -> sa.ColumnElement[bool]:
        """Return the SQL condition for the scores after the cursor, over the columns of scores."""
        if sort == BY_END:
            place, day = ends_on(columns), self._day()
            return (place >= day) & ((place > day) | (columns.account_id > self.account_id))
        tied = (columns[sort] == self.figure) & (columns.account_id > self.account_id)
        return (columns[sort] <= self.figure) & ((columns[sort] < self.figure) | tied)

    def _day(self) -> date:
        try:
            return date.fromordinal(int(self.figure))
        except (ValueError, OverflowError):
            raise CursorInvalid(DAMAGED) from None

    def _is_sound(self) -> bool:
        texts = isinstance(self.account_id, str) and isinstance(self.filters, str)
        numbers = type(self.run_id) is int and type(self.figure) is float and isfinite(self.figure)
        return texts and numbers and 0 < self.run_id <= GREATEST_RUN


@dataclass(frozen=True, slots=True)
class Listed(ScoreSummary):
    """One score of a list, with the account's name, its manager, its weightiest reasons and its standing."""

    name: str | None
    account_manager: str | None
    reason_1: str | None
    reason_2: str | None
    reason_3: str | None
    unheard_180d: bool | None
    renewals_due_90d: float | None
    contract_ends_on: date | None

    def figure(self, sort: Sort) -> float:
        """Return the figure by which a list falls; of a list that rises by days, the day's ordinal."""
        if sort == BY_END:
            return float((self.contract_ends_on or date.max).toordinal())
        return float(getattr(self, sort))


LISTED = tuple(field.name for field in fields(Listed))
#: Columns that make a row's name and reasons: of an old row, from before the store kept these, and in a language in
#: which it does not keep them. They are long, so only such rows are read with them.
LONG = ("reasons", "missing_tables", "collect", "evidence")


@dataclass(frozen=True)
class Page:
    """Some scores of one run.

    Attributes
    ----------
    as_of, model_version : date and str, or None
        As-of date and model version of the run; None when no run is published.
    rows : tuple of Listed
        The scores in the list's order, then by account_id.
    next : str or None
        The cursor of the page that follows; None after the last.
    model : mapping
        The facts about the model, as the run keeps them; empty when no run is published.
    """

    as_of: date | None
    model_version: str | None
    rows: tuple[Listed, ...]
    next: str | None
    model: Mapping[str, Any] = field(default_factory=dict)


def read_page(
    connection: Connection, filters: Filters, limit: int, after: str | None, since: datetime, lang: Lang = KEPT
) -> Page:
    """Return a page of the newest run, or of the cursor's run.

    Parameters
    ----------
    limit : int
        Maximum number of scores of the page.
    after : str or None
        The cursor's token; None for the first page.
    since : datetime
        The cursor's run must have been the newest until this instant or later.
    lang : 'de' or 'en'
        The language of the reasons; the store keeps them in English and tells them anew in another one.

    Raises
    ------
    CursorInvalid, PageGone
    """
    cursor = Cursor.of(after) if after is not None else None
    if cursor is not None and cursor.filters != filters.digest():
        raise CursorInvalid("the cursor belongs to a list with other filters; leave it out to begin anew")
    run = _run(connection, cursor, since)
    if run is None:
        return Page(None, None, (), None)
    which = _chosen(run.run_id, filters, cursor, limit + 1)
    query = _listed_where(which, lang).order_by(*_order(SCORES.c, filters.sort)).limit(limit + 1)
    listed = connection.execute(query).mappings().all()
    rows = tuple(_listed(row, lang) for row in listed[:limit])
    model = connection.execute(sa.select(RUNS.c.model).where(RUNS.c.run_id == run.run_id)).scalar_one()
    more = None
    if len(listed) > limit:
        last = rows[-1]
        more = Cursor(run.run_id, last.figure(filters.sort), last.account_id, filters.digest()).token()
    return Page(run.as_of, run.model_version, rows, more, model)


def _order(columns: Any, sort: Sort) -> tuple[sa.ColumnElement[Any], ...]:
    return (ends_on(columns) if sort == BY_END else columns[sort].desc(), columns.account_id)


def _chosen(run_id: int, filters: Filters, cursor: Cursor | None, most: int) -> sa.ColumnElement[bool]:
    """Return which scores a page has.

    The usual order is that of an index. Another one, or a search, looks at all accounts: in an index with what lists
    need, since a row carries all its evidence along.
    """
    usual = filters.sort == USUAL and not filters.search
    listed = SCORES if usual else SCORES.alias("chosen")
    which = (listed.c.run_id == run_id) & filters.condition(listed.c)
    if cursor is not None:
        which &= cursor.after(listed.c, filters.sort)
    if usual:
        return which
    # Of the sum no index has the order: SQLite would go through the long rows by the one that has the figure's.
    order = _order(listed.c, filters.sort)
    if filters.sort != BY_END:
        order = ((listed.c[filters.sort] + 0.0).desc(), listed.c.account_id)
    chosen = sa.select(listed.c.account_id).where(which).order_by(*order).limit(most)
    return (SCORES.c.run_id == run_id) & SCORES.c.account_id.in_(chosen)


def _listed_where(which: sa.ColumnElement[bool], lang: Lang) -> sa.Select[Any]:
    anew = SCORES.c.reason_1.is_(None) if lang == KEPT else sa.true()
    long = (sa.case((anew, SCORES.c[name])).label(name) for name in LONG)
    return sa.select(*(SCORES.c[name] for name in LISTED), *long).where(which)


def _listed(row: sa.RowMapping, lang: Lang) -> Listed:
    kept = lang == KEPT and row["reason_1"] is not None
    shown = {} if kept else shown_in_lists(score_of(dict(row)), row["evidence"], lang)
    return Listed(**{name: row[name] for name in LISTED} | shown)


def _run(connection: Connection, cursor: Cursor | None, since: datetime) -> sa.Row[Any] | None:
    newest = connection.execute(newest_run()).first()
    if cursor is None or (newest is not None and newest.run_id == cursor.run_id):
        return newest
    pinned = sa.select(RUNS).where(RUNS.c.run_id == cursor.run_id, RUNS.c.published_at.is_not(None))
    run = connection.execute(pinned).first()
    if run is None or _newest_until(connection, run) < since:
        raise PageGone("the scores that this cursor goes through are no longer kept; leave it out to begin anew")
    return run


def _newest_until(connection: Connection, run: sa.Row[Any]) -> datetime:
    """Return when a run stopped being the newest: it was replaced, or another followed."""
    place = (RUNS.c.as_of, RUNS.c.scored_at, RUNS.c.run_id)
    own = (sa.literal(getattr(run, column.name), column.type) for column in place)
    later = RUNS.c.published_at.is_not(None) & (sa.tuple_(*place) > sa.tuple_(*own))
    followed = connection.execute(sa.select(sa.func.min(RUNS.c.published_at)).where(later)).scalar_one()
    return min(at for at in (run.replaced_at, followed) if at is not None)
