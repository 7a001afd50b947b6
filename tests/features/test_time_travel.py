"""Nothing that became known at or after `as_of` changes a signal, a fact or who is a customer.

The property test draws pairs of worlds that share a past and differ in the future: in each, other records begin at or
after `as_of`, and columns that are filled later are filled with other values or not at all. Both worlds stand in one
book as different accounts, so that one query compares several pairs. A second test forgets the future of a large random
book; the others move single records over the edge, to the first instant of `as_of` and to the microsecond before it.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.books import CENTRE, Bench, Frames, assemble, random_book
from support.twins import INSTANT, Record, twins

from features.as_of import customers
from features.batch.computing import compute
from features.matrix import FACT, FACTS, Matrix, first_records
from features.signal import all_signals, signal_names
from features.tables import HISTORY, TABLES, Column, Kind

EARLIER, LATER = CENTRE - timedelta(days=30), CENTRE + timedelta(days=45)
MICROSECOND = pd.Timedelta(microseconds=1)
#: Pairs of worlds in one book: planning the query costs more than they do.
PAIRS = 24
NOTHING, AFTER_CHURN = pd.Timedelta(0), pd.Timedelta(days=20)
FILLED = [(table, column.known_at) for table in TABLES.values() for column in table.columns if column.known_at]
FILLED_COLUMNS = sorted({(table.name, column) for table, column in FILLED})
#: Columns that somebody fills when a customer has gone.
TIDIED = [
    ("loops", "closed_at"), ("tickets", "closed_at"), ("contacts", "valid_to"), ("surveys", "answered_at"),
    ("memberships", "left_on"), ("referrals", "won_at"),
]  # fmt: skip
#: The contract's table of what is known when, by hand: the tests below take it from the declarations.
CONTRACT = {
    "surveys": dict.fromkeys(("answered_at", "score", "comment"), "answered_at") | {"bounced_at": "bounced_at"},
    "loops": {"closed_at": "closed_at"},
    "tickets": {"closed_at": "closed_at"},
    "contacts": {"valid_to": "valid_to"},
    "memberships": {"left_on": "left_on"},
    "referrals": {"contacted_at": "contacted_at", "won_at": "won_at", "revenue": "won_at", "reward": "won_at"},
}
OWN_TIME = {
    "accounts": "customer_since",
    "invoices": "invoiced_on",
    "churns": "churned_on",
    "contacts": "valid_from",
    "surveys": "sent_at",
    "loops": "opened_at",
    "contracts": "starts_on",
    "tickets": "opened_at",
    "actions": "done_at",
    "referrals": "referred_at",
    "memberships": "joined_on",
}


def test_declarations_are_the_contract() -> None:
    assert {name: table.time for name, table in TABLES.items()} == OWN_TIME
    for name, table in TABLES.items():
        filled = {column.name: column.known_at for column in table.columns if column.known_at}
        assert filled == CONTRACT.get(name, {}), name


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


# Pairs of worlds -----------------------------------------------------------------------------------------------------

world_pairs = st.lists(st.lists(twins(), max_size=8), min_size=PAIRS // 2, max_size=PAIRS)
churn_days = st.none() | st.integers(0, 200)


def frames_of(pairs: list[list[tuple[str, Record | None, Record | None]]], churned: list[int | None]) -> Frames:
    """Stand both worlds of every pair in one book, as the accounts A0, B0, A1, B1, ..."""
    rows: dict[str, list[Record]] = {name: [] for name in TABLES}
    for number, pair in enumerate(pairs):
        for side, world in enumerate("AB"):
            account = {"account_id": f"{world}{number}"}
            rows["accounts"].append({**account, "customer_since": INSTANT - pd.Timedelta(days=1000)})
            day = churned[2 * number + side]
            if day is not None:
                rows["churns"].append({**account, "churned_on": INSTANT + pd.Timedelta(days=day)})
            places: Counter[str] = Counter()
            for name, *both in pair:
                places[name] += 1
                if both[side] is not None:
                    key = {TABLES[name].key[0]: f"{name[0]}{places[name] - 1}"} if len(TABLES[name].key) == 1 else {}
                    rows[name].append({**key, **account, **both[side]})
    return {name: pd.DataFrame(found) for name, found in rows.items() if found}


def worlds(found: pd.DataFrame, days: list[date]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows of those dates into world A and world B."""
    rows = found[pd.to_datetime(found["as_of"]).isin([pd.Timestamp(day) for day in days])]
    a, b = (rows[rows["account_id"].str.startswith(world)] for world in "AB")
    return tuple(part.assign(account_id=part["account_id"].str[1:]).reset_index(drop=True) for part in (a, b))


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(pairs=world_pairs, churned=st.lists(churn_days, min_size=2 * PAIRS, max_size=2 * PAIRS))
def test_worlds_that_differ_in_the_future_have_the_same_signals(
    bench: Bench, pairs: list[list[tuple[str, Record | None, Record | None]]], churned: list[int | None]
) -> None:
    found = bench.load(frames_of(pairs, churned)).raw([EARLIER, CENTRE, LATER])
    a, b = worlds(found, [EARLIER, CENTRE])
    assert len(a) == 2 * len(pairs)
    pd.testing.assert_frame_equal(a, b, rtol=1e-12, atol=1e-12)


