"""What every registered signal must keep: its declaration, its nulls and zeros, and that it is the account's own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from support.books import CENTRE, Bench, Frames, assemble, random_book, records

from features.as_of import customers
from features.batch.computing import compute
from features.matrix import FACTS, Matrix
from features.requests.compiled import CompiledMatrix
from features.signal import ROW, Signal, all_signals, signal_names
from features.tables import HISTORY, OPTIONAL_HISTORY, TABLES

DATES = (CENTRE - timedelta(days=120), CENTRE)
SHUFFLES = range(3)
COUNTED = {
    "actions", "contacts", "invitations", "invoices", "loops", "programmes", "referrals", "terms", "tickets",
}  # fmt: skip
every_signal = pytest.mark.parametrize("item", all_signals(), ids=signal_names())


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="module")
def book() -> Frames:
    """Return a book that nobody has left: a contract or an invoice after a departure would make a customer."""
    drawn = random_book(accounts=40, seed=7)
    return {**drawn, "churns": drawn["churns"].iloc[:0]}


@pytest.fixture(scope="module")
def matrix(bench: Bench, book: Frames) -> Matrix:
    return bench.load(book).matrix(DATES)


def signals_of(table: str) -> set[str]:
    return {item.name for item in all_signals() if table in item.needs}


def assert_same(found: Matrix, expected: Matrix) -> None:
    pd.testing.assert_frame_equal(found.keys, expected.keys)
    pd.testing.assert_frame_equal(found.signals, expected.signals, check_exact=True)
    pd.testing.assert_frame_equal(found.facts, expected.facts, check_exact=True)


def differing(found: Matrix, expected: Matrix) -> set[str]:
    """The signals that differ in any row; both matrices have the same rows."""
    pd.testing.assert_frame_equal(found.keys, expected.keys)
    return {name for name in signal_names() if not found.signals[name].equals(expected.signals[name])}


def test_names_are_unique_and_ordered_by_file_and_name() -> None:
    places = [(item.expression.__module__, item.name) for item in all_signals()]
    assert len(set(signal_names())) == len(places)
    assert places == sorted(places)


def test_labels_are_unique() -> None:
    for labels in ([item.en for item in all_signals()], [item.de for item in all_signals()]):
        assert len(set(labels)) == len(labels)


@every_signal
def test_declaration(item: Signal) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", item.name)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", item.theme)
    assert item.unit == item.unit.strip() != ""
    for label in (item.en, item.de):
        assert label == label.strip() and label[0].isupper() and not label.endswith(".") and len(label) <= 60
    assert (item.expression.__doc__ or "").strip().endswith(".")
    assert item.needs and set(item.needs) <= set(TABLES)
    assert item.over is ROW or item.needs == item.over.needs


@every_signal
def test_direction(item: Signal) -> None:
    assert item.monotone == {"rising": 1, "falling": -1, "either": 0}[item.riskier]
    if item.is_text:
        assert item.monotone == 0 and not item.actionable and item.when_none is None


@every_signal
def test_window_in_the_name_is_looked_back_on(item: Signal) -> None:
    window = re.search(r"_(\d+)d$", item.name)
    if window:
        assert item.history_days is not None and item.history_days >= int(window.group(1))
    assert item.history_days is None or item.history_days > 0


@every_signal
def test_counts_and_flags_of_a_known_table_are_never_null(item: Signal, matrix: Matrix) -> None:
    if item.unit in COUNTED:
        assert item.when_none == 0
    if item.unit in COUNTED | {"flag"}:
        assert item.when_none is not None
        assert item.told_by is not None or matrix.signals[item.name].notna().all()
    if item.unit == "flag":
        assert set(matrix.signals[item.name]) <= {0.0, 1.0}
    if item.unit == "share" and item.name not in ("response_rate_drop", "credit_note_share_365d"):
        assert matrix.signals[item.name].dropna().between(0, 1).all()


@pytest.fixture(scope="module")
def bare(bench: Bench) -> Matrix:
    """One account of which nothing is recorded but that it is a customer."""
    account = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2020-01-01")]})
    return bench.load({"accounts": account}).matrix([CENTRE])


@every_signal
def test_without_a_record_a_signal_is_its_declared_value(item: Signal, bare: Matrix) -> None:
    value = bare.signals[item.name].iloc[0]
    if item.needs == ("accounts",):
        assert item.is_text or value > 0
    elif item.when_none is None:
        assert pd.isna(value)
    else:
        assert value == item.when_none


def test_facts_of_a_bare_account_are_known(bare: Matrix) -> None:
    days = float((CENTRE - pd.Timestamp("2020-01-01").date()).days)
    assert bare.facts.iloc[0].to_dict() == {name: days if name == "customer_days" else 0.0 for name in FACTS}
    assert bare.value.tolist() == [0.0]


Case = tuple[object, ...]


@pytest.fixture(scope="module")
def variants(bench: Bench, book: Frames, matrix: Matrix) -> dict[Case, pd.DataFrame]:
    """What the query gives for each change of the book that the tests below look at, by one query for all."""
    books: dict[Case, Frames] = {}
    other = random_book(accounts=40, seed=8)
    for table in HISTORY:
        books["without", table] = {name: frame for name, frame in book.items() if name != table}
        books["other", table] = {**book, table: other[table]}
    books["other", "accounts"] = {**book, "accounts": older_accounts(book, set(matrix.keys["account_id"]))}
    for account in alone(matrix):
        books["alone", account] = {name: frame[frame["account_id"] == account] for name, frame in book.items()}
    for seed in SHUFFLES:
        books["shuffled", seed] = {name: frame.sample(frac=1, random_state=seed) for name, frame in book.items()}
    return bench.each(books, DATES)


def matrix_of(raw: pd.DataFrame, missing: Collection[str] = ()) -> Matrix:
    return assemble(raw, frozenset(missing), {})


@pytest.mark.parametrize("table", HISTORY)
def test_signals_of_an_absent_table_are_null_and_others_as_before(
    variants: dict[Case, pd.DataFrame], matrix: Matrix, table: str
) -> None:
    without = matrix_of(variants["without", table], [table])
    for name in signal_names():
        if name in signals_of(table):
            assert without.signals[name].isna().all(), name
        else:
            pd.testing.assert_series_equal(without.signals[name], matrix.signals[name], check_exact=True)


@pytest.mark.parametrize("table", HISTORY)
def test_only_signals_that_need_a_table_change_with_it(
    variants: dict[Case, pd.DataFrame], matrix: Matrix, table: str
) -> None:
    changed = differing(matrix_of(variants["other", table]), matrix)
    assert changed <= signals_of(table)
    assert changed & {item.name for item in all_signals() if item.needs == (table,)}


def older_accounts(book: Frames, known: set[str]) -> pd.DataFrame:
    """The accounts with other texts, the customers among them a day longer."""
    since = book["accounts"]["customer_since"] - pd.Timedelta(days=1)
    renamed = book["accounts"].assign(segment="x", industry="y", country="z", account_manager="m", name="n")
    return renamed.assign(
        customer_since=since.where(renamed["account_id"].isin(known), book["accounts"]["customer_since"])
    )


def test_only_signals_that_need_accounts_change_with_them(variants: dict[Case, pd.DataFrame], matrix: Matrix) -> None:
    found = matrix_of(variants["other", "accounts"])
    rows = found.keys.merge(matrix.keys, how="left", indicator=True)["_merge"].eq("both").to_numpy()
    assert differing(found.take(rows), matrix) == signals_of("accounts")


@pytest.mark.parametrize("table", OPTIONAL_HISTORY)
def test_an_empty_table_is_not_an_absent_one(variants: dict[Case, pd.DataFrame], table: str) -> None:
    empty = matrix_of(variants["without", table])
    zeros = [item for item in all_signals() if item.needs == (table,) and item.when_none is not None]
    assert zeros
    for item in zeros:
        assert (empty.signals[item.name] == item.when_none).all()


@pytest.fixture(scope="module")
def at_centre(bench: Bench, book: Frames) -> pd.DataFrame:
    return bench.load(book).raw([CENTRE])


@pytest.mark.parametrize("item", [item for item in all_signals() if item.history_days], ids=lambda item: item.name)
def test_null_where_recorded_for_less_than_the_window(at_centre: pd.DataFrame, matrix: Matrix, item: Signal) -> None:
    days = item.history_days or 0
    expected = matrix.take(matrix.keys["as_of"].eq(pd.Timestamp(CENTRE)).to_numpy()).signals[item.name]
    for table in item.needs:
        short = assemble(at_centre, frozenset(), {table: CENTRE - timedelta(days=days - 1)})
        enough = assemble(at_centre, frozenset(), {table: CENTRE - timedelta(days=days)})
        assert short.signals[item.name].isna().all()
        pd.testing.assert_series_equal(enough.signals[item.name], expected, check_exact=True)


def alone(matrix: Matrix) -> list[str]:
    """The accounts that are looked at alone."""
    return sorted(set(matrix.keys["account_id"]))[:12]


def test_each_account_alone_has_the_row_it_has_in_the_book(
    bench: Bench, book: Frames, variants: dict[Case, pd.DataFrame], matrix: Matrix
) -> None:
    """Twelve as books of their own that stand in one, and the first in truth alone."""
    for account in alone(matrix):
        rows = matrix.keys["account_id"].eq(account).to_numpy()
        assert_same(matrix_of(variants["alone", account]), matrix.take(rows))
    first = alone(matrix)[0]
    own = {name: frame[frame["account_id"] == first] for name, frame in book.items()}
    assert_same(bench.load(own).matrix(DATES), matrix.take(matrix.keys["account_id"].eq(first).to_numpy()))


@pytest.mark.parametrize("seed", SHUFFLES)
def test_order_of_rows_does_not_matter(variants: dict[Case, pd.DataFrame], matrix: Matrix, seed: int) -> None:
    assert_same(matrix_of(variants["shuffled", seed]), matrix)


def test_number_of_threads_does_not_matter(bench: Bench) -> None:
    many = random_book(accounts=3000, seed=9)
    alone = bench.load(many).matrix(DATES)
    bench.connection.raw_sql("SET threads = 4")
    together = bench.matrix(DATES)
    bench.connection.raw_sql("SET threads = 1")
    assert_same(together, alone)


@pytest.mark.parametrize("days", [1, 365, 1000])
def test_only_ages_count_not_the_calendar(bench: Bench, book: Frames, matrix: Matrix, days: int) -> None:
    shift = pd.Timedelta(days=days)
    moved = {name: frame.copy() for name, frame in book.items()}
    for name, table in TABLES.items():
        for column in table.columns:
            if column.kind.is_time:
                moved[name][column.name] = pd.to_datetime(moved[name][column.name]) + shift
    found = bench.load(moved).matrix([day + timedelta(days=days) for day in DATES])
    assert (found.keys["as_of"] - shift).tolist() == matrix.keys["as_of"].tolist()
    assert not differing(Matrix(matrix.keys, found.signals, found.facts), matrix)


def test_requests_get_the_rows_of_the_batch(bench: Bench, book: Frames) -> None:
    """The compiled query, asked for some accounts at a time, of which some do not know a table."""
    bench.load(book)
    since = bench.first_records()
    batch = compute(bench.tables, customers(bench.tables, [CENTRE]), since)
    compiled = CompiledMatrix(False, since)
    ids = batch.keys["account_id"].to_numpy()
    for some in np.array_split(ids, 4):
        missing = [["surveys", "tickets"], *[()] * (len(some) - 1)]
        expected = batch.take(np.isin(ids, some)).without_tables(missing)
        _, matrix = compiled.compute(records(book, some.tolist()), some.tolist(), CENTRE, missing)
        assert_same(matrix, expected)


@pytest.mark.parametrize(("seconds", "share"), [(0, 1.0), (1, 0.0)])
@pytest.mark.parametrize("table", ["loops", "tickets"])
def test_closed_after_48_hours_to_the_second(bench: Bench, table: str, seconds: int, share: float) -> None:
    """Ages are floats: a day on either side of a power of two is where 48 hours come out a little longer."""
    hours = np.arange(1, 48)
    opened = [
        pd.Timestamp(CENTRE) - pd.Timedelta(days=power, seconds=3607 * h) for power in (32, 128, 256) for h in hours
    ]
    ids = [f"a{i:03d}" for i in range(len(opened))]
    rows = pd.DataFrame({TABLES[table].key[0]: ids, "account_id": ids, "opened_at": opened})
    rows["closed_at"] = rows["opened_at"] + pd.Timedelta(hours=48, seconds=seconds)
    accounts = pd.DataFrame({"account_id": ids, "customer_since": pd.Timestamp("2020-01-01")})
    found = bench.load({"accounts": accounts, table: rows}).matrix([CENTRE])
    assert (found.signals[f"{table[:-1]}_closed_48h_share_365d"] == share).all()


def test_what_cancels_is_exactly_zero(bench: Bench) -> None:
    """In whatever order: an account each."""
    orders = [list(amounts) for amounts in itertools.permutations([0.1, 0.2, -0.3])]
    ids = [f"a{place}" for place in range(len(orders))]
    accounts = pd.DataFrame({"account_id": ids, "customer_since": pd.Timestamp("2020-01-01")})
    rows = pd.DataFrame({"account_id": np.repeat(ids, 3), "amount": np.concatenate(orders)})
    rows["invoice_id"] = [f"{place:02d}" for place in range(len(rows))]
    rows["invoiced_on"] = pd.Timestamp(CENTRE) - pd.Timedelta(days=9)
    found = bench.load({"accounts": accounts, "invoices": rows}).matrix([CENTRE])
    zeros = [0.0] * len(orders)
    assert (
        found.signals["revenue_90d"].tolist() == found.facts["revenue_365d"].tolist() == found.value.tolist() == zeros
    )


def test_matrix_of_no_customer_has_all_columns(bench: Bench, book: Frames) -> None:
    nobody = bench.load(book).matrix([CENTRE - timedelta(days=9000)])
    assert len(nobody) == 0
    assert list(nobody.signals) == list(signal_names())


def test_columns_are_the_signals_in_order_and_typed(matrix: Matrix) -> None:
    assert list(matrix.signals) == list(signal_names())
    for item in all_signals():
        assert matrix.signals[item.name].dtype == (object if item.is_text else np.float64)
    assert list(matrix.facts) == list(FACTS)
    assert matrix.facts.notna().all(axis=None)
