"""Every signal and fact on every engine against an independent recomputation (see `support.oracle`).

The book has what tells engines apart: fractions of seconds, nulls, and times after the as-of date, whose ages are
negative. Its rows are computed in two parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.books import CENTRE, Bench, Frames, random_book
from support.oracle import recompute

from features.as_of import customers
from features.batch.computing import Batch
from features.engines.spark_computing import SparkBatch
from features.matrix import FACT, FACTS
from features.signal import all_signals, signal_names
from features.tables import TABLES, Kind

DATES = (CENTRE - timedelta(days=211), CENTRE, CENTRE + timedelta(days=37))
RTOL, SLOPE_RTOL = 1e-9, 1e-6
NAMES = [*signal_names(), *(FACT + name for name in FACTS)]


@pytest.fixture(scope="module")
def book() -> Frames:
    """Return a random book, each record's instants later by the same fraction of a second."""
    rng = np.random.default_rng(5)
    book = random_book(accounts=40, seed=5)
    for name, table in TABLES.items():
        later = pd.to_timedelta(rng.integers(0, 1_000_000, len(book[name])), unit="us")
        for column in table.columns:
            if column.kind is Kind.INSTANT:
                book[name][column.name] = pd.to_datetime(book[name][column.name]).astype("datetime64[us]") + later
    return book


@pytest.fixture(scope="module")
def bench(book: Frames) -> Bench:
    return Bench().load(book)


@pytest.fixture(scope="module")
def expected(book: Frames) -> pd.DataFrame:
    return recompute(book, DATES)


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def found(request: pytest.FixtureRequest, bench: Bench) -> Iterator[pd.DataFrame]:
    """Return the finished rows of one engine, as they are before they are masked and rounded."""
    if request.param == "spark":
        request.getfixturevalue("spark")
    yield finished_rows(SparkBatch if request.param == "spark" else Batch, bench)


def finished_rows(engine: type[Batch], bench: Bench) -> pd.DataFrame:
    kept: list[pa.Table] = []

    class Kept(engine):  # type: ignore[misc, valid-type]
        def _finished(self, rows: int) -> pa.Table:
            kept.append(super()._finished(rows))
            return kept[-1]

    with Kept(bench.tables, customers(bench.tables, DATES), {}, most_records=5_000) as batch:
        keys = pd.concat([matrix.keys for _, matrix in batch.parts()], ignore_index=True)
    assert len(kept) == 2
    rows = pa.concat_tables([table.select(NAMES) for table in kept], promote_options="permissive").to_pandas()
    return pd.concat([keys, rows], axis=1)


def test_the_book_has_what_tells_engines_apart(book: Frames) -> None:
    assert book["surveys"]["sent_at"].dt.microsecond.nunique() > 100
    assert book["contracts"]["ends_on"].isna().any() and book["surveys"]["score"].isna().any()
    assert (pd.to_datetime(book["contracts"]["ends_on"]) > pd.Timestamp(CENTRE)).any()


def test_the_rows_are_the_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert found["account_id"].tolist() == expected["account_id"].tolist()
    assert pd.to_datetime(found["as_of"]).tolist() == expected["as_of"].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_signal_equals_the_oracle(found: pd.DataFrame, expected: pd.DataFrame, name: str) -> None:
    ours, theirs = found[name], expected[name]
    if any(item.name == name and item.is_text for item in all_signals()):
        assert ours.fillna("?").tolist() == theirs.fillna("?").tolist()
    else:
        rtol = SLOPE_RTOL if "slope" in name else RTOL
        np.testing.assert_allclose(as_numbers(ours), as_numbers(theirs), rtol=rtol, atol=1e-9, err_msg=name)


def as_numbers(column: Any) -> np.ndarray:
    return np.asarray(pd.to_numeric(column), dtype=float)
