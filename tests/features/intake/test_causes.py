"""A refusal names the cause: a filter that keeps nothing, not the crosswalk; and what is independent, in one list."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.exports import Exports

from features.errors import Problem

BOOKINGS = (
    "konto,gegen,beleg,day,amount\n10001,8400,R1,2025-01-02,100\n10001,8400,R2,2025-02-02,50\n"
    "10001,1200,Z1,2025-02-02,50\n10002,10001,U1,2025-02-02,50\n"
)
LEDGER = """format = 1

[answers]
revenue = [4000, 4999]

[book]
master = "ledger"

[sources.bookings]
files = "bookings.csv"

[[tables.invoices]]
from = "bookings"
system = "ledger"
leave_out = [{ reason = "not against revenue", when = { let = "revenue" }, is_empty = true }]
[tables.invoices.let]
customer = { column = "konto", between = [10000, 69999] }
revenue = { column = "gegen", between = "$revenue" }
[tables.invoices.columns]
invoice_id = "beleg"
account_id = { let = "customer" }
invoiced_on = "day"
amount = "amount"

[sources.crm]
files = "crm.csv"

[[tables.accounts]]
from = "crm"
system = "crm"
[tables.accounts.columns]
account_id = "id"
name = "name"
"""
UNPAIRED = "has a confirmed pair in"


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path).put("bookings.csv", BOOKINGS).put("crm.csv", "id,name\nC1,Nord\n")


def test_a_filter_that_keeps_no_row_is_the_cause_and_not_the_crosswalk(exports: Exports) -> None:
    (problem,) = exports.refused(LEDGER)
    assert problem == (
        "invoices: bookings keeps none of its 4 rows: 4 'not against revenue'; gegen is wanted from 4000 to 4999 "
        "(answers.revenue); most often it is '8400' (2), '1200' (1)"
    ), "what lies in the range of customers is no revenue"
    report = exports.book(LEDGER.replace("4000, 4999", "8000, 8999"))
    assert report.revenue_by_year == {"2025": "150.00"}
    assert any(each.startswith("accounts: 1 of 1 rows of crm are left out") for each in report.warnings)


def test_accounts_that_are_no_customers_are_said_beside_the_invoices_that_lack_pairs(exports: Exports) -> None:
    mapping = LEDGER.replace('master = "ledger"', 'master = "crm"').replace("4000, 4999", "8000, 8999")
    accounts, invoices = exports.refused(mapping)
    assert accounts.startswith("accounts: crm keeps none of its 1 rows: 1 'its account is no customer: no invoice")
    assert UNPAIRED in invoices and invoices.endswith("(2 rows: bookings.csv row 2: 10001, bookings.csv row 3: 10001)")
    assert str(Problem("t", "c", "is wrong", 18)) == "t.c: is wrong (18 rows)", "no places, no empty list of them"


def test_zone_column_and_crosswalk_are_told_in_one_list(exports: Exports) -> None:
    exports.put("tickets.csv", "id,account,at\nT1,C1,2025-01-02 10:00\n")
    tickets = (
        '[sources.desk]\nfiles = "tickets.csv"\n\n[[tables.tickets]]\nfrom = "desk"\nsystem = "crm"\n'
        '[tables.tickets.columns]\nticket_id = "idd"\naccount_id = "account"\n'
        'opened_at = { column = "at", zone = "Europe/Berlinn" }\n'
    )
    mapping = LEDGER.replace('master = "ledger"', 'master = "crm"').replace("4000, 4999", "8000, 8999")
    zone, column, pairs = exports.refused(mapping + tickets)
    assert "unknown zone 'Europe/Berlinn'" in zone and "tickets.csv.idd: the column is absent" in column
    assert pairs.startswith("invoices.account_id") and UNPAIRED in pairs
    first, second = exports.refused(LEDGER + tickets.replace("Berlinn", "Berlin"))
    assert "tickets.csv.idd" in first and "4000 to 4999" in second, "no invoice, but not for lack of pairs"
