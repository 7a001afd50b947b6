"""Files of known systems in other shapes than those of their samples: what would go wrong without a word."""

from __future__ import annotations

import json
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from support import preset_samples as samples
from support.exports import Exports, left_out
from support.presets import answered, imported

from features.intake.asking.suggesting import suggest


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    (tmp_path / "exports").mkdir()
    return Exports(tmp_path / "exports")


def test_documents_of_two_years_are_two_and_the_file_says_how_long_accounts_are(exports: Exports) -> None:
    head = samples.DATEV_HEAD.replace("55003;20250701;4;20250701;20260630", "55003;{0}0101;5;{0}0101;{0}1231")
    row = '1190,00;"S";"";;;"";{};44000;"";1501;"1";"";;"x"\r\n'
    for year in ("2024", "2025"):
        exports.put(f"EXTF_{year}.csv", head.replace("{0}", year) + row.format(100010), "cp1252")
    made = suggest(exports.folder, ".")
    assert "datev_debtor_accounts = [100000, 699999]" in made.text, "44000 is no customer where accounts have 5 digits"
    imported(exports, {"datev_revenue_accounts": "[44000, 44999]", "datev_tax_rate": "0.19"})
    assert exports.rows("invoices", "account_id, invoiced_on, amount") == [
        ("100010", date(2024, 1, 15), 1000.0), ("100010", date(2025, 1, 15), 1000.0),
    ]  # fmt: skip


def test_numbers_of_documents_are_those_of_a_year_and_an_item_of_two_files_is_doubted(exports: Exports) -> None:
    head = "Konto,Belegnummer,Belegart,Belegdatum,Betrag in Hauswährung,Ausgleich\n"
    exports.put("open.csv", head + "100,18,RV,08.01.2024,10,\n100,18,RV,08.01.2025,20,\n100,19,RV,09.01.2025,5,\n")
    exports.put("cleared.csv", head + "100,19,RV,09.01.2025,5,14\n")
    report = imported(exports, {"sap_tax_rate": "0.0"})
    assert [row[0] for row in exports.rows("invoices", "amount")] == [10.0, 10.0, 20.0]
    (doubt,) = [each for each in report.warnings if "in several files" in each]
    assert "100/19/09.01.2025" in doubt, "open in one file, cleared in the other: equal in the amount only"


def test_an_answer_in_the_second_row_is_no_header(exports: Exports) -> None:
    exports.put(
        "s.csv", "Respondent ID,End Date,Custom Data 1,Would you recommend us?\n1,2025-01-01,A,9\n2,2025-01-02,B,3\n"
    )
    imported(exports, {"surveymonkey_zone": '"UTC"', "surveymonkey_account": '"Custom Data 1"',
                       "surveymonkey_score": '"Would you recommend us?"'})  # fmt: skip
    assert exports.rows("surveys", "survey_id, score") == [("1", 9), ("2", 3)]


def test_a_state_in_another_language_closes_and_an_unknown_one_is_told(exports: Exports) -> None:
    exports.put("i.csv", "Number,State,Company,Opened,Closed,Priority\n"
                "I1,Geschlossen,A,2025-01-01,2025-01-02,2 - Hoch\n"
                "I2,7,A,2025-01-01,2025-01-02,3\nI3,Fertig,A,2025-01-01,2025-01-02,3\n")  # fmt: skip
    report = imported(exports, {"servicenow_zone": '"UTC"', "servicenow_account": '"Company"'})
    closed = datetime(2025, 1, 2)
    assert exports.rows("tickets", "ticket_id, closed_at") == [("I1", closed), ("I2", closed), ("I3", None)]
    (warning,) = [each for each in report.warnings if "'Fertig' (1)" in each]
    assert "none of the words that the mapping knows" in warning


