"""Recognised revenue against plain Python, written from the rule, on a book whose contracts overlap."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from support.books import CENTRE, Frames, random_book
from support.programmes import book_of

from features.as_of import KEYS, AsOf, every_account
from features.figures.recognised import pays_for_time, recognised, revenue

DATES = [date(2023, 9, 1), CENTRE]
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Return a random book with more contracts an account than any firm has: they overlap, tie and begin late."""
    frames = random_book(accounts=12, seed=11)
    contracts = frames["contracts"]
    tied = contracts.assign(contract_id=contracts["contract_id"] + "t", annual_value=contracts["annual_value"] * 2)
    late = contracts.assign(
        contract_id=contracts["contract_id"] + "l",
        starts_on=contracts["starts_on"] + 20 * DAY, ends_on=contracts["ends_on"] + 40 * DAY,
    )  # fmt: skip
    return {**frames, "contracts": pd.concat([contracts, tied, late], ignore_index=True)}


def test_each_invoice_counts_by_the_contract_that_began_last_as_far_as_it_was_known(frames: Frames) -> None:
    book = book_of(frames)
    view = AsOf(book, every_account(book, DATES))
    rows = recognised(view, pays_for_time(book)).to_pandas()
    assert not rows.duplicated([*KEYS, "invoice_id"]).any()
    assert pays_for_time(book).count().execute() > len(
        frames["invoices"]
    )  # Some contract takes an earlier one's place.
    since = frames["accounts"].set_index("account_id")["customer_since"]
    ours = rows[rows["recognised"] != 0].set_index(["invoice_id", "as_of"])["recognised"]
    plain = {}
    for day in map(pd.Timestamp, DATES):
        known = frames["invoices"][frames["invoices"]["invoiced_on"] < day]
        for invoice in known[known["account_id"].map(since) < day].itertuples():
            amount = _part(invoice, frames["contracts"], day) * invoice.amount
            if amount:
                plain[invoice.invoice_id, day] = amount
    assert len(plain) > 60
    assert ours.to_dict() == pytest.approx(plain, rel=1e-12)


def _part(invoice: object, contracts: pd.DataFrame, day: pd.Timestamp) -> float:
    """Return the part of an invoice that falls into the twelve months before a day."""
    age, year = (day - invoice.invoiced_on).days, (day - (day - pd.DateOffset(months=12))).days
    rows = contracts[
        (contracts["account_id"] == invoice.account_id) & (contracts["starts_on"] < day)
        & (contracts["annual_value"] > 0) & (contracts["starts_on"] - 31 * DAY <= invoice.invoiced_on)
        & ~(contracts["ends_on"] <= invoice.invoiced_on)
    ].sort_values(["starts_on", "contract_id"], ascending=[False, True])  # fmt: skip
    if rows.empty:
        return float(age <= year)
    contract = rows.iloc[0]
    days = abs(invoice.amount) / contract["annual_value"] * 365.25
    if pd.notna(contract["ends_on"]):
        days = min(days, (contract["ends_on"] - invoice.invoiced_on).days)
    days = max(days, 1.0)
    return max(min(age, year) - max(age - days, 0.0), 0.0) / days


@pytest.mark.parametrize("months", [3, 6, 12, 24, 36])
def test_who_pays_regularly_without_a_contract_is_never_lost_between_two_invoices(months: int) -> None:
    """Ten days late or early: the year's revenue is the same on every day, so retention is 100 %."""
    due = pd.date_range("2012-03-01", "2026-01-01", freq="MS")[::months]
    jitter = pd.to_timedelta([(0, 10, -10, 4)[place % 4] for place in range(len(due))], unit="D")
    invoices = pd.DataFrame({"invoiced_on": due + jitter, "amount": 1_000.0 * months}).assign(
        account_id="a", invoice_id=lambda rows: rows.index.astype(str)
    )
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2012-01-01")]}),
        "invoices": invoices,
    }
    book, days = book_of(frames), [day.date() for day in pd.date_range("2023-12-20", "2025-03-10", freq="9D")]
    view = AsOf(book, every_account(book, days))
    rows = revenue(view, pays_for_time(book)).to_pandas()
    assert rows["revenue"].tolist() == [12_000.0] * len(days)


def test_contracts_that_are_recorded_from_a_day_on_let_nobody_shrink() -> None:
    """A yearly payer whose contracts are recorded since 170 days: what was paid before still pays for a year."""
    day = pd.Timestamp("2025-01-01")
    invoices = pd.DataFrame(
        {"account_id": "a", "amount": 12_000.0, "invoiced_on": [day - n * DAY for n in (900, 535, 170)]}
    ).assign(invoice_id=lambda rows: rows.index.astype(str))
    contract = {"contract_id": "c", "account_id": "a", "annual_value": 12_000.0, "starts_on": day - 170 * DAY}
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [day - 999 * DAY]})
    contracts = pd.DataFrame([contract]).assign(ends_on=pd.NaT)
    book = book_of({"accounts": accounts, "invoices": invoices, "contracts": contracts})
    days = [day.date(), (day + 120 * DAY).date()]
    rows = revenue(AsOf(book, every_account(book, days)), pays_for_time(book)).to_pandas()
    assert rows["revenue"].tolist() == [12_000.0] * len(days)
