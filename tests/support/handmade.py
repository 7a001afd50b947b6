"""Books and datasets written down in a test, without the cost of compiling signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from features.matrix import FACTS, Matrix
from features.signal import all_signals
from features.sources import connect
from features.tables import TABLES, Tables
from features.validation.conversion import CONVERTED, empty
from support.books import arrow
from training.slices.dataset import Dataset


def tables_of(frames: Mapping[str, pd.DataFrame], missing: Iterable[str] = ()) -> Tables:
    """Return a book of data frames on a connection of its own; tables that are not given are empty."""
    connection = connect()
    connection.raw_sql("SET threads = 1")
    made = {name: empty(connection, table) for name, table in TABLES.items()}
    for name, frame in frames.items():
        connection.con.register("incoming", arrow(TABLES[name], frame))
        connection.con.execute(f"INSERT INTO {CONVERTED}{name} SELECT * FROM incoming")
        connection.con.unregister("incoming")
    return Tables(made, frozenset(missing))


def frames_of(tables: Tables) -> dict[str, pd.DataFrame]:
    """Return every table of a book as a data frame, in the order of its keys."""
    return {
        name: tables[name].execute().sort_values(list(table.key), ignore_index=True) for name, table in TABLES.items()
    }


def dataset(
    churned: Sequence[int],
    revenue: Sequence[float] | None = None,
    accounts: Sequence[str] | None = None,
    as_of: Sequence[date] | None = None,
) -> Dataset:
    """Return a dataset whose signals are all null; by default one date, one row an account, each worth 1."""
    n = len(churned)
    keys = pd.DataFrame(
        {
            "account_id": [f"a{i:04d}" for i in range(n)] if accounts is None else list(accounts),
            "as_of": pd.to_datetime([date(2024, 1, 1)] * n if as_of is None else list(as_of)).astype("datetime64[s]"),
        }
    )
    signals = pd.DataFrame({item.name: np.full(n, None if item.is_text else np.nan) for item in all_signals()})
    facts = pd.DataFrame(0.0, index=range(n), columns=list(FACTS))
    facts["revenue_365d"] = np.ones(n) if revenue is None else np.array(revenue, float)
    return Dataset(Matrix(keys, signals, facts), np.array(churned, bool))
