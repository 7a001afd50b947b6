"""A book whose tables do not stand by account is put in order once it is large, and nothing else of it changes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from support.books import CENTRE, Frames, random_book
from support.programmes import book_of

from features.as_of import customers
from features.batch import account_order
from features.batch.account_order import by_account
from features.batch.computing import Batch, compute
from features.batch.matrix_file import DUCKDB, Engine, write_matrix
from features.matrix import first_records
from features.tables import TABLES, Tables


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Return a book whose rows stand in no order."""
    return {name: rows.sample(frac=1, random_state=1) for name, rows in random_book(accounts=60, seed=3).items()}


def ids(tables: Tables, name: str) -> list[str]:
    return list(tables[name].to_pandas()["account_id"])


def test_every_table_of_a_large_book_is_stored_by_account(frames: Frames) -> None:
    book = book_of(frames)
    ordered = by_account(book, least=60)
    for name, table in TABLES.items():
        assert ids(ordered, name) == sorted(ids(book, name)), name
        rows = [each[name].to_pandas().sort_values([*table.key], ignore_index=True) for each in (book, ordered)]
        pd.testing.assert_frame_equal(*rows)
    assert ids(book, "invoices") != sorted(ids(book, "invoices")), "it was in order before"
    found = [compute(each, customers(each, [CENTRE]), first_records(each)) for each in (book, ordered)]
    assert len(found[0]) > 20
    for part in ("keys", "signals", "facts"):
        pd.testing.assert_frame_equal(*(getattr(matrix, part) for matrix in found), check_exact=True)


def test_a_small_book_and_one_in_order_are_left_as_they_are(frames: Frames) -> None:
    book = book_of(frames)
    assert by_account(book, least=61) is book
    in_order = by_account(book, least=1)
    again = by_account(in_order, least=1)
    assert all(again[name] is in_order[name] for name in TABLES)


@pytest.mark.parametrize(
    ("engine", "rows", "is_ordered"),
    [(DUCKDB, 120, True), (DUCKDB, 122, False), (("another", Batch), 120, False)],
)
def test_a_matrix_is_made_of_a_book_in_order_where_the_engine_asks_for_it(
    engine: Engine, rows: int, is_ordered: bool, frames: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark orders every table itself when it writes it. The book has 60 accounts, and two dates are asked for."""
    monkeypatch.setattr(account_order, "MANY_ROWS", rows)
    book = book_of(frames)
    dates = [CENTRE - timedelta(days=30), CENTRE]
    assert write_matrix(book, dates, tmp_path / "m.parquet", engine=engine) > 40
    stored = book["accounts"].get_backend().con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert (("ordered_invoices",) in stored) == is_ordered
