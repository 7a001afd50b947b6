"""Where `score` puts scores: into the store, with evidence, or into a file. Either goes on with a run that was killed.

A target takes the scores chunk by chunk, in the order of the account ids, and shows them all at once when it is
published. `done` says how many an earlier run of the same command has left, `finished` what is kept of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from features.console import Step, say
from features.errors import ChurnRiskError
from features.figures.estimates import Estimates
from features.freshness import Freshness
from features.tables import Tables
from serving.losses.kept_departures import with_departures
from serving.scoring.book_figures import BookFigures, book_figures
from serving.scoring.book_scoring import CONTRACTION, KEPT, BookScoring, ScoredBook, kept_of
from serving.scoring.cautions import stale
from serving.scoring.evidence_pieces import piece_of_evidence
from serving.scoring.kept_estimates import estimates_of
from serving.scoring.lapsed import KEY, lapsed
from serving.scoring.model_facts import model_facts
from serving.scoring.movement import BundleOf
from serving.scoring.score_files import ScoreFile, score_file
from serving.scoring.scoring import Scored
from serving.settings import ServiceSettings
from serving.store import OpenRun, ScoreStore
from serving.webhooks.outbox import Outbox
from training.bundle.bundle import Bundle
from training.database_address import shown
from training.lifetime_terms import LifetimeTerms


class Target(Protocol):
    """Where scores go."""

    @property
    def done(self) -> int:
        """Return the number of scores that are there."""

    @property
    def scored_at(self) -> datetime:
        """Return when the run was scored."""

    def finished(self) -> pd.DataFrame:
        """Return what is kept of the scores that are there, in columns as `kept_of` has them."""

    def add(self, scored: Scored) -> None:
        """Take the next chunk."""

    def estimates(self, bundle: Bundle) -> Estimates | None:
        """Return what is estimated of the accounts that are there, for the figures of what is to come."""

    def add_figures(self, figures: BookFigures) -> None:
        """Take the programme's figures of the book."""

    def publish(self, book: ScoredBook) -> None:
        """Show all scores at once."""


@dataclass(frozen=True)
class FileTarget:
    """A file."""

    file: ScoreFile

    @property
    def done(self) -> int:
        """Return the number of scores that are there."""
        return self.file.done

    @property
    def scored_at(self) -> datetime:
        """Return when the run was scored."""
        return self.file.scored_at

    def finished(self) -> pd.DataFrame:
        """Return what is kept of the scores that are there."""
        return self.file.finished()

    def add(self, scored: Scored) -> None:
        """Take the next chunk."""
        self.file.add(scored.rows(), kept_of(scored))

    def estimates(self, bundle: Bundle) -> Estimates | None:
        """Return nothing: a file holds no figures that would need it."""
        return None

    def add_figures(self, figures: BookFigures) -> None:
        """Leave them out: a file holds scores only."""

    def publish(self, book: ScoredBook) -> None:
        """Show all scores at once."""
        self.file.publish()


@dataclass(frozen=True)
class StoreTarget:
    """A run of the score store, with the evidence of its accounts and the facts that stand beside it."""

    run: OpenRun
    tables: Tables
    as_of: date
    ages: Mapping[str, Freshness]
    terms: LifetimeTerms

    @property
    def done(self) -> int:
        """Return the number of scores that are there."""
        return self.run.done

    @property
    def scored_at(self) -> datetime:
        """Return when the run was scored."""
        return self.run.scored_at

    def finished(self) -> pd.DataFrame:
        """Return what is kept of the scores that are there."""
        columns = [name for name in KEPT if name != CONTRACTION]
        pieces = chain([[]], self.run.stored(columns, [CONTRACTION]))  # None where all were forgotten meanwhile.
        return pd.concat([pd.DataFrame(rows, columns=list(KEPT)).astype(KEPT) for rows in pieces], ignore_index=True)

    def add(self, scored: Scored) -> None:
        """Take the next chunk, with its evidence, and with who has left already by the model's rule."""
        accounts = scored.matrix.keys["account_id"].to_list()
        evidence = piece_of_evidence(self.tables, accounts, self.as_of, scored.outlooks())
        scores = list(scored.rows())
        for score in scores:
            if gone := lapsed(score, evidence[score.account_id], scored.bundle):
                evidence[score.account_id][KEY] = gone
        self.run.add(scores, evidence)

    def estimates(self, bundle: Bundle) -> Estimates | None:
        """Return what the outlooks of the stored scores say."""
        return estimates_of(self.run.outlooks(), self.as_of, bundle)

    def add_figures(self, figures: BookFigures) -> None:
        """Store the programme's figures with the run."""
        self.run.add_figures(figures)

    def publish(self, book: ScoredBook) -> None:
        """Show all scores at once, with how old the tables were beside the facts of the model."""
        said = [caution.as_dict() for caution in (*book.cautions(), *stale(self.ages))]
        self.run.publish(_facts(book.bundle, self.ages, self.terms) | {"cautions": said})


