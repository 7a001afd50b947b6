"""What a request says of an account's sources, its open ends, and the personal columns that go no further."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from features.requests.stamped import COLUMNS
from features.schema import undated
from features.tables import TABLES, BookKnown, TableKnown
from serving.api.answers.job_submission import read_submission
from serving.jobs.job_tables import unpacked
from serving.predict.fault_words import sentence
from serving.predict.history import (
    MOST_ROWS_IN_FULL,
    PERSONAL,
    AccountHistory,
    PredictionRequest,
    known_facts,
    without_personal,
)
from serving.predict.predictor import records_of

ACCOUNT: dict[str, Any] = {"account": {"account_id": "A", "customer_since": "2020-01-01"}, "invoices": []}
SURVEY = {"survey_id": "s", "kind": "relationship", "sent_at": "2024-01-01T10:00:00"}
PERSON = {"name": "Jana Weber", "email": "jana@example.com", "phone": "+49 30 23125 001"}
CONTACT = {"contact_id": "c", "valid_from": "2020-01-01"}


def read(**tables: Any) -> Any:
    return AccountHistory.model_validate({**ACCOUNT, **tables})


def values(history: Any, table: str, column: str) -> list[Any]:
    place = COLUMNS[table].index(column) + 1
    return [row[place] for row in records_of([history])[table]]


def test_what_is_said_of_a_source() -> None:
    known = {"surveys": {"invitations": False, "until": "2025-01-31"}, "tickets": {"since": "2023-05-01"}}
    assert known_facts(read(known=known)) == BookKnown(
        {
            "surveys": TableKnown(invitations=False, until=date(2025, 1, 31)),
            "tickets": TableKnown(since=date(2023, 5, 1)),
        }
    )
    assert known_facts(read()) is None and known_facts(read(known=None)) is None


@pytest.mark.parametrize(
    ("known", "place"),
    [
        ({"survey": {}}, ("known", "survey")),
        ({"tickets": {"invitations": False}}, ("known", "tickets", "invitations")),
        ({"surveys": {"invitations": "no"}}, ("known", "surveys", "invitations")),
        ({"surveys": {"answered_at": "answered"}}, ("known", "surveys", "answered_at")),
        ({"loops": {"since": "2024-01-01", "until": "2023-01-01"}}, ("known", "loops", "until")),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_at_its_place(known: Any, place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        read(known=known)
    assert place in [error["loc"] for error in caught.value.errors()]


def test_an_answer_of_a_source_with_one_time_is_answered_when_sent() -> None:
    surveys = [SURVEY | {"score": 9}, SURVEY | {"survey_id": "t"}, SURVEY | {"survey_id": "u", "comment": "good"}]
    told = read(surveys=surveys, known={"surveys": {"answered_at": "sent_at"}})
    sent = datetime(2024, 1, 1, 10)
    assert values(told, "surveys", "answered_at") == [sent, None, sent]


def test_a_value_without_its_time_is_refused_as_in_a_file() -> None:
    """Taken as unanswered it would change the probability, and nobody would know why."""
    referral = {"referral_id": "r", "referred_at": "2024-01-01"}
    surveys = [SURVEY, SURVEY | {"survey_id": "t", "score": 0, "comment": "good"}]
    referrals = [referral | {"revenue": 0, "won_at": None}, referral | {"referral_id": "q", "revenue": 70, "reward": 5}]
    with pytest.raises(ValidationError) as caught:
        read(surveys=surveys, referrals=referrals)
    found = {fault["loc"]: sentence(fault) for fault in caught.value.errors()}
    assert list(found) == [
        ("surveys", 1, "score"), ("surveys", 1, "comment"), ("referrals", 1, "revenue"), ("referrals", 1, "reward"),
    ]  # fmt: skip
    told = [text for text in found.values() if "a value without" in text]
    assert found[("surveys", 1, "score")].startswith(f"0 is {undated('answered_at')}; where the only time is that of")
    assert found[("referrals", 1, "reward")] == f"5.0 is {undated('won_at')}" and len(told) == 4
    assert "good" not in found[("surveys", 1, "comment")]
    read(surveys=surveys, known={"surveys": {"answered_at": "sent_at"}})


def test_the_same_is_refused_within_a_large_request() -> None:
    """Of many rows the first fault of a table is told."""
    surveys = [SURVEY | {"survey_id": str(n), "score": 9} for n in range(MOST_ROWS_IN_FULL + 1)]
    with pytest.raises(ValidationError) as caught:
        PredictionRequest.model_validate({"accounts": [{**ACCOUNT, "surveys": surveys}]})
    assert [fault["loc"] for fault in caught.value.errors()] == [("accounts", 0, "surveys", 0, "score")]


@pytest.mark.parametrize("end", ["9999-12-31", "2150-01-01", "2199-12-31", "9999-12-31T23:59:59Z", "", None])
def test_an_open_end_is_null(end: str | None) -> None:
    history = read(
        contracts=[{"contract_id": "k", "starts_on": "2024-01-01", "ends_on": end, "annual_value": 5}],
        contacts=[CONTACT | {"valid_to": end}],
        memberships=[{"program": "p", "joined_on": "2024-01-01", "left_on": end}],
    )
    assert values(history, "contracts", "ends_on") == [None]
    assert values(history, "contacts", "valid_to") == [None]
    assert values(history, "memberships", "left_on") == [None]


def test_other_dates_of_those_years_are_errors() -> None:
    for row in ({"valid_from": "9999-12-31"}, {"valid_to": "9999-13-31"}):
        with pytest.raises(ValidationError, match="a date such as 2026-01-31 is expected"):
            read(contacts=[CONTACT | row])


def test_personal_columns_are_read_and_go_no_further_than_the_request() -> None:
    assert {"contacts": frozenset(PERSON)} == PERSONAL
    assert not set(PERSON) & set(COLUMNS["contacts"])
    history = read(contacts=[CONTACT | PERSON])
    assert (history.contacts[0].name, history.contacts[0].email) == (PERSON["name"], PERSON["email"])
    assert not any(value in str(records_of([history])) for value in PERSON.values())


def test_a_job_drops_personal_columns_and_keeps_the_rest_as_sent() -> None:
    sent = {**ACCOUNT, "note": "Ä€😀", "contacts": [CONTACT | PERSON, CONTACT | {"Email ": "x@example.com"}, 3]}
    (kept,) = read_submission(json.dumps({"accounts": [sent]}, ensure_ascii=False).encode(), 9).accounts
    assert unpacked(kept.payload) == {**sent, "contacts": [CONTACT, CONTACT, 3]}
    plain = {**ACCOUNT, "contacts": [CONTACT]}
    assert without_personal(plain) is plain


def test_choices_and_empty_texts() -> None:
    ticket = {"ticket_id": "t", "opened_at": "2024-01-01", "severity": " LOW ", "closed_at": "", "topic": ""}
    history = read(tickets=[ticket], surveys=[SURVEY | {"kind": "Relationship", "score": "", "bounced_at": ""}])
    assert values(history, "tickets", "severity") == ["low"]
    assert values(history, "tickets", "closed_at") == values(history, "tickets", "topic") == [None]
    assert values(history, "surveys", "kind") == ["relationship"]
    assert values(history, "surveys", "score") == [None]
    assert all(table in COLUMNS for table in TABLES)


@pytest.mark.parametrize("account_id", ["", "  ", "\t", "\n"])
def test_an_id_is_not_blank(account_id: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(account={**ACCOUNT["account"], "account_id": account_id}, contacts=[CONTACT | {"contact_id": account_id}])
    for fault in caught.value.errors():
        assert "is expected" in sentence(fault) and "[" not in sentence(fault)
    assert len(caught.value.errors()) == 2
    for odd in (" Ä 1 ", "A\nB", "\x1bA"):  # As files may have them.
        assert read(account={**ACCOUNT["account"], "account_id": odd}).account.account_id == odd