# A large book without its future --------------------------------------------------------------------------------------


def forget(frames: Frames, at: pd.Timestamp) -> Frames:
    """Remove every record that begins at or after `at`, and null every column that is filled then."""
    kept = {}
    for name, table in TABLES.items():
        frame = frames[name][frames[name][table.time] < at].copy()
        for column in table.columns:
            if column.known_at and column.name in frame:
                frame[column.name] = frame[column.name].where(frames[name][column.known_at] < at, None)
        kept[name] = frame
    return kept


@pytest.mark.parametrize("by_silence", [False, True])
def test_forgetting_the_future_changes_nothing(bench: Bench, by_silence: bool) -> None:
    """The public path: who is a customer, since when tables are recorded, signals and facts, exactly."""
    frames = random_book(accounts=300, seed=11)
    full, past = (
        compute(book.tables, customers(book.tables, [CENTRE], by_silence), first_records(book.tables))
        for book in (bench.load(frames), Bench().load(forget(frames, INSTANT)))
    )
    pd.testing.assert_frame_equal(full.keys, past.keys)
    pd.testing.assert_frame_equal(full.signals, past.signals, check_exact=True)
    pd.testing.assert_frame_equal(full.facts, past.facts, check_exact=True)
    assert len(full) > 100


def test_the_future_of_that_book_is_not_empty() -> None:
    frames = random_book(accounts=300, seed=11)
    past = forget(frames, INSTANT)
    for name, table in TABLES.items():
        assert len(past[name]) < len(frames[name])
        for column in table.columns:
            if column.known_at and column.name in frames[name]:
                open_now = past[name][column.name].isna() & frames[name].loc[past[name].index, column.name].notna()
                assert open_now.any() or name == "churns", f"{name}.{column.name}"


def test_a_table_whose_records_begin_later_is_as_one_without_records(bench: Bench) -> None:
    frames = random_book(accounts=40, seed=12)
    books, since = {}, {}
    for table in (name for name in HISTORY if name != "invoices"):
        later = frames[table][frames[table][TABLES[table].time] >= INSTANT]
        assert len(later)
        for rows in (later, later.iloc[:0]):
            books[table, len(rows) > 0] = {**frames, table: rows}
            since[table, len(rows) > 0] = first_days({**frames, table: rows})
    found = {case: assemble(raw, frozenset(), since[case]) for case, raw in bench.each(books, [CENTRE]).items()}
    for table, begun in books:
        if begun:
            first, second = found[table, True].signals, found[table, False].signals
            pd.testing.assert_frame_equal(first, second, check_exact=True, obj=table)


def first_days(frames: Frames) -> dict[str, date]:
    """Return the day of each history table's first record."""
    return {name: frames[name][TABLES[name].time].min().date() for name in HISTORY if len(frames[name])}


