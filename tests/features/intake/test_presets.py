"""Presets on made-up exports with the traps of each system: what is suggested, asked, and made of them."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import pytest
from support import preset_samples as samples
from support.exports import Exports, left_out
from support.presets import imported

from features.intake.asking.presets import presets
from features.intake.asking.suggesting import suggest

DATEV_ANSWERS = {"datev_revenue_accounts": "[8000, 8499]", "datev_tax_rate": "0.19"}


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    (tmp_path / "exports").mkdir()
    return Exports(tmp_path / "exports")


def test_every_preset_can_be_read_and_says_what_it_rests_on() -> None:
    assert len(presets()) >= 16
    assert all(preset.facts and preset.source and (preset.fingerprint or preset.ids) for preset in presets())


def test_datev(exports: Exports) -> None:
    """The year begins in July; amounts are gross; both sides of a correction; two lines of one document."""
    exports.put("EXTF_a.csv", samples.DATEV, "cp1252")
    report = imported(exports, DATEV_ANSWERS, partial=False)
    rows = exports.rows("invoices", "account_id, invoiced_on, amount")
    assert rows == [
        ("12000", date(2025, 7, 2), 1000.0),
        ("12001", date(2025, 12, 11), 100.0),
        ("12001", date(2026, 1, 3), -30.0),
        ("12001", date(2026, 1, 3), 30.0),
        ("12001", date(2026, 4, 1), 20.0),
        ("12002", date(2026, 2, 27), 84.03),
    ]
    assert report.revenue_by_year == {"2025": "1100.00", "2026": "104.03"}
    assert left_out(report, "invoices") == {"no customer's account": 1, "not against revenue: a payment, an opening": 2}
    assert report.gross == ("invoices.amount of datev_bookings: divided by 1.19, being gross",)


def test_datev_takes_overlapping_months_once(exports: Exports) -> None:
    exports.put("EXTF_a.csv", samples.DATEV, "cp1252").put("EXTF_b.csv", samples.DATEV)
    report = imported(exports, DATEV_ANSWERS)
    assert report.revenue_by_year == {"2025": "1100.00", "2026": "104.03"}


def test_sap_list(exports: Exports) -> None:
    """A minus trails, a text holds a bar, zeros pad the number, a payment and a sum are no invoices."""
    exports.put("items.txt", samples.SAP, "iso-8859-1")
    report = imported(exports, {"sap_tax_rate": "0.19"})
    rows = exports.rows("invoices", "account_id, invoiced_on, amount")
    assert rows == [("12000", date(2025, 1, 2), 1100.0), ("12001", date(2025, 2, 3), -10.0)]
    assert left_out(report, "invoices") == {"no document of revenue: DZ": 1, "a sum": 1}


def test_qualtrics(exports: Exports) -> None:
    """Times in the zone of the third row; the end date of an unfinished answer; previews; a heading of three lines."""
    exports.put("answers.csv", samples.QUALTRICS)
    report = imported(exports, {"qualtrics_account": '"ExternalReference"', "qualtrics_score": '"Q1"'})
    rows = exports.rows("surveys", "survey_id, account_id, kind, sent_at, score")
    assert rows == [
        ("R_1", "12000", "relationship", datetime(2025, 7, 1, 9, 23, 51), 9),
        ("R_2", "12001", "relationship", datetime(2025, 7, 2, 14, 5), 8),
    ]
    assert left_out(report, "surveys") == {"a preview or a test": 1}
    assert any("who was asked and stayed silent is not known" in each for each in report.unknown)


def test_a_survey_without_a_zone_asks_for_it_and_names_the_score(exports: Exports) -> None:
    exports.put("answers.csv", samples.QUALTRICS.replace(',""timeZone"":""America/Denver""', ""))
    made = suggest(exports.folder, ".")
    assert set(made.open_questions) == {"qualtrics_zone", "qualtrics_account", "qualtrics_score"}
    assert "columns that may be meant: Q1, Q1_NPS_GROUP\n" in made.text, "numbers from 0 to 10 are the likelier"
    assert "#   Q1: '1', '8 - Passive', '9'\n#   Q1_NPS_GROUP: 'Passive', 'Promoter'\n" in made.text
    assert "#   EndDate '2025-07-01 03:23:51'" in made.text


def test_systems_of_one_folder_meet_in_the_crosswalk(exports: Exports) -> None:
    """Ids of the ledger, of the help desk that only its tickets name, and of a survey that bears the ledger's."""
    exports.put("EXTF_a.csv", samples.DATEV, "cp1252").put("answers.csv", samples.QUALTRICS)
    exports.put("tickets.csv", samples.ZENDESK.replace(",700,", ",12000,"))
    answers = {"qualtrics_account": '"ExternalReference"', "qualtrics_score": '"Q1"', "qualtrics_system": '"datev"'}
    report = imported(exports, DATEV_ANSWERS | answers, partial=False)
    assert exports.rows("surveys", "survey_id, account_id") == [("R_1", "12000"), ("R_2", "12001")]
    assert (
        report.proposals == 1 and left_out(report, "tickets")["its account has no confirmed pair in the crosswalk"] == 2
    )
    exports.put("masters.csv", samples.DATEV_MASTERS, "cp1252")
    report = imported(exports, DATEV_ANSWERS | answers, partial=False)
    crosswalk = exports.mapping.parent / "crosswalk.csv"
    text = crosswalk.read_text(encoding="utf-8")
    assert report.proposals == 1 and "zendesk,12000,12000,12000,Nordwind GmbH,98,same number," in text
    crosswalk.write_text(text.replace("same number,", "same number,ja"), encoding="utf-8")
    imported(exports, DATEV_ANSWERS | answers, partial=False)
    assert exports.rows("tickets", "ticket_id, account_id") == [("1", "12000"), ("3", "12000")]
    assert exports.rows("accounts", "account_id, name")[0] == ("12000", "Nordwind GmbH")


