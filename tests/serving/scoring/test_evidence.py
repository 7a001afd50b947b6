"""Evidence: what was known at the as-of date and nothing later, bounded, plain JSON, absent apart from empty."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from features.as_of import customers
from features.sources import open_source
from features.tables import OPTIONAL_HISTORY, Tables
from features.validation import validate
from serving.scoring.evidence import LIMITS, MONTHS, TABLE_OF, collect_evidence, month_starts, nps_category

AS_OF = date(2026, 1, 15)
BOOK = {
    "accounts": "account_id,name,segment,country,customer_since\n"
    "A1,<b>Müller & Co</b>,mid,DE,2020-05-01\nA2,Leer GmbH,mid,DE,2025-12-01\n",
    "invoices": "invoice_id,account_id,invoiced_on,amount\n"
    "I1,A1,2025-12-31,100\nI2,A1,2026-01-14,50\nI3,A1,2026-01-15,7\n"
    "I4,A1,2025-12-05,-30\nI5,A1,2024-01-31,9\nI6,A1,2024-02-01,20\nI7,A1,2025-12-01,1.5\n",
    "churns": "account_id,churned_on\n",
    "contacts": "contact_id,account_id,role,decision_maker,valid_from,valid_to\n"
    "C1,A1,purchasing,true,2020-05-01,2026-01-15\n"
    "C2,A1,IT,,2020-05-01,2026-01-14\nC3,A1,late,false,2026-01-15,\n",
    "surveys": "survey_id,account_id,contact_id,kind,sent_at,answered_at,score,comment\n"
    "S1,A1,C1,relationship,2026-01-10T08:00:00,2026-01-14T23:59:59,6,too slow\n"
    "S2,A1,C2,relationship,2026-01-10T08:00:00,2026-01-15T00:00:00,10,secret\n"
    "S3,A1,C1,transactional,2023-06-01T08:00:00,2023-06-02T08:00:00,9,old\n",
    "loops": "loop_id,account_id,survey_id,level,opened_at,closed_at\n"
    "L1,A1,S1,frontline,2026-01-13T00:00:00,2026-01-15T09:00:00\n"
    "L2,A1,S2,management,2026-01-10T00:00:00,2026-01-12T12:00:00\n",
    "contracts": "contract_id,account_id,starts_on,ends_on,annual_value,price_change\n"
    "K1,A1,2025-01-15,2026-01-15,1200,0.08\nK2,A1,2026-01-15,2027-01-15,9999,\n",
    "tickets": "ticket_id,account_id,kind,severity,opened_at,closed_at\n"
    "T1,A1,defect,high,2026-01-01T00:00:00,2026-01-15T00:00:00\n"
    "T2,A1,question,low,2025-12-01T00:00:00,2025-12-02T06:00:00\nT3,A1,question,low,2026-01-15T00:00:00,\n",
    "actions": "action_id,account_id,kind,done_at,note\n"
    "X1,A1,call,2026-01-14T12:00:00,ok\nX2,A1,visit,2026-01-15T12:00:00,no\n",
    "referrals": "referral_id,account_id,referred_at,contacted_at,won_at,revenue\n"
    "R1,A1,2025-10-01T00:00:00,2025-10-09T00:00:00,2026-01-15T00:00:00,5000\n",
    "memberships": "account_id,program,joined_on,left_on\nA1,Partner,2024-01-01,2026-01-15\n",
}  # fmt: skip


def book(folder: Path, without: tuple[str, ...] = (), **changed: str) -> Tables:
    for name, text in (BOOK | changed).items():
        if name not in without:
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return validate(open_source(folder))


def evidence_of(tables: Tables, as_of: date = AS_OF) -> dict:
    return collect_evidence(tables, customers(tables, [as_of]), as_of)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return evidence_of(book(tmp_path_factory.mktemp("book")))


def test_record_is_json_and_has_every_section(found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["A1"]) == {"as_of", "missing_tables", "account", "revenue", *LIMITS}
    assert found["A1"]["account"]["name"] == "<b>Müller & Co</b>"
    assert found["A1"]["account"]["customer_since"] == "2020-05-01"


def test_revenue_by_calendar_month_with_zero_months_and_credit_notes_apart(found):
    months = {row["month"]: row for row in found["A1"]["revenue"]["months"]}
    assert len(months) == MONTHS and next(iter(months)) == "2024-02" and list(months)[-1] == "2026-01"
    assert months["2025-12"] == {"month": "2025-12", "invoiced": 101.5, "credited": -30.0, "invoices": 2}
    assert months["2026-01"]["invoiced"] == 50.0
    assert months["2024-02"]["invoiced"] == 20.0
    assert months["2025-11"] == {"month": "2025-11", "invoiced": 0.0, "credited": 0.0, "invoices": 0}


def test_nothing_known_at_or_after_as_of_appears(found):
    text = json.dumps(found["A1"] | {"as_of": None})
    for later in ("2026-01-15", "secret", "late", "9999", "5000", "X2", "visit", "T3", "K2"):
        assert later not in text.replace('"ends_on": "2026-01-15"', "")
    surveys = {row["survey_id"]: row for row in found["A1"]["surveys"]["rows"]}
    assert surveys["S1"]["score"] == 6 and surveys["S1"]["answered_at"] == "2026-01-14T23:59:59Z"
    assert surveys["S2"]["score"] is None and surveys["S2"]["comment"] is None and surveys["S2"]["category"] is None
    assert "S3" not in surveys
    assert [row["valid_to"] for row in found["A1"]["contacts"]["rows"]] == [None, "2026-01-14"]
    assert found["A1"]["referrals"]["rows"][0]["contacted_at"] == "2025-10-09T00:00:00Z"
    assert found["A1"]["referrals"]["rows"][0]["won_at"] is None
    assert found["A1"]["contracts"]["rows"][0]["running"] is True


def test_loops_know_their_age_and_their_score(found):
    (waiting,) = found["A1"]["open_loops"]["rows"]
    assert (waiting["loop_id"], waiting["hours"], waiting["category"]) == ("L1", 48.0, "detractor")
    (closed,) = found["A1"]["closed_loops"]["rows"]
    assert (closed["loop_id"], closed["hours"], closed["category"]) == ("L2", 60.0, None)
    assert [row["ticket_id"] for row in found["A1"]["open_tickets"]["rows"]] == ["T1"]
    assert found["A1"]["closed_tickets"]["rows"][0]["hours"] == 30.0


def test_what_bounced_counts_as_unsent_and_is_listed_once_it_is_known(tmp_path):
    surveys = (
        "survey_id,account_id,contact_id,kind,sent_at,bounced_at\n"
        "S1,A1,C1,relationship,2026-01-10T08:00:00,2026-01-14T23:59:59\n"
        "S2,A1,C2,relationship,2026-01-10T08:00:00,2026-01-15T00:00:00\n"
    )
    found = evidence_of(book(tmp_path, without=("loops",), surveys=surveys))["A1"]
    assert [row["survey_id"] for row in found["surveys"]["rows"]] == ["S2"]
    assert found["bounced_surveys"] == {
        "total": 1,
        "rows": [
            {"survey_id": "S1", "kind": "relationship", "sent_at": "2026-01-10T08:00:00Z",
             "bounced_at": "2026-01-14T23:59:59Z", "anonymous": None, "contact_id": "C1", "role": "purchasing",
             "decision_maker": True},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("table", OPTIONAL_HISTORY)
def test_absent_is_null_and_empty_is_none(tmp_path, found, table):
    absent = evidence_of(book(tmp_path, without=(table,)))
    for name, source in TABLE_OF.items():
        if source == table:
            assert absent["A1"][name] is None
            assert found["A2"][name] == {"total": 0, "rows": []}
    assert absent["A1"]["missing_tables"] == [table]


def test_lists_are_bounded_and_say_how_many_there_are(tmp_path):
    rows = "".join(f"X{n:03},A1,call,2025-06-01T00:00:{n:02},{'n' * 900}\n" for n in range(30))
    found = evidence_of(book(tmp_path, actions="action_id,account_id,kind,done_at,note\n" + rows))["A1"]["actions"]
    assert found["total"] == 30 and len(found["rows"]) == LIMITS["actions"]
    assert found["rows"][0]["done_at"] == "2025-06-01T00:00:29Z"
    assert len(found["rows"][0]["note"]) == 400 and found["rows"][0]["note"].endswith("…")


def test_what_was_foreseen_is_kept_with_its_account_only(tmp_path, found):
    outlook = {"risk": [{"days": 90, "probability": 0.1}], "mean_days": 350.5, "expected_contraction": 12.25}
    tables = book(tmp_path)
    with_it = collect_evidence(tables, customers(tables, [AS_OF]), AS_OF, {"A1": outlook, "gone": outlook})
    assert with_it == found | {"A1": found["A1"] | {"outlook": outlook}}
    assert "outlook" not in found["A1"], "nothing foreseen, nothing kept"


def test_months_and_categories():
    assert len(month_starts(date(2024, 3, 1))) == MONTHS
    assert month_starts(date(2024, 3, 1))[-1] == date(2024, 2, 1)
    assert [nps_category(score) for score in (None, 0, 6, 7, 8, 9)] == [
        None, "detractor", "detractor", "passive", "passive", "promoter",
    ]  # fmt: skip


def test_contacts_have_names_and_an_anonymous_survey_has_nobody(tmp_path):
    contacts = (
        "contact_id,account_id,role,decision_maker,valid_from,valid_to,name,email,phone\n"
        "C1,A1,purchasing,true,2020-05-01,,Jana Weber,jana@kunde.example,+49 30 23125 1\n"
    )
    surveys = (
        "survey_id,account_id,contact_id,kind,sent_at,answered_at,score,comment,anonymous\n"
        "S1,A1,C1,relationship,2025-11-10T08:00:00,2025-11-11T08:00:00,2,never again,true\n"
        "S2,A1,C1,relationship,2025-05-10T08:00:00,2025-05-11T08:00:00,9,,false\n"
        "S3,A1,C1,relationship,2024-11-10T08:00:00,2024-11-11T08:00:00,8,,\n"
    )
    tickets = (
        "ticket_id,account_id,kind,severity,opened_at,closed_at,topic,contact_id\n"
        "T1,A1,defect,high,2025-12-01T08:00:00,,delivery,C1\n"
    )
    found = evidence_of(book(tmp_path, contacts=contacts, surveys=surveys, tickets=tickets))["A1"]
    (person,) = found["contacts"]["rows"]
    assert (person["name"], person["email"], person["phone"]) == ("Jana Weber", "jana@kunde.example", "+49 30 23125 1")
    asked = [(row["contact_id"], row["role"], row["decision_maker"]) for row in found["surveys"]["rows"]]
    assert asked == [(None, None, None), ("C1", "purchasing", True), ("C1", "purchasing", True)]
    assert found["surveys"]["rows"][0]["comment"] == "never again" and found["surveys"]["rows"][0]["score"] == 2
    (ticket,) = found["open_tickets"]["rows"]
    assert (ticket["ticket_id"], ticket["topic"], ticket["contact_id"]) == ("T1", "delivery", "C1")
    told = json.dumps({name: value for name, value in found.items() if name != "contacts"})
    assert not any(person[name] in told for name in ("name", "email", "phone"))
