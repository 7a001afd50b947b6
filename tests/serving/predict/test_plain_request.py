"""A body of the plain form is read as the models read it; any other form, and every fault, is left to the models."""

from __future__ import annotations

import copy
import json
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.served import Json, client_of, histories, rows_of

from features.tables import TABLES
from serving.predict.history import NESTED, PredictionRequest
from serving.predict.plain_request import PlainRequest, plain_request
from serving.predict.request_rows import rows_in
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

#: One account with a record of every table, all that the contract has of it.
FULL: Json = {
    "as_of": "2026-01-01",
    "accounts": [
        {
            "account": {"account_id": "a1", "customer_since": "2020-01-01", "segment": "smb", "name": ""},
            "invoices": [
                {"invoice_id": "i1", "account_id": "a1", "invoiced_on": "2025-03-01", "amount": 1200},
                {"invoice_id": "i2", "invoiced_on": "2025-09-01T00:00:00.000Z", "amount": 99.5, "currency": "EUR"},
            ],
            "contacts": [
                {"contact_id": "c1", "role": "purchasing", "decision_maker": True, "valid_from": "2020-01-01"},
                {"contact_id": "c2", "role": "management", "decision_maker": False, "valid_from": "2020-01-01",
                 "valid_to": "9999-12-31"},
            ],
            "surveys": [
                {"survey_id": "s1", "contact_id": "c1", "kind": "relationship", "sent_at": "2025-05-01T08:00:00",
                 "answered_at": "2025-05-02 09:30:00.125", "score": 9.0, "comment": " ", "anonymous": False},
                {"survey_id": "s2", "contact_id": "c1", "kind": "relationship", "sent_at": "2025-11-01T08:00:00Z",
                 "answered_at": None, "score": None},
            ],
            "loops": [{"loop_id": "l1", "survey_id": "s1", "level": "management", "opened_at": "2025-05-02T10:00:00Z",
                       "closed_at": "2025-05-03T10:00:00Z"}],
            "contracts": [{"contract_id": "k1", "starts_on": "2025-01-01", "ends_on": "2026-12-31",
                           "annual_value": 1300, "price_change": 0.05}],
            "tickets": [{"ticket_id": "t1", "kind": "defect", "severity": "high", "opened_at": "2025-08-01T10:00:00Z",
                         "closed_at": "2025-08-02T10:00:00Z"}],
            "actions": [],
            "memberships": None,
            "churns": [],
        }
    ],
}  # fmt: skip
ODD = (
    "", " ", "\u00a0", None, "12", "12.5", 12, 12.0, 12.5, -1, 0, True, False, 1e300, 2**60, "2025-01-31", "2026/1/31",
    "2025-01-31T10:00:00+02:00", "2025-01-31T00:00:00Z", "2025-02-30", "2300-01-01", "x" * 300, "Purchasing", [], {},
    "\ud800", "2025-01-31\n2025-01-31", "EUR", "c1", "Relationship",
)  # fmt: skip


def body_of(request: Json) -> bytes:
    return json.dumps(request).encode()


def differences(plain: PlainRequest, request: Any) -> list[Any]:
    """Return what the two ways read differently, to the type of every value."""
    pairs = [(one, getattr(plain, one), getattr(request, one)) for one in ("as_of", "cut")]
    for ours, theirs in zip(plain.accounts, request.accounts, strict=True):
        pairs += [(one, getattr(ours, one), getattr(theirs, one)) for one in ("known", "cut", "doubts")]
        pairs += [(name, getattr(ours, name) is None, getattr(theirs, name) is None) for name in NESTED]
        for name, table in TABLES.items():
            for one, other in zip(rows_in(ours, name), rows_in(theirs, name), strict=True):
                pairs += [(name, getattr(one, each), getattr(other, each)) for each in (*table.schema, "currency")]
    return [pair for pair in pairs if pair[1] != pair[2] or (pair[0] in TABLES and type(pair[1]) is not type(pair[2]))]


def changed(change: Json) -> Json:
    """Return the full request with other values in places such as ("accounts", 0, "invoices", 0, "amount")."""
    request = copy.deepcopy(FULL)
    for place, value in change.items():
        *way, last = place
        held: Any = request
        for step in way:
            held = held[step]
        held[last] = value
    return request


def test_a_full_request_is_plain_and_read_as_the_models_read_it() -> None:
    plain = plain_request(body_of(FULL))
    assert plain is not None
    assert not differences(plain, PredictionRequest.model_validate(FULL))
    (account,) = plain.accounts
    assert account.account.name is None and account.surveys[0].comment is None
    assert account.contacts[1].valid_to is None  # an open end
    assert account.surveys[0].score == 9 and isinstance(account.surveys[0].score, int)


def test_a_simulated_book_is_plain(book_folder: Path) -> None:
    rows = rows_of(book_folder)
    sent = histories(rows, [row["account_id"] for row in rows["accounts"][:20]])
    request = {"as_of": "2025-01-01", "accounts": sent}
    plain = plain_request(body_of(request))
    assert plain is not None and len(plain.accounts) == 20
    assert not differences(plain, PredictionRequest.model_validate(request))


