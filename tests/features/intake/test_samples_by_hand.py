"""The public samples against figures that were worked out by hand: read with the eye and with `csv`, not the importer.

Each case says how its figures come about. Without the samples, which are no part of this repository, all is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from support.exports import Exports, left_out, needs_real_exports, real_exports
from support.presets import answered, imported

from features.errors import InvalidTables
from features.intake.asking.suggesting import suggest
from features.intake.importing import import_book

pytestmark = needs_real_exports


@dataclass(frozen=True)
class Case:
    """Samples, what a person answers, and figures of the table that must come of them."""

    files: tuple[str, ...]
    answers: dict[str, str]
    table: str
    columns: str
    figures: list[tuple[Any, ...]]
    left_out: dict[str, int] = field(default_factory=dict)
    is_whole: bool = False


#: Ledgers of two clients, 456 and 55003, which no import merges.
DATEV = ("datev_buchungsstapel.csv", "datev_stammdaten.csv")
LONGER = ("datev_buchungsstapel_v13_first14columns.csv",)
REVENUE = {"datev_revenue_accounts": "[8000, 8999]"}
#: 8400 works the tax out itself, 8050 is booked with key 3; 8120 and 8125 are free of it.
BY_ACCOUNT = "{let = 'revenue_account', map = {'8400' = '0.19', '8050' = '0.19'}, otherwise = '0'}"
MONEY = "count(*), sum(amount)::DECIMAL(12, 2)::VARCHAR, min(invoiced_on), max(invoiced_on)"
#: Lines 3, 11, 12, 20 of the longer file and 3 of the shorter name no debtor (10000-69999); 14 and 16 are payments.
NO_BILL = {"no customer's account": 1}
NO_BILLS = {"no customer's account": 4, "not against revenue: a payment, an opening": 2}
TICKETS = "count(*), min(opened_at), max(opened_at), count(closed_at), min(closed_at), max(closed_at)"
ANSWERS = "count(*), count(score), min(sent_at), max(sent_at)"
CASES: dict[str, Case] = {
    # 5.950,00 of 22 February 2018.
    "datev, gross": Case(
        DATEV, REVENUE | {"datev_tax_rate": "0.0"}, "invoices", MONEY,
        [(1, "5950.00", date(2018, 2, 22), date(2018, 2, 22))], NO_BILL, is_whole=True,
    ),
    # 4.979,65 + 11.687,62 + 15.301,67 + 7.404,94 + 100,00 (of 124,00 CHF) + 17.107,00
    # + 1.190,00 + 2.500,00 + 119,00 + 35,00 - 35,00 (key 20) + 35,00 = 60.424,88 from 9 February to 14 March 2024.
    "datev, longer, gross": Case(
        LONGER, REVENUE | {"datev_tax_rate": "0.0"}, "invoices", MONEY,
        [(12, "60424.88", date(2024, 2, 9), date(2024, 3, 14))], NO_BILLS, is_whole=True,
    ),
    # 5.000,00.
    "datev, net by account": Case(
        DATEV, REVENUE | {"datev_tax_rate": BY_ACCOUNT}, "invoices", MONEY,
        [(1, "5000.00", date(2018, 2, 22), date(2018, 2, 22))], NO_BILL, is_whole=True,
    ),
    # 4.184,58 + 11.687,62 + 12.858,55 + 6.222,64 + 100,00 + 17.107,00 + 1.000,00 (700,00 + 300,00)
    # + 2.100,84 + 100,00 + 29,41 - 29,41 + 29,41 = 55.390,64.
    "datev, longer, net by account": Case(
        LONGER, REVENUE | {"datev_tax_rate": BY_ACCOUNT}, "invoices", MONEY,
        [(12, "55390.64", date(2024, 2, 9), date(2024, 3, 14))], NO_BILLS, is_whole=True,
    ),
    # 10000 is a person of the master data; 70001 to 70003 there are suppliers. The longer file has the debtors 10001,
    # 10100, 10300, 20050, 30200, 31100, 40000 and 60391; the last to come, 10001 and 10100, have bills of 1 March.
    "datev, accounts": Case(
        DATEV, REVENUE | {"datev_tax_rate": "0.0"}, "accounts", "count(*), count(name), max(name), max(customer_since)",
        [(1, 1, "Sabine Mustermann", date(2018, 2, 22))], {"no customer's account": 3}, is_whole=True,
    ),
    "datev, longer, accounts": Case(
        LONGER, REVENUE | {"datev_tax_rate": "0.0"}, "accounts", "count(*), max(customer_since)",
        [(8, date(2024, 3, 1))], {}, is_whole=True,
    ),
    # 24 rows, none deleted; created from 2018-07-11 20:53:41 to 2020-01-10 17:13:01 UTC; two in the United Kingdom.
    "hubspot companies": Case(
        ("hubspot_company_warehouse.csv",), {"hubspot_customer_since": '"property_createdate"'}, "accounts",
        "count(*), min(customer_since), max(customer_since), count(*) FILTER (country = 'United Kingdom')",
        [(24, date(2018, 7, 11), date(2020, 1, 10), 2)],
    ),
    # Of 22 people one names a company; three of the others are merged into her (76340251;46897301;76226001).
    "hubspot contacts": Case(
        ("hubspot_contact_warehouse.csv",), {}, "contacts", "contact_id, account_id, valid_from",
        [("78971951", "SampleCompany", date(2021, 4, 1))], {"names no account": 21},
    ),
    # 44 rows without stage, amount and closing day.
    "hubspot deals": Case(
        ("hubspot_deal_warehouse.csv",), {"hubspot_contract_months": "0"}, "contracts", "count(*)", [(0,)],
        {"not won": 44},
    ),
    # In Perth (UTC+8): 12/Jan/18 13:47 and 25/Jun/20 12:44; none is resolved, all are Minor.
    "jira": Case(
        ("jira_server.csv",), {"jira_zone": '"Australia/Perth"', "jira_account": '"Project key"'}, "tickets",
        f"{TICKETS}, min(severity), max(severity)",
        [(4, datetime(2018, 1, 12, 5, 47), datetime(2020, 6, 25, 4, 44), 0, None, None, "low", "low")],
    ),
    # In the third row America/Denver, six hours behind in July: the ends 03:23:51 and 03:31:48. Q70 is empty.
    "qualtrics": Case(
        ("qualtrics_three_header_rows.csv",),
        {"qualtrics_account": '"DistributionChannel"', "qualtrics_score": '"Q70"'}, "surveys", ANSWERS,
        [(10, 0, datetime(2022, 7, 22, 9, 23, 51), datetime(2022, 7, 22, 9, 31, 48))],
    ),
    # No zone in the file; near Biel, two hours ahead in July: 08:28:48. The answer to Q1 is 2.
    "qualtrics in German": Case(
        ("qualtrics_german_account.csv",),
        {"qualtrics_account": '"UserLanguage"', "qualtrics_score": '"Q1"', "qualtrics_zone": '"Europe/Zurich"'},
        "surveys", "survey_id, score, sent_at", [("R_2YPOQ602ER1jkf1", 2, datetime(2017, 7, 18, 6, 28, 48))],
    ),
    "qualtrics in German, by the reference that nobody filled": Case(
        ("qualtrics_german_account.csv",),
        {"qualtrics_account": '"ExternalReference"', "qualtrics_score": '"Q1"', "qualtrics_zone": '"Europe/Zurich"'},
        "surveys", "count(*)", [(0,)], {"names no account": 1},
    ),
    # 12 of 36 won: 220 + 85 + 75 + 30 + 50 + 350 + 915 + 440 + 90 + 235 + 235 + 90 thousand, of 7 accounts, all with
    # 02/03/24, which is 3 February: others close on 02/23/26.
    "salesforce": Case(
        ("salesforce_account.csv", "salesforce_opportunity.csv"),
        {"salesforce_customer_since": '""', "salesforce_segment": '""', "salesforce_contract_months": "12"},
        "contracts",
        "count(*), sum(annual_value), count(DISTINCT account_id), min(starts_on), max(starts_on), max(ends_on)",
        [(12, 2_815_000.0, 7, date(2024, 2, 3), date(2024, 2, 3), date(2025, 2, 2))], {"not won": 24},
    ),
    # Three versions of one incident; in Berlin, in winter, opened 29-02-2016 01:16, closed 05-03-2016 12:00.
    "servicenow": Case(
        ("servicenow_event_log.csv",), {"servicenow_zone": '"Europe/Berlin"', "servicenow_account": '"location"'},
        "tickets", "ticket_id, account_id, severity, opened_at, closed_at",
        [("INC0000045", "Location 143", "normal", datetime(2016, 2, 29, 0, 16), datetime(2016, 3, 5, 11))],
        {"another version of the record": 2},
    ),
    # 1000 cents, without tax; the line of 45 is a part of it. The other invoice and one credit note are tests, the
    # other credit note is of an invoice that is not there.
    "stripe": Case(
        ("stripe_invoice_warehouse.csv", "stripe_credit_note_warehouse.csv"), {}, "invoices",
        "invoice_id, account_id, invoiced_on, amount", [("sdg545641", "sdgfs84854", date(2021, 2, 18), 10.0)],
        {"a test": 2, "names no account": 1}, is_whole=True,
    ),
    # 59 bills of suppliers, 3.565,21 CAD without tax.
    "xero": Case(("xero_invoice_warehouse.csv",), {}, "invoices", "count(*)", [(0,)], {"of a supplier": 59}),
    # Of 10 tickets 1595 and 11013 are deleted, 11071 names no organisation. Opened from 2020-02-13 21:43:58 (1404) to
    # 2020-12-22 00:19:23 (16988); all are closed or solved, last changed 2020-02-28 01:01:57 to 2021-01-13 18:42:39.
    "zendesk": Case(
        ("zendesk_ticket_warehouse.csv", "zendesk_organization_warehouse.csv"), {}, "tickets", TICKETS,
        [(7, datetime(2020, 2, 13, 21, 43, 58), datetime(2020, 12, 22, 0, 19, 23),
          7, datetime(2020, 2, 28, 1, 1, 57), datetime(2021, 1, 13, 18, 42, 39))],
        {"deleted": 2, "names no account": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_sample_gives_the_figures_worked_out_by_hand(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    exports = real_exports(tmp_path, *case.files)
    report = imported(exports, case.answers, partial=not case.is_whole)
    assert exports.rows(case.table, case.columns) == case.figures
    assert left_out(report, case.table) == case.left_out


def test_amounts_that_are_left_out_are_summed(tmp_path: Path) -> None:
    """By hand: 59 amounts below the heading sub_total make 3.565,21."""
    (file,) = imported(real_exports(tmp_path, "xero_invoice_warehouse.csv"), {}).files
    (left,) = file.left_out
    assert (left.rows, left.amount) == (59, "3565.21")


def test_samples_that_can_give_no_table_say_so(tmp_path: Path) -> None:
    """Two answers without a time; a page that describes a list and is none; credit notes without their invoices."""
    monkey = real_exports(tmp_path, "surveymonkey_two_header_rows.csv")
    answers = {"surveymonkey_zone": '"UTC"', "surveymonkey_account": '"RespondentID"', "surveymonkey_score": '"Age"'}
    assert any("EndDate or End Date" in each for each in _problems(monkey, answers))
    (none,) = _problems(monkey, answers | {"surveymonkey_account": '""'})
    assert none.endswith('at least one table is expected, and answers.surveymonkey_account with "" leave none')
    page = real_exports(tmp_path, "sap_fbl5n_shape.txt")
    assert suggest(page.folder, ".").unknown == ("sap_fbl5n_shape.txt",), "the words of a list are no list"
    (lacking,) = _problems(real_exports(tmp_path, "stripe_credit_note_warehouse.csv"), {})
    assert "no part before this one fills 'invoices'" in lacking


#: Samples of which each fills a table alone, with a heading without which it cannot, at its place in the file.
SPOILT = {
    "datev_buchungsstapel_v13_first14columns.csv": ";Belegdatum;", "hubspot_company_warehouse.csv": "property_name",
    "hubspot_contact_warehouse.csv": "property_createdate", "hubspot_deal_warehouse.csv": "property_closedate",
    "jira_server.csv": "Issue key", "qualtrics_three_header_rows.csv": "endDate",
    "salesforce_opportunity.csv": "CloseDate", "servicenow_event_log.csv": "opened_at",
    "stripe_invoice_warehouse.csv": "customer_id", "xero_invoice_warehouse.csv": "sub_total",
    "zendesk_ticket_warehouse.csv": "created_at", "datev_stammdaten.csv": "Konto;",
}  # fmt: skip
SURE = {
    "datev_revenue_accounts": "[8000, 8999]", "datev_tax_rate": "0.19", "hubspot_contract_months": "0",
    "jira_zone": '"UTC"', "jira_account": '"Project key"', "qualtrics_account": '"DistributionChannel"',
    "qualtrics_score": '"Q70"', "salesforce_contract_months": "12", "servicenow_zone": '"UTC"',
    "servicenow_account": '"location"',
}  # fmt: skip
SPOIL: dict[str, Callable[[str, str], str]] = {
    "a file of another kind": lambda text, heading: "what,ever\n1,2\n",
    "a changed header": lambda text, heading: text.replace(
        heading, heading.replace("D", "Z").replace("e", "3") + "z", 1
    ),
    "cut off in the last row": lambda text, heading: text[: -max(3, len(text.rstrip().splitlines()[-1]) * 2 // 3)],
}


@pytest.mark.parametrize("way", SPOIL)
def test_what_is_wrong_in_every_sample_stands_in_one_list_and_nothing_is_written(tmp_path: Path, way: str) -> None:
    exports = real_exports(tmp_path, *SPOILT)
    masters = exports.folder / "datev_stammdaten.csv"
    masters.write_bytes(masters.read_bytes().replace(b";1001;456;", b";29098;55003;", 1))  # of the ledger beside them
    imported(exports, SURE)
    before = _bytes(exports)
    for name, heading in SPOILT.items():
        path = exports.folder / name
        encoding = "cp1252" if name == "datev_stammdaten.csv" else "utf-8"
        text = path.read_bytes().decode(encoding)
        path.write_bytes(SPOIL[way](text, heading).encode(encoding))
    with pytest.raises(InvalidTables) as caught:
        import_book(exports.mapping, exports.out, partial=True)
    told = [str(problem) for problem in caught.value.problems]
    assert [name for name in SPOILT if not any(name in each for each in told)] == []
    assert _bytes(exports) == before


def _problems(exports: Exports, answers: dict[str, str]) -> list[str]:
    exports.out = exports.folder.parent / "book"
    return exports.refused(answered(suggest(exports.folder, ".").text, answers), partial=True)


def _bytes(exports: Exports) -> dict[Path, bytes]:
    """Return all files beside the exports: the mapping, the crosswalk, the book."""
    folder = exports.folder.parent
    return {path: path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.parent != exports.folder}  # fmt: skip
