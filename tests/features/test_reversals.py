"""Invoices that are reversed in full: none in activity, both rows in revenue, and no look ahead."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.books import CENTRE, Bench
from support.invoicing_oracle import reversed_invoices
from support.raw_tables import folder_of

from features.as_of import customers
from features.formulas.reversals import reversals
from features.sources import open_source
from features.validation import validate

Event = tuple[int, float]
START = date(2023, 1, 1)
SCHEMA = {"account_id": "string", "invoice_id": "string", "invoiced_on": "date", "amount": "float64"}


def rows_of(events: list[Event], account: str = "a") -> pd.DataFrame:
    """Invoices of (day, amount), in the order given."""
    frame = pd.DataFrame(events, columns=["day", "amount"])
    days = [START + timedelta(days=int(day)) for day in frame.pop("day")]
    return frame.assign(account_id=account, invoice_id=[f"i{n:03d}" for n in range(len(events))], invoiced_on=days)


def found(events: list[Event]) -> dict[str, date]:
    """Who is reversed, and from which day that is known."""
    pairs = reversals(ibis.memtable(rows_of(events)[list(SCHEMA)], schema=SCHEMA)).execute()
    return dict(zip(pairs["invoice_id"], pd.to_datetime(pairs["reversed_on"]).dt.date, strict=True))


def names(*places: int) -> set[str]:
    return {f"i{place:03d}" for place in places}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(0, 100), (0, -100)], names(0, 1)),
        ([(0, 100), (30, -100)], names(0, 1)),
        ([(0, 100), (31, -100)], set()),
        ([(5, -100), (6, 100)], set()),
        ([(0, 100), (10, -99)], set()),
        ([(0, 100), (0, 100), (10, -100)], names(1, 2)),
        ([(0, 100), (31, 100), (61, 100), (65, -100)], names(2, 3)),
        ([(0, 100), (10, 100), (12, -100), (13, -100)], names(0, 1, 2, 3)),
        ([(0, 100), (5, -100), (6, -100), (7, 100), (9, -100)], names(0, 1, 3, 4)),
    ],
)
def test_a_credit_note_takes_the_closest_equal_invoice(events: list[Event], expected: set[str]) -> None:
    assert set(found(events)) == expected


def test_a_pair_is_known_from_its_credit_note_on() -> None:
    assert found([(0, 100), (20, -100)]) == dict.fromkeys(names(0, 1), START + timedelta(days=20))


events_of_an_account = st.lists(
    st.tuples(st.integers(0, 70), st.sampled_from([100.0, 200.0, -100.0, -200.0, -50.0])), min_size=1, max_size=14
)


@settings(max_examples=15, deadline=None)
@given(st.lists(events_of_an_account, min_size=10, max_size=10))
def test_the_relation_is_the_rule(accounts: list[list[Event]]) -> None:
    """Ten accounts at a time: compiling the query costs more than they do."""
    rows = pd.concat([rows_of(events, f"a{place}") for place, events in enumerate(accounts)], ignore_index=True)
    pairs = reversals(ibis.memtable(rows[list(SCHEMA)], schema=SCHEMA)).execute()
    for account, own in rows.groupby("account_id"):
        plain = [SimpleNamespace(**row) for row in own.to_dict("records")]
        for row in plain:
            row.invoiced_on = pd.Timestamp(row.invoiced_on)
        assert set(pairs.loc[pairs["account_id"] == account, "invoice_id"]) == reversed_invoices(plain)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


ACTIVITY = [
    "invoice_recency_days", "invoices_365d", "invoices_90d", "invoice_gap_p50_days", "invoice_strength_halflife_180",
    "invoice_days_halflife_180", "invoice_days_halflife_30", "invoice_months_halflife_365", "invoice_overdue_ratio",
]  # fmt: skip


def test_what_is_cancelled_is_no_sign_of_life_and_sums_to_nothing(bench: Bench) -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2015-01-01")]})
    bought = [(0, 100.0), (31, 100.0), (62, 100.0)]
    cancelled = [(200, 500.0), (203, -500.0)]
    day = START + timedelta(days=204)
    plain, more = (
        bench.load({"accounts": accounts, "invoices": rows_of(events)}).matrix([day])
        for events in (bought, bought + cancelled)
    )
    for name in ACTIVITY:
        assert more.signals[name].equals(plain.signals[name]), name
    assert more.facts["revenue_365d"].tolist() == plain.facts["revenue_365d"].tolist() == [300.0]
    assert more.signals["credit_note_share_365d"].tolist() == [500 / 800]
    before = bench.matrix([START + timedelta(days=203)])
    assert before.signals["invoice_recency_days"].tolist() == [3.0]


def test_by_silence_a_customer_needs_two_invoices_that_stand(bench: Bench) -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2015-01-01")]})
    since = (CENTRE - START).days
    events = [(since - 200, 100.0), (since - 40, 70.0), (since - 20, -70.0)]
    bench.load({"accounts": accounts, "invoices": rows_of(events)})
    days = [CENTRE - timedelta(days=20), CENTRE - timedelta(days=19)]
    by_silence = customers(bench.tables, days, by_silence=True).execute()
    assert pd.to_datetime(by_silence["as_of"]).dt.date.tolist() == days[:1]


@pytest.mark.parametrize(("amount", "expected"), [(-100, 2), (-50, 0), (50, 0)])
def test_validated_invoices_say_what_is_reversed_with_and_without_a_credit_note(
    tmp_path: Path, amount: int, expected: int
) -> None:
    rows = f"invoice_id,account_id,invoiced_on,amount\ni1,a1,2024-03-01,100\ni2,a1,2024-03-02,{amount}\n"
    accounts = "account_id,customer_since\na1,2023-01-01\n"
    invoices = validate(open_source(folder_of(tmp_path, accounts=accounts, invoices=rows)))
    found = invoices["invoices"].execute()
    assert found["amount"].tolist() == [100, amount] and int(found["reversed_on"].notna().sum()) == expected