def test_hubspot_merges_are_followed(exports: Exports) -> None:
    """A contact of a merged company belongs to the survivor; merged contacts are left out."""
    exports.put("companies.csv", samples.HUBSPOT_COMPANIES).put("contacts.csv", samples.HUBSPOT_CONTACTS)
    report = imported(exports, {"hubspot_customer_since": '""'})
    rows = exports.rows("contacts", "contact_id, account_id, name, valid_from")
    assert rows == [("5", "9001", "Ann Lee", date(2021, 1, 1)), ("6", "9002", "Bo Ek", date(2021, 2, 1))]
    assert left_out(report, "contacts") == {"merged into another record": 1}


def test_zendesk(exports: Exports) -> None:
    exports.put("tickets.csv", samples.ZENDESK)
    report = imported(exports, {})
    rows = exports.rows("tickets", "ticket_id, severity, opened_at, closed_at")
    closed, opened = datetime(2025, 2, 3, 10), datetime(2025, 2, 1, 10)
    assert rows == [("1", "critical", opened, closed), ("3", "low", datetime(2025, 2, 2, 10), None)]
    assert left_out(report, "tickets") == {"deleted": 1, "merged into another record": 1}


def test_servicenow_takes_the_last_state_and_no_closing_before_it(exports: Exports) -> None:
    exports.put("log.csv", samples.SERVICENOW)
    answers = {"servicenow_zone": '"Europe/Berlin"', "servicenow_account": '"company"'}
    imported(exports, answers)
    rows = exports.rows("tickets", "ticket_id, severity, opened_at, closed_at, topic")
    opened, closed = datetime(2024, 2, 29, 0, 16), datetime(2024, 3, 5, 11)
    assert rows == [
        ("INC1", "critical", opened, closed, "Cat"),
        ("INC2", "normal", datetime(2024, 3, 1, 0, 16), None, None),
    ]


def test_jira(exports: Exports) -> None:
    exports.put("issues.csv", samples.JIRA)
    imported(exports, {"jira_zone": '"UTC"', "jira_account": '"Issue Type"'})
    rows = exports.rows("tickets", "ticket_id, severity, opened_at, closed_at")
    first = ("X-1", "critical", datetime(2025, 6, 25, 12, 44), datetime(2025, 6, 26, 8))
    assert rows == [first, ("X-2", "low", datetime(2026, 2, 25, 22, 17), None)]


