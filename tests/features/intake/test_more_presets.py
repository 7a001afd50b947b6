"""Presets of further systems on made-up exports in their shapes: what each is known as, and what is made of it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from support import more_preset_samples as samples
from support.exports import Exports
from support.presets import imported

from features.intake.asking.suggesting import suggest


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    (tmp_path / "exports").mkdir()
    return Exports(tmp_path / "exports")


CASES: dict[str, tuple[str, dict[str, str], str, list[tuple[Any, ...]]]] = {
    "typeform": (
        samples.TYPEFORM, {"typeform_account": '"company"', "typeform_score": '"How likely?"'},
        "survey_id, account_id, sent_at, score", [("t1", "A1", datetime(2025, 7, 1, 10), 9)],
    ),
    "formbricks": (
        samples.FORMBRICKS,
        {"formbricks_zone": '"UTC"', "formbricks_account": '"User ID"', "formbricks_score": '"How likely?"'},
        "survey_id, account_id, sent_at, score", [("f1", "+49A1", datetime(2025, 7, 1, 10, 0, 5), 3)],
    ),
    "customergauge": (
        samples.CUSTOMERGAUGE, {"customergauge_zone": '"Europe/Berlin"', "customergauge_account": '"account"'},
        "survey_id, answered_at, score", [("g1", datetime(2025, 7, 2, 8), 10), ("g2", None, None)],
    ),
    "asknicely": (
        samples.ASKNICELY, {"asknicely_account": '"company"'},
        "survey_id, sent_at, answered_at, score",
        [("n1", datetime(2025, 7, 1, 10), datetime(2025, 7, 1, 11), 7)],
    ),
    "hubspot feedback": (
        samples.HUBSPOT_FEEDBACK, {"hubspot_feedback_zone": '"Europe/Berlin"', "hubspot_feedback_account": '"Company"'},
        "survey_id, account_id, sent_at, score", [("h1", "9002", datetime(2025, 7, 1, 8), 2)],
    ),
    "hubspot deals": (
        samples.HUBSPOT_DEALS, {"hubspot_contract_months": "0"}, "contract_id, account_id, starts_on, annual_value",
        [("d1", "9002", date(2024, 2, 1), 1200.0)],
    ),
    "salesforce report in German": (
        samples.SALESFORCE_REPORT, {"salesforce_contract_months": "0"},
        "contract_id, account_id, starts_on, annual_value",
        [("006A", "Nordwind GmbH", date(2024, 2, 13), 1200.5)],
    ),
    "dynamics": (
        samples.DYNAMICS, {"dynamics_customer_since": '"Created On"'},
        "account_id, name, customer_since", [("5f1c", "Nordwind GmbH", date(2020, 3, 1))],
    ),
    "pipedrive": (
        samples.PIPEDRIVE, {}, "contract_id, account_id, starts_on, annual_value",
        [("1", "Nordwind GmbH", date(2025, 2, 13), 1200.5)],
    ),
    "stripe dashboard": (
        samples.STRIPE_DASHBOARD, {}, "invoice_id, account_id, invoiced_on, amount",
        [("in_1", "cus_1", date(2025, 1, 2), 100.0)],
    ),
    "xero sheet": (
        samples.XERO_SHEET, {}, "invoice_id, account_id, invoiced_on, amount",
        [("INV-1/", "Nordwind", date(2025, 1, 31), 100.0), ("INV-2/credit", "Nordwind", date(2025, 2, 3), -30.0)],
    ),
    "quickbooks": (
        samples.QUICKBOOKS, {}, "account_id, invoiced_on, amount",
        [("Nordwind", date(2025, 1, 31), 1200.0), ("Nordwind", date(2025, 2, 3), -250.0),
         ("Südlicht", date(2025, 3, 4), 80.0)],
    ),
    "zendesk view": (
        samples.ZENDESK_VIEW, {"zendesk_view_zone": '"UTC"'}, "ticket_id, account_id, severity, closed_at",
        [("1", "Nordwind", "critical", datetime(2025, 2, 3, 10)), ("2", "Nordwind", None, None)],
    ),
    "freshdesk": (
        samples.FRESHDESK, {"freshdesk_account": '"Company Name"'}, "ticket_id, severity, opened_at, closed_at",
        [("7", "normal", datetime(2025, 2, 1, 10), datetime(2025, 2, 3, 10))],
    ),
    "sap sheet in English": (
        samples.SAP_SHEET, {"sap_tax_rate": "0.0"}, "account_id, invoiced_on, amount",
        [("12000", date(2025, 1, 31), 1234.56), ("12001", date(2025, 2, 3), -10.0)],
    ),
    "sap items of the table": (
        samples.SAP_BSAD, {"sap_tax_rate": "0.19"}, "account_id, invoiced_on, amount",
        [("12000", date(2025, 1, 31), 100.0), ("12000", date(2025, 2, 1), -10.0)],
    ),
    "sap list in Portuguese": (
        samples.SAP_LIST, {"sap_tax_rate": "0.0"}, "account_id, invoiced_on, amount",
        [("12000", date(2025, 1, 2), 1000.0), ("12001", date(2025, 2, 3), -10.0)],
    ),
    "jira in German": (
        samples.JIRA_GERMAN, {"jira_zone": '"UTC"', "jira_account": '"Projektname"'},
        "ticket_id, severity, opened_at", [("X-1", "high", datetime(2025, 6, 25, 12, 44))],
    ),
    "a log of another help desk's layout": (
        samples.SERVICENOW_LIST, {"servicenow_zone": '"UTC"', "servicenow_account": '"company"'},
        "ticket_id, opened_at, closed_at", [("INC1", datetime(2024, 2, 29, 1, 16, 5), datetime(2024, 3, 5, 12, 0, 1))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_further_system(exports: Exports, name: str) -> None:
    text, answers, columns, expected = CASES[name]
    exports.put("export.csv", text)
    report = imported(exports, answers)
    assert exports.rows(report.files[0].table, columns) == expected


def test_a_preset_from_documentation_says_so(exports: Exports) -> None:
    exports.put("items.csv", samples.SAP_BSAD)
    made = suggest(exports.folder, ".")
    assert any("rests on documentation only; no file of this kind was seen" in note for note in made.notes)
    assert "made from documentation only" in made.text


def test_companies_are_customers_since_a_declared_day(exports: Exports) -> None:
    """Without invoices somebody must say since when; with them the first one does, unless a column is named."""
    exports.put("companies.csv", samples.HUBSPOT_COMPANY_SHEET)
    assert suggest(exports.folder, ".").open_questions == ("hubspot_customer_since",)
    imported(exports, {"hubspot_customer_since": '"Create Date"'})
    rows = exports.rows("accounts", "account_id, name, customer_since")
    assert rows == [("9001", "Nordwind GmbH", date(2024, 2, 1))]
    exports.put("invoices.csv", samples.STRIPE_DASHBOARD)
    assert suggest(exports.folder, ".").open_questions == ()
