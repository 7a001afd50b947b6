"""POST /v1/predictions: the score of an account does not depend on whether it is asked for or comes in a batch."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.served import Client, Json, changed_book, client_of, histories, rows_of
from support.stored import as_json

from features.sources import open_source
from features.tables import OPTIONAL_HISTORY
from features.validation import validate
from serving.scoring.scores import Score
from serving.scoring.scoring import score_book
from serving.store import ScoreStore
from training.bundle.bundle import Bundle
from training.settings import ChurnRule

MIXTURES = {
    "everything is known": ((), ()),
    "some tables are absent": (("surveys", "contacts", "memberships"), ()),
    "some tables are empty": ((), ("surveys", "contacts", "memberships")),
    "some are absent, some empty": (("loops", "tickets", "churns"), ("contracts", "actions")),
    "nothing but invoices": ((*OPTIONAL_HISTORY, "churns"), ()),
}
EXACT = (
    "account_id", "as_of", "model_version", "churn_probability", "revenue_365d", "value", "currency",
    "revenue_at_risk", "expected_profit", "band", "threat", "base_probability", "missing_tables", "collect",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Client:
    return client_of(bundle, ScoreStore("sqlite://"))


@pytest.fixture(scope="module")
def rows(book_folder: Path) -> dict[str, list[Json]]:
    return rows_of(book_folder)


@pytest.fixture(scope="module")
def batch(book_folder: Path, bundle: Bundle, as_of: date) -> dict[str, Score]:
    return scored_in_batch(book_folder, bundle, as_of)


def scored_in_batch(folder: Path, bundle: Bundle, as_of: date) -> dict[str, Score]:
    scored = score_book(validate(open_source(folder)), as_of, bundle)
    return {score.account_id: score for score in scored.rows()}


def assert_same(answer: Json, score: Score) -> None:
    expected = as_json(score)
    assert {name: answer[name] for name in EXACT} == {name: expected[name] for name in EXACT}
    ours, theirs = ({reason["signal"]: reason for reason in found["reasons"]} for found in (answer, expected))
    assert ours.keys() == theirs.keys()
    for signal, reason in theirs.items():
        assert ours[signal]["contribution"] == pytest.approx(reason["contribution"], abs=1e-5, rel=0)
        assert ours[signal] | {"contribution": 0} == reason | {"contribution": 0}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_endpoint_equals_batch(
    mixture: str, client: Client, bundle: Bundle, book_folder: Path, as_of: date, tmp_path: Path,
    rows: dict[str, list[Json]],
) -> None:  # fmt: skip
    absent, empty = MIXTURES[mixture]
    folder = changed_book(book_folder, tmp_path / "book", absent, empty)
    expected = scored_in_batch(folder, bundle, as_of)
    assert len(expected) > 150 and {score.band for score in expected.values()} >= {"safe", "unknown"}
    known = {name: [] if name in empty else found for name, found in rows.items() if name not in absent}
    answers = client.predict(as_of, histories(known, expected))
    assert [answer["account_id"] for answer in answers] == list(expected)
    for answer in answers:
        assert_same(answer, expected[answer["account_id"]])


def test_endpoint_equals_batch_at_an_earlier_date_whatever_came_later(
    client: Client, bundle: Bundle, book_folder: Path, rows: dict[str, list[Json]]
) -> None:
    """The requests carry records, answers and churns at and after the date; none of them may count."""
    day = date(2025, 3, 1)
    expected = scored_in_batch(book_folder, bundle, day)
    sent = histories(rows, expected)
    assert any(row["churned_on"] >= day.isoformat() for history in sent for row in history["churns"])
    for answer in client.predict(day, sent):
        assert_same(answer, expected[answer["account_id"]])


def test_endpoint_equals_batch_by_the_rule_of_silence(
    bundle: Bundle, book_folder: Path, tmp_path: Path, rows: dict[str, list[Json]]
) -> None:
    silent = replace(bundle, rule=ChurnRule(silence_days=180))
    folder = changed_book(book_folder, tmp_path / "book", absent=("churns",))
    day = date(2025, 3, 1)
    expected = scored_in_batch(folder, silent, day)
    assert 100 < len(expected) < 400
    known = {name: found for name, found in rows.items() if name != "churns"}
    for answer in client_of(silent, ScoreStore("sqlite://")).predict(day, histories(known, expected)):
        assert_same(answer, expected[answer["account_id"]])


def test_records_at_as_of_are_ignored(client: Client, rows: dict[str, list[Json]], batch: dict[str, Score]) -> None:
    day = date(2025, 3, 1)
    (whole,) = histories(rows, [min(batch)])
    start = {
        "invoices": "invoiced_on", "contacts": "valid_from", "surveys": "sent_at", "loops": "opened_at",
        "contracts": "starts_on", "tickets": "opened_at", "actions": "done_at", "referrals": "referred_at",
        "memberships": "joined_on", "churns": "churned_on",
    }  # fmt: skip
    known = {name: [row for row in whole[name] if row[time] < day.isoformat()] for name, time in start.items()}
    at_as_of = copy.deepcopy(whole | known)
    at_as_of["invoices"].append({"invoice_id": "new", "invoiced_on": day.isoformat(), "amount": 1e6})
    at_as_of["tickets"].append({"ticket_id": "new", "severity": "critical", "opened_at": f"{day}T00:00:00Z"})
    at_as_of["churns"] = [{"churned_on": day.isoformat()}]
    answers = [client.predict(day, [sent])[0] for sent in (whole, whole | known, at_as_of)]
    assert [answer["reasons"] for answer in answers] == [answers[0]["reasons"]] * 3
    assert len({answer["churn_probability"] for answer in answers}) == 1


def test_each_account_of_a_request_has_its_own_absent_tables(
    client: Client, rows: dict[str, list[Json]], batch: dict[str, Score], as_of: date
) -> None:
    sent = histories(rows, list(batch)[:12])
    for number, history in enumerate(sent):
        for name in OPTIONAL_HISTORY[: number % 5]:
            history[name] = None if number % 2 else history.pop(name) and None
    together = client.predict(as_of, sent)
    for history, answer in zip(sent, together, strict=True):
        (alone,) = client.predict(as_of, [history])
        assert alone | {"scored_at": 0} == answer | {"scored_at": 0}
        assert answer["missing_tables"] == sorted(name for name in OPTIONAL_HISTORY if history.get(name) is None)


def test_absent_and_empty_differ(client: Client, as_of: date) -> None:
    new = {"account_id": "new", "customer_since": "2020-01-01"}
    absent, empty = {"account": new, "invoices": []}, {"account": new, "invoices": []}
    empty |= {name: [] for name in OPTIONAL_HISTORY}
    without, nothing = (client.predict(as_of, [history])[0] for history in (absent, empty))
    assert without["missing_tables"] == sorted(OPTIONAL_HISTORY) and nothing["missing_tables"] == []
    assert without["churn_probability"] != nothing["churn_probability"]
    surveyed = [{reason["signal"]: reason["value"] for reason in found["reasons"]} for found in (without, nothing)]
    assert surveyed[0]["silence_never_surveyed"] is None and surveyed[1]["silence_never_surveyed"] == 1.0


def test_unknown_says_what_to_collect(client: Client, as_of: date) -> None:
    new = {"account": {"account_id": "new", "customer_since": "2025-12-01"}, "invoices": [], "surveys": []}
    (answer,) = client.predict(as_of, [new])
    assert answer["band"] == "unknown" and answer["threat"] is False
    assert answer["collect"][:2] == [
        "history: a customer for 31 days, 90 are needed",
        "records: 0 in 365 days, 3 are needed",
    ]
    assert answer["collect"][2:] == [f"table: {name}" for name in answer["missing_tables"]]
    assert answer["missing_tables"] == sorted(set(OPTIONAL_HISTORY) - {"surveys"})


def test_as_of_defaults_to_today(client: Client) -> None:
    account = {"account": {"account_id": "a", "customer_since": "2020-01-01"}, "invoices": []}
    days = [datetime.now(UTC).date()]
    answers = [client.post(body).json() for body in ({"accounts": [account]}, {"as_of": None, "accounts": [account]})]
    days.append(datetime.now(UTC).date())
    assert {answer["predictions"][0]["as_of"] for answer in answers} <= {day.isoformat() for day in days}


def test_answers_stand_in_the_order_of_the_request(
    client: Client, rows: dict[str, list[Json]], batch: dict[str, Score], as_of: date
) -> None:
    ids = list(batch)[:20][::-1]
    ids[3], ids[11] = ids[11], ids[3]
    answer = client.post({"as_of": as_of.isoformat(), "accounts": histories(rows, ids)}).json()
    assert [found["account_id"] for found in answer["predictions"]] == ids
    assert answer["model_version"] == "1" and answer["request_id"]


def test_the_order_of_rows_does_not_matter(
    client: Client, rows: dict[str, list[Json]], batch: dict[str, Score], as_of: date
) -> None:
    sent = histories({name: found[::-1] for name, found in rows.items()}, list(batch)[:60])
    for answer in client.predict(as_of, sent):
        assert_same(answer, batch[answer["account_id"]])


def test_nested_account_id_may_be_left_out_or_repeated(
    client: Client, rows: dict[str, list[Json]], batch: dict[str, Score], as_of: date
) -> None:
    ids = list(batch)[:5]
    sent = copy.deepcopy(histories(rows, ids))
    for history in sent:
        for name, nested in history.items():
            if name != "account":
                for row in nested[::2]:
                    row["account_id"] = None
                for row in nested[::3]:
                    del row["account_id"]
    for answer in client.predict(as_of, sent):
        assert_same(answer, batch[answer["account_id"]])


@pytest.mark.parametrize(
    ("utc", "other"),
    [
        ("2025-11-30T22:30:00", "2025-12-01T00:30:00+02:00"),
        ("2025-11-30T22:30:00", " 2025-11-30T22:30:00Z "),
        ("2025-11-30", "2025-11-30T00:00:00Z"),
    ],
)
def test_instants_are_utc_and_aware_ones_converted(client: Client, as_of: date, utc: str, other: str) -> None:
    def asked(sent_at: str) -> Json:
        survey = {"survey_id": "s", "kind": "relationship", "sent_at": sent_at}
        account = {"account_id": "a", "customer_since": "2020-01-01"}
        return client.predict(as_of, [{"account": account, "invoices": [], "surveys": [survey]}])[0]

    assert asked(utc)["reasons"] == asked(other)["reasons"]


def test_a_time_of_day_in_a_date_is_cut_to_its_utc_day(client: Client, as_of: date) -> None:
    def asked(day: str) -> Json:
        invoice = {"invoice_id": "i", "invoiced_on": day, "amount": 100}
        account = {"account_id": "a", "customer_since": "2020-01-01"}
        return client.predict(as_of, [{"account": account, "invoices": [invoice]}])[0]

    assert asked("2025-12-31")["revenue_365d"] == asked("2025-12-31T23:30:00Z")["revenue_365d"] == 100
    assert asked("2025-12-31T23:30:00-01:00")["revenue_365d"] == 0
    assert asked("2026-01-01T00:30:00+01:00")["reasons"] == asked("2025-12-31")["reasons"]


def test_the_currency_of_the_request_stands_in_the_answer(client: Client, as_of: date) -> None:
    invoices = [
        {"invoice_id": str(number), "invoiced_on": "2025-06-01", "amount": 1, "currency": name}
        for number, name in enumerate(["CHF", " CHF ", "", None])
    ]
    account = {"account_id": "a", "customer_since": "2020-01-01", "currency": "CHF"}
    assert client.predict(as_of, [{"account": account, "invoices": invoices}])[0]["currency"] == "CHF"


def test_columns_that_are_not_in_the_contract_are_left_alone(client: Client, as_of: date) -> None:
    account = {"account_id": "a", "customer_since": "2020-01-01", "owner": {"id": 3}}
    (answer,) = client.predict(as_of, [{"account": account, "invoices": [], "orders": [1, 2], "contacts": []}])
    assert answer["account_id"] == "a"