OF_ACCOUNT = ("accounts", 0)
OTHER_FORMS: dict[str, Json] = {
    "a number as text": {(*OF_ACCOUNT, "invoices", 0, "amount"): "1200"},
    "a key of theirs in a row": {(*OF_ACCOUNT, "invoices", 0, "owner"): "x"},
    "a key of theirs in an account": {(*OF_ACCOUNT, "owner"): "x"},
    "a choice in capitals": {(*OF_ACCOUNT, "surveys", 0, "kind"): "Relationship"},
    "a time that is cut to its day": {(*OF_ACCOUNT, "invoices", 0, "invoiced_on"): "2025-03-01T10:00:00Z"},
    "a time of the request that is cut": {("as_of",): "2026-01-01T10:00:00Z"},
}
FAULTS: dict[str, Json] = {
    "an unknown member": {("asof",): "2026-01-01"},
    "no account": {("accounts",): []},
    "no date": {(*OF_ACCOUNT, "invoices", 0, "invoiced_on"): "2025-02-30"},
    "two dates in one": {(*OF_ACCOUNT, "invoices", 0, "invoiced_on"): "2025-02-01\n2025-02-02"},
    "a year far off": {(*OF_ACCOUNT, "invoices", 0, "invoiced_on"): "1066-10-14"},
    "a blank id": {(*OF_ACCOUNT, "invoices", 0, "invoice_id"): " "},
    "half a score": {(*OF_ACCOUNT, "surveys", 0, "score"): 8.5},
    "a score of eleven": {(*OF_ACCOUNT, "surveys", 0, "score"): 11},
    "an end before its beginning": {(*OF_ACCOUNT, "loops", 0, "closed_at"): "2025-05-01T10:00:00Z"},
    "an answer without a time": {(*OF_ACCOUNT, "surveys", 1, "score"): 3},
    "an unknown source fact": {(*OF_ACCOUNT, "known"): {"surveys": {"sent": "x"}}},
    "a text for a table": {(*OF_ACCOUNT, "invoices"): "none"},
    "no number": {(*OF_ACCOUNT, "invoices", 0, "amount"): float("nan")},
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_another_form_is_left_to_the_models(name: str) -> None:
    request = changed(OTHER_FORMS[name])
    assert plain_request(body_of(request)) is None
    PredictionRequest.model_validate(request)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_left_to_the_models(name: str) -> None:
    request = changed(FAULTS[name])
    assert plain_request(body_of(request)) is None
    with pytest.raises(ValidationError):
        PredictionRequest.model_validate(request)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"accounts": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_left_to_the_models(body: bytes) -> None:
    assert plain_request(body) is None


def test_what_is_known_of_sources_is_read() -> None:
    known = {"surveys": {"answered_at": "sent_at", "since": "2024-01-01"}, "invoices": {"until": "2025-12-31"}}
    request = changed({(*OF_ACCOUNT, "known"): known, (*OF_ACCOUNT, "surveys", 1, "score"): 3})
    plain = plain_request(body_of(request))
    assert plain is not None and not differences(plain, PredictionRequest.model_validate(request))
    assert rows_in(plain.accounts[0], "surveys")[1].answered_at == rows_in(plain.accounts[0], "surveys")[1].sent_at


def test_whatever_is_read_plainly_the_models_read_alike() -> None:
    """Two thousand requests with one or two odd values: each is read alike, or left to the models."""
    draw, read = random.Random(7), 0
    places = [
        (*OF_ACCOUNT, name, row, column.name)
        for name in NESTED
        for row in range(len(FULL["accounts"][0].get(name) or ()))
        for column in TABLES[name].columns
    ]
    places += [(*OF_ACCOUNT, "account", column.name) for column in TABLES["accounts"].columns]
    places += [(*OF_ACCOUNT, name) for name in NESTED] + [("as_of",)]
    for _ in range(2000):
        # The longest place first: a table that is no table has no rows to change.
        drawn = sorted((draw.choice(places) for _ in range(draw.choice((1, 1, 2)))), key=len, reverse=True)
        request = changed({place: draw.choice(ODD) for place in drawn})
        plain = plain_request(body_of(request))
        if plain is not None:
            read += 1
            assert not differences(plain, PredictionRequest.model_validate(json.loads(body_of(request))))
    assert read > 200


def test_both_ways_give_the_same_answer(book_folder: Path, bundle: Bundle, as_of: date) -> None:
    rows = rows_of(book_folder)
    left = {row["account_id"] for row in rows["churns"]}
    ids = [row["account_id"] for row in rows["accounts"] if row["account_id"] not in left][:5]
    sent = histories(rows, ids)
    plain = {"as_of": as_of.isoformat(), "accounts": sent}
    other = {"as_of": as_of.isoformat(), "accounts": [{**one, "of_ours": 1} for one in sent]}
    assert plain_request(body_of(plain)) is not None and plain_request(body_of(other)) is None
    client = client_of(bundle, ScoreStore("sqlite://"))
    answers = [client.post(request).json() for request in (plain, other)]
    for answer in answers:
        answer.pop("request_id")
        for score in answer["predictions"]:
            score.pop("scored_at")
    assert answers[0] == answers[1] and len(answers[0]["predictions"]) == 5
