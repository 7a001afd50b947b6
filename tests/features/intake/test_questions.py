"""What `--suggest` asks of made-up exports of a CRM and an ERP: what may not be guessed, and what the files answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support import preset_samples as samples
from support.exports import PLAIN, Exports, left_out
from support.presets import answered, imported
from typer import Typer
from typer.testing import CliRunner

from features.cli.import_commands import add_to
from features.intake.asking.suggesting import suggest
from features.intake.import_report import ImportReport

ACCOUNTS = (
    "Account ID,Account Name,Type,Industry,Billing City,Account Owner,Customer Since,Customer End Date\n"
    "001A,Nord,Customer,Retail,Ulm,Ann,31/01/2023,\n001B,West,Former Customer,Retail,Ulm,Ann,14/02/2023,28/09/2023\n"
)
OPPORTUNITIES = (
    "Id,AccountId,Name,StageName,Amount,CloseDate,IsWon\n006A,001A,one,Closed Won,100.5,2023-01-01,TRUE\n"
    "006B,001A,two,Closed Won,100.5,2024-01-01,TRUE\n006C,001B,one,Closed Won,50,2023-02-01,TRUE\n"
    "006D,001A,no,Closed Lost,100.5,2024-02-01,FALSE\n"
)
CONTACTS = (
    "Id,AccountId,FirstName,LastName,Title,Email,CreatedDate,IsDeleted\n"
    "003A,001A,Bo,Crow,Buyer,bo@nord.example,2023-01-01T09:57:49.000+0000,FALSE\n"
)
ANSWERS = {
    "salesforce_contract_months": "0", "salesforce_segment": '"Type"', "salesforce_customer_end": '"Customer End Date"',
    "salesforce_customer_since": '"Customer Since"',
}  # fmt: skip
SAP = (
    "|     St|Konto     |Belegnr. |Art|Belegdatum|Betrag in HW|\n"
    "|------------------------------------------------------|\n"
    "|   @5B@|0000100100|180000001|RV |08.01.2024|   1.314,29 |\n"
    "|   @5B@|0000100100|180000002|RG |18.01.2025|     467,58-|\n"
    "|   @5B@|0000100100|180000003|DZ |12.02.2024|     432,56-|\n"
    "|------------------------------------------------------|\n"
    "|   * |          |         |   |          |       1,00 |EUR ||\n"
)


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    (tmp_path / "exports").mkdir()
    return Exports(tmp_path / "exports")


def crm(exports: Exports) -> Exports:
    exports.put("accounts.csv", ACCOUNTS).put("contacts.csv", CONTACTS)
    return exports.put("opportunities.csv", OPPORTUNITIES)


def booked(exports: Exports, answers: dict[str, str]) -> ImportReport:
    """Import by the mapping that is suggested, with invoices that no preset knows beside."""
    return exports.book(answered(suggest(exports.folder, ".").text, answers) + PLAIN.partition("\n\n")[2])


def test_a_status_is_no_segment_and_dates_are_asked_of_each_file(exports: Exports) -> None:
    made = suggest(crm(exports).folder, ".")
    assert {*made.open_questions, *made.proposed} == set(ANSWERS), "each of them is a person's"
    assert made.proposed == {"salesforce_customer_since": "Customer Since with '31/01/2023', '14/02/2023'"}
    assert "recommended: \"\", since 'Former Customer' in Type tells who has left" in made.text
    assert made.text.count("recommended") == 1, "stages that are lost are no reason to name none that is won"
    assert '"%d/%m/%Y"' in made.text and '_dates = "iso"' in made.text, "two files of one system, two forms"
    assert "#   columns that may be meant: Customer End Date\n" in made.text, "a day is asked of columns with days only"


def test_what_tells_departures_or_counts_renewals_twice_is_warned_of(exports: Exports) -> None:
    exports.put(
        "invoices.csv", "invoice_id,account_id,invoiced_on,amount\nI1,001A,2023-02-02,9\nI2,001B,2023-02-02,9\n"
    )
    report = booked(crm(exports), ANSWERS)
    assert exports.rows("churns", "account_id, churned_on") == [("001B", date(2023, 9, 28))]
    assert exports.rows("contacts", "contact_id, role, name") == [("003A", "Buyer", "Bo Crow")]
    (leak,) = [each for each in report.warnings if "says that somebody has left" in each]
    assert leak.startswith("accounts.segment") and "001B: 'Former Customer'" in leak
    (endless,) = [each for each in report.warnings if "running at once" in each]
    assert "1 account with 2 or more contracts running at once, none with an end, as account 001A with 2" in endless
    report = booked(exports, ANSWERS | {"salesforce_contract_months": "12", "salesforce_segment": '""'})
    assert exports.rows("contracts", "ends_on") == [(date(2023, 12, 31),), (date(2024, 1, 31),), (date(2024, 12, 31),)]
    assert not [each for each in report.warnings if "running at once" in each or "has left" in each]
    report = booked(exports, ANSWERS | {"salesforce_customer_end": '""'})
    assert "churns" not in report.records, "without the day of an end, departures are not known"


def test_a_sum_below_a_list_spoils_nothing_and_types_are_shown_with_their_sums(exports: Exports) -> None:
    exports.put("items.txt", SAP)
    made = suggest(exports.folder, ".")
    assert "Art: 'DZ' 1 (-432.56), 'RG' 1 (-467.58), 'RV' 1 (1314.29)" in made.text
    assert "neither in the usual answer nor known to be none: 'RG'" in made.text
    assert set(made.open_questions) == {"sap_tax_rate", "sap_types"}, "dates and decimals are told by the rows"
    report = imported(exports, {"sap_tax_rate": "0.0", "sap_types": '["RV"]'})
    reasons = {"no document of revenue: DZ": 1, "no document of revenue: RG": 1, "a sum": 1}
    assert left_out(report, "invoices") == reasons


def test_bars_that_stand_elsewhere_are_refused_with_their_line(exports: Exports) -> None:
    exports.put("items.txt", SAP)
    text = suggest(exports.folder, ".", {"sap_tax_rate": 0.0, "sap_types": ["RV", "RG"]}).text
    exports.put("items.txt", SAP.replace("|RG |18.01.2025|", "|RG | 18.01.2025|"))
    (problem,) = exports.refused(text)
    assert problem == "items.txt: line 4: the bars do not stand under those of the heading in line 1 (1 rows)"


def test_a_value_in_another_form_names_the_question_and_counts_every_row(exports: Exports) -> None:
    days = [f"{day:02}/{month:02}/2023" for month in range(1, 5) for day in range(1, 29)]
    bills = "".join(f"I{place},A,{day},9\n" for place, day in enumerate(days))
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\n" + bills)
    mapping = PLAIN.replace("\n", '\nanswers = { days = "iso" }\n', 1)
    asked = mapping.replace('invoiced_on = "invoiced_on"', 'invoiced_on = { column = "invoiced_on", date = "$days" }')
    (problem,) = exports.refused(asked)
    assert "cannot be read as the mapping says (iso, to be changed at answers.days)" in problem
    assert "64 look like '13/01/2023' (the day first), 48 like '01/01/2023' (the day or the month first)" in problem


def test_a_key_that_is_nearly_one_and_two_currencies_say_what_to_do(exports: Exports) -> None:
    exports.put(
        "invoices.csv", "invoice_id,account_id,invoiced_on,amount,c\nI1,A,2023-02-02,9,EUR\nI2,A,2023-02-02,9,GBP\n"
    )
    (problem,) = exports.refused(PLAIN.replace('from = "bills"\n', 'from = "bills"\nleave_outs = []\n'))
    assert "unknown key; did you mean 'leave_out'?" in problem
    (problem,) = exports.refused(PLAIN + 'currency = "c"\n')
    assert "[[rates]] in the mapping and [book] currency convert them" in problem


def test_what_another_mapping_changed_is_no_change_of_the_data(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\nI1,A,2023-02-02,9\nI2,A,2023-03-02,9\n")
    exports.book(PLAIN)
    halved = PLAIN.replace('amount = "amount"', 'amount = { column = "amount", divide_by = 2 }')
    (warning,) = exports.book(halved).warnings
    assert warning.endswith("2023-02 (revenue 9.00 to 4.50); the mapping has changed, not the files")


def test_further_lines_of_a_record_are_no_money_that_is_lost(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\n" + "I1,A,2023-02-02,9\n" * 2)
    report = exports.book(PLAIN.replace('from = "bills"\n', 'from = "bills"\nmany = "first"\n'))
    (left,) = report.files[0].left_out
    assert (left.reason, left.rows, left.amount) == ("a further line of a record that is there once", 1, None)


def test_an_empty_text_is_no_value_of_a_condition(exports: Exports) -> None:
    exports.put("invoices.csv", "invoice_id,account_id,invoiced_on,amount\nI1,A,2023-02-02,9\n")
    for test in ("is_in", "is_not_in"):
        rule = f'leave_out = [{{ reason = "none", when = "amount", {test} = [""] }}]\n'
        (problem,) = exports.refused(PLAIN.replace('from = "bills"\n', 'from = "bills"\n' + rule))
        assert "an empty text is no value: use is_empty = true or false" in problem


def test_an_answer_that_leaves_a_file_out_leaves_out_its_accounts_too(exports: Exports) -> None:
    """The ids of an account that nobody names would be looked for in a column without a name."""
    exports.put("bookings.csv", samples.DATEV, "cp1252").put("issues.csv", samples.JIRA)
    answers = {"datev_revenue_accounts": "[8000, 8499]", "datev_tax_rate": "0.19", "jira_zone": '"UTC"'}
    report = imported(exports, answers | {"jira_account": '""'}, partial=False)
    assert report.revenue_by_year == {"2025": "1100.00", "2026": "104.03"} and "tickets" not in report.records


def test_what_is_left_to_answer_is_said_and_nothing_more(exports: Exports) -> None:
    app = Typer()
    app.callback()(lambda: None)
    add_to(app)
    exports.put("bills.csv", samples.STRIPE_INVOICES)
    mapping = exports.folder.parent / "mapping.toml"
    told = CliRunner().invoke(app, ["import", str(exports.folder), "--suggest", "--out", str(mapping)])
    assert told.exit_code == 0 and f"to be answered in {mapping}: nothing" in told.output.replace("\n", "")
