"""Retention against books worked by hand."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
from support.programmes import at, book_of, rows_of, values

from features.figures.figure import all_figures
from features.figures.measuring import measure
from features.tables import BookKnown, TableKnown, Tables

OPENED, DAY = date(2024, 1, 1), date(2025, 1, 1)
#: Account, customer since, its contracts as (start, end, value), departure.
HUNDRED = {
    "A": ("2022-01-01", [("2023-06-01", "2024-06-01", 40), ("2024-06-01", "2025-06-01", 50)], None),
    "B": ("2022-01-01", [("2023-07-01", "2024-07-01", 30), ("2024-07-01", "2025-07-01", 24)], None),
    "C": ("2022-01-01", [("2023-08-01", "2024-08-01", 20)], "2024-08-01"),
    "D": ("2022-01-01", [("2022-01-01", "2026-01-01", 10)], None),
    "E": ("2022-01-01", [("2022-01-01", "2023-01-01", 7), ("2024-09-01", "2025-09-01", 5)], "2023-01-01"),
    "F": ("2024-03-01", [("2024-03-01", "2025-03-01", 8)], None),
    "G": ("2024-04-01", [("2024-04-01", "2025-04-01", 12)], None),
}


def hundred() -> Tables:
    """Return the issue's book of 100; A's contract does not count as due, since it is replaced by a later one."""
    contracts = [
        (f"{name}{number}", name, *contract)
        for name, (_, signed, _) in HUNDRED.items()
        for number, contract in enumerate(signed)
    ]
    accounts = [(name, since, "core" if name in "AC" else None) for name, (since, _, _) in HUNDRED.items()]
    # A's increase is agreed within a term that runs on: only B and C are due.
    contracts[0] = ("A0", "A", "2023-06-01", "2025-06-01", 40)
    contracts[1] = ("A1", "A", "2024-06-01", "2025-06-01", 10)
    return book_of(
        {
            "accounts": rows_of("account_id customer_since segment", *accounts),
            "contracts": rows_of("contract_id account_id starts_on ends_on annual_value", *contracts),
            "churns": rows_of("account_id churned_on", ("C", "2024-08-01"), ("E", "2023-01-01")),
            "referrals": rows_of(
                "referral_id account_id referred_at won_at revenue", ("R1", "A", "2024-01-10", "2024-03-01", 8)
            ),
        }
    )


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    names = ("grr", "nrr", "revenue", "customers", "logo", "earned")
    return values(hundred(), DAY, *names)


def test_the_variants_of_retention_differ_as_their_definitions_do(found: dict[str, float]) -> None:
    expected = {
        "grr_contracted": 0.74, "nrr_contracted": 0.84, "nrr_with_reactivation_contracted": 0.89,
        "grr_renewals_due": 0.48, "nrr_renewals_due": 0.68, "logo_churn": 0.25, "logo_churn_with_new": 1 / 6,
        "revenue_churn_contracted": 0.2,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_the_waterfall_sums_from_opening_to_closing(found: dict[str, float]) -> None:
    expected = {
        "opening": 100, "new": 20, "reactivated": 5, "expansion": 10, "contraction": -6, "lost": -20,
        "unclassified": 0, "closing": 109,
    }  # fmt: skip
    assert {name: found[f"revenue_{name}_contracted"] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert sum(list(expected.values())[:-1]) == expected["closing"]
    customers = [found[f"customers_{name}"] for name in ("opening", "new", "returned", "lost", "closing")]
    assert customers == [4, 2, 1, 1, 6]


def test_a_first_invoice_of_an_earlier_contract_is_new_and_not_won_back() -> None:
    """N signs before the period and is invoiced in it for the first time; R was invoiced three years ago, and again."""
    months = [f"{year}-{month:02d}-01" for year in (2023, 2024) for month in range(1, 13)]
    invoices = [(f"X{day}", "X", day, 10) for day in months]
    invoices += [("N1", "N", "2024-02-01", 100), ("R1", "R", "2021-02-01", 50), ("R2", "R", "2024-03-01", 50)]
    since = [("X", "2022-01-01"), ("N", "2023-12-01"), ("R", "2021-01-01")]
    signed = ("C", "N", "2023-12-15", "2024-12-15", 100)
    book = book_of(
        {
            "accounts": rows_of("account_id customer_since", *since),
            "contracts": rows_of("contract_id account_id starts_on ends_on annual_value", signed),
            "invoices": rows_of("invoice_id account_id invoiced_on amount", *invoices),
        }
    )
    found = values(book, DAY, "revenue")
    assert found["revenue_reactivated_invoiced"] == pytest.approx(50 / 3), "every three years"
    assert found["revenue_new_invoiced"] > 0
    assert found["revenue_new_contracted"] == 0 and found["revenue_opening_contracted"] == 100


def test_what_has_no_segment_has_a_line_of_its_own() -> None:
    found = at(hundred(), DAY, "grr_contracted", "revenue_opening_contracted", split="segment")
    groups = found[found["split"] == "segment"]
    values_of = {name: dict(zip(part["group"], part["value"], strict=True)) for name, part in groups.groupby("figure")}
    assert values_of["revenue_opening_contracted"] == {"core": 60, None: 40}
    assert values_of["grr_contracted"] == pytest.approx({"core": 40 / 60, None: 34 / 40})


def monthly(values: dict[str, float], gone: dict[str, str], first: str = "2022-06-01") -> Tables:
    """Return a book billed each month without contracts; `values` are a year's."""
    days = pd.date_range(first, "2025-01-01", freq="MS", inclusive="left")
    invoices = [
        (f"{name}-{day:%Y%m}", name, day, value / 12)
        for name, value in values.items()
        for day in days
        if str(day.date()) < gone.get(name, "9999")
    ]
    return book_of(
        {
            "accounts": rows_of("account_id customer_since", *((name, first) for name in values)),
            "invoices": rows_of("invoice_id account_id invoiced_on amount", *invoices),
            "churns": rows_of("account_id churned_on", *gone.items()),
        }
    )


