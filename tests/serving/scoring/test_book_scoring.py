"""A book that is scored in chunks, from any row on, and into a file that a killed run has begun."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.tables import Tables
from serving.scoring.book_scoring import CONTRACTION, BookScoring, ScoredBook, kept_of
from serving.scoring.score_files import ScoreFile, score_file, write_scores
from serving.scoring.scoring import Scored, score_book
from training.bundle.bundle import Bundle

AT = datetime(2026, 3, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def scoring(book: Tables, as_of: date, bundle: Bundle) -> Iterator[BookScoring]:
    with BookScoring(book, as_of, bundle, chunk=70) as made:
        yield made


@pytest.fixture(scope="module")
def whole(book: Tables, as_of: date, bundle: Bundle) -> Scored:
    return replace(score_book(book, as_of, bundle), scored_at=AT)


@pytest.mark.parametrize("start", [0, 1, 130])
def test_chunks_from_any_row_on_are_the_whole(scoring: BookScoring, whole: Scored, start: int) -> None:
    chunks = list(scoring.chunks(start, AT))
    assert len(chunks) > 1 and max(map(len, chunks)) == 70
    assert [score for chunk in chunks for score in chunk.rows()] == list(whole.rows())[start:]


def test_what_is_said_of_the_whole(scoring: BookScoring, whole: Scored, book: Tables, bundle: Bundle) -> None:
    pieces = [kept_of(chunk) for chunk in scoring.chunks(0, AT)]
    said = ScoredBook.of(book, bundle, pieces[::-1])
    assert whole.outlook is not None and whole.outlook.contraction is not None
    np.testing.assert_array_equal(said.frame[CONTRACTION], whole.outlook.contraction)
    assert said.shrinking() == float(whole.outlook.contraction.sum())
    for name, values in whole.figures.items():
        np.testing.assert_array_equal(said.frame[name].to_numpy(), values)
    assert said.cautions() == whole.cautions() and said.missing == whole.missing[0]


def test_the_fingerprint_is_of_book_date_model_and_code(
    scoring: BookScoring, book: Tables, as_of: date, bundle: Bundle
) -> None:
    own = scoring.fingerprint("code")
    with BookScoring(book, as_of, bundle) as again:
        assert own == again.fingerprint("code") != again.fingerprint("newer code")
    with BookScoring(book, as_of, replace(bundle, version="9")) as other:
        assert other.fingerprint("code") != own


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_a_file_is_gone_on_with(scoring: BookScoring, whole: Scored, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    write_scores(whole, tmp_path / f"whole-{name}")
    with pytest.raises(KeyboardInterrupt), score_file(path, "made of this") as file:
        _add_all(file, scoring.chunks(0, AT), 2)
    with score_file(path, "made of this") as file:
        assert (file.done, file.scored_at) == (140, AT) and len(file.finished()) == 140
        assert not file.finished()["lapsed"].any(), "no account leaves by silence where there is a churns table"
        _add_all(file, scoring.chunks(file.done, file.scored_at))
        file.publish()
    if name.endswith("csv"):
        assert path.read_bytes() == (tmp_path / f"whole-{name}").read_bytes()
    else:
        assert pq.read_table(path).equals(pq.read_table(tmp_path / f"whole-{name}"))
    assert sorted(made.name for made in tmp_path.iterdir()) == [name, f"whole-{name}"]


def test_what_nobody_goes_on_with_is_removed_by_the_next_file(
    scoring: BookScoring, whole: Scored, tmp_path: Path
) -> None:
    for name in ("old.parquet", "young.parquet"):
        with pytest.raises(KeyboardInterrupt), score_file(tmp_path / name, "made of this") as file:
            _add_all(file, scoring.chunks(0, AT), 1)
    past = time.time() - 3 * 86_400
    os.utime(tmp_path / ".old.parquet.parts", (past, past))
    write_scores(whole, tmp_path / "scores.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".young.parquet.parts", "scores.parquet"]


def _add_all(file: ScoreFile, chunks: Iterator[Scored], most: int | None = None) -> None:
    """Add chunks; break off after `most` of them."""
    for number, chunk in enumerate(chunks, start=1):
        file.add(chunk.rows(), kept_of(chunk))
        if number == most:
            raise KeyboardInterrupt
