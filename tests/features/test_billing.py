"""A year's invoicing and its change: right for whoever never changed, in whatever rhythm, on whatever day one looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.books import Bench

Invoice = tuple[date, float]
CHANGES = ["revenue_trend_90d", "revenue_trend_180d", "revenue_yoy_90d", "revenue_yoy_365d"]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def seen(bench: Bench, invoices: Iterable[Invoice], days: Sequence[date]) -> pd.DataFrame:
    """The year's invoicing and all signals of one account, a row a date."""
    return seen_each(bench, {"a": invoices}, days)["a"]


def seen_each(bench: Bench, accounts: Mapping[str, Iterable[Invoice]], days: Sequence[date]) -> dict[str, pd.DataFrame]:
    """The same of several accounts, by one query."""
    rows = [(account, day, amount) for account, invoices in accounts.items() for day, amount in invoices]
    frame = pd.DataFrame(rows, columns=["account_id", "invoiced_on", "amount"])
    frame = frame.assign(invoice_id=[f"{i:06d}" for i in range(len(frame))])
    names = pd.DataFrame({"account_id": list(accounts), "customer_since": pd.Timestamp("2015-01-01")})
    matrix = bench.load({"accounts": names, "invoices": frame}).matrix(days)
    signals = matrix.signals.assign(year=matrix.facts["revenue_365d"]).set_axis(matrix.keys["as_of"].dt.date)
    return {account: signals[matrix.keys["account_id"].eq(account).to_numpy()] for account in accounts}


def every(months: int, amount: float, first: str, last: str) -> list[Invoice]:
    starts = pd.date_range(first, last, freq="MS")[::months]
    return [(day.date(), amount) for day in starts]


def all_days(first: str, last: str, step: int = 1) -> list[date]:
    return [day.date() for day in pd.date_range(first, last, freq=f"{step}D")]


def jittered(invoices: list[Invoice], days: int, seed: int = 0) -> list[Invoice]:
    rng = np.random.default_rng(seed)
    return [(day + timedelta(days=int(rng.integers(-days, days + 1))), amount) for day, amount in invoices]


def test_billed_each_1_january_a_year_is_a_year(bench: Bench) -> None:
    invoices = every(12, 12_000.0, "2021-01-01", "2024-12-31")
    found = seen(bench, invoices, [date(2024, 7, 1), date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 20)])
    assert found["year"].tolist() == [12_000.0] * 4
    assert found["revenue_365d"].tolist() == [12_000.0] * 4
    assert found["revenue_yoy_365d"].tolist() == [0.0] * 4


def test_who_never_changes_has_the_same_year_on_every_day(bench: Bench) -> None:
    """Over a leap day too, and whatever day of the rhythm it is."""
    accounts = {f"every {n}": every(n, 1_000.0 * n, "2016-03-01", "2025-06-30") for n in (2, 3, 4, 6, 12, 24)}
    for account, found in seen_each(bench, accounts, all_days("2023-12-20", "2025-03-10", 3)).items():
        assert set(found["year"]) == {12_000.0}, account
        for name in CHANGES:
            assert set(found[name]) == {0.0}, (account, name)


def test_ten_days_of_jitter_change_nothing(bench: Bench) -> None:
    accounts = {
        f"every {months}, seed {seed}": jittered(every(months, 1_000.0 * months, "2017-01-01", "2025-12-31"), 10, seed)
        for months in (3, 6, 12)
        for seed in range(3)
    }
    for account, found in seen_each(bench, accounts, all_days("2024-01-01", "2025-03-01", 5)).items():
        assert set(found["year"]) == {12_000.0}, account
        assert set(found["revenue_yoy_365d"]) == {0.0}, account


def test_a_stop_shows_once_it_is_a_month_overdue(bench: Bench) -> None:
    quarterly = every(3, 3_000.0, "2020-01-01", "2024-10-01")
    days = [date(2024, 12, 31), date(2025, 1, 20), date(2025, 1, 26), date(2025, 5, 1), date(2025, 11, 1)]
    found = seen(bench, quarterly, days)
    assert found["year"].tolist() == [12_000.0, 12_000.0, 9_000.0, 6_000.0, 0.0]
    assert found["revenue_trend_90d"].tolist()[:3] == [0.0, 0.0, -1.0]
    yearly = seen(bench, every(12, 12_000.0, "2020-01-01", "2024-01-01"), [date(2025, 1, 31), date(2025, 2, 3)])
    assert yearly["year"].tolist() == [12_000.0, 0.0]
    assert yearly["revenue_yoy_365d"].tolist() == [0.0, -1.0]


