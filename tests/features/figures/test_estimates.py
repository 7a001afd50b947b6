"""Figures on a scoring run's estimates: lifetime values and renewals of a book worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from support.estimated import estimates_of
from support.programmes import book_of, rows_of

from features.figures.asking import chosen
from features.figures.contracts_ahead import told
from features.figures.estimates import Estimates
from features.figures.figure import figure_names
from features.figures.measuring import WithAccounts, measure, measure_with_accounts
from features.tables import Tables

DAY = date(2025, 1, 1)
NAMES = tuple(
    name for name in figure_names() if "lifetime" in name or name.startswith(("renewals_expected", "renewals_not"))
)
Z = 1.959963984540054


def book() -> Tables:
    """A and B say 9 and 7; C says 3 anonymously, which no figure of one account may show; D is new, E has left."""
    accounts = (("A", "large", "Ann"), ("B", "small", "Ann"), ("C", "small", "Ben"), ("D", "small", None),
                ("E", "small", "Ben"))  # fmt: skip
    answers = (("A", 9, False), ("B", 7, False), ("C", 3, True))
    due = (("A", "2025-01-31", 100.0), ("A", "2025-07-30", 1000.0), ("B", "2025-04-01", 300.0),
           ("C", "2026-02-01", 50.0), ("D", "2025-06-30", 70.0), ("E", "2025-02-10", 9.0))  # fmt: skip
    return book_of(
        {
            "accounts": rows_of(
                "account_id segment account_manager customer_since", *((*account, "2020-01-01") for account in accounts)
            ),
            "churns": rows_of("account_id churned_on", ("E", "2024-06-01")),
            "invoices": rows_of(
                "invoice_id account_id invoiced_on amount", *((f"i{a}", a, "2023-12-01", 1.0) for a, *_ in accounts)
            ),
            "surveys": rows_of(
                "survey_id account_id kind sent_at answered_at score anonymous", ("old", "A", "relationship",
                "2023-06-01", "2023-06-02", 1, False),
                *((f"s{a}", a, "relationship", "2024-11-01", "2024-11-02", score, hidden)
                  for a, score, hidden in answers),
            ),
            "contracts": rows_of(
                "contract_id account_id starts_on ends_on annual_value",
                *((f"k{place}", name, "2024-01-01", ends, value) for place, (name, ends, value) in enumerate(due)),
            ),
        }
    )  # fmt: skip


def estimates() -> Estimates:
    def one(value: float, variance: float, by_level: float, most: float, hazard: float) -> dict[str, float]:
        return {
            "lifetime_value": value, "lifetime_variance": variance, "lifetime_by_level": by_level,
            "lifetime_most": most, "hazard": hazard, "harsher": 2.0, "milder": 0.5,
        }  # fmt: skip

    given = {"A": one(1000, 16, 2, 1200, 0.1), "B": one(500, 9, 1, 503, 0.2), "C": one(200, 0, 0, 300, 0.0), "D": {}}
    return estimates_of(DAY, given | {"E": one(9999, 1, 1, 9999, 0.5)})


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return measure(book(), [DAY], chosen(NAMES), ["segment", "month", "account"], scored=estimates())


def whole(found: pd.DataFrame, name: str, column: str = "value") -> float:
    rows = found[(found["figure"] == name) & found["split"].isna()]
    return float(rows[column].iloc[0])


def groups(found: pd.DataFrame, name: str, split: str) -> dict[str, float]:
    rows = found[(found["figure"] == name) & (found["split"] == split)].dropna(subset="value")
    return dict(zip(rows["group"], rows["value"], strict=True))


def test_lifetime_values_add_up_and_who_has_none_has_a_line_of_its_own(found: pd.DataFrame) -> None:
    assert whole(found, "lifetime_value") == 1700 and whole(found, "lifetime_value", "n") == 3
    assert whole(found, "customers_without_lifetime_value") == 1, "of D too little is known; E is no customer"
    # sd = sqrt(16 + 9 + (2 + 1)^2) = 5.83; of B alone 4 more would be above the most it can be.
    off = Z * 34**0.5
    assert whole(found, "lifetime_value", "low") == pytest.approx(1700 - off)
    assert whole(found, "lifetime_value", "high") == pytest.approx(1700 + off)
    alone = found[(found["figure"] == "lifetime_value") & (found["group"] == "B")].iloc[0]
    assert (alone["low"], alone["high"]) == (pytest.approx(500 - Z * 10**0.5), 503)
    assert groups(found, "lifetime_value", "segment") == {"large": 1000, "small": 700}


def test_the_best_for_a_programme_are_the_promoters_of_value(found: pd.DataFrame) -> None:
    """C's one anonymous answer shows nowhere: it counts as unheard."""
    said = {name: whole(found, f"lifetime_value_{name}") for name in ("promoters", "passives", "unheard")}
    assert said == {"promoters": 1000, "passives": 500, "unheard": 200}
    assert whole(found, "lifetime_value_detractors") == 0, "nobody is a detractor that may be shown"
    alone = found[(found["figure"] == "lifetime_value_unheard") & (found["group"] == "D")].iloc[0]
    assert pd.isna(alone["value"]) and alone["n"] == 0 and alone["reason"], "D is there, and nothing of it is estimated"


