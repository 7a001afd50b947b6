"""A matrix computed by parts of its rows is the matrix of the whole: values, order and types, however it is cut."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from support.books import CENTRE, Bench, assemble, random_book

from features.as_of import customers
from features.batch.computing import Batch, compute
from features.matrix import Matrix, put_together
from features.tables import HISTORY, Tables

DATES = [CENTRE - timedelta(days=days) for days in (400, 120, 0)]
SINCE = dict.fromkeys(HISTORY, CENTRE - timedelta(days=500))
ACCOUNTS = 60


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Return a book whose rows stand in no order, with ids that quotes, blanks and alphabets make hard to cut."""
    names = [f"{mark}{number % 17}-{number}" for number, mark in zip(range(ACCOUNTS), "a'Z ä中" * 10, strict=True)]
    book = {name: rows.sample(frac=1, random_state=1) for name, rows in random_book(ACCOUNTS, seed=3).items()}
    ids = {f"a{number:04d}": name for number, name in enumerate(names)}
    return Bench().load({name: rows.assign(account_id=rows["account_id"].map(ids)) for name, rows in book.items()})


@pytest.fixture(scope="module")
def whole(bench: Bench) -> Matrix:
    """Return the matrix by one query over the whole book, which joins on account and date."""
    return assemble(bench.raw(DATES), frozenset(), SINCE)


def assert_same(matrix: Matrix, expected: Matrix) -> None:
    for ours, theirs in zip(
        (matrix.keys, matrix.signals, matrix.facts), (expected.keys, expected.signals, expected.facts), strict=True
    ):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


@pytest.mark.parametrize(("most_records", "parts"), [(10**9, (1, 1)), (4_000, (2, 4)), (1_500, (5, 12))])
def test_parts_make_the_whole(bench: Bench, whole: Matrix, most_records: int, parts: tuple[int, int]) -> None:
    with Batch(bench.tables, customers(bench.tables, DATES), SINCE, most_records) as batch:
        found = list(batch.parts())
        assert parts[0] <= len(found) <= parts[1]
        assert [place for rows, _ in found for place in rows] == list(range(len(batch)))
        assert_same(put_together((matrix for _, matrix in found), len(batch)), whole)
        half = len(whole) // 2
        rest = put_together((matrix for _, matrix in batch.parts(half)), len(batch) - half)
    assert_same(rest, whole.take(np.arange(half, len(whole))))


def test_absent_tables_are_not_known_in_every_part(bench: Bench) -> None:
    absent = frozenset({"surveys", "tickets"})
    tables = Tables(bench.tables.frames, absent)
    with Batch(tables, customers(tables, DATES), SINCE, 6_000) as batch:
        matrix = put_together((part for _, part in batch.parts()), len(batch))
    assert_same(matrix, assemble(bench.raw(DATES), absent, SINCE))


def test_a_spine_without_rows_has_a_matrix_without_rows(bench: Bench) -> None:
    spine = customers(bench.tables, [CENTRE - timedelta(days=20_000)])
    matrix = compute(bench.tables, spine, {})
    assert (len(matrix), matrix.signals.shape[1]) == (0, matrix.signals.shape[1])
    assert matrix.keys.dtypes.tolist() == compute(bench.tables, customers(bench.tables, DATES), {}).keys.dtypes.tolist()


def test_two_batches_of_a_book_may_take_turns(bench: Bench, whole: Matrix) -> None:
    spine = customers(bench.tables, DATES)
    with Batch(bench.tables, spine, SINCE, 6_000) as one, Batch(bench.tables, spine, SINCE, 6_000) as other:
        turns = [pair[0][1] for pair in zip(one.parts(), other.parts(), strict=True)]
        assert_same(put_together(turns, len(one)), whole)
