"""What is read back of a run of the store that a killed command has begun."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pandas as pd
import pytest
from support.stored import MODEL, opened

from features.tables import Tables
from serving.cli.score_targets import StoreTarget
from serving.run.forgetting import forget
from serving.scoring.book_scoring import BookScoring, ScoredBook, kept_of
from serving.store import ScoreStore
from training.bundle.bundle import Bundle
from training.lifetime_terms import LifetimeTerms

AT, MADE_OF = datetime(2026, 3, 1, 5, tzinfo=UTC), "made of this"


def finished(store: ScoreStore, book: Tables, as_of: date, done: int) -> pd.DataFrame:
    """Return what is kept of a begun run, which stays unfinished."""
    with pytest.raises(KeyboardInterrupt), store.writing_run(MODEL, as_of, AT, MADE_OF) as run:
        assert run.done == done
        kept = StoreTarget(run, book, as_of, {}, LifetimeTerms()).finished()
        raise KeyboardInterrupt
    return kept


def test_what_is_read_back_is_what_was_scored_but_for_the_forgotten(
    database_url: str, book: Tables, as_of: date, bundle: Bundle
) -> None:
    """Also where nothing is left: it has the same kinds, so that the rest joins it as if nothing had been there."""
    with BookScoring(book, as_of, bundle, chunk=5) as scoring, opened(database_url) as store:
        chunks = scoring.chunks(0, AT)
        first, second = next(chunks), next(chunks)
        with pytest.raises(KeyboardInterrupt), store.writing_run(MODEL, as_of, AT, MADE_OF) as run:
            StoreTarget(run, book, as_of, {}, LifetimeTerms()).add(first)
            raise KeyboardInterrupt
        pd.testing.assert_frame_equal(finished(store, book, as_of, 5), kept_of(first), check_dtype=False)
        for account_id in first.matrix.keys["account_id"]:
            forget(store.engine, account_id)
        nothing = finished(store, book, as_of, 5)
        assert len(nothing) == 0
        alone, joined = (
            ScoredBook.of(book, bundle, pieces) for pieces in ([kept_of(second)], [nothing, kept_of(second)])
        )
        pd.testing.assert_frame_equal(joined.frame, alone.frame)
        assert replace(joined, frame=alone.frame) == alone and joined.loss() == alone.loss()
        assert ScoredBook.of(book, bundle, [nothing]).loss().expected == 0