def test_stripe_amounts_are_in_the_units_of_their_currency_and_without_tax(exports: Exports) -> None:
    """The API and Airbyte have seconds since 1970, and no `tax` in newer versions; the yen has no cents."""
    exports.put("invoices.csv", "id,customer,currency,created,period_start,amount_due,amount_remaining,total,"
                "total_excluding_tax,status\nin_1,c,jpy,1735812000,1735812000,5500,0,5500,5000,paid\n"
                "in_2,c,JPY,1735812000,1735812000,110,0,110,100,paid\n")  # fmt: skip
    exports.put("notes.csv", "id,created,currency,subtotal,total,status,invoice,refund,customer_balance_transaction\n"
                "cn_1,1738490400,jpy,50,55,issued,in_1,,\n")  # fmt: skip
    imported(exports, {})
    assert exports.rows("invoices", "invoice_id, invoiced_on, amount, currency") == [
        ("cn_1", date(2025, 2, 2), -50.0, "JPY"),
        ("in_1", date(2025, 1, 2), 5000.0, "JPY"),
        ("in_2", date(2025, 1, 2), 100.0, "JPY"),
    ]


def test_a_page_of_an_api_is_unfolded_and_says_that_more_follow(exports: Exports) -> None:
    invoice = {"id": "in_1", "customer": "c", "currency": "eur", "created": 1735812000, "amount_due": 119,
               "period_start": 1735812000, "amount_remaining": 0, "total": 119, "tax": 19, "status": "paid",
               "lines": {"data": [{"id": "il_1"}]}}  # fmt: skip
    exports.put("p.json", json.dumps({"object": "list", "data": [invoice], "has_more": True}, indent=1))
    report = imported(exports, {})
    assert exports.rows("invoices", "invoice_id, amount, currency") == [("in_1", 1.0, "EUR")]
    assert [each for each in report.warnings if "more records follow" in each]
    exports.put("p.json", json.dumps({"object": "list", "data": [invoice], "has_more": False}))
    assert not [each for each in imported(exports, {}).warnings if "more records follow" in each]


def test_a_dashboard_in_german_has_commas_and_two_kinds_of_tax(exports: Exports) -> None:
    exports.put("d.csv", 'id,Customer,Date (UTC),Currency,Total,Exclusive Tax Amount,Inclusive Tax Amount,Status\n'
                'in_1,c,2025-01-02 10:00,eur,"1.190,00","190,00","0,00",paid\n')  # fmt: skip
    imported(exports, {})
    assert exports.rows("invoices", "amount, currency") == [(1000.0, "EUR")]
    exports.put("d.csv", "id,Customer,Date (UTC),Currency,Total,Status\nin_1,c,2025-01-02 10:00,eur,119.00,paid\n")
    exports.mapping, exports.out = exports.folder.parent / "m.toml", exports.folder.parent / "other"
    text = suggest(exports.folder, ".").text.replace('folder = "."', 'folder = "exports"')
    (problem,) = exports.refused(text, partial=True)
    assert "Tax: the column is absent" in problem, "a gross amount would be taken for a net one"


def test_a_credit_note_counts_below_0_whatever_its_sign(exports: Exports) -> None:
    head = "ContactName,InvoiceNumber,InvoiceDate,Total,TaxTotal,Type,Status\n"
    exports.put("x.csv", head + "N,1,31/01/2025,120,20,Sales invoice,Paid\nN,2,31/01/2025,12,2,Sales credit note,Paid\n"
                "N,3,31/01/2025,-6,-1,Sales credit note,Paid\n")  # fmt: skip
    imported(exports, {})
    assert [row[0] for row in exports.rows("invoices", "amount")] == [-10.0, -5.0, 100.0]
    exports.put("x.csv", head.replace("TaxTotal", "TaxAmount") + "N,1,31/01/2025,120,20,Sales invoice,Paid\n")
    exports.out = exports.folder.parent / "other"
    (problem,) = exports.refused(exports.mapping.read_text(), partial=True)
    assert "TaxTotal: the column is absent" in problem


