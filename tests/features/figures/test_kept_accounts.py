"""Rows of accounts are the same in whatever pieces they are read: whole accounts, in their order, as often as asked."""

from __future__ import annotations

from itertools import pairwise

import ibis
import pytest

from features.figures.kept_accounts import KeptAccounts

ROWS = [("b", 2), ("a", 1), ("é", 5), ("b", 1), ("z", 9), ("a", 3)]
QUERY = f"SELECT * FROM (VALUES {', '.join(map(str, ROWS))}) AS given(account_id, number)"


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 100])
def test_pieces_are_of_whole_accounts(piece: int) -> None:
    kept = KeptAccounts(ibis.duckdb.connect(), QUERY, ["number"], piece)
    for _ in range(2):
        assert [(row.account_id, row.number) for row in kept] == sorted(ROWS)
    pieces = [kept.between(*bounds) for bounds in kept.ranges()]
    assert sum(map(len, pieces)) == len(ROWS)
    filled = [frame["account_id"] for frame in pieces if len(frame)]
    assert all(ids.nunique() <= piece for ids in filled)
    assert all(ids.max() < after.min() for ids, after in pairwise(filled))


def test_of_no_account_there_is_nothing() -> None:
    assert list(KeptAccounts(ibis.duckdb.connect(), f"{QUERY} WHERE number > 9")) == []