def test_a_price_rise_is_a_change_of_its_size(bench: Bench) -> None:
    before, risen = every(12, 10_000.0, "2020-01-01", "2023-12-31"), every(12, 11_000.0, "2024-01-01", "2024-12-31")
    invoices = [*before, *risen]
    found = seen(bench, invoices, [date(2024, 6, 1), date(2025, 1, 1)])
    assert found["year"].tolist() == [11_000.0, 11_000.0]
    np.testing.assert_allclose(found["revenue_yoy_365d"], 1_000 / 21_000, atol=1e-6)


def test_the_first_invoice_of_a_yearly_payer_lasts_a_year_and_a_month(bench: Bench) -> None:
    days = [date(2024, 1, 2), date(2025, 1, 1), date(2025, 1, 31), date(2025, 2, 2)]
    found = seen(bench, [(date(2024, 1, 1), 12_000.0)], days)
    assert found["year"].tolist() == [12_000.0, 12_000.0, 12_000.0, 0.0]


@pytest.mark.parametrize(
    ("amount", "part", "ends", "found"),
    [
        (24_000.0, 12_000.0, "2026-01-31", "its part of two years, for two years and a month"),
        (36_500.0, 36_500.0 / 3, "2027-01-31", "three years' part; a twentieth more or less is a price"),
        (18_000.0, 18_000.0, "2025-01-31", "no whole years: a yearly invoice with something beside"),
        (12_000.0, 12_000.0, "2025-01-31", "a year"),
    ],
)
def test_the_first_invoice_lasts_as_many_years_as_it_pays_of_the_contract(
    bench: Bench, amount: float, part: float, ends: str, found: str
) -> None:
    """Who pays every two years has not doubled at first, nor gone in the second year."""
    paid, last = date(2024, 1, 1), date.fromisoformat(ends)
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2023-12-01")]})
    invoices = pd.DataFrame({"account_id": ["a"], "invoice_id": ["1"], "invoiced_on": [paid], "amount": [amount]})
    contract = {"contract_id": "c", "starts_on": paid, "ends_on": date(2030, 1, 1), "annual_value": 12_000.0}
    contracts = pd.DataFrame([contract]).assign(account_id="a")
    days = [date(2024, 1, 3), last, last + timedelta(days=2)]
    matrix = bench.load({"accounts": accounts, "invoices": invoices, "contracts": contracts}).matrix(days)
    assert matrix.facts["revenue_365d"].tolist() == pytest.approx([part, part, 0.0]), found
    assert matrix.signals["revenue_365d"].tolist() == pytest.approx([part, part, 0.0])
    in_first_year = (last - paid).days <= 396
    assert matrix.signals["revenue_yoy_365d"].tolist()[:2] == [1.0, float(in_first_year)], "new once, then the same"


MAINTAINED = [(date(2023, 2, 1), date(2024, 1, 31), 10_000.0)]
SOLD_MORE = [(date(2023, 1, 1), date(2025, 12, 31), 10_000.0), (date(2024, 2, 1), date(2026, 12, 31), 2_000.0)]


@pytest.mark.parametrize(
    ("amount", "terms", "year"),
    [
        (104_000.0, MAINTAINED, [104_000.0, 104_000.0, 0.0, 0.0]),  # a licence is no ten years of its maintenance
        (30_000.0, SOLD_MORE, [10_000.0, 10_000.0, 10_000.0, 0.0]),  # what is sold later it does not pay for
        (20_000.0, [(date(2023, 3, 1), None, 10_000.0)], [20_000.0, 20_000.0, 0.0, 0.0]),  # begun much later
        (20_000.0, [(date(2021, 1, 1), date(2022, 12, 31), 10_000.0)], [20_000.0, 20_000.0, 0.0, 0.0]),  # ended before
        (20_000.0, [(date(2022, 1, 1), date(2023, 1, 31), 10_000.0)], [10_000.0, 10_000.0, 10_000.0, 0.0]),
    ],
)
def test_an_only_invoice_pays_for_years_of_the_first_contract_alone(
    bench: Bench, amount: float, terms: list[tuple[date, date | None, float]], year: list[float]
) -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2020-12-01")]})
    invoice = {"account_id": "a", "invoice_id": "1", "invoiced_on": date(2023, 1, 10), "amount": amount}
    contracts = pd.DataFrame(terms, columns=["starts_on", "ends_on", "annual_value"]).astype({"ends_on": object})
    contracts = contracts.assign(account_id="a", contract_id=[str(place) for place in range(len(terms))])
    tables = {"accounts": accounts, "invoices": pd.DataFrame([invoice]), "contracts": contracts}
    days = [date(2023, 1, 20), date(2024, 2, 5), date(2024, 12, 20), date(2026, 2, 20)]
    matrix = bench.load(tables).matrix(days)
    assert matrix.facts["revenue_365d"].tolist() == year


