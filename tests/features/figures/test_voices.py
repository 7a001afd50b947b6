"""NPS, monetised NPS and earned growth against books worked by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from support.programmes import at, book_of, rows_of, values

DAY = date(2025, 1, 1)
ANSWER = "survey_id account_id contact_id kind sent_at answered_at score anonymous"


def answers(
    account: str, *scores: int, kind: str = "relationship", anonymous: bool = False
) -> list[tuple[object, ...]]:
    key = f"{account}-{kind}"
    return [
        (f"{key}{i}", account, f"{key}c{i}", kind, "2024-10-01", "2024-10-02", score, anonymous)
        for i, score in enumerate(scores)
    ]


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    """X pays 90,000 and answers 9, 9, 3; Y pays 10,000 and answers 9; Z pays 500 and says nothing."""
    old = ("old", "X", "X-relationshipc0", "relationship", "2024-09-01", "2024-09-02", 0, None)
    before = ("before", "W", "w", "relationship", "2023-06-01", "2023-06-02", 5, None)
    surveys = [
        *answers("X", 9, 9, 3), old, before, *answers("Y", 9), *answers("N", *[9] * 6, *[7] * 3, *[0] * 3),
        *answers("S", 9, 9, anonymous=True), *answers("T", 2), *answers("T", 9, 10, 9, kind="transactional"),
    ]  # fmt: skip
    paid = {"X": 90_000, "Y": 10_000, "Z": 500, "W": 1}
    book = book_of(
        {
            "accounts": rows_of(
                "account_id customer_since segment",
                *((name, "2022-01-01", "all" if name in "XY" else name) for name in "XYZWNST"),
            ),
            "invoices": rows_of(
                "invoice_id account_id invoiced_on amount",
                ("old", "W", "2022-01-01", 1),
                *((f"i{name}", name, "2024-06-01", amount) for name, amount in paid.items()),
            ),
            "surveys": rows_of(ANSWER, *surveys),
        }
    )
    return at(book, DAY, "nps", "monetised", "revenue_", "accounts_contra", split="segment")


def group(found: pd.DataFrame, figure: str, name: str) -> pd.Series:
    chosen = found[(found["figure"] == figure) & (found["group"] == name)]
    return chosen.iloc[0]


def test_rules_for_accounts_with_several_answers_differ_as_named(found: pd.DataFrame) -> None:
    rules = {
        "monetised_nps": 40, "monetised_nps_each_answer": 100 / 2.8, "monetised_nps_mean_score": 10,
        "monetised_nps_worst_answer": -80,
    }  # fmt: skip
    assert {name: group(found, name, "all")["value"] for name in rules} == pytest.approx(rules)


def test_money_by_what_customers_say_counts_those_who_said_something(found: pd.DataFrame) -> None:
    """X, Y, N and T answered a relationship survey; of these only X and Y paid, and Z and W said nothing.

    S said it anonymously twice, which shows in no figure of an account: it counts as unheard.
    """
    whole = found[found["split"].isna()].set_index("figure")["n"]
    assert whole["monetised_nps"] == 4 and whole["revenue_promoters"] == 2 and whole["revenue_unheard"] == 2


def test_revenue_of_the_classes_and_the_unheard_sums_to_the_book(found: pd.DataFrame) -> None:
    whole = found[found["split"].isna()].set_index("figure")["value"]
    parts = {"promoters": 70_000, "passives": 0, "detractors": 30_000, "unheard": 501}
    assert {name: whole[f"revenue_{name}"] for name in parts} == pytest.approx(parts)
    assert whole["revenue_customers"] == pytest.approx(sum(parts.values()))


def test_nps_of_few_answers_has_an_interval_that_holds(found: pd.DataFrame) -> None:
    twelve = group(found, "nps_relationship", "N")
    assert twelve["value"] == 25 and twelve["n"] == 12
    assert (twelve["low"], twelve["high"]) == pytest.approx((-23.3, 62.7), abs=0.05)


def test_anonymous_answers_are_shown_from_five_on(found: pd.DataFrame) -> None:
    hidden = group(found, "nps_relationship", "S")
    assert pd.isna(hidden["value"]) and hidden["reason"] == "anonymous answers show only among 5 or more"
    assert found[(found["figure"] == "nps_relationship") & found["split"].isna()]["n"].item() == 19


def test_of_answers_without_a_contact_the_latest_of_the_account_counts() -> None:
    """A answers 0, 3, 9, B 8, 2, and nobody's name is known: NPS 0 of two answers; of the half year before, -50.

    C answers five times anonymously, 10, 10, 10, 10, 0, the last under the number of its one contact, who gave 10.
    """
    unnamed = [
        ("a1", "A", "2024-02-01", 0), ("a2", "A", "2024-03-01", 3), ("a3", "A", "2024-10-01", 9),
        ("b1", "B", "2024-03-01", 8), ("b2", "B", "2024-11-01", 2),
    ]  # fmt: skip
    secret = [(number, "C", "2024-10-01", score) for number, score in zip("56789", [10, 10, 10, 10, 0], strict=True)]
    surveys = [
        *((key, account, None, "relationship", day, day, score, None) for key, account, day, score in unnamed),
        *((key, account, None, "relationship", day, day, score, True) for key, account, day, score in secret),
        ("old", "A", None, "relationship", "2023-06-01", "2023-06-02", 5, None),
        ("c", "C", "9", "relationship", "2024-10-02", "2024-10-02", 10, False),
    ]
    paid = [("A", "2022-01-01", 1), ("A", "2024-06-01", 300), ("B", "2024-06-01", 100), ("C", "2024-06-01", 600)]
    book = book_of(
        {
            "accounts": rows_of(
                "account_id customer_since segment",
                ("A", "2022-01-01", "unnamed"), ("B", "2022-01-01", "unnamed"), ("C", "2022-01-01", "secret"),
            ),
            "invoices": rows_of(
                "invoice_id account_id invoiced_on amount", *((f"i{i}", *row) for i, row in enumerate(paid))
            ),
            "surveys": rows_of(ANSWER, *surveys),
        }
    )  # fmt: skip
    found = at(book, DAY, "nps_relationship", "monetised", "revenue_", split="segment")
    told = {name: group(found, name, "unnamed") for name in found["figure"].unique()}
    assert (told["nps_relationship"]["value"], told["nps_relationship"]["n"]) == (0, 2)
    assert told["nps_relationship_change"]["value"] == pytest.approx(0 - -50)
    assert (told["revenue_promoters"]["value"], told["revenue_detractors"]["value"]) == (300, 100)
    rules = [f"monetised_nps{rule}" for rule in ("", "_each_answer", "_mean_score", "_worst_answer")]
    assert [told[name]["value"] for name in rules] == pytest.approx([50] * 4)
    secrets = group(found, "nps_relationship", "secret")
    assert (secrets["value"], secrets["n"]) == (pytest.approx(400 / 6), 6)


def test_good_transactions_and_a_poor_relationship_are_flagged(found: pd.DataFrame) -> None:
    assert group(found, "accounts_contradicting", "T")["value"] == 1
    assert group(found, "accounts_contradicting", "N")["value"] == 0
    assert group(found, "nps_transactional", "T")["value"] == 100


def test_earned_growth_is_a_range_of_what_is_proven_and_what_may_be() -> None:
    """Of 100 stay 85; of new 45 are 25 referred: earned growth 10 %, a third of the growth of 30 %."""
    contracts = [
        ("old", "A", "2023-06-01", "2024-06-01", 100), ("less", "A", "2024-06-01", "2025-06-01", 85),
        ("new", "B", "2024-05-01", "2025-05-01", 45),
    ]  # fmt: skip
    book = book_of(
        {
            "accounts": rows_of("account_id customer_since", ("A", "2022-01-01"), ("B", "2024-05-01")),
            "contracts": rows_of("contract_id account_id starts_on ends_on annual_value", *contracts),
            "referrals": rows_of(
                "referral_id account_id referred_at won_at revenue",
                ("r0", "A", "2023-01-01", None, None), ("r1", "A", "2024-02-01", "2024-05-01", 25),
            ),
        }
    )  # fmt: skip
    found = values(book, DAY, "earned_growth_contracted", "earned_growth_ratio_contracted")
    expected = {"earned_growth_contracted": 0.1, "earned_growth_ratio_contracted": 1 / 3}
    assert found == pytest.approx(expected)
    row = at(book, DAY, "earned_growth_contracted").iloc[0]
    assert (row["low"], row["high"]) == pytest.approx((0.1, 0.3))


def test_nobody_is_to_be_asked_who_gave_less_within_the_year() -> None:
    """Lately all are promoters; A's contact gave 4 in March, B's before the year, and D has referred."""
    lately = [row for name in "ABCD" for row in answers(name, 9)]
    earlier = [(f"e{name}", name, f"{name}-relationshipc0", "relationship", day, day, 4, None)
               for name, day in (("A", "2024-03-01"), ("B", "2023-06-01"))]  # fmt: skip
    book = book_of(
        {
            "accounts": rows_of("account_id customer_since", *((name, "2022-01-01") for name in "ABCD")),
            "surveys": rows_of(ANSWER, *lately, *earlier),
            "referrals": rows_of(
                "referral_id account_id referred_at", ("old", "A", "2022-06-01"), ("r", "D", "2024-06-01")
            ),
        }
    )
    assert at(book, DAY, "promoters_to_ask")["value"].tolist() == [2]


def test_invitations_that_name_no_contact_do_not_say_who_was_asked() -> None:
    """Of A one contact of two was asked, of C nobody; B was asked without a name, and its contact is not counted."""
    book = book_of(
        {
            "accounts": rows_of("account_id customer_since segment", *((name, "2022-01-01", name) for name in "ABC")),
            "invoices": rows_of("invoice_id account_id invoiced_on amount", ("i", "A", "2022-01-01", 1)),
            "contacts": rows_of(
                "contact_id account_id decision_maker valid_from",
                *(
                    (key, account, True, "2022-01-01")
                    for key, account in (("1", "A"), ("2", "A"), ("3", "B"), ("4", "C"))
                ),
            ),
            "surveys": rows_of(
                ANSWER,
                ("old", "A", "2", "relationship", "2022-06-01", "2022-06-02", 9, False),
                ("a", "A", "1", "relationship", "2024-06-01", "2024-06-02", 9, False),
                ("b", "B", None, "relationship", "2024-06-01", "2024-06-02", 3, False),
            ),
        }
    )
    found = at(book, DAY, "contacts_", "decision_makers_heard", split="segment")
    for name in ("contacts_asked", "contacts_heard", "decision_makers_heard"):
        whole = found[(found["figure"] == name) & found["split"].isna()].iloc[0]
        assert (whole["value"], whole["n"]) == (pytest.approx(1 / 3), 3), name
        unknown = found[(found["figure"] == name) & (found["group"] == "B")]["value"]
        assert unknown.isna().all(), "what of B's contact is not known is not 0"