# Over the edge --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base() -> Frames:
    """A random past; nothing in it is known at as_of or later."""
    return forget(random_book(accounts=20, seed=13), INSTANT)


#: What is changed in the book at the base, and when.
Case = tuple[str, ...] | tuple[Any, ...]
BASE: Case = ("base",)


@pytest.fixture(scope="module")
def matrices(bench: Bench, base: Frames) -> dict[Case, Matrix]:
    """The matrix of the base and of every change of it that the tests below look at, by one query for all."""
    books = {BASE: base} | {("restated", of): {**base, "invoices": rows} for of, rows in restated(base).items()}
    # Nobody has left here: a contract or an invoice after a departure would be a return, which makes a customer.
    staying = books["staying",] = {**base, "churns": base["churns"].iloc[:0]}
    for name in HISTORY:
        least = step(TABLES[name].column(TABLES[name].time))
        for after in (NOTHING, least, AFTER_CHURN):
            books["more", name, after] = one_more(base, name, INSTANT + after)
        books["staying, more", name] = one_more(staying, name, INSTANT - least)
    for name, column in FILLED_COLUMNS:
        for after in (NOTHING, pd.Timedelta(days=30), -step(TABLES[name].column(column))):
            books["filled", name, column, after] = filled_at(base, name, column, INSTANT + after)
    for name, column in TIDIED:
        books["tidied", name, column] = closed_at_churn(base, name, column)
    return {case: assemble(raw, frozenset(), {}) for case, raw in bench.each(books, [CENTRE]).items()}


def changed(matrices: dict[Case, Matrix], *case: Any, base: Case = BASE) -> set[str]:
    """Signals and facts that differ at as_of between two matrices; the customers are the same."""
    before, after = matrices[base], matrices[case]
    assert after.keys.equals(before.keys)
    signals = {name for name in signal_names() if not after.signals[name].equals(before.signals[name])}
    return signals | {FACT + name for name in FACTS if not after.facts[name].equals(before.facts[name])}


def signals_of(table: str) -> set[str]:
    return {item.name for item in all_signals() if table in item.needs}


def one_more(base: Frames, name: str, when: pd.Timestamp) -> Frames:
    """Add to every account a record that begins at `when`."""
    table = TABLES[name]
    sample: Record = {
        "amount": 777.0, "annual_value": 777.0, "ends_on": INSTANT + pd.Timedelta(days=99), "kind": "relationship",
        "severity": "high", "program": "new", "decision_maker": True,
    }  # fmt: skip
    accounts = base["accounts"]["account_id"]
    rows = pd.DataFrame({"account_id": accounts, table.time: when})
    for column in table.columns:
        if column.name in sample:
            rows[column.name] = sample[column.name]
        elif column.name == table.key[0] and column.name != "account_id":
            rows[column.name] = [f"new{i}" for i in range(len(rows))]
        elif column.name not in rows:
            rows[column.name] = None
    return {**base, name: _stacked(base[name], rows)}