def test_the_first_invoice_pays_for_its_years_on_the_day_on_which_a_successor_cannot_be_seen_yet(bench: Bench) -> None:
    accounts = pd.DataFrame({"account_id": ["a"], "customer_since": [pd.Timestamp("2023-12-01")]})
    invoices = pd.DataFrame(
        {"account_id": ["a"], "invoice_id": ["1"], "invoiced_on": [date(2024, 1, 1)], "amount": [1_000.0]}
    )
    terms = [("1", date(2024, 1, 1), date(2024, 12, 31), 500.0), ("2", date(2025, 1, 1), date(2025, 12, 31), 500.0)]
    contracts = pd.DataFrame(terms, columns=["contract_id", "starts_on", "ends_on", "annual_value"])
    days = [date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 2)]
    tables = {"accounts": accounts, "invoices": invoices, "contracts": contracts.assign(account_id="a")}
    assert bench.load(tables).matrix(days).facts["revenue_365d"].tolist() == [500.0] * 3


def test_a_credit_note_belongs_to_the_period_it_credits(bench: Bench) -> None:
    invoices = [*every(12, 12_000.0, "2021-01-01", "2024-12-31"), (date(2024, 2, 15), -2_000.0)]
    found = seen(bench, invoices, [date(2024, 6, 1), date(2025, 1, 1)])
    assert found["year"].tolist() == [10_000.0, 10_000.0]
    np.testing.assert_allclose(found["revenue_yoy_365d"], -2_000 / 22_000, atol=1e-6)
    before = [*every(12, 12_000.0, "2021-01-01", "2024-12-31"), (date(2023, 12, 20), -2_000.0)]
    assert seen(bench, before, [date(2024, 6, 1)])["year"].tolist() == [12_000.0]


def test_a_credit_note_before_the_first_invoice_counts_on_its_day(bench: Bench) -> None:
    invoices = [(date(2023, 12, 1), -2_000.0), (date(2024, 1, 1), 12_000.0)]
    assert seen(bench, invoices, [date(2024, 6, 1), date(2025, 1, 20)])["year"].tolist() == [10_000.0, 10_000.0]


def test_a_wrong_invoice_and_its_reversal_do_not_move_the_year(bench: Bench) -> None:
    wrong = [(date(2024, 1, 1), 120_000.0), (date(2024, 1, 10), -120_000.0)]
    invoices = [*every(12, 12_000.0, "2021-01-01", "2023-12-31"), *wrong, (date(2024, 1, 12), 12_000.0)]
    found = seen(bench, invoices, [date(2024, 1, 20), date(2024, 6, 1), date(2025, 1, 1), date(2025, 1, 13)])
    assert found["year"].tolist() == [12_000.0] * 4


def sum_of_days(invoices: list[Invoice], at: date, oldest: int, newest: int = 0) -> float:
    return sum(amount for day, amount in invoices if newest < (at - day).days <= oldest)


def test_billed_at_least_monthly_a_year_is_365_days(bench: Bench) -> None:
    accounts = {
        "monthly": every(1, 100.0, "2020-01-01", "2025-06-30"),
        "monthly with jitter": jittered(every(1, 100.0, "2020-01-01", "2025-06-30"), 8),
        "daily": [(day, 3.0) for day in all_days("2022-01-01", "2025-06-30")],
        "weekly": [(day, 3.0) for day in all_days("2022-01-01", "2025-06-30", 7)],
    }
    days = all_days("2024-02-20", "2025-03-05", 11)
    for account, found in seen_each(bench, accounts, days).items():
        assert found["year"].tolist() == [sum_of_days(accounts[account], day, 365) for day in days], account


def test_who_is_billed_alike_never_falls(bench: Bench) -> None:
    """A window of days holds two or three of monthly invoices, twelve or thirteen of weekly ones, by chance."""
    accounts = {
        "monthly": every(1, 100.0, "2020-01-01", "2025-06-30"),
        "monthly with jitter": jittered(every(1, 100.0, "2020-01-01", "2025-06-30"), 3),
        "each last day": [(day - timedelta(days=1), 100.0) for day, _ in every(1, 100.0, "2020-01-01", "2025-06-30")],
        **{f"{step} days": [(day, 3.0) for day in all_days("2021-01-01", "2025-06-30", step)] for step in (7, 14, 28)},
    }
    days = [*all_days("2024-02-20", "2025-03-05", 3), date(2025, 3, 1), date(2025, 4, 1)]
    for account, found in seen_each(bench, accounts, sorted(days)).items():
        for name in CHANGES:
            assert set(found[name]) == {0.0}, (account, name)


