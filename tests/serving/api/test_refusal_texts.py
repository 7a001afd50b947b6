"""What is wrong with a request is said in the product's own words: what is expected, and the value that came."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic_core import ErrorDetails, core_schema
from support.served import Client, Json, assert_problem, client_of

from serving.predict.fault_words import EXPECTED, sentence
from serving.store import ScoreStore
from training.bundle.bundle import Bundle

ACCOUNT = {"account_id": "A", "customer_since": "2020-01-01"}
SURVEY = {"survey_id": "s", "kind": "relationship"}
#: Turns of phrase of Python, pydantic and json.
FOREIGN = (
    "Input should", "Field required", "List should", "String should", "Extra inputs", "must be in", "isoformat",
    "Value error", "unable to", "validation", "Expecting", "Extra data", "Unterminated", "ValueError",
    "out of range", "None", "True",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Client:
    return client_of(bundle, ScoreStore("sqlite://"))


def detail(client: Client, body: Any, pointer: str) -> str:
    problem = assert_problem(client.post(body), 422, pointer)
    said = str(problem["errors"][0]["detail"])
    assert not [phrase for phrase in FOREIGN if phrase in said], said
    return said


def account(**changes: Any) -> Json:
    return {"accounts": [{"account": ACCOUNT, "invoices": []} | changes]}


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (account() | {"as_of": "2026-13-01"}, "/as_of", 'a date such as 2026-01-31 is expected, not "2026-13-01"'),
        (
            account() | {"as_of": "1899-12-31"},
            "/as_of",
            'a date such as 2026-01-31 is expected, and "1899-12-31" is not in the years 1900 to 2199',
        ),
        (account() | {"as_of": 20260131}, "/as_of", "a date such as 2026-01-31 is expected, not 20260131"),
        ({"accounts": []}, "/accounts", "1 or more are expected, not 0"),
        ({"accounts": [{}] * 101}, "/accounts", "at most 100 are expected, not 101"),
        ({"accounts": {}}, "/accounts", "a list is expected, not an object"),
        ({}, "/accounts", "missing"),
        ({"accounts": [3]}, "/accounts/0", "an object is expected, not 3"),
        ([], "", "an object is expected, not a list"),
        (account(account=ACCOUNT | {"name": 7}), "/accounts/0/account/name", "a text is expected, not 7"),
        (account(account=ACCOUNT | {"customer_since": ""}), "/accounts/0/account/customer_since",
         "missing; a date such as 2026-01-31 is expected"),
        (account(invoices=[{"invoice_id": "i", "invoiced_on": "2025-01-01", "amount": "1.332,33"}]),
         "/accounts/0/invoices/0/amount", 'a number is expected, not "1.332,33"'),
        (account(invoices=[{"invoice_id": "i", "invoiced_on": "2025-01-01", "amount": 1e16}]),
         "/accounts/0/invoices/0/amount", "a number from -1e+15 to 1e+15 is expected, not 1e+16"),
        (account(tickets=[{"ticket_id": "t", "opened_at": "2025-01-01", "severity": "urgent"}]),
         "/accounts/0/tickets/0/severity", 'one of low, normal, high, critical is expected, not "urgent"'),
        (account(surveys=[SURVEY | {"sent_at": "2025-01-02", "answered_at": "2025-01-01"}]),
         "/accounts/0/surveys/0/answered_at",
         "before sent_at: 2025-01-01T00:00:00 is earlier than 2025-01-02T00:00:00"),
        (account(contacts=[{"contact_id": "c", "valid_from": "2025-01-01", "decision_maker": "perhaps"}]),
         "/accounts/0/contacts/0/decision_maker", 'true or false is expected, not "perhaps"'),
    ],
)  # fmt: skip
def test_a_field(client: Client, body: Any, pointer: str, said: str) -> None:
    assert detail(client, body, pointer) == said


@pytest.mark.parametrize(
    ("path", "pointer", "said"),
    [
        ("/v1/accounts?limit=0", "/query/limit", '1 or more is expected, not "0"'),
        ("/v1/accounts?limit=many", "/query/limit", 'a whole number is expected, not "many"'),
        ("/v1/accounts?band=red", "/query/band", 'one of unknown, at_risk or safe is expected, not "red"'),
        ("/v1/accounts?threat=perhaps", "/query/threat", 'true or false is expected, not "perhaps"'),
        ("/v1/jobs?limit=1000", "/query/limit", '100 or less is expected, not "1000"'),
    ],
)
def test_a_parameter(client: Client, path: str, pointer: str, said: str) -> None:
    problem = assert_problem(client.get(path), 422, pointer)
    assert problem["errors"][0]["detail"] == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"accounts": [', "a value is expected (at character 14)"),
        ("{'accounts': []}", "a name in double quotes is expected (at character 1)"),
        ('{"accounts": [{}]} []', "more follows after its end (at character 19)"),
        ('{"accounts" []}', "a colon is expected (at character 12)"),
        ('{"accounts": [1 2]}', "a comma is expected (at character 16)"),
        ('{"accounts', "a text has no end (at character 1)"),
        ('{"a": "\\x"}', "a backslash stands before a character that is not escaped by one (at character 7)"),
        ('{"a": "\\u12"}', "four hexadecimal digits are expected after \\u (at character 8)"),
        ('{"a": "\n"}', "a control character stands in a text (at character 7)"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/predictions", "/v1/jobs"])
def test_a_body_that_is_not_json(client: Client, path: str, body: str, said: str) -> None:
    answer = client.ask("POST", path, content=body, headers={"Content-Type": "application/json"})
    assert assert_problem(answer, 400, "")["errors"][0]["detail"] == f"not JSON: {said}"


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ("[]", "", "an object is expected, not a list"),
        ('{"accounts": []}', "/accounts", "1 or more are expected, not 0"),
        ('{"accounts": 3}', "/accounts", "a list is expected, not 3"),
        ('{"accounts": [3]}', "/accounts/0", "an object is expected, not 3"),
        ("{}", "/accounts", "missing"),
        ('{"as_of": "soon", "accounts": [{}]}', "/as_of", 'a date such as 2026-01-31 is expected, not "soon"'),
    ],
)
def test_a_job(client: Client, body: str, pointer: str, said: str) -> None:
    answer = client.ask("POST", "/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert assert_problem(answer, 422, pointer)["errors"][0]["detail"] == said


def test_an_unforeseen_fault_is_told_in_our_words_too() -> None:
    fault: Any = ErrorDetails(type="uuid_parsing", loc=("query", "id"), msg="Input should be a valid UUID", input="x")
    assert sentence(fault) == '"x" is not as the document of the API has it'


def test_the_kinds_are_pydantics() -> None:
    """A kind that pydantic renames would otherwise fall back to the general sentence unnoticed."""
    assert set(EXPECTED) <= set(get_args(core_schema.ErrorType))


def test_a_long_value_is_cut(client: Client) -> None:
    said = detail(
        client, account(account=ACCOUNT | {"customer_since": "x" * 5000}), "/accounts/0/account/customer_since"
    )
    assert len(said) < 150 and said.endswith("…")