def _stacked(*frames: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame([row for frame in frames for row in frame.to_dict("records")])


def step(column: Column) -> pd.Timedelta:
    """The least time by which a value can lie before as_of."""
    return pd.Timedelta(days=1) if column.kind is Kind.DATE else MICROSECOND


@pytest.mark.parametrize("name", HISTORY)
def test_a_record_counts_from_just_before_as_of(matrices: dict[Case, Matrix], name: str) -> None:
    assert not changed(matrices, "more", name, NOTHING)
    assert not changed(matrices, "more", name, step(TABLES[name].column(TABLES[name].time)))
    seen = changed(matrices, "staying, more", name, base=("staying",))
    assert seen & signals_of(name)
    assert {item for item in seen if not item.startswith(FACT)} <= signals_of(name)


def filled_at(base: Frames, name: str, column: str, when: pd.Timestamp) -> Frames:
    """Fill the column, and what comes with it, in every record that has not got it."""
    table = TABLES[name]
    frame = base[name].copy()
    still_open = frame[column].isna() & (frame[table.time] < INSTANT - pd.Timedelta(days=1))
    assert still_open.any()
    frame[column] = frame[column].where(~still_open, when)
    for other in table.columns:
        if other.known_at == column and other.name != column and other.name in frame:
            value = {"score": 0, "revenue": 5.0, "reward": 5.0, "comment": "late"}[other.name]
            frame[other.name] = frame[other.name].where(~still_open, value)
    return {**base, name: frame}


@pytest.mark.parametrize(("name", "column"), FILLED_COLUMNS, ids=lambda value: value)
def test_a_filled_column_counts_from_just_before_as_of(matrices: dict[Case, Matrix], name: str, column: str) -> None:
    assert not changed(matrices, "filled", name, column, NOTHING)
    assert not changed(matrices, "filled", name, column, pd.Timedelta(days=30))
    seen = changed(matrices, "filled", name, column, -step(TABLES[name].column(column)))
    assert seen and seen - ({FACT + "records_365d"} if column == "bounced_at" else set()) <= signals_of(name)


@pytest.mark.parametrize(("days", "customer"), [(0, True), (1, True), (-1, False)])
def test_churn_counts_from_the_day_before_as_of(bench: Bench, base: Frames, days: int, customer: bool) -> None:
    account = base["accounts"]["account_id"].iloc[0]
    churn = pd.DataFrame({"account_id": [account], "churned_on": [INSTANT + pd.Timedelta(days=days)]})
    bench.load({**base, "churns": churn})
    found = customers(bench.tables, [CENTRE]).execute()
    assert (account in set(found["account_id"])) == customer


@pytest.mark.parametrize(("days", "customer"), [(0, False), (1, False), (-1, True)])
def test_an_account_counts_from_the_day_before_as_of(bench: Bench, base: Frames, days: int, customer: bool) -> None:
    new = pd.DataFrame({"account_id": ["new"], "customer_since": [INSTANT + pd.Timedelta(days=days)]})
    bench.load({**base, "accounts": _stacked(base["accounts"], new)})
    found = customers(bench.tables, [CENTRE]).execute()
    assert ("new" in set(found["account_id"])) == customer


# Leaks planted on purpose: somebody tidies up when a customer has gone ------------------------------------------------


def _still_customers(base: Frames) -> pd.Series:
    ids = base["accounts"]["account_id"]
    return ids[~ids.isin(base["churns"]["account_id"])]


def closed_at_churn(base: Frames, name: str, column: str) -> Frames:
    """Half of the accounts churn after as_of; on that day all of their open records of a table are filled."""
    gone = _still_customers(base).iloc[::2]
    day = INSTANT + AFTER_CHURN
    frame = base[name].copy()
    hit = frame["account_id"].isin(gone) & frame[column].isna()
    assert hit.any()
    frame[column] = frame[column].where(~hit, day)
    if name == "surveys":
        frame["score"] = frame["score"].where(~hit, 0)
    churns = pd.DataFrame({"account_id": gone, "churned_on": day, "reason": "price"})
    return {**base, name: frame, "churns": _stacked(base["churns"], churns)}


@pytest.mark.parametrize(("name", "column"), TIDIED)
def test_tidying_up_at_churn_does_not_leak(matrices: dict[Case, Matrix], name: str, column: str) -> None:
    assert not changed(matrices, "tidied", name, column)


@pytest.mark.parametrize("name", [name for name in HISTORY if name != "contracts"])
def test_records_of_the_time_after_churn_do_not_leak(matrices: dict[Case, Matrix], name: str) -> None:
    assert not changed(matrices, "more", name, AFTER_CHURN)


def restated(base: Frames) -> dict[str, pd.DataFrame]:
    """Return the invoices with some of the future, and with these restated."""
    planned = one_more(base, "invoices", INSTANT + pd.Timedelta(days=3))["invoices"]
    amounts = np.where(planned["invoiced_on"] >= INSTANT, -1e6, planned["amount"])
    return {"planned": planned, "restated": planned.assign(amount=amounts)}


def test_a_restated_future_invoice_does_not_leak(matrices: dict[Case, Matrix]) -> None:
    for of in ("planned", "restated"):
        assert not changed(matrices, "restated", of)