def test_a_monthly_payer_who_stops_falls_once_a_week_overdue(bench: Bench) -> None:
    monthly = every(1, 100.0, "2020-01-01", "2024-12-31")
    days = [date(2025, 1, 1), date(2025, 1, 8), date(2025, 1, 10), date(2025, 2, 9), date(2025, 3, 11)]
    found = seen(bench, monthly, days)
    np.testing.assert_allclose(found["revenue_trend_90d"], [0, 0, -1 / 5, -2 / 4, -1], atol=1e-6)
    np.testing.assert_allclose(found["revenue_yoy_365d"], [0, 0, -1 / 23, -2 / 22, -3 / 21], atol=1e-6)


def test_billed_daily_windows_are_of_days(bench: Bench) -> None:
    amounts = [(day, float(1 + place % 11)) for place, day in enumerate(all_days("2022-01-01", "2025-06-30"))]
    days = all_days("2024-02-20", "2025-03-05", 11)
    found = seen(bench, amounts, days)
    for day in days:
        now, before = sum_of_days(amounts, day, 90), sum_of_days(amounts, day, 180, 90)
        assert found["revenue_trend_90d"][day] == pytest.approx((now - before) / (now + before), abs=1e-6)


def test_a_year_away_and_an_invoice_written_anew_leave_the_rhythm(bench: Bench) -> None:
    """A yearly payer skips a year or two; a monthly one is credited on the 12th, and billed anew on the 13th."""
    yearly = [(date(year, 3, 28), 9_000.0) for year in range(2019, 2027)]
    monthly = every(1, 1_000.0, "2023-01-01", "2026-12-31")
    accounts = {
        "without 2025": [one for one in yearly if one[0].year != 2025],
        "without 2023 and 2024": [one for one in yearly if one[0].year not in (2023, 2024)],
        "anew": [*monthly, (date(2026, 3, 12), -1_000.0), (date(2026, 3, 13), 1_000.0)],
    }
    days = all_days("2026-04-08", "2026-12-20", 4)
    found = seen_each(bench, accounts, days)
    assert set(found["without 2025"]["revenue_trend_90d"]) == {1.0}  # Against a year without an invoice.
    assert set(found["without 2023 and 2024"]["revenue_trend_180d"]) == {0.0}
    for account in accounts:
        assert account == "anew" or set(found[account]["year"]) == {9_000.0}
    for name in CHANGES:
        assert set(found["anew"][name]) == {0.0}, name


def test_one_invoice_is_no_trend(bench: Bench) -> None:
    """Its year's invoicing is that of a yearly payer, and new."""
    found = seen(bench, [(date(2024, 1, 1), 12_000.0)], [date(2024, 1, 2), date(2024, 7, 31)])
    assert found[CHANGES[:3]].isna().all(axis=None)
    assert found["revenue_yoy_365d"].tolist() == [1.0, 1.0]


class Purchases(NamedTuple):
    """Gaps between an account's purchases: some, then five about a usual one, then the days since the last."""

    older: list[int]
    usual: int
    order: list[float]
    since: int

    def invoices(self, at: date) -> list[Invoice]:
        gaps = [*self.older, *(round(self.usual * share) for share in self.order)]
        days = [at - timedelta(days=self.since + sum(gaps[len(gaps) - back :])) for back in range(len(gaps) + 1)]
        return [(day, 100.0 + place) for place, day in enumerate(days)]


purchases = st.builds(
    Purchases,
    older=st.lists(st.integers(1, 400), max_size=8),
    usual=st.integers(50, 250),
    order=st.permutations([1.0, 0.95, 2.4, 0.3, 3.2]),
    since=st.integers(1, 400),
)


@settings(max_examples=5, deadline=None)
@given(st.lists(purchases, min_size=8, max_size=8))
def test_irregular_purchases_are_summed_by_days(bench: Bench, drawn: list[Purchases]) -> None:
    """Three of the last five gaps are far from the usual one."""
    at = date(2025, 1, 1)
    accounts = {f"a{place}": one.invoices(at) for place, one in enumerate(drawn)}
    for account, found in seen_each(bench, accounts, [at]).items():
        assert found["year"].tolist() == [sum_of_days(accounts[account], at, 365)]


def test_from_monthly_to_yearly_in_time(bench: Bench) -> None:
    """The last five gaps tell: after a change of rhythm the year goes by days until the new one is steady."""
    invoices = [*every(1, 1_000.0, "2016-01-01", "2018-12-31"), *every(12, 12_000.0, "2019-01-01", "2025-01-01")]
    assert seen(bench, invoices, [date(2024, 12, 31), date(2025, 1, 1)])["year"].tolist() == [12_000.0, 12_000.0]
