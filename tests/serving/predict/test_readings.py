"""What is read in another way than its sender may think is told: unknown values, later records, returns, names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from support.served import Client, Json, assert_problem, client_of
from support.stored import SCORE, opened, put

from serving.jobs.chunks import score_chunk
from serving.jobs.claims import Waiting, _noted
from serving.jobs.runner import _scorer
from serving.predict.history import AccountHistory, PredictionRequest
from serving.predict.predictor import Predictor
from serving.predict.readings import readings_told
from serving.store import ScoreStore
from serving.words.caution_words import kept_cautions, told
from serving.words.formats import LANGS
from training.bundle.bundle import Bundle

DAY = date(2026, 1, 1)
ACCOUNT = {"account_id": "A", "customer_since": "2024-01-01", "segment": "small", "country": "PL"}
KNOWN = {"account_segment": ["small", "mid-market"], "account_country": ["DE", "PL"], "account_industry": []}
INVOICES = [
    {"invoice_id": f"{year}-{month}", "invoiced_on": f"{year}-{month:02}-15", "amount": 10.0}
    for year in (2024, 2025)
    for month in range(1, 13)
]
GOOD: Json = {"account": ACCOUNT, "invoices": INVOICES}
LATER = [INVOICES[0] | {"invoice_id": day, "invoiced_on": day} for day in ("2026-01-02", "2027-01-15")]


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Client:
    return client_of(bundle, ScoreStore("sqlite://"))


def found(sent: Json) -> Json:
    (history,) = PredictionRequest.model_validate({"accounts": [sent]}).accounts
    return {caution.code: dict(caution.figures) for caution in readings_told([history], DAY, KNOWN)}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (GOOD, {}),
        (GOOD | {"account": ACCOUNT | {"segment": None, "country": "", "industry": "steel"}}, {}),
        (
            GOOD | {"account": ACCOUNT | {"segment": "Mid-Market", "country": "Poland"}},
            {"categories": {
                "strange": {"account.segment": ["Mid-Market"], "account.country": ["Poland"]},
                "known": {"account.segment": ["small", "mid-market"], "account.country": ["DE", "PL"]},
            }},
        ),
        (GOOD | {"invoices": [*INVOICES, LATER[0] | {"invoiced_on": "2026-01-01"}]}, {}),
        (GOOD | {"invoices": [*INVOICES, *LATER]}, {"later": {"records": {"invoices": 2}}}),
        (
            GOOD | {"tickets": [{"ticket_id": "t", "opened_at": f"2026-01-02T00:00:00+0{n}:00"} for n in (0, 1)],
                    "churns": [{"churned_on": "2026-01-02"}]},
            {"later": {"records": {"churns": 1, "tickets": 1}}},
        ),
        (
            GOOD | {"account": ACCOUNT | {"customer_since": "2024-04-15"}},  # An invoice of 31 days before is none.
            {"early": {"invoices": 2, "accounts": 1}},
        ),
        (GOOD | {"churns": [{"churned_on": "2024-05-01"}]}, {"returned": {"accounts": 1}}),
        (
            GOOD | {"account": ACCOUNT | {"customer_since": "2025-06-01"}, "churns": [{"churned_on": "2024-12-31"}]},
            {"returned": {"accounts": 1}},
        ),
    ],
)  # fmt: skip
def test_how_records_are_read_is_told(sent: Json, expected: Json) -> None:
    assert found(sent) == expected


def test_a_prediction_warns_of_all_of_it(client: Client, bundle: Bundle) -> None:
    odd = GOOD | {
        "account": ACCOUNT | {"segment": "Mid-Market", "customer_since": "2024-02-29", "contracts": []},
        "invoices": [*INVOICES, *LATER],
        "surveys": [{"survey_id": "s", "kind": "relationship", "sent_at": "2025-01-01", "nps_score": 9}],
    }
    back = {
        "account": ACCOUNT | {"account_id": "B"},
        "invoices": [row | {"invoice_id": f"B{number}"} for number, row in enumerate(INVOICES)],
        "churns": [{"churned_on": "2024-05-01"}],
    }
    body = {"as_of": str(DAY), "accounts": [odd, back]}
    first = bundle.manifest.categories["account_segment"][0]
    expected = {
        "en": {
            "categories": f"account.segment “Mid-Market” (it knows: {first}",
            "later": "Records from after the as-of date are left out: invoices 2",
            "early": "One account has invoices from more than 31 days before its customer_since (1): they count",
            "returned": "One account has a departure in churns before the as-of date and counts as one that came back",
            "names": "account.contracts (contracts?), surveys.nps_score (score?)",
        },
        "de": {
            "categories": f"account.segment „Mid-Market“ (es kennt: {first}",
            "later": "Einträge aus der Zeit nach dem Stichtag bleiben unberücksichtigt: invoices 2",
            "early": "Ein Kunde hat Rechnungen von mehr als 31 Tagen vor seinem customer_since (1): Sie zählen",
            "returned": "Ein Kunde hat in churns einen Abgang vor dem Stichtag und gilt als zurückgekehrt",
            "names": "account.contracts (contracts?), surveys.nps_score (score?)",
        },
    }
    for lang in LANGS:
        answer = client.ask("POST", f"/v1/predictions?lang={lang}&reasons=none", json=body)
        assert answer.status_code == 200, answer.text
        said = {warning["code"]: warning["detail"] for warning in answer.json()["warnings"]}
        for code, text in expected[lang].items():
            assert text in said[code], said
    plain = client.post({"as_of": str(DAY), "accounts": [GOOD]}).json()["warnings"]
    assert not expected["en"].keys() & {warning["code"] for warning in plain}


def test_what_if_warns_of_its_records(bundle: Bundle) -> None:
    records = GOOD | {"account": ACCOUNT | {"country": "Poland"}, "actions": []}
    body = {"edits": [{"kind": "action_done", "action": "call"}], "as_of": "2025-12-31", "records": records}
    with opened("sqlite://") as store:
        put(store, replace(SCORE, account_id="A"))
        answer = client_of(bundle, store).ask("POST", "/v1/accounts/A/what-if", json=body).json()
    (said,) = [warning["detail"] for warning in answer["warnings"] if warning["code"] == "categories"]
    assert "account.country “Poland”" in said


def test_a_job_adds_up_what_its_chunks_say(bundle: Bundle) -> None:
    predictor = Predictor(bundle)
    notes: dict[str, Any] = {}
    for number, country in enumerate(("Poland", "Poland", "Atlantis")):
        sent = GOOD | {"account": ACCOUNT | {"country": country}, "invoices": [*INVOICES, *LATER]}
        scorer = _scorer(predictor, score_chunk([Waiting(number, sent, False)], predictor, DAY))
        assert scorer is not None
        notes = _noted(notes, scorer, number + 1)
    said = {caution.code: caution for caution in kept_cautions(notes)}
    assert said["categories"].figures["strange"] == {"account.country": ["Poland", "Atlantis"]}
    assert told(said["later"], "en").endswith("left out: invoices 6")
    assert len(notes["cautions"]) == len(said)


@pytest.mark.parametrize(
    ("sent", "pointer", "detail"),
    [
        ({"invoices": [{"invoice_id": "1", "invoiced_on": "2025-01-01", "amount_net": 1}]}, "/invoices/0/amount",
         'missing; "amount_net" is there, which is not read'),
        ({"invoices": [{"invoice_id": "1", "invoice_date": "2025-01-01", "amount": 1}]}, "/invoices/0/invoiced_on",
         'missing; "invoice_date" is there, which is not read'),
        ({"invoices": [{"invoice_id": "1", "day": "2025-01-01", "amount": 1}]}, "/invoices/0/invoiced_on", "missing"),
        ({"account": {"account_id": "A", "customerSince": "2024-01-01"}, "invoices": []}, "/account/customer_since",
         'missing; "customerSince" is there, which is not read'),
        ({"account": ACCOUNT | {"invoices": INVOICES}}, "/invoices",
         "missing; it stands within account, where it is not read"),
        ({}, "/invoices", "missing"),
    ],
)  # fmt: skip
def test_what_is_missing_says_what_stands_in_its_place(client: Client, sent: Json, pointer: str, detail: str) -> None:
    problem = assert_problem(client.post({"accounts": [{"account": ACCOUNT} | sent]}), 422, f"/accounts/0{pointer}")
    assert problem["errors"][0]["detail"] == detail


def test_other_names_that_have_the_words_of_an_absent_column() -> None:
    rows = [{"contract_id": "c", "starts_on": "2025-01-01", "annual_value": 1.0, "contract_end": "2025-12-31"}]
    tickets = [{"ticket_id": "t", "opened_at": "2025-01-01", "closed_at": None, "closed_by": "x", "contactName": "y"}]
    people = [{"contact_id": "p", "valid_from": "2025-01-01", "email_consent": True}]
    sent = GOOD | {"contracts": rows, "tickets": tickets, "contacts": people}
    assert AccountHistory.model_validate(sent).doubts.misnamed == {"contracts.contract_end": "ends_on"}
