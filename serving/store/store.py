"""`ScoreStore`: the interface of the score store; other modules of the package write, page and remove runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from features.errors import AccountUnknown, ChurnRiskError
from serving.clock import utc_now
from serving.database.engine import open_database, reading
from serving.database.holds import holding
from serving.scoring.book_figures import BookFigures
from serving.scoring.cautions import Caution, aged
from serving.scoring.movement import BundleOf
from serving.scoring.scores import PastScore, Score
from serving.store.book_movement import BookMovement
from serving.store.figure_tables import Behind, StoredFigures, read_behind, read_figures
from serving.store.left_since import NEWEST, left_since
from serving.store.open_run import OpenRun
from serving.store.pages import USUAL, Filters, Page, Sort, read_page
from serving.store.runs import PublicationHook, RunWriter
from serving.store.score_retention import Purged, purge
from serving.store.score_tables import CURRENT, KEPT, NEWEST_FIRST, RUNS, SCORES, newest_run, score_of
from serving.store.whose import Whose, theirs
from serving.words.formats import Lang

DAY = timedelta(days=1)
#: How long an unfinished run is kept for the command that goes on with it.
RESUMABLE = timedelta(days=2)


@dataclass(frozen=True)
class Stored:
    """One stored score, and everything else that a report needs.

    Attributes
    ----------
    score : Score
        The latest score: greatest as_of, then scored_at.
    history : tuple of PastScore
        Every stored score of the account, oldest first.
    evidence : dict
        See `serving.scoring.evidence`.
    model : dict
        Facts about the model at the time of the score: version, slices, rule, grade, reference figures, metrics.
    account_manager : str or None
        The account's manager at the time of the score.
    left : Caution or None
        That the newest run has no score of the account, and when it left, if known; None where the score is that run's.
    """

    score: Score
    history: tuple[PastScore, ...]
    evidence: dict[str, Any]
    model: dict[str, Any]
    account_manager: str | None
    left: Caution | None = None

    def cautions(self, today: date) -> list[Caution]:
        """Return what to know of it on a day: that the account has left, that the score is old."""
        return [*([] if self.left is None else [self.left]), *aged(self.score.as_of, today)]


class ScoreStore:
    """Scores in a database.

    Parameters
    ----------
    url : str
        SQLAlchemy address; the store makes the folder of an SQLite file if it does not exist.
    on_publish : sequence of callables
        The transaction that publishes a run calls each with the connection and the `PublishedRun`. So what it writes
        exists exactly when the run is published. When it raises, the run is not published.
    keep_replaced : timedelta
        How long the store keeps a run that is no longer the newest, for callers who page through it.
    now : callable
        The clock for publishing, replacing and purging.

    Every method may raise `serving.errors.StoreUnavailable`.
    """

    def __init__(
        self,
        url: str,
        on_publish: Sequence[PublicationHook] = (),
        keep_replaced: timedelta = DAY,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.url = url
        self._engine = open_database(url)
        self._on_publish, self._keep_replaced, self._now = tuple(on_publish), keep_replaced, now

    def write(
        self,
        scores: Iterable[Score],
        evidence: Mapping[str, dict[str, Any]],
        model: Mapping[str, Any],
        as_of: date,
        scored_at: datetime,
        figures: BookFigures | None = None,
        bundle_of: BundleOf | None = None,
    ) -> int:
        """Store one scoring run, which replaces that of the same as-of date and version; return the row count.

        Purges earlier runs first. Raises RunLost, InputError.

        Parameters
        ----------
        evidence : mapping of str to dict
            Each account's evidence, by account id; see `serving.scoring.evidence`.
        model : mapping
            Facts about the model, as `Stored.model` has them.
        figures : BookFigures, optional
            The programme's figures of the book.
        bundle_of : callable, optional
            Gives the bundle of a version or None, to tell what moved the book since the run before. Without it, what
            another model moved is not told apart.
        """
        with self.writing_run(model, as_of, scored_at, bundle_of=bundle_of) as run:
            run.add(scores, evidence)
            if figures is not None:
                run.add_figures(figures)
            return run.publish().accounts

    @contextmanager
    def writing_run(
        self,
        model: Mapping[str, Any],
        as_of: date,
        scored_at: datetime,
        fingerprint: str | None = None,
        bundle_of: BundleOf | None = None,
    ) -> Iterator[OpenRun]:
        """Open a scoring run for a block that adds scores to it and publishes it. Purges earlier runs first.

        Parameters
        ----------
        model, as_of, scored_at, bundle_of
            As `write` has them.
        fingerprint : str, optional
            What the run is made of. With it, the scores that were added stay if the block fails or the process dies,
            and the next run with the same fingerprint goes on with them. Without it, nothing stays.

        Raises
        ------
        RunLost
            When the process loses its hold on the run.
        """
        self.purge()
        name = uuid4().hex
        with holding(self._engine, name):
            run = None if fingerprint is None else RunWriter.resume(self._engine, name, fingerprint, self._now())
            if run is None:
                run = RunWriter.begin(self._engine, name, model, as_of, scored_at, self._now(), fingerprint)
            try:
                moved = BookMovement(self._engine, as_of, bundle_of or _no_bundle)
                yield OpenRun(run, moved, self._on_publish, self._now)
            except BaseException:
                if fingerprint is None:
                    with suppress(ChurnRiskError):  # If the removal fails, the next writer removes the run.
                        run.drop()
                raise

    def demand_seen(self, account_id: str, whose: Whose) -> None:
        """Raise AccountUnknown unless an account's latest score is one of some account managers' accounts.

        It asks the same whether there is no such account or somebody else has it, and loads nothing of either.
        """
        mine = CURRENT & (SCORES.c.account_id == account_id)
        manager = sa.select(SCORES.c.account_manager).join(RUNS).where(mine).order_by(*NEWEST_FIRST).limit(1)
        seen = sa.select(sa.literal(1)).where(theirs(manager.scalar_subquery(), whose))
        with reading(self._engine) as connection:
            if connection.execute(seen).first() is None:
                raise unknown(account_id)

    def latest(self, account_id: str) -> Stored:
        """Return an account's latest score with history, evidence and model; raises AccountUnknown."""
        mine = CURRENT & (SCORES.c.account_id == account_id)
        query = sa.select(SCORES, RUNS.c.model, NEWEST).join(RUNS).where(mine).order_by(*NEWEST_FIRST).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().first()
            if row is None:
                raise unknown(account_id)
            history = connection.execute(_history(mine)).mappings().all()
            newest, score = row["newest_run_id"], score_of(dict(row))
            left = None if newest == row["run_id"] else left_since(connection, account_id, newest, score.as_of)
        past = tuple(PastScore(**row) for row in history)
        return Stored(score, past, row["evidence"], row["model"], row["account_manager"], left)

    def page(
        self,
        band: str | None = None,
        account_manager: Whose = None,
        threat: bool | None = None,
        limit: int = 50,
        after: str | None = None,
        lang: Lang = KEPT,
        unmanaged: bool | None = None,
        search: str = "",
        sort: Sort = USUAL,
    ) -> Page:
        """Return scores of the newest run, highest revenue at risk or another figure first, ties by account_id.

        Parameters
        ----------
        band, account_manager, threat, unmanaged, search : optional
            Filters of the list; `search` is a part of a name or an id.
        limit : int
            Maximum number of scores of the page.
        after : str or None
            The `next` of the page before, from a call with the same filters. All pages are of one run, even when other
            runs are written in between.
        lang : 'de' or 'en'
            The language of the reasons.
        sort : str
            The figure by which the list falls.

        Raises
        ------
        CursorInvalid
            When `after` is damaged or belongs to other filters.
        PageGone
            When its run is no longer kept, or has not been the newest for as long as replaced runs are kept.
        """
        with reading(self._engine) as connection:
            since = self._now() - self._keep_replaced
            filters = Filters(band, account_manager, threat, unmanaged, search, sort)
            return read_page(connection, filters, limit, after, since, lang)

    def account_managers(self) -> list[str]:
        """Return the account managers of the newest run, in their order; none without a run."""
        with reading(self._engine) as connection:
            run = connection.execute(newest_run()).first()
            mine = SCORES.c.run_id == (None if run is None else run.run_id)
            names = sa.select(SCORES.c.account_manager).where(mine, SCORES.c.account_manager.is_not(None)).distinct()
            return sorted(connection.execute(names).scalars())

    def figures(self, whose: Whose = None) -> StoredFigures | None:
        """Return the newest run's figures, of the whole book or of managers' accounts; None without a run."""
        with reading(self._engine) as connection:
            return read_figures(connection, whose)

    def behind(self, run_id: int, figure: str, whose: Whose, limit: int) -> Behind:
        """Return the accounts behind a figure that is a sum; see `read_behind`."""
        with reading(self._engine) as connection:
            return read_behind(connection, run_id, figure, whose, limit)

    def purge(self, keep: timedelta | None = None) -> Purged:
        """Remove runs that dead writers left, runs replaced long enough ago, and runs scored longer ago than `keep`.

        An unfinished run that can be gone on with stays for `RESUMABLE`.
        """
        now = self._now()
        scored_before = None if keep is None else now - keep
        return purge(self._engine, now - self._keep_replaced, scored_before, now - RESUMABLE)

    @property
    def engine(self) -> Engine:
        """The engine of the database, for the other tables in it."""
        return self._engine

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def unknown(account_id: str) -> AccountUnknown:
    """Return the error for an account without a score, or one that the caller may not see."""
    return AccountUnknown(f"there is no score of account {account_id!r}")


def _history(mine: sa.ColumnElement[bool]) -> sa.Select[Any]:
    columns = (SCORES.c[field.name] for field in fields(PastScore))
    oldest_first = (RUNS.c.as_of, RUNS.c.scored_at, RUNS.c.run_id)
    return sa.select(*columns).join(RUNS).where(mine).order_by(*oldest_first)


def _no_bundle(version: str) -> None:
    return None
