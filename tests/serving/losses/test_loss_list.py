"""Pages of losses: each is that part of all reviews, and only what it shows is reviewed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support.ends import as_before_lists, counted, put_ends
from support.stored import opened

from serving.database.engine import reading
from serving.losses import past_runs
from serving.losses.kept_departures import read_left, read_period
from serving.losses.loss_list import LossList, read_losses
from serving.losses.past_runs import read_runs, read_sights
from serving.losses.reviews import Review, reviews
from serving.losses.verdicts import VERDICTS
from serving.store import ScoreStore
from serving.store.whose import Whose

READERS: tuple[Whose, ...] = (None, "Ana", ["Ana", "Cem"], "nobody")


def page(store: ScoreStore, who: Whose, first: int, count: int) -> LossList:
    with reading(store.engine) as connection:
        period = read_period(connection)
        assert period is not None
        return read_losses(connection, period, who, first, count)


def all_of(store: ScoreStore, who: Whose) -> list[Review]:
    with reading(store.engine) as connection:
        period = read_period(connection)
        assert period is not None
        return reviews(connection, read_left(connection, period, who))


def test_a_page_is_that_part_of_all_reviews(database_url: str) -> None:
    with opened(database_url) as store:
        put_ends(store, 120)
        for as_before in (False, True):
            if as_before:
                as_before_lists(store)
            for who in READERS:
                whole = all_of(store, who)
                for size in (1, 7, 200):
                    pages = [page(store, who, first, size) for first in range(0, len(whole) + size, size)]
                    assert [review for of_page in pages for review in of_page.listed] == whole
                assert {each.total for each in pages} == {len(whole)}
                assert {verdict: list(pages[0].revenues[verdict]) for verdict in VERDICTS} == {
                    verdict: [each.departure.revenue for each in whole if each.verdict == verdict]
                    for verdict in VERDICTS
                }
        counts = Counter(review.verdict for review in all_of(store, None))
        assert set(counts) == set(VERDICTS), "of every verdict there is one"


def test_a_page_reviews_only_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two queries were asked of each loss; of a million accounts the answer was refused after half a minute."""
    of_page, of_all = [], []
    for size in (40, 400):
        with opened(f"sqlite:///{tmp_path / f'{size}.db'}") as store:
            put_ends(store, size)
            with reading(store.engine) as connection:
                period = read_period(connection)
                assert period is not None
                with counted(connection) as asked:
                    assert len(read_losses(connection, period, None, 0, 3).listed) == 3
                of_page.append(len(asked))
                with monkeypatch.context() as patch, counted(connection) as asked:
                    patch.setattr(past_runs, "COUNTED", 0)
                    found = reviews(connection, read_left(connection, period, None))
                of_all.append(len(asked))
                assert len(found) > size / 3 and not any(review.last for review in found)
    assert max(of_page) <= 40, of_page
    assert max(of_all) <= 15, of_all


def test_the_last_score_is_read_where_it_is_told(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        put_ends(store, 40)
        with reading(store.engine) as connection:
            period = read_period(connection)
            assert period is not None
            left = read_left(connection, period, None)
            told = reviews(connection, left, range(2, 6))
            assert [replace(review, last=None) for review in told] == reviews(connection, left)
    assert any(review.last for review in told[2:6]) and not any(review.last for review in told[:2] + told[6:])


def test_places_are_the_same_whether_counted_or_numbered(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many have the same revenue at risk, many have none."""
    with opened(database_url) as store:
        put_ends(store, 90)
        with reading(store.engine) as connection:
            wanted = {run: [f"A{number}" for number in range(0, 90, 2)] for run in read_runs(connection)}
            counted_places = read_sights(connection, wanted)
            monkeypatch.setattr(past_runs, "COUNTED", 0)
            assert read_sights(connection, wanted) == counted_places
    first = next(iter(wanted))
    places = sorted(sight.rank for (run_id, _), sight in counted_places.items() if run_id == first.run_id)
    assert len(places) == len(set(places)) > 30