def test_stages_of_a_company_s_own_are_asked(exports: Exports) -> None:
    head = (
        "Record ID,Deal Stage,Amount,Amount in company currency,Currency,Close Date,Associated Company IDs (Primary)\n"
    )
    exports.put("d.csv", head + "1,Vertrag,9,8,USD,2025-01-02,7\n2,Closed Lost,9,9,EUR,2025-01-02,7\n")
    made = suggest(exports.folder, ".")
    assert "hubspot_won_stages" in made.open_questions and "'Vertrag'" in made.text
    imported(exports, {"hubspot_won_stages": '["Vertrag"]', "hubspot_contract_months": "12"})
    assert exports.rows("contracts", "annual_value, account_id, currency") == [(8.0, "7", None)]
    exports.put("d.csv", head + "1,Closed Won,9,8,USD,2025-01-02,7\n")
    assert "hubspot_won_stages" not in suggest(exports.folder, ".").open_questions


def test_versions_and_deleted_rows_of_a_warehouse_count_not(exports: Exports) -> None:
    exports.put("account.csv", "_fivetran_active,id,is_deleted,name,industry,owner_id,parent_id,master_record_id,day\n"
                "true,A,false,New,X,o,,,2024-01-01\nfalse,A,false,Old,X,o,,,2023-01-01\n"
                "true,B,true,Gone,X,o,,A,2024-01-01\n")  # fmt: skip
    exports.put("opportunity.csv", "_fivetran_active,id,account_id,amount,close_date,is_won,is_deleted,stage_name\n"
                "true,1,A,10.0,2024-12-19 00:00:00,true,false,Own\nfalse,1,A,5.0,2024-12-19 00:00:00,true,false,Own\n"
                "true,2,B,7.0,2024-12-19 00:00:00,true,false,Own\n")  # fmt: skip
    answers = {"salesforce_customer_since": '"day"', "salesforce_segment": '""', "salesforce_contract_months": "12"}
    report = imported(exports, answers)
    assert exports.rows("accounts", "account_id, name") == [("A", "New")]
    assert exports.rows("contracts", "contract_id, account_id, annual_value") == [("1", "A", 10.0), ("2", "A", 7.0)]
    assert left_out(report, "contracts") == {"an older version": 1}


def test_a_report_in_german_ends_with_lines_that_are_no_rows(exports: Exports) -> None:
    exports.put("o.csv", "Opportunity-ID;Account-ID;Phase;Betrag;Betrag (konvertiert);Schlusstermin;Währung\n"
                "1;A;Geschlossen und gewonnen;CHF 11,00;EUR 12,00;13.02.2024;CHF\n"
                '"Gesamtsummen (1 Datensatz)"\n"Vertrauliche Informationen"\n"Generiert von: Eva"\n')  # fmt: skip
    imported(exports, {"salesforce_contract_months": "12"})
    assert exports.rows("contracts", "annual_value, currency") == [(12.0, "EUR")]


def test_an_answer_that_was_not_sent_and_a_preview_are_none(exports: Exports) -> None:
    exports.put("t.csv", "#,score,customer,Submit Date (UTC)\na,9,A,2025-01-23 06:27:59\nb,4,B,\n")
    text = samples.QUALTRICS.replace("Survey Preview", "Umfragevorschau")
    exports.put("q.csv", text)
    answers = {"typeform_account": '"customer"', "typeform_score": '"score"', "qualtrics_score": '"Q1"'}
    answers["qualtrics_account"] = '"ExternalReference"'
    report = imported(exports, answers)
    assert {row[0] for row in exports.rows("surveys", "survey_id")} == {"a", "R_1", "R_2"}
    assert left_out(report, "surveys") == {"not submitted": 1, "a preview or a test": 1}


def test_months_have_german_names(exports: Exports) -> None:
    exports.put("j.csv", "Vorgangsschlüssel,Vorgangstyp,Status,Projektname,Erstellt,Erledigt\n"
                "S-1,Bug,Offen,N,12/Mai/25 10:17 AM,01/Dez./25 9:05 PM\n"
                "S-2,Bug,Offen,N,03/Mär/25 8:00 AM,\n")  # fmt: skip
    imported(exports, {"jira_zone": '"UTC"', "jira_account": '"Projektname"'})
    assert exports.rows("tickets", "opened_at, closed_at") == [
        (datetime(2025, 3, 3, 8), None), (datetime(2025, 5, 12, 10, 17), datetime(2025, 12, 1, 21, 5)),
    ]  # fmt: skip


