"""The compiled matrix: prepared once, it gives each request its own rows and keeps nothing of the one before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from support.books import CENTRE, Frames, arrow, random_book

from features.matrix import Matrix
from features.requests.compiled import ARROW, CompiledMatrix
from features.tables import TABLES

IDS = [f"a{number:04d}" for number in range(24)]


@pytest.fixture(scope="module")
def frames() -> Frames:
    return random_book(accounts=24, seed=5)


@pytest.fixture(scope="module")
def compiled() -> CompiledMatrix:
    return CompiledMatrix(False, {})


def request_of(frames: Frames, ids: list[str]) -> dict[str, pa.Table]:
    return {
        name: arrow(TABLES[name], frame[frame["account_id"].isin(ids)].sample(frac=1, random_state=0))
        for name, frame in frames.items()
    }


def assert_same(found: Matrix, expected: Matrix) -> None:
    for ours, theirs in (
        (found.keys, expected.keys),
        (found.signals, expected.signals),
        (found.facts, expected.facts),
    ):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def part(matrix: Matrix, ids: list[str]) -> Matrix:
    return matrix.take(matrix.keys["account_id"].isin(ids).to_numpy())


def test_an_account_has_the_same_row_in_any_company(compiled: CompiledMatrix, frames: Frames) -> None:
    together = compiled.compute(request_of(frames, IDS), CENTRE, {})
    assert together.keys["account_id"].is_monotonic_increasing and 10 < len(together) < len(IDS)
    for ids in (IDS[:1], IDS[5:9], IDS[::-3], IDS):
        assert_same(compiled.compute(request_of(frames, ids), CENTRE, {}), part(together, ids))


def test_each_date_is_its_own(compiled: CompiledMatrix, frames: Frames) -> None:
    asked = request_of(frames, IDS)
    day = CENTRE - timedelta(days=200)
    first = compiled.compute(asked, day, {})
    assert (first.keys["as_of"] == pd.Timestamp(day)).all()
    compiled.compute(asked, CENTRE, {})
    assert_same(compiled.compute(asked, day, {}), first)


def test_tables_left_out_are_empty(compiled: CompiledMatrix, frames: Frames) -> None:
    asked = request_of(frames, IDS)
    few = {name: asked[name] for name in ("accounts", "invoices")}
    empty = few | {name: ARROW[name].empty_table() for name in TABLES if name not in few}
    assert_same(compiled.compute(few, CENTRE, {}), compiled.compute(empty, CENTRE, {}))


def test_absent_tables_are_null_for_their_accounts_only(compiled: CompiledMatrix, frames: Frames) -> None:
    asked = request_of(frames, IDS)
    everything = compiled.compute(asked, CENTRE, {})
    names = everything.keys["account_id"].tolist()
    found = compiled.compute(asked, CENTRE, {names[1]: ("surveys", "contacts"), "nobody": ("invoices",)})
    assert_same(part(found, names[:1] + names[2:]), part(everything, names[:1] + names[2:]))
    tables = [("surveys", "contacts") if number == 1 else () for number in range(len(names))]
    assert_same(found, everything.without_tables(tables))
    assert found.signals.loc[1, ["nps_last", "contacts_active"]].isna().all()
    assert found.facts.equals(everything.facts)


def test_nobody_is_no_rows(compiled: CompiledMatrix, frames: Frames) -> None:
    before_all = compiled.compute(request_of(frames, IDS), date(1990, 1, 1), {})
    assert len(before_all) == 0 and before_all.signals.shape[1] > 50
    assert len(compiled.compute({}, CENTRE, {})) == 0


def test_a_failed_request_leaves_nothing_behind(compiled: CompiledMatrix, frames: Frames) -> None:
    asked = request_of(frames, IDS[:6])
    expected = compiled.compute(asked, CENTRE, {})
    others = request_of(frames, IDS[6:])
    columns = others["surveys"].column_names
    broken = others | {"surveys": others["surveys"].set_column(0, columns[0], others["surveys"]["sent_at"]).select([0])}
    with pytest.raises(KeyError):
        compiled.compute(broken, CENTRE, {})
    assert_same(compiled.compute(asked, CENTRE, {}), expected)


def test_more_accounts_than_it_can_tell_apart_are_refused(compiled: CompiledMatrix) -> None:
    since = pa.array([date(2020, 1, 1)] * 257, pa.date32())
    columns = {field.name: pa.nulls(257, field.type) for field in ARROW["accounts"]}
    columns |= {"account_id": pa.array([f"a{number}" for number in range(257)]), "customer_since": since}
    accounts = pa.Table.from_arrays([columns[name] for name in ARROW["accounts"].names], schema=ARROW["accounts"])
    with pytest.raises(ValueError, match="257 accounts"):
        compiled.compute({"accounts": accounts}, CENTRE, {})
    assert len(compiled.compute({"accounts": accounts.slice(1)}, CENTRE, {})) == 256


def test_concurrent_requests_do_not_mix(compiled: CompiledMatrix, frames: Frames) -> None:
    """Nothing but the ids tells these requests apart; a row of another one would show."""
    groups = [list(group) for group in np.array_split(IDS, 6)]
    alone = [compiled.compute(request_of(frames, ids), CENTRE, {}) for ids in groups]
    asked = [request_of(frames, ids) for ids in groups]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda n: compiled.compute(asked[n % 6], CENTRE, {}), range(12)))
    for number, found in enumerate(together):
        assert_same(found, alone[number % 6])


def test_by_silence_only_those_who_buy_are_customers(frames: Frames) -> None:
    silent = CompiledMatrix(True, {})
    asked = request_of(frames, IDS) | {"churns": ARROW["churns"].empty_table()}
    found = set(silent.compute(asked, CENTRE, {}).keys["account_id"])
    bought = frames["invoices"]
    age = (pd.Timestamp(CENTRE) - pd.to_datetime(bought["invoiced_on"])).dt.days
    counts = bought[(bought["amount"] > 0) & (age > 0) & (age <= 365)].groupby("account_id").size()
    accounts = frames["accounts"]
    since = pd.to_datetime(accounts["customer_since"]) < pd.Timestamp(CENTRE)
    assert found == set(counts[counts >= 2].index) & set(accounts.loc[since, "account_id"])
    assert 0 < len(found) < len(IDS)


def test_signals_that_look_back_beyond_the_records_are_null(frames: Frames) -> None:
    short = CompiledMatrix(False, {"invoices": CENTRE - timedelta(days=100)})
    found = short.compute(request_of(frames, IDS), CENTRE, {})
    assert found.signals["revenue_365d"].isna().all() and found.signals["revenue_90d"].notna().any()
    assert (found.facts["revenue_365d"] != 0).any()