def test_two_of_nine_accounts_take_two_fifths_of_the_revenue() -> None:
    worth = {f"S{number}": 3e6 / 7 for number in range(7)} | {"L1": 1e6, "L2": 1e6}
    found = values(monthly(worth, {"L1": "2024-05-01", "L2": "2024-09-01"}), DAY, "logo_churn", "revenue_churn_inv")
    assert found["logo_churn"] == pytest.approx(2 / 9)
    assert found["revenue_churn_invoiced"] == pytest.approx(0.4)


def test_a_yearly_invoice_is_spread_over_its_contract() -> None:
    """A pays 1,200 for the year from July: on 1 January half of it counts, with half of the 600 of the year before."""
    frames = {
        "accounts": rows_of("account_id customer_since", ("A", "2022-07-01")),
        "invoices": rows_of(
            "invoice_id account_id invoiced_on amount",
            ("I0", "A", "2022-07-01", 600), ("I1", "A", "2023-07-01", 600), ("I2", "A", "2024-07-01", 1200),
        ),
        "contracts": rows_of(
            "contract_id account_id starts_on ends_on annual_value",
            ("C0", "A", "2022-07-01", "2023-07-01", 600), ("C1", "A", "2023-07-01", "2024-07-01", 600),
            ("C2", "A", "2024-07-01", "2025-07-01", 1200),
        ),
    }  # fmt: skip
    chosen = [figure for figure in all_figures() if figure.name == "revenue_closing_invoiced"]
    early, late = measure(book_of(frames), [OPENED, DAY], chosen).itertuples()
    assert early.reason == "the period begins 2022-01-01, before invoices is recorded (2022-07-01)"
    closing = 600 * (366 - (550 - 365.25)) / 365.25 + 1200 * 184 / 365
    assert late.value == pytest.approx(closing, rel=1e-12)


def test_a_missing_table_gives_null_with_the_reason() -> None:
    book = book_of(
        {"accounts": rows_of("account_id customer_since", ("A", "2022-07-01"))}, missing=["churns", "contracts"]
    )
    found = at(book, DAY, "logo_churn", "grr_contracted").set_index("figure")
    assert found["value"].isna().all() and found["n"].isna().all()
    assert found["reason"].to_dict() == {
        "logo_churn": "table churns is missing", "logo_churn_with_new": "table churns is missing",
        "grr_contracted": "table contracts is missing",
    }  # fmt: skip


def test_an_amount_counts_the_accounts_that_add_to_it() -> None:
    """Four accounts have a value at the beginning; one of them grew, one declined, one left."""
    found = at(hundred(), DAY, "revenue_").set_index("figure")["n"]
    assert {name: found[f"revenue_{name}_contracted"] for name in ("opening", "expansion", "contraction", "lost")} == {
        "opening": 4, "expansion": 1, "contraction": 1, "lost": 1,
    }  # fmt: skip


def test_renewals_of_each_reach_count_their_own_contracts() -> None:
    terms = [("k1", "A", "2024-06-01", "2025-02-01", 30), ("k2", "A", "2024-06-01", "2025-11-01", 50)]
    book = book_of(
        {
            "accounts": rows_of("account_id customer_since", ("A", "2022-01-01")),
            "contracts": rows_of("contract_id account_id starts_on ends_on annual_value", *terms),
        }
    )
    found = at(book, date(2025, 1, 1), "renewals_due_").set_index("figure")
    assert found["value"].to_dict() == {"renewals_due_365d": 80, "renewals_due_90d": 30}
    assert found["n"].to_dict() == {"renewals_due_365d": 2, "renewals_due_90d": 1}


def test_a_contract_that_follows_without_a_gap_is_no_renewal_overdue_and_no_dip_at_the_turn_of_the_year() -> None:
    """B is not renewed: overdue from the second day on. C's successor begins on the day of its end."""
    terms = (("a", "A", "2024-01-01", "2024-12-31", 100.0), ("a2", "A", "2025-01-01", "2025-12-31", 100.0),
             ("b", "B", "2024-01-01", "2024-12-31", 7.0), ("c", "C", "2024-01-01", "2024-12-31", 30.0),
             ("c2", "C", "2024-12-31", "2025-12-31", 30.0))  # fmt: skip
    book = book_of(
        {
            "accounts": rows_of("account_id customer_since", *((name, "2024-01-01") for name in "ABC")),
            "contracts": rows_of("contract_id account_id starts_on ends_on annual_value", *terms),
        },
        known=BookKnown(tables={"contracts": TableKnown(since=date(2020, 1, 1))}),
    )  # fmt: skip
    days = (date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 2))
    found = [values(book, day, "renewals_overdue", "revenue_closing_contracted") for day in days]
    assert [each["renewals_overdue"] for each in found] == [0, 0, 7]
    assert [each["revenue_closing_contracted"] for each in found] == [137, 137, 130]


@pytest.mark.parametrize(("lang", "said"), [("de", "hier wurde keiner gelesen"), ("en", "none was read here")])
def test_what_stands_on_a_run_says_that_none_was_read(lang: Any, said: str) -> None:
    """It said that no run had it for this date, where one was stored that the command does not read."""
    estimated = [figure for figure in all_figures() if figure.name == "renewals_expected_365d"]
    assert said in measure(hundred(), [DAY], estimated, lang=lang)["reason"].iloc[0]