def test_archives_are_looked_into(exports: Exports) -> None:
    with zipfile.ZipFile(exports.folder / "export_2025.zip", "w") as archive:
        archive.writestr("data/deals.csv", "Record ID,Deal Stage,Amount,Close Date\n1,Closed Won,9,2025-01-02\n")
    made = suggest(exports.folder, ".")
    assert made.files == {"hubspot_deals": ("export_2025.zip/data/deals.csv",)} and not made.unknown
    assert 'files = ["export_[0-9]*.zip/data/deals.csv"]' in made.text or "export_2025.zip" in made.text
    (exports.folder / "export_2025.zip").write_bytes(b"no archive")
    exports.mapping = exports.folder.parent / "m.toml"
    text = answered(made.text.replace('folder = "."', 'folder = "exports"'), {"hubspot_contract_months": "12"})
    exports.mapping.write_text(text)
    exports.out = exports.folder.parent / "none"
    problems = exports.refused(text)
    assert any("cannot be unpacked" in each for each in problems)


def test_a_sheet_that_is_hidden_is_not_the_first(exports: Exports) -> None:
    """Dynamics keeps the names of fields in a sheet that nobody sees."""
    book = openpyxl.Workbook()
    book.active.append(["(Nicht ändern) Firma", "Firmenname", "Kunde seit"])
    book.active.append(["5f", "Lumen AG", date(2023, 6, 1)])
    hidden = book.create_sheet("hiddenSheet", 0)
    hidden["A1"], hidden.sheet_state, book.active = "account:x", "veryHidden", 1
    book.save(exports.folder / "a.xlsx")
    imported(exports, {"dynamics_customer_since": '"Kunde seit"'})
    assert exports.rows("accounts", "account_id, customer_since") == [("5f", date(2023, 6, 1))]


def test_a_survey_that_names_no_account_can_be_left_aside(exports: Exports) -> None:
    exports.put("f.csv", "Record ID,Survey Type,Response,Survey submission date\n1,NPS,9,2025-01-02 10:00\n")
    made = suggest(exports.folder, ".", {"hubspot_feedback_zone": "UTC", "hubspot_feedback_account": ""})
    (problem,) = exports.refused(made.text)
    assert 'answers.hubspot_feedback_account with "" leave none' in problem


def test_a_score_of_another_table_joins_its_response(exports: Exports) -> None:
    exports.put("r.csv", "id,distribution_channel,end_date,recorded_date,status,survey_id,recipient_email\n"
                "R1,email,2025-03-07 08:59:21.0,2025-03-14 09:02:00,0,S,a@x.example\n"
                "R2,email,2025-03-08 08:59:21.0,2025-03-14 09:02:00,1,S,a@x.example\n")  # fmt: skip
    exports.put("a.csv", "question_id,response_id,sub_question_key,value\nQ1,R1,,9\nQ2,R1,,1\nQ1,R2,,3\n")
    answers = {"qualtrics_response_account": '"recipient_email"', "qualtrics_score_question": '"Q1"'}
    report = imported(exports, answers)
    assert exports.rows("surveys", "survey_id, account_id, sent_at, score") == [
        ("R1", "a@x.example", datetime(2025, 3, 7, 8, 59, 21), 9)
    ]
    reasons = {"a preview or a test": 1, "another question": 1, "of a record that is not there": 1}
    assert left_out(report, "surveys") == reasons


def test_merged_ids_may_bear_the_time_of_their_merge(exports: Exports) -> None:
    exports.put("c.csv", "id,property_email,property_firstname,property_lastname,property_createdate,"
                "property_associatedcompanyid,property_hs_calculated_merged_vids\n"
                "5,a@x.example,A,L,2021-01-01 09:30:00,9,3:1661707291575;4:1661707931852\n"
                "3,b@x.example,A,L,2020-05-01 09:30:00,9,\n")  # fmt: skip
    imported(exports, {})
    assert exports.rows("contacts", "contact_id") == [("5",)]
