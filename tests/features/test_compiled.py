"""The compiled matrix: prepared once, it gives each request its own rows and keeps nothing of the one before.

Every test runs on both engines, and one holds them against each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.books import CENTRE, Frames, random_book, records

from features.matrix import Matrix
from features.requests.compiled import CompiledMatrix
from features.requests.duckdb_engine import DuckDbEngine
from features.requests.sqlite_engine import SqliteEngine
from features.requests.stamped import COLUMNS, Records
from features.tables import TABLES

IDS = [f"a{number:04d}" for number in range(24)]
#: Up to how many records SQLite works: all, or none.
ENGINES = {"sqlite": 10**9, "duckdb": -1}


@pytest.fixture(scope="module")
def frames() -> Frames:
    return random_book(accounts=24, seed=5)


@pytest.fixture(scope="module", params=ENGINES)
def few_records(request: pytest.FixtureRequest) -> int:
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def compiled(few_records: int) -> CompiledMatrix:
    return CompiledMatrix(False, {}, few_records)


def request_of(frames: Frames, ids: Sequence[str]) -> Records:
    return records({name: frame.sample(frac=1, random_state=0) for name, frame in frames.items()}, ids)


def asked(
    compiled: CompiledMatrix,
    frames: Frames,
    ids: Sequence[str],
    day: date = CENTRE,
    missing: Sequence[Collection[str]] | None = None,
) -> Matrix:
    """Return the matrix of a request for some accounts."""
    customers, matrix = compiled.compute(request_of(frames, ids), ids, day, missing or [()] * len(ids))
    assert [ids[number] for number in customers] == matrix.keys["account_id"].tolist()
    return matrix


def assert_same(matrix: Matrix, expected: Matrix) -> None:
    for ours, theirs in (
        (matrix.keys, expected.keys),
        (matrix.signals, expected.signals),
        (matrix.facts, expected.facts),
    ):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def part(matrix: Matrix, ids: Collection[str]) -> Matrix:
    return matrix.take(matrix.keys["account_id"].isin(ids).to_numpy())


def test_an_account_has_the_same_row_in_any_company(compiled: CompiledMatrix, frames: Frames) -> None:
    together = asked(compiled, frames, IDS)
    assert 10 < len(together) < len(IDS)
    for ids in (IDS[:1], IDS[5:9], IDS[::3], IDS):
        assert_same(asked(compiled, frames, ids), part(together, ids))


def test_rows_come_in_the_order_of_the_accounts(compiled: CompiledMatrix, frames: Frames) -> None:
    backwards = asked(compiled, frames, IDS[::-1])
    assert backwards.keys["account_id"].tolist() == asked(compiled, frames, IDS).keys["account_id"].tolist()[::-1]


def test_each_date_is_its_own(compiled: CompiledMatrix, frames: Frames) -> None:
    day = CENTRE - timedelta(days=200)
    first = asked(compiled, frames, IDS, day)
    assert (first.keys["as_of"] == pd.Timestamp(day)).all()
    asked(compiled, frames, IDS)
    assert_same(asked(compiled, frames, IDS, day), first)


def test_tables_left_out_are_empty(compiled: CompiledMatrix, frames: Frames) -> None:
    rows = request_of(frames, IDS)
    few = {name: rows[name] for name in ("accounts", "invoices")}
    empty = few | {name: [] for name in TABLES if name not in few}
    missing = [()] * len(IDS)
    assert_same(compiled.compute(few, IDS, CENTRE, missing)[1], compiled.compute(empty, IDS, CENTRE, missing)[1])


def test_absent_tables_are_null_for_their_accounts_only(compiled: CompiledMatrix, frames: Frames) -> None:
    everything = asked(compiled, frames, IDS)
    names = everything.keys["account_id"].tolist()
    lacking = ("surveys", "contacts")
    matrix = asked(compiled, frames, IDS, missing=[lacking if name == names[1] else () for name in IDS])
    assert_same(part(matrix, names[:1] + names[2:]), part(everything, names[:1] + names[2:]))
    assert_same(matrix, everything.without_tables([lacking if name == names[1] else () for name in names]))
    assert matrix.signals.loc[1, ["nps_last", "contacts_active"]].isna().all()
    assert matrix.facts.equals(everything.facts)


def test_nobody_is_no_rows(compiled: CompiledMatrix, frames: Frames) -> None:
    before_all = asked(compiled, frames, IDS, date(1990, 1, 1))
    assert len(before_all) == 0 and before_all.signals.shape[1] > 50
    assert len(compiled.compute({}, [], CENTRE, [])[1]) == 0


def test_a_failed_request_leaves_nothing_behind(compiled: CompiledMatrix, frames: Frames) -> None:
    expected = asked(compiled, frames, IDS[:6])
    others = request_of(frames, IDS[6:])
    broken = dict(others) | {"surveys": [row[:1] for row in others["surveys"]]}
    with pytest.raises((LookupError, ValueError)):
        compiled.compute(broken, IDS[6:], CENTRE, [()] * len(IDS[6:]))
    assert_same(asked(compiled, frames, IDS[:6]), expected)


def test_more_accounts_than_it_can_tell_apart_are_refused(compiled: CompiledMatrix) -> None:
    ids = [f"a{number}" for number in range(257)]
    since = [{"customer_since": date(2020, 1, 1)}.get(column) for column in COLUMNS["accounts"]]
    accounts = [(number, *since) for number in range(257)]
    with pytest.raises(ValueError, match="257 accounts"):
        compiled.compute({"accounts": accounts}, ids, CENTRE, [()] * 257)
    assert len(compiled.compute({"accounts": accounts[:-1]}, ids[:-1], CENTRE, [()] * 256)[1]) == 256


def test_concurrent_requests_do_not_mix(compiled: CompiledMatrix, frames: Frames) -> None:
    """Nothing but the numbers tells these requests apart; a row of another one would show."""
    groups = [list(group) for group in np.array_split(IDS, 6)]
    alone = [asked(compiled, frames, ids) for ids in groups]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda n: asked(compiled, frames, groups[n % 6]), range(12)))
    for number, matrix in enumerate(together):
        assert_same(matrix, alone[number % 6])


def test_by_silence_only_those_who_buy_are_customers(few_records: int, frames: Frames) -> None:
    without_churns = {name: frame for name, frame in frames.items() if name != "churns"}
    customers = set(asked(CompiledMatrix(True, {}, few_records), without_churns, IDS).keys["account_id"])
    bought = frames["invoices"]
    age = (pd.Timestamp(CENTRE) - pd.to_datetime(bought["invoiced_on"])).dt.days
    counts = bought[(bought["amount"] > 0) & (age > 0) & (age <= 365)].groupby("account_id").size()
    accounts = frames["accounts"]
    since = pd.to_datetime(accounts["customer_since"]) < pd.Timestamp(CENTRE)
    assert customers == set(counts[counts >= 2].index) & set(accounts.loc[since, "account_id"])
    assert 0 < len(customers) < len(IDS)


def test_signals_that_look_back_beyond_the_records_are_null(few_records: int, frames: Frames) -> None:
    short = CompiledMatrix(False, {"invoices": CENTRE - timedelta(days=100)}, few_records)
    matrix = asked(short, frames, IDS)
    assert matrix.signals["revenue_365d"].isna().all() and matrix.signals["revenue_90d"].notna().any()
    assert (matrix.facts["revenue_365d"] != 0).any()


@pytest.fixture(scope="module")
def engines() -> tuple[SqliteEngine, DuckDbEngine]:
    return SqliteEngine(False), DuckDbEngine(False)


def assert_engines_agree(engines: tuple[SqliteEngine, DuckDbEngine], rows: Records, day: date) -> None:
    """Demand equal columns to 1e-9 before anything is rounded, nulls and texts to the letter."""
    small, large = (_sorted(engine.rows(rows, day)) for engine in engines)
    assert set(small) == set(large)
    for name, column in large.items():
        if small[name].dtype == object:
            assert small[name].tolist() == column.tolist(), name
        else:
            np.testing.assert_allclose(small[name], column.astype(float), rtol=1e-9, atol=1e-9, err_msg=name)


def _sorted(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    order = np.argsort(columns["account_id"])
    return {name: column[order] for name, column in columns.items()}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), days=st.integers(-400, 400), accounts=st.integers(6, 14))
def test_both_engines_give_the_same_figures(engines: Any, seed: int, days: int, accounts: int) -> None:
    """Books full of ties, nulls, fractions of seconds and records on the edge of a window, with tables left out."""
    frames = random_book(accounts=accounts, seed=seed)
    left_out = list(TABLES)[2:][seed % 9]
    ids = sorted(frames["accounts"]["account_id"])
    rows = {name: rows for name, rows in records(frames, ids).items() if name != left_out}
    assert_engines_agree(engines, rows, CENTRE + timedelta(days=days))
