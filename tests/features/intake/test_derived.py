"""What no source has and a mapping declares: loops of answers, ends of contracts, churns, one currency."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from support.exports import INVOICES, PLAIN, Exports

from features.as_of import customers
from features.batch.computing import compute
from features.matrix import first_records
from features.sources import open_source
from features.validation import validate

ANSWERS = """
[sources.answers]
files = "answers.csv"

[[tables.surveys]]
from = "answers"
[tables.surveys.columns]
survey_id = "id"
account_id = "account"
kind = { constant = "relationship" }
sent_at = { column = "at", zone = "UTC" }
score = "score"

[known.surveys]
invitations = false
answered_at = "sent_at"
"""
TASKS = """
[sources.tasks]
files = "tasks.csv"

[[tasks]]
from = "tasks"
[tasks.columns]
account_id = "account"
survey_id = { column = "survey", optional = true }
opened_at = { column = "created", zone = "UTC" }
closed_at = { column = "completed", zone = "UTC" }

[derived.loops]
score_below = 7
within_days = 10
"""
DEALS = """
[sources.deals]
files = "deals.csv"

[[tables.contracts]]
from = "deals"
leave_out = [{ reason = "not won", when = "stage", is_not_in = ["won"] }]
[tables.contracts.columns]
contract_id = "id"
account_id = "account"
starts_on = "closed"
ends_on = { column = "closed", add_months = 12, add_days = -1 }
annual_value = "value"

[[tables.churns]]
from = "deals"
leave_out = [{ reason = "runs on", when = "ended", is_empty = true }]
[tables.churns.columns]
account_id = "account"
churned_on = { column = "ended", add_days = 1 }
"""
RATES = """
[book]
currency = "EUR"

[sources.rates]
files = "rates.csv"

[[rates]]
from = "rates"
[rates.columns]
currency = "currency"
valid_on = "day"
rate = "rate"
"""


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("invoices.csv", INVOICES)


def test_an_answer_of_a_detractor_and_the_task_after_it_are_a_loop(exports: Exports) -> None:
    """A task counts that names the answer, or comes to its account within the days; an answer of 7 opens none."""
    exports.put(
        "answers.csv",
        "id,account,at,score\nS1,A1,2025-03-01 10:00:00,3\nS2,A1,2025-06-01 10:00:00,7\nS3,A2,2025-03-01 10:00:00,0\n"
        "S4,A2,2025-06-01 10:00:00,6\n",
    )
    exports.put(
        "tasks.csv",
        "account,survey,created,completed\nA1,,2025-02-20 10:00:00,2025-02-21 10:00:00\n"
        "A1,,2025-03-02 10:00:00,2025-03-04 10:00:00\nA2,,2025-03-20 10:00:00,2025-03-21 10:00:00\n"
        "A2,S4,2025-06-20 10:00:00,2025-06-21 10:00:00\n",
    )
    exports.book(PLAIN + ANSWERS + TASKS)
    assert exports.rows("loops", "survey_id, account_id, opened_at, closed_at") == [
        ("S1", "A1", datetime(2025, 3, 1, 10), datetime(2025, 3, 4, 10)),
        ("S3", "A2", datetime(2025, 3, 1, 10), None),
        ("S4", "A2", datetime(2025, 6, 1, 10), datetime(2025, 6, 21, 10)),
    ]


def test_loops_need_answers(exports: Exports) -> None:
    problem, absent = exports.refused(PLAIN + TASKS)
    assert "loops are made of surveys" in problem and "no file 'tasks.csv'" in absent, "told in one list"


def test_without_invitations_what_needs_them_is_null_and_the_scores_are_known(exports: Exports) -> None:
    exports.put("answers.csv", "id,account,at,score\nS1,A1,2025-03-01 10:00:00,3\nS2,A2,2025-03-02 10:00:00,9\n")
    report = exports.book(PLAIN + ANSWERS)
    book = validate(open_source(exports.out))
    matrix = compute(book, customers(book, [date(2025, 4, 1)]), first_records(book))
    asked = [name for name in matrix.signals if name.startswith("response_rate")]
    assert len(asked) >= 2 and matrix.signals[asked].isna().all().all(), asked
    assert sorted(matrix.signals["nps_last"]) == [3, 9]
    assert any("who was asked and stayed silent is not known" in each for each in report.unknown)


def test_a_won_deal_is_a_contract_and_an_end_a_churn_of_the_day_after(exports: Exports) -> None:
    exports.put(
        "deals.csv",
        "id,account,stage,closed,value,ended\nD1,A1,Won,2025-01-31,1200,2025-06-30\nD2,A2,Lost,2025-02-01,10,\n",
    )
    exports.book(PLAIN + DEALS)
    contract = ("D1", "A1", date(2025, 1, 31), date(2026, 1, 30), 1200.0)
    assert exports.rows("contracts", "contract_id, account_id, starts_on, ends_on, annual_value") == [contract]
    assert exports.rows("churns", "account_id, churned_on") == [("A1", date(2025, 7, 1))]


def test_a_contract_makes_a_customer_where_the_mapping_says_so(exports: Exports) -> None:
    exports.put("deals.csv", "id,account,stage,closed,value,ended\nD1,B7,Won,2024-01-31,1200,\n")
    exports.book(PLAIN + DEALS + '\n[book]\ncustomers_by = ["invoices", "contracts"]\n')
    assert exports.rows("accounts")[-1] == ("B7", date(2024, 1, 31))


def test_currencies_become_one_by_the_rate_of_the_day(exports: Exports) -> None:
    """The latest rate on or before the day counts; without one, one problem names currency and day."""
    exports.put(
        "invoices.csv",
        "invoice_id,account_id,invoiced_on,amount,in\nI1,A1,2025-01-02,100,EUR\nI2,A1,2025-01-31,100,usd\n"
        "I3,A1,2025-02-01,-100,USD\nI4,A1,2025-02-01,10,CHF\n",
    )
    exports.put("rates.csv", "currency,day,rate\nUSD,2025-01-01,0.9\nUSD,2025-02-01,0.8\nCHF,2025-02-02,1.1\n")
    (problem,) = exports.refused(PLAIN + 'currency = "in"\n' + RATES)
    assert "no rate of the currency on or before the day, for CHF" in problem and "CHF 2025-02-01" in problem
    exports.put("rates.csv", "currency,day,rate\nUSD,2025-01-01,0.9\nUSD,2025-02-01,0.8\nCHF,2025-01-01,1.1\n")
    report = exports.book(PLAIN + 'currency = "in"\n' + RATES)
    amounts = [("I1", 100.0, "EUR"), ("I2", 90.0, "EUR"), ("I3", -80.0, "EUR"), ("I4", 11.0, "EUR")]
    assert exports.rows("invoices", "invoice_id, amount, currency") == amounts
    assert report.revenue_by_year == {"2025": "121.00"}