@contextmanager
def into_file(path: Path, fingerprint: str, raw_csv: bool) -> Iterator[FileTarget]:
    """Open a file for scores; see `score_file`."""
    with score_file(path, fingerprint, raw_csv) as file:
        yield FileTarget(file)


@contextmanager
def into_store(
    settings: ServiceSettings,
    tables: Tables,
    as_of: date,
    bundle: Bundle,
    ages: Mapping[str, Freshness],
    fingerprint: str,
    bundle_of: BundleOf,
) -> Iterator[StoreTarget]:
    """Open a run of the score store, whose publication writes the events of its accounts."""
    kept = timedelta(hours=settings.replaced_hours)
    store = ScoreStore(settings.scores_url, (Outbox(settings).publish,), kept)
    try:
        with store.writing_run(
            _facts(bundle, ages, settings.lifetime), as_of, datetime.now(UTC), fingerprint, bundle_of
        ) as run:
            yield StoreTarget(run, tables, as_of, ages, settings.lifetime)
    finally:
        store.close()


def where(settings: ServiceSettings, out: Path | None) -> str:
    """Return what is said of the place: the file, or the store's address without its password."""
    return shown(settings.scores_url) if out is None else str(out)


def _facts(bundle: Bundle, ages: Mapping[str, Freshness], terms: LifetimeTerms) -> dict[str, Any]:
    fresh = {name: age.as_dict() for name, age in ages.items()}
    return model_facts(bundle) | {"level": bundle.level.as_dict(), "freshness": fresh, "lifetime": asdict(terms)}


def score_into(
    target: Target,
    scoring: BookScoring,
    tables: Tables,
    bundle: Bundle,
    step: Step,
    figures: Callable[[Estimates | None], BookFigures] | None,
) -> ScoredBook:
    """Score what is not there yet, publish all, and return what is said of the whole."""
    pieces = [target.finished()] if target.done else []
    if target.done:
        say(f"going on after the {target.done:,} of {len(scoring):,} accounts that an earlier run has scored")
    step("scoring", target.done, len(scoring))
    for scored in scoring.chunks(target.done, target.scored_at):
        target.add(scored)
        pieces.append(kept_of(scored))
        step("scoring", target.done, len(scoring))
    book = ScoredBook.of(tables, bundle, pieces)
    if figures is not None:
        step("computing figures", 0, 1)
        made = figures(target.estimates(bundle))
        target.add_figures(made)
        book = replace(book, lifetime=made.lifetime())
    target.publish(book)
    return book


def figures_of(tables: Tables, as_of: date, scored: Estimates | None) -> BookFigures:
    """Return what a run keeps of the whole book: the programme's figures, and the losses of the year before."""
    return with_departures(book_figures(tables, as_of, scored), tables, as_of)


def bundles(settings: ServiceSettings, own: Bundle) -> BundleOf:
    """Return what gives the bundle of a version to compare with, or None where the registry does not have it."""
    from training.registry.tracking import fetch

    @cache
    def bundle_of(version: str) -> Bundle | None:
        if version == own.version:
            return own
        try:
            return fetch(settings, version)
        except ChurnRiskError as error:
            say(f"what another model moved since the run before is not told apart: {error}")
            return None

    return bundle_of


def code() -> str:
    """Return a checksum of the code: what one version began is not gone on with by another."""
    import features
    import serving
    import training
    from features.batch.part_files import code_of

    return code_of(features, training, serving)
