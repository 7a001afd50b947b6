"""The accounts behind figures are the same in whatever pieces they are read, and each stands in one of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pandas as pd
import pytest
from support.books import CENTRE, random_book
from support.programmes import book_of

from features.figures import measuring
from features.figures.behind import COLUMNS, Behind
from features.figures.measuring import measure_with_accounts


def frames_of(piece: int) -> Iterator[list[pd.DataFrame]]:
    """Yield what is read in pieces of so many accounts, twice: what is kept can be read again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "Behind", lambda tables: Behind(tables, piece))
        found = measure_with_accounts(book_of(random_book(accounts=60, seed=3)), [CENTRE], CENTRE)
    yield list(found.accounts)
    yield list(found.accounts)


def plain(frame: pd.DataFrame) -> list[list[object]]:
    """Return the rows; values are sums, whose last digits hang on the order of the threads that add them up."""
    rows = frame.assign(value=frame["value"].round(6)).to_numpy(object).tolist()
    return [[None if value != value else value for value in row] for row in rows]


def test_pieces_are_of_whole_accounts_and_sum_to_the_same() -> None:
    (whole,), (again,) = frames_of(1000)
    pd.testing.assert_frame_equal(whole, again)
    assert list(whole.columns) == list(COLUMNS) and whole["account_id"].nunique() > 30 < len(whole)
    assert whole["account_id"].is_monotonic_increasing and whole["value"].notna().all() and (whole["value"] != 0).all()
    for piece in (1, 7, 60):
        for frames in frames_of(piece):
            assert all(frame["account_id"].nunique() <= piece for frame in frames)
            assert all(one["account_id"].max() < other["account_id"].min() for one, other in pairwise(frames))
            assert plain(pd.concat(frames)) == plain(whole)
