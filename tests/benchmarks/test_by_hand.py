"""The SQL by hand gives what our expressions give: on a small book full of ties, nulls, reversals and edges."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.books import CENTRE, arrow, random_book

from benchmarks.by_hand.equal import differing
from benchmarks.by_hand.run_sql import run
from features.as_of import customers
from features.batch.computing import compute
from features.signal import signal_names
from features.sources import open_source
from features.tables import HISTORY, TABLES
from features.validation import validate

DATES = [CENTRE - timedelta(days=days) for days in (300, 120, 15, 0)]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a random book; every id that a table names is an account's."""
    folder = tmp_path_factory.mktemp("book")
    for name, frame in random_book(accounts=60, seed=3).items():
        pq.write_table(arrow(TABLES[name], frame), folder / f"{name}.parquet")
    return folder


def test_all_signals_by_hand_are_ours(book: Path, tmp_path: Path) -> None:
    run("all_signals", book, tmp_path / "by_hand.parquet", [day.isoformat() for day in DATES])
    theirs = pd.read_parquet(tmp_path / "by_hand.parquet")
    tables = validate(open_source(book))
    first = {name: tables[name][TABLES[name].time].min().cast("date").execute().date() for name in HISTORY}
    matrix = compute(tables, customers(tables, DATES), first)
    ours = pd.concat([matrix.keys, matrix.signals], axis=1)
    assert [*theirs.columns[2:]] == [*signal_names()]
    assert differing(ours, theirs) == {}
    assert differing(ours.assign(nps_last=ours.nps_last + 1e-5), theirs).keys() == {"nps_last"}
    assert len(ours) > len(DATES) * 25, "nearly nobody is a customer"
    assert matrix.signals.notna().any().all(), "a signal is nowhere known"
