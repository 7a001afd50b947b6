"""Pages of contracts: each is that part of the whole list, and no more of the book is read for it than it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.ends import as_before_lists, counted, put_ends
from support.stored import opened

from serving.database.engine import reading, writing
from serving.renewals import to_renew
from serving.renewals.calls import Renewal
from serving.renewals.to_renew import ReadContracts, Renewals, StoredContracts, place_of, read_renewals
from serving.scoring.book_figures import CONTRACTS
from serving.store.ends_table import ENDS
from serving.store.figure_tables import forget_figures, read_beside
from serving.store.whose import Whose

READERS: tuple[Whose, ...] = (None, "Ana", ["Ana", "Cem"], "nobody")
Told = tuple[int, int, float, list[Renewal]]


def told(found: Renewals | None, size: int) -> list[Told]:
    """Return of each kind how many there are, on how many the calls differ, their value, and all of them by pages."""
    assert found is not None
    lists = []
    for kind in (found.soon, found.overdue):
        pages = [kind.of(first, size) for first in range(0, kind.total + size, size)]
        assert all(len(page) == size for page in pages[:-2]) and not pages[-1]
        lists.append((kind.total, kind.disagreed, kind.value, [row for page in pages for row in page]))
    return lists


def test_a_page_is_that_part_of_the_whole_list(database_url: str) -> None:
    with opened(database_url) as store:
        put_ends(store, 60, said=200)
        with reading(store.engine) as connection:
            paged = {str(who): [told(read_renewals(connection, who), size) for size in (1, 4, 200)] for who in READERS}
            assert isinstance(read_renewals(connection, None).soon, StoredContracts)
        as_before_lists(store)
        with reading(store.engine) as connection:
            assert isinstance(read_renewals(connection, None).soon, ReadContracts)
            for who in READERS:
                whole = told(read_renewals(connection, who), 200)
                assert paged[str(who)] == [whole] * 3
    soon, overdue = paged["None"][0]
    assert 4 < soon[1] < soon[0] and 0 < overdue[1] < overdue[0], "some of each kind are apart, and some are not"
    assert all(rows == sorted(rows, key=place_of) for *_, rows in (soon, overdue))


def test_a_page_reads_of_the_book_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every contract all was read, and the calls on it: of a million accounts it took half a minute."""
    queries, accounts = {}, []
    read_of = to_renew.read_beside_of

    def noted(connection: Any, run_id: int, name: str, asked: Any) -> Any:
        accounts.extend(ids := list(asked))
        return read_of(connection, run_id, name, ids)

    monkeypatch.setattr(to_renew, "read_beside_of", noted)
    monkeypatch.setattr(to_renew, "read_beside", None)
    for size in (40, 400):
        with opened(f"sqlite:///{tmp_path / f'{size}.db'}") as store:
            put_ends(store, size, said=0)
            with reading(store.engine) as connection, counted(connection) as asked:
                found = read_renewals(connection, None)
                assert found is not None and found.soon.total > size / 4
                assert len(found.soon.of(3, 5)) == 5 and len(accounts) == 5
        queries[size] = len(asked)
        accounts.clear()
    assert max(queries.values()) <= 16, queries


def test_the_index_of_what_ends_goes_with_the_account_and_with_the_run(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'scores.db'}") as store:
        put_ends(store, 12)
        with reading(store.engine) as connection:
            run_id = connection.execute(sa.select(ENDS.c.run_id).limit(1)).scalar_one()
            listed = read_beside(connection, run_id, CONTRACTS, None)
        with writing(store.engine) as connection:
            forget_figures(connection, "A0")
        with reading(store.engine) as connection:
            ids = set(connection.execute(sa.select(ENDS.c.account_id)).scalars())
            assert "A0" not in ids and "A2" in ids
            assert read_beside(connection, run_id, CONTRACTS, None) == listed[1:]
        as_before_lists(store)
        with reading(store.engine) as connection:
            assert read_beside(connection, run_id, CONTRACTS, None) == listed[1:]
