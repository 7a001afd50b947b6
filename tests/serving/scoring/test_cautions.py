"""What is said beside the scores: a weak model, amounts of another size, another currency; else nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import ibis
import pytest
from support.bundles import graded, with_currency
from support.served import Json, client_of, histories, rows_of

from features.tables import Tables
from serving.api.edge.runtime import Runtime
from serving.jobs.runner import JobRunner
from serving.predict.history import PredictionRequest
from serving.predict.readings import readings_told
from serving.scoring.book_scoring import ScoredBook, kept_of, strange_in_book
from serving.scoring.cautions import ENOUGH, INVOICE_AGE, LATELY, cautions, invoices_ended, power_apart
from serving.scoring.scoring import score_book
from serving.store import ScoreStore
from serving.words.caution_words import told
from serving.words.formats import LANGS
from training.bundle.bundle import Bundle, Reference


@pytest.fixture(scope="module")
def accounts(book_folder: Path, book: Tables, bundle: Bundle, as_of: date) -> list[Json]:
    scored = score_book(book, as_of, bundle).frame.sort_values("value")
    return histories(rows_of(book_folder), scored["account_id"].iloc[-60:].tolist())


def multiplied(book: Tables, factor: float) -> Tables:
    """Return the book with all amounts multiplied."""
    frames = dict(book.frames)
    frames["invoices"] = frames["invoices"].mutate(amount=ibis._.amount * factor)
    frames["contracts"] = frames["contracts"].mutate(annual_value=ibis._.annual_value * factor)
    return Tables(frames, book.missing, book.currency)


def codes(found: list[Json]) -> list[str]:
    return [warning["code"] for warning in found]


def test_its_own_book_raises_none(book: Tables, bundle: Bundle, as_of: date) -> None:
    scored = score_book(book, as_of, graded(bundle, "B"))
    assert scored.cautions() == []


@pytest.mark.parametrize(("factor", "power"), [(1000, 3), (0.001, -3), (100, 2)])
def test_a_book_of_other_amounts_is_told(factor: float, power: int, book: Tables, bundle: Bundle, as_of: date) -> None:
    (caution,) = score_book(multiplied(book, factor), as_of, graded(bundle, "B")).cautions()
    assert (caution.code, caution.figures) == ("amounts", {"power": power})
    times = {3: "1,000 times those", 2: "100 times those", -3: "1,000 times smaller than"}[power]
    assert times in told(caution, "en")


def test_a_book_whose_segments_are_written_otherwise_is_told(book: Tables, bundle: Bundle, as_of: date) -> None:
    """A value that many have; what few have is known to no model, and none is missing for it."""
    accounts = book.frames["accounts"]
    renamed = accounts.mutate(segment=accounts.segment.upper(), country=ibis.ifelse(
        accounts.account_id == accounts.account_id.min(), "Atlantis", accounts.country
    ))  # fmt: skip
    other = Tables({**book.frames, "accounts": renamed}, book.missing, book.currency)
    pieces = [kept_of(score_book(book, as_of, bundle))]
    assert ScoredBook.of(book, graded(bundle, "B"), pieces).cautions() == []
    (caution,) = ScoredBook.of(other, graded(bundle, "B"), pieces).cautions()
    (values,) = caution.figures["strange"].values()
    assert caution.code == "categories" and set(caution.figures["strange"]) == {"account.segment"}
    assert len(values) > 1 and {value.lower() for value in values} <= {
        level.lower() for level in bundle.manifest.categories["account_segment"]
    }
    assert "account.segment “" in told(caution, "en") and "it knows: " in told(caution, "en")


def test_a_long_value_is_cut_in_a_book_as_in_a_request(book: Tables, bundle: Bundle, as_of: date) -> None:
    accounts = book.frames["accounts"]
    for length, expected in ((60, "x" * 60), (61, "x" * 59 + "…")):
        renamed = accounts.mutate(segment=ibis.literal("x" * length))
        other = Tables({**book.frames, "accounts": renamed}, book.missing, book.currency)
        ids = accounts.account_id.execute().tolist()
        (of_book,) = strange_in_book(other, ids, bundle.manifest.categories)
        row = {"account_id": "A", "customer_since": "2024-01-01", "segment": "x" * length}
        (history,) = PredictionRequest.model_validate({"accounts": [{"account": row, "invoices": []}]}).accounts
        (of_request,) = readings_told([history], as_of, bundle.manifest.categories)
        assert of_book == of_request and of_book.figures["strange"] == {"account.segment": [expected]}


def test_no_account_of_the_book_is_told_to_be_of_another(book: Tables, bundle: Bundle, as_of: date) -> None:
    values = score_book(book, as_of, bundle).frame["value"].to_list()
    assert not [value for value in values if power_apart([value], bundle.reference)]


def test_a_request_of_other_amounts_is_told(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    client = client_of(graded(bundle, "B"), ScoreStore("sqlite://"))
    body = {"as_of": as_of.isoformat(), "accounts": accounts[:5]}
    assert client.post(body).json()["warnings"] == []
    thousand = [
        account
        | {
            "invoices": [row | {"amount": 1000 * row["amount"]} for row in account["invoices"]],
            "contracts": [row | {"annual_value": 1000 * row["annual_value"]} for row in account["contracts"]],
        }
        for account in accounts[:5]
    ]
    (warning,) = client.post(body | {"accounts": thousand}).json()["warnings"]
    assert warning["code"] == "amounts" and "times those of the training book" in warning["detail"]
    served: Runtime = client.app.state.runtime
    reference = served.predictor.bundle.reference
    assert not any(f"{figure:,.0f}" in warning["detail"] for figure in reference.value_percentiles if figure > 2)


def test_the_currency_is_the_senders_or_none(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    """The training book's currency is no currency of somebody else's amounts."""
    client = client_of(with_currency(graded(bundle, "B"), "EUR"), ScoreStore("sqlite://"))
    unsaid = {"as_of": as_of.isoformat(), "accounts": accounts[:1]}
    answer = client.post(unsaid).json()
    assert answer["predictions"][0]["currency"] is None and answer["warnings"] == []
    same, other = ({**accounts[0], "account": accounts[0]["account"] | {"currency": name}} for name in ("EUR", "USD"))
    assert client.post(unsaid | {"accounts": [same]}).json()["warnings"] == []
    answer = client.post(unsaid | {"accounts": [other]}).json()
    assert answer["predictions"][0]["currency"] == "USD" and codes(answer["warnings"]) == ["currency"]
    assert answer["warnings"][0]["detail"].startswith("The amounts are in USD, and the model was trained on EUR")


def test_the_largest_account_of_the_book_is_of_this_book() -> None:
    """One account of 400 has a hundred times the value of the next, and may have grown since training."""
    values = [float(number) for number in range(1, 101)] + [10_000.0]
    reference = Reference(as_of=date(2026, 1, 1), accounts=400, threat_value=0.0, value_percentiles=values, signals={})
    assert [power_apart([value], reference) for value in (250.0, 29_000.0, 31_000.0)] == [0, 0, 3]


@pytest.mark.parametrize(
    ("roc_auc", "silence_days", "expected"), [(1.0, None, ["leak"]), (0.9, None, []), (1.0, 90, [])]
)
def test_a_model_that_was_told_who_left_is_not_praised_alone(
    roc_auc: float, silence_days: int | None, expected: list[str], bundle: Bundle
) -> None:
    manifest = graded(bundle, "A").manifest
    findings = manifest.findings | {"suspects": [{"signal": "account_segment", "roc_auc": roc_auc}]}
    rule = manifest.rule | {"silence_days": silence_days}
    told_of = manifest.model_copy(update={"findings": findings, "rule": rule})
    found = cautions(replace(bundle, manifest=told_of), [], [])
    assert [caution.code for caution in found] == expected
    for lang in LANGS:
        assert all(len(told(caution, lang)) > 50 for caution in found)


def test_a_book_without_a_currency_gets_none(book: Tables, bundle: Bundle, as_of: date) -> None:
    without = Tables(book.frames, book.missing, None)
    scored = score_book(without, as_of, with_currency(bundle, "EUR"))
    assert {score.currency for score in scored.rows()} == {None}


def test_what_is_warned_of_is_counted(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    client = client_of(graded(bundle, "D"), ScoreStore("sqlite://"))

    def counted() -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(
            float(line.split()[1]) for line in lines if line.startswith('churn_risk_cautions_total{code="grade"}')
        )

    before = counted()
    client.post({"as_of": as_of.isoformat(), "accounts": accounts[:1]})
    assert counted() == before + 1


def test_accounts_without_value_say_nothing(bundle: Bundle) -> None:
    assert cautions(graded(bundle, "B"), [0.0, 0.0], [None]) == []


def cut(accounts: list[Json], day: date) -> list[Json]:
    """The accounts without what was recorded from a day on, as an export of that day has them."""

    def kept(rows: list[Json]) -> list[Json]:
        return [row for row in rows if row["invoiced_on"] < day.isoformat()]

    return [account | {"invoices": kept(account["invoices"])} for account in accounts]


def test_a_call_whose_invoices_ended_long_before_is_told(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    client, ended = client_of(graded(bundle, "B"), ScoreStore("sqlite://")), cut(accounts, as_of - timedelta(days=90))
    body = {"as_of": as_of.isoformat(), "accounts": ended[:ENOUGH]}
    (warning,) = client.post(body).json()["warnings"]
    assert warning["code"] == "stale" and warning["detail"].startswith("The last record in invoices is of ")
    german = client.ask("POST", "/v1/predictions?lang=de", json=body).json()["warnings"][0]["detail"]
    assert german.startswith("Der letzte Eintrag unter „Rechnungen“ ist vom ")
    fewer = body | {"accounts": ended[: ENOUGH - 1]}
    fresh = body | {"accounts": [*ended[: ENOUGH - 1], accounts[ENOUGH]]}
    assert [client.post(other).json()["warnings"] for other in (fewer, fresh)] == [[], []]


@pytest.mark.parametrize("fresh", [False, True], ids=["ended", "last account fresh"])
def test_a_job_is_told_by_all_its_chunks(fresh: bool, bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    """The second chunk of a job that is sorted by its last invoice may be fresh."""
    client, month_ago = (
        client_of(graded(bundle, "B"), ScoreStore("sqlite://")),
        (as_of - timedelta(days=30)).isoformat(),
    )
    last = next(one for one in accounts if any(row["invoiced_on"] > month_ago for row in one["invoices"]))
    others = [account for account in accounts if account is not last]
    sent = [*cut(others, as_of - timedelta(days=90)), *([last] if fresh else [])]
    made = client.ask("POST", "/v1/jobs", json={"as_of": as_of.isoformat(), "accounts": sent}).json()
    served: Runtime = client.app.state.runtime
    runner = JobRunner(served.store.engine, lambda: served.predictor)
    while runner.step():
        pass
    warnings = client.get(f"/v1/jobs/{made['job_id']}").json()["warnings"]
    assert ("stale" in codes(warnings)) is not fresh


def test_what_is_usual_is_that_of_the_training_book(bundle: Bundle, as_of: date) -> None:
    yearly = bundle.reference.model_copy(update={"signals": {INVOICE_AGE: {LATELY: 40.0}}})
    assert invoices_ended(bundle.reference, 45, as_of) is None
    assert invoices_ended(bundle.reference, 46, as_of) is not None
    assert invoices_ended(yearly, 120, as_of) is None and invoices_ended(yearly, 121, as_of) is not None