def test_what_is_expected_to_be_renewed_is_value_times_staying(found: pd.DataFrame) -> None:
    """By 30 days after its end: A's 60 and 240 days are 2 and 8 months, B's 120 days are 4, C's end is too far."""
    early, late, of_b = 0.9**2, 0.9**8, 0.8**4
    renewed = 100 * early + 1000 * late + 300 * of_b
    assert whole(found, "renewals_expected_365d") == pytest.approx(renewed, rel=1e-12)
    assert whole(found, "renewals_expected_lost_365d") == pytest.approx(1400 - renewed, rel=1e-12)
    assert whole(found, "renewals_not_estimated_365d") == 70
    assert whole(found, "renewals_expected_90d") == pytest.approx(100 * early, rel=1e-12), "B's are 90 days ahead"
    months = {"2025-01": 100 * early, "2025-04": 300 * of_b, "2025-07": 1000 * late}
    assert groups(found, "renewals_expected_365d", "month") == pytest.approx(months, rel=1e-12)
    lost = groups(found, "renewals_expected_lost_365d", "month")
    assert lost == pytest.approx({"2025-01": 19, "2025-04": 300 - months["2025-04"], "2025-07": 1000 - 1000 * late})
    assert "2025-02" not in lost, "of D nothing is estimated, and that is not 0"


def test_contracts_of_one_account_stand_and_fall_together(found: pd.DataFrame) -> None:
    """A brings 0 if it leaves early, 100 if it leaves between, 1,100 if it stays."""
    early, late, of_b = 0.9**2, 0.9**8, 0.8**4
    expected = 100 * early + 1000 * late
    of_a = (early - late) * 100**2 + late * 1100**2 - expected**2
    variance = of_a + 300**2 * of_b * (1 - of_b)
    level = sum(value * (s**0.5 - s**2) / 2 for value, s in ((100, early), (1000, late), (300, of_b)))
    off = Z * (variance + level**2) ** 0.5
    value = whole(found, "renewals_expected_365d")
    assert whole(found, "renewals_expected_365d", "low") == pytest.approx(max(value - off, 0))
    assert whole(found, "renewals_expected_365d", "high") == pytest.approx(min(value + off, 1400))


def test_a_lead_shortens_the_course() -> None:
    late = estimates()
    moved = replace(late, lead_days=30)
    found = measure(book(), [DAY], chosen(["renewals_expected_90d"]), scored=moved)
    assert found["value"].iloc[0] == pytest.approx(100 * 0.9)


def test_without_a_run_or_with_a_model_that_lacks_it_nothing_is_known() -> None:
    """A null with its reason, never 0; and a run says nothing of another date."""
    values = [name for name in NAMES if name != "customers_without_lifetime_value"]
    blind = replace(estimates(), columns=(), accounts=[frame[["account_id"]] for frame in estimates().accounts])
    for scored, day, lang in ((None, DAY, "de"), (blind, DAY, "en"), (estimates(), date(2024, 12, 1), "en")):
        found = measure(book(), [day], chosen(values), lang=lang, scored=scored)
        assert found["value"].isna().all() and found["reason"].notna().all() and found["n"].isna().all()


@pytest.fixture(scope="module")
def stored() -> WithAccounts:
    return measure_with_accounts(book(), [DAY], DAY, ["account_manager"], estimates())


def test_estimates_are_read_once_and_some_accounts_at_a_time(
    stored: WithAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At two dates, which are computed in a part each."""
    monkeypatch.setattr("features.figures.programme.MOST_PAIRS", 1)
    (whole,) = estimates().accounts
    once = replace(estimates(), accounts=iter([whole.iloc[:1], whole.iloc[1:]]))
    found = measure_with_accounts(book(), [DAY, date(2024, 12, 1)], DAY, ["account_manager"], once)
    at_day = found.values[found.values["as_of"] == DAY].reset_index(drop=True)
    pd.testing.assert_frame_equal(at_day, stored.values)
    assert found.contracts is not None and stored.contracts is not None
    assert list(map(told, found.contracts)) == list(map(told, stored.contracts))


def test_a_run_keeps_groups_of_the_book_and_of_each_manager(stored: WithAccounts) -> None:
    rows = stored.groups[stored.groups["figure"] == "lifetime_value"]
    kept = {(row["account_manager"], row["group"]): row["value"] for row in rows.to_dict("records")}
    assert kept == {(None, "large"): 1000, (None, "small"): 700, ("Ann", "large"): 1000, ("Ann", "small"): 500,
                    ("Ben", "small"): 200}  # fmt: skip
    assert stored.contracts is not None
    kept = [(contract.account_id, told(contract)) for contract in stored.contracts]
    assert [(name, *(row[key] for key in ("ends_on", "value", "overdue", "stays"))) for name, row in kept] == [
        ("A", "2025-01-31", 100, False, pytest.approx(0.81)),
        ("B", "2025-04-01", 300, False, pytest.approx(0.8**4)),
        ("D", "2025-06-30", 70, False, None),  # The 180th day is within 180 days.
    ]
    due = stored.groups[(stored.groups["figure"] == "renewals_due_365d") & (stored.groups["split"] == "quarter")]
    of_book = due[due["account_manager"].isna()].set_index("group")["value"]
    assert dict(of_book) == {"2025-Q1": 100, "2025-Q2": 370, "2025-Q3": 1000}
    added = pd.concat(stored.accounts)
    assert added["value"].notna().all(), "who has no estimate adds nothing"
    behind = added[added["figure"] == "renewals_expected_365d"]
    assert behind["value"].sum() == pytest.approx(100 * 0.9**2 + 1000 * 0.9**8 + 300 * 0.8**4, rel=1e-12)
