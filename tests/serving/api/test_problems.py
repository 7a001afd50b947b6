"""Bad requests: each is answered by a problem detail that names every field at fault by JSON pointer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.served import Client, Json, assert_problem, client_of

from serving.store import ScoreStore
from training.bundle.bundle import Bundle
from training.settings import ChurnRule

ACCOUNT = {"account_id": "A1", "customer_since": "2020-01-01"}
INVOICE = {"invoice_id": "I1", "invoiced_on": "2025-06-01", "amount": 100.0}
SURVEY = {"survey_id": "S1", "kind": "relationship", "sent_at": "2025-06-01T08:00:00Z"}
HISTORY = {"account": ACCOUNT, "invoices": [INVOICE], "surveys": [SURVEY]}
GOOD: Json = {"as_of": "2026-01-01", "accounts": [HISTORY]}
FIRST = "/accounts/0"


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Client:
    return client_of(bundle, ScoreStore("sqlite://"))


def changed(change: Callable[[Json], Any]) -> Json:
    """Return the good request with its first account changed."""
    body = copy.deepcopy(GOOD)
    change(body["accounts"][0])
    return body


def with_row(table: str, **fields: Any) -> Json:
    row = {"invoices": INVOICE, "surveys": SURVEY, "account": ACCOUNT}.get(table, {}) | fields
    return changed(lambda history: history.update({table: row if table == "account" else [row]}))


def test_the_good_request_is_good(client: Client) -> None:
    assert client.post(GOOD).status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"accounts": [', "not JSON: a value is expected (at character 14)"),
        ("{'accounts': []}", "not JSON: a name in double quotes is expected (at character 1)"),
        ("nonsense", "not JSON: a value is expected (at character 0)"),
        (b'{"accounts": "\xff\xfe"}', "not JSON: not UTF-8"),
        ("[" * 4_000, "not JSON: nested more than 32 levels deep"),
        ('{"accounts": ' + "[" * 4_000 + "]" * 4_000 + "}", "not JSON: nested more than 32 levels deep"),
        ('{"accounts": ' + "9" * 5000 + "}", "not JSON: it cannot be parsed"),
    ],
    ids=["cut off", "single quotes", "text", "not UTF-8", "deep and open", "deep", "endless number"],
)
def test_broken_json(client: Client, body: str | bytes, reason: str) -> None:
    problem = assert_problem(client.post(body), 400, "")
    assert problem["errors"][0]["detail"] == reason


@pytest.mark.parametrize("body", ["[]", "null", "3", '"text"', "true", ""])
def test_a_body_that_is_no_object(client: Client, body: str) -> None:
    assert_problem(client.post(body), 422, "")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"]
)
def test_another_media_type(client: Client, media_type: str) -> None:
    assert media_type in assert_problem(client.post(GOOD, media_type), 415)["detail"]


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/vnd.crm+json"])
def test_json_by_another_name(client: Client, media_type: str) -> None:
    assert client.post(GOOD, media_type).status_code == 200


@pytest.mark.parametrize(
    "as_of",
    ["2026-13-01", "01.02.2026", "tomorrow", 20260101, True, ["2026-01-01"], "1899-12-31", "2200-01-01",
     "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "٢٠٢٥-٠١-٠١", "\ud800"],
    ids=repr,
)  # fmt: skip
def test_bad_as_of(client: Client, as_of: Any) -> None:
    assert_problem(client.post(GOOD | {"as_of": as_of}), 422, "/as_of")


@pytest.mark.parametrize(
    "body",
    [
        GOOD | {"as_of": ""},
        with_row("account", name="", segment="", currency=""),
        with_row("invoices", account_id=""),
        with_row("surveys", answered_at="", score="", comment="", contact_id=" "),
        with_row("contacts", contact_id="C", valid_from="2025-01-01", valid_to="", decision_maker=""),
        with_row("tickets", ticket_id="T", opened_at="2025-01-01", severity="", closed_at=" "),
    ],
)
def test_an_empty_text_is_null_in_every_optional_field(client: Client, body: Json) -> None:
    assert client.post(body).status_code == 200


def test_as_of_in_the_future(client: Client) -> None:
    ahead = datetime.now(UTC).date() + timedelta(days=2)
    problem = assert_problem(client.post(GOOD | {"as_of": ahead.isoformat()}), 422, "/as_of")
    assert "future" in problem["detail"] and "contradict" not in problem["detail"]
    assert "later than today" in problem["errors"][0]["detail"]


@pytest.mark.parametrize("accounts", [[], [HISTORY] * 101, None, {}, "A1"], ids=["0", "101", "null", "object", "text"])
def test_number_of_accounts(client: Client, accounts: Any) -> None:
    assert_problem(client.post(GOOD | {"accounts": accounts}), 422, "/accounts")


def test_a_hundred_accounts_are_welcome(client: Client) -> None:
    accounts = [{"account": ACCOUNT | {"account_id": f"A{number}"}, "invoices": []} for number in range(100)]
    assert len(client.post(GOOD | {"accounts": accounts}).json()["predictions"]) == 100


def test_no_accounts_at_all(client: Client) -> None:
    assert_problem(client.post({}), 422, "/accounts")


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "9" * 400,
        '"NaN"',
        '"x"',
        "null",
        "true",
        "[]",
        "1e16",
        "-1e300",
        '"12,5"',
        '"1_000"',
        '""',
    ],
)
def test_bad_amount(client: Client, text: str) -> None:
    body = json.dumps(GOOD).replace("100.0", text)
    assert_problem(client.post(body), 422, f"{FIRST}/invoices/0/amount")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (changed(lambda history: history.pop("invoices")), "/invoices"),
        (changed(lambda history: history.update(invoices=None)), "/invoices"),
        (changed(lambda history: history.update(invoices={})), "/invoices"),
        (changed(lambda history: history.update(invoices=[3])), "/invoices/0"),
        (changed(lambda history: history.update(surveys="none")), "/surveys"),
        (changed(lambda history: history.pop("account")), "/account"),
        (changed(lambda history: history["account"].pop("account_id")), "/account/account_id"),
        (changed(lambda history: history["account"].pop("customer_since")), "/account/customer_since"),
        (with_row("account", account_id=""), "/account/account_id"),
        (with_row("account", account_id=None), "/account/account_id"),
        (with_row("account", account_id=17), "/account/account_id"),
        (with_row("account", account_id="\ud800"), "/account/account_id"),
        (with_row("account", name=["x"]), "/account/name"),
        (with_row("account", name="\ud800"), "/account/name"),
        (with_row("account", currency="\ud800"), "/account/currency"),
        (with_row("account", customer_since="31.12.2020"), "/account/customer_since"),
        (with_row("invoices", invoice_id=""), "/invoices/0/invoice_id"),
        (with_row("invoices", account_id="A2"), "/invoices/0/account_id"),
        (with_row("invoices", invoiced_on="2025-02-30"), "/invoices/0/invoiced_on"),
        (with_row("invoices", invoiced_on=None), "/invoices/0/invoiced_on"),
        (with_row("surveys", kind="nps"), "/surveys/0/kind"),
        (with_row("surveys", sent_at=1_750_000_000), "/surveys/0/sent_at"),
        (with_row("surveys", sent_at="2025-06-01T25:00:00Z"), "/surveys/0/sent_at"),
        (with_row("surveys", sent_at="9999-12-31T23:59:59-01:00"), "/surveys/0/sent_at"),
        (with_row("surveys", answered_at="2025-05-31T08:00:00Z"), "/surveys/0/answered_at"),
        (with_row("surveys", answered_at="2025-06-01T09:30:00+02:00"), "/surveys/0/answered_at"),
        (with_row("surveys", score=11), "/surveys/0/score"),
        (with_row("surveys", score=-1), "/surveys/0/score"),
        (with_row("surveys", score=7.5), "/surveys/0/score"),
        (with_row("surveys", score=True), "/surveys/0/score"),
        (with_row("surveys", score="7,0"), "/surveys/0/score"),
        (with_row("surveys", kind="\ud800"), "/surveys/0/kind"),
        (with_row("surveys", score=10**30), "/surveys/0/score"),
        (with_row("loops", loop_id="L", opened_at="2025-01-02", closed_at="2025-01-01"), "/loops/0/closed_at"),
        (with_row("loops", loop_id="L", opened_at="2025-01-02", level="boss"), "/loops/0/level"),
        (with_row("tickets", ticket_id="T", opened_at="2025-01-02", closed_at="2025-01-01"), "/tickets/0/closed_at"),
        (with_row("tickets", ticket_id="T", opened_at="2025-01-02", severity="urgent"), "/tickets/0/severity"),
        (with_row("contacts", contact_id="C", valid_from="2025-01-02", valid_to="2025-01-01"), "/contacts/0/valid_to"),
        (with_row("contacts", contact_id="C", valid_from="2025-01-02", decision_maker="perhaps"),
         "/contacts/0/decision_maker"),
        (with_row("contacts", contact_id="C", valid_from="2025-01-02", decision_maker=1),
         "/contacts/0/decision_maker"),
        (with_row("contracts", contract_id="K", starts_on="2025-01-01", ends_on="2026-01-01", annual_value="much"),
         "/contracts/0/annual_value"),
        (with_row("contracts", contract_id="K", starts_on="2025-01-01", ends_on="2024-01-01", annual_value=1),
         "/contracts/0/ends_on"),
        (with_row("referrals", referral_id="R", referred_at="2025-01-02", won_at="2025-01-01"), "/referrals/0/won_at"),
        (with_row("memberships", program="P", joined_on="2025-01-02", left_on="2025-01-01"), "/memberships/0/left_on"),
        (with_row("actions", action_id="X", done_at="2025-01-02"), "/actions/0/kind"),
        (with_row("churns", churned_on="soon"), "/churns/0/churned_on"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_one_bad_field(client: Client, body: Json, pointer: str) -> None:
    assert_problem(client.post(body), 422, FIRST + pointer)


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"invoices": [INVOICE, INVOICE]}, "/invoices/1/invoice_id", "stands there twice"),
        ({"invoices": [INVOICE, INVOICE, INVOICE]}, "/invoices/1/invoice_id", "stands there twice"),
        ({"churns": [{"churned_on": "2027-01-01"}] * 2}, "/churns/1/account_id", "stands there twice"),
        (
            {"memberships": [{"program": "P", "joined_on": "2025-01-01"}] * 2},
            "/memberships/1/account_id",
            "stands there twice",
        ),
        (
            {"invoices": [INVOICE | {"currency": "EUR"}, INVOICE | {"invoice_id": "I2", "currency": "USD"}]},
            "/invoices/1/currency",
            '"USD" beside "EUR"; one is expected',
        ),
        (
            {"invoices": [INVOICE | {"account_id": "A2"}]},
            "/invoices/0/account_id",
            '"A2" is not "A1", whose history it is',
        ),
    ],
)
def test_rows_that_contradict_each_other(client: Client, change: Json, pointer: str, detail: str) -> None:
    problem = assert_problem(client.post(GOOD | {"accounts": [HISTORY | change]}), 422, FIRST + pointer)
    assert problem["errors"][0]["detail"] == detail


def test_accounts_that_contradict_each_other(client: Client) -> None:
    """Keys are the book's: the same account, invoice or survey must not come twice in one call.

    Of an account that stands twice, its records are told by it.
    """
    assert_problem(client.post(GOOD | {"accounts": [HISTORY, HISTORY]}), 422, "/accounts/1/account/account_id")
    other = HISTORY | {"account": ACCOUNT | {"account_id": "A0"}}
    same = ("/accounts/1/invoices/0/invoice_id", "/accounts/1/surveys/0/survey_id")
    assert_problem(client.post(GOOD | {"accounts": [HISTORY, other]}), 422, *same)


def test_a_wrong_field_hides_no_contradiction(client: Client) -> None:
    """All that is wrong is told at once, whichever part of the service sees it."""
    ahead = datetime.now(UTC).date() + timedelta(days=2)
    invoices = [INVOICE | {"amount": "1.200,00"}, INVOICE, INVOICE | {"invoice_id": "I9", "account_id": "A2"}, 7]
    nobody = {"account": {"account_id": 5, "customer_since": "2020-01-01"}, "invoices": [INVOICE]}
    accounts = [HISTORY | {"invoices": invoices}, HISTORY, nobody]
    found = assert_problem(
        client.post({"as_of": ahead.isoformat(), "accounts": accounts}), 422,
        FIRST + "/invoices/0/amount", FIRST + "/invoices/3", "/accounts/2/account/account_id", "/as_of",
        FIRST + "/invoices/1/invoice_id", FIRST + "/invoices/2/account_id", "/accounts/1/account/account_id",
    )  # fmt: skip
    told = {error["pointer"]: error["detail"] for error in found["errors"]}
    assert told[FIRST + "/invoices/2/account_id"] == '"A2" is not "A1", whose history it is'
    assert "later than today" in told["/as_of"] and found["detail"].startswith("7 fields are")


def test_different_memberships_of_one_program_are_welcome(client: Client) -> None:
    rows = [{"program": "P", "joined_on": "2025-01-01"}, {"program": "P", "joined_on": "2025-02-01"}]
    assert client.post(GOOD | {"accounts": [HISTORY | {"memberships": rows}]}).status_code == 200


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"account": ACCOUNT | {"customer_since": "2027-05-01"}}, "/account/customer_since", "not a customer yet"),
        ({"account": ACCOUNT | {"customer_since": "2026-01-01"}}, "/account/customer_since", "not a customer yet"),
        ({"churns": [{"churned_on": "2025-12-31"}]}, "/churns", "no longer a customer at 2026-01-01"),
    ],
)
def test_who_is_no_customer(client: Client, change: Json, pointer: str, detail: str) -> None:
    """One bad account fails the whole call, and is named."""
    other = {"account": ACCOUNT | {"account_id": "A0"}, "invoices": []}
    problem = assert_problem(client.post(GOOD | {"accounts": [other, HISTORY | change]}), 422, f"/accounts/1{pointer}")
    assert detail in problem["errors"][0]["detail"]
    assert problem["errors"][0]["detail"].startswith("A1: ")


def test_who_is_no_customer_by_the_rule_of_silence(bundle: Bundle) -> None:
    silent = client_of(replace(bundle, rule=ChurnRule(silence_days=180)), ScoreStore("sqlite://"))
    second = INVOICE | {"invoice_id": "I2"}
    assert silent.post(GOOD | {"accounts": [HISTORY | {"invoices": [INVOICE, second]}]}).status_code == 200
    for few in ([], [INVOICE], [INVOICE, second | {"amount": -5}], [INVOICE, second | {"invoiced_on": "2024-12-31"}]):
        problem = assert_problem(
            silent.post(GOOD | {"accounts": [HISTORY | {"invoices": few}]}), 422, "/accounts/0/invoices"
        )
        assert "fewer than 2 positive invoices" in problem["errors"][0]["detail"]


def test_every_bad_field_is_listed(client: Client) -> None:
    bad = {
        "account": {"customer_since": "never"},
        "surveys": [SURVEY | {"score": 12, "kind": "other"}, SURVEY, SURVEY | {"answered_at": "2020-01-01"}],
        "tickets": [{"opened_at": "x"}],
    }
    problem = assert_problem(
        client.post({"as_of": "x", "accounts": [HISTORY, bad]}),
        422,
        "/as_of",
        "/accounts/1/account/account_id",
        "/accounts/1/account/customer_since",
        "/accounts/1/invoices",
        "/accounts/1/surveys/0/kind",
        "/accounts/1/surveys/0/score",
        "/accounts/1/surveys/2/answered_at",
        "/accounts/1/tickets/0/ticket_id",
        "/accounts/1/tickets/0/opened_at",
    )
    assert problem["detail"].startswith("9 fields are not as the contract has them: /as_of: a date such as")


def test_every_contradiction_is_listed_with_a_date_in_the_future(client: Client) -> None:
    bad = HISTORY | {"invoices": [INVOICE, INVOICE | {"account_id": "A9"}]}
    assert_problem(
        client.post({"as_of": "2199-01-01", "accounts": [bad]}),
        422,
        "/as_of",
        "/accounts/0/invoices/1/account_id",
        "/accounts/0/invoices/1/invoice_id",
    )


def test_everybody_who_is_no_customer_is_listed(client: Client) -> None:
    ids = ["A1", "A2", "A3"]
    since = ["2026-02-01", "2020-01-01", "2026-03-01"]
    accounts = [
        {"account": {"account_id": name, "customer_since": day}, "invoices": []}
        for name, day in zip(ids, since, strict=True)
    ]
    pointers = [f"/accounts/{number}/account/customer_since" for number in (0, 2)]
    assert_problem(client.post(GOOD | {"accounts": accounts}), 422, *pointers)


def test_a_bad_request_leaves_nothing_behind(client: Client) -> None:
    before = client.post(GOOD).json()["predictions"][0]
    assert_problem(client.post(GOOD | {"accounts": [HISTORY, HISTORY | {"account": ACCOUNT | {"account_id": "B",
                   "customer_since": "2026-05-05"}, "invoices": [], "surveys": []}]}), 422,
                   "/accounts/1/account/customer_since")  # fmt: skip
    after = client.post(GOOD).json()["predictions"][0]
    assert before | {"scored_at": 0} == after | {"scored_at": 0}


@pytest.mark.parametrize("text", ["\x00", "A\x00B", "ä€😀", "a" * 5000, "'; DROP TABLE accounts; --", "</script>"])
def test_odd_texts_are_texts(client: Client, text: str) -> None:
    account = ACCOUNT | {"account_id": text[:256], "name": text, "segment": text, "country": text}
    answer = client.post(GOOD | {"accounts": [HISTORY | {"account": account}]})
    assert answer.json()["predictions"][0]["account_id"] == text[:256]


def test_an_id_of_blanks_is_none_as_in_a_file(client: Client) -> None:
    answer = client.post(GOOD | {"accounts": [HISTORY | {"account": ACCOUNT | {"account_id": " "}}]})
    assert_problem(answer, 422, "/accounts/0/account/account_id")