def test_stripe_credit_notes_find_their_customer(exports: Exports) -> None:
    """Cents; the total on each line counts once; what is void or a test is left out."""
    exports.put("invoices.csv", samples.STRIPE_INVOICES).put("credit_notes.csv", samples.STRIPE_CREDIT_NOTES)
    imported(exports, {}, partial=False)
    rows = exports.rows("invoices", "invoice_id, account_id, amount")
    assert rows == [("cn_1", "cus_1", -25.0), ("in_1", "cus_1", 100.0)]
    made_up_for = samples.STRIPE_INVOICES.replace("l2,in_1,cus_1,eur,2025-01-02", "l2,in_1,cus_1,eur,2024-12-15")
    report = imported(exports.put("invoices.csv", made_up_for), {}, partial=False)
    assert exports.rows("invoices", "invoice_id, invoiced_on, amount")[1] == ("in_1", date(2025, 1, 2), 100.0)
    assert left_out(report, "invoices")["another version of the record"] == 1, "the lines have periods of their own"


def test_xero_takes_a_total_once_and_no_supplier(exports: Exports) -> None:
    exports.put("invoices.csv", samples.XERO)
    report = imported(exports, {}, partial=False)
    assert exports.rows("invoices", "invoice_id, account_id, amount") == [("x1", "c1", 100.0), ("x2", "c1", -30.0)]
    reasons = {"the same record again": 1, "no invoice any more, or not yet": 1, "of a supplier": 1}
    assert left_out(report, "invoices") == reasons


def test_salesforce_dates_are_told_by_the_file_and_footers_are_no_rows(exports: Exports) -> None:
    exports.put("Opportunity.csv", samples.OPPORTUNITIES)
    report = imported(exports, {"salesforce_contract_months": "12"})
    rows = exports.rows("contracts", "contract_id, starts_on, ends_on, annual_value")
    assert rows == [("006A", date(2024, 2, 13), date(2025, 2, 12), 120.5)]
    assert left_out(report, "contracts") == {"not won": 1, "a line below the rows": 2}
    exports.put("Opportunity.csv", samples.OPPORTUNITIES.replace("02/13/24", "02/11/24"))
    assert suggest(exports.folder, ".").open_questions == ("salesforce_dates", "salesforce_contract_months"), (
        "the order"
    )


def test_a_file_of_another_kind_is_named(exports: Exports) -> None:
    exports.put("notes.csv", "what,ever\n1,2\n")
    made = suggest(exports.folder, ".")
    assert made.unknown == ("notes.csv",) and '# notes.csv: "what", "ever"' in made.text
    assert "no file is known by its header" in made.notes[0] and "docs/import.md" in made.notes[0]
    (problem,) = exports.refused(made.text)
    assert "at least one table is expected" in problem, "the skeleton is read as a mapping, and has no table yet"
    exports.put("bills.csv", "no,who,day,sum\n1,A1,03.02.2025,5\n")
    part = suggest(exports.folder, ".").text.partition("# [[tables.invoices]]\n")[2].partition("\n\n")[0]
    filled = part.replace("# ", "").replace('from = "?"', 'from = "bills"')
    for column, heading in {"invoice_id": "no", "account_id": "who", "invoiced_on": "day", "amount": "sum"}.items():
        filled = re.sub(rf'^({column} = .*)"\?"', rf'\1"{heading}"', filled, flags=re.MULTILINE)
    exports.book(f"{suggest(exports.folder, '.').text}\n[[tables.invoices]]\n{filled}\n", partial=True)
    assert exports.rows("invoices", "account_id, invoiced_on, amount") == [("A1", date(2025, 2, 3), 5.0)]
    (exports.folder / "bills.csv").unlink()
    exports.mapping.unlink()
    exports.put("tickets.csv", samples.ZENDESK)
    made = suggest(exports.folder, ".")
    assert made.unknown == ("notes.csv",) and '## notes.csv: "what", "ever"' in made.text
