"""Concurrent predictions share a matrix: each gets what it would have got alone, its own problem, or a refusal."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.bundles import graded
from support.served import Json, histories, rows_of

from features.requests.compiled import FEW_RECORDS
from serving import metrics
from serving.api.answers.rendering import rendered_predictions
from serving.api.answers.responses import PredictionsOut, ScoreOut
from serving.errors import Overloaded, Refusal
from serving.predict.batching import MOST_ACCOUNTS, Batcher
from serving.predict.history import PredictionRequest
from serving.predict.predictor import SMALL_ACCOUNTS, Call, Predictor
from serving.predict.told_records import told_records
from serving.scoring.scores import Score
from serving.words.caution_words import grade_meaning
from training.bundle.bundle import Bundle

SECONDS = 60.0


class Held(Predictor):
    """A predictor whose first batch waits until it is let go, and that remembers the size of each batch."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.let_go, self.begun = threading.Event(), threading.Event()
        self.batches: list[int] = []

    def is_quick(self, calls: Sequence[Call]) -> bool:
        return False  # It waits, which nothing may do in the event loop.

    def predict_each(self, calls: Sequence[Call]) -> list[list[Score] | Refusal]:
        self.batches.append(len(calls))
        self.begun.set()
        assert self.let_go.wait(SECONDS)
        if any(history.account.name == "poison" for call in calls for history in call.histories):
            raise RuntimeError("nobody expected that")
        return super().predict_each(calls)


class Seen(Predictor):
    """A predictor that remembers the size of each batch, and which thread worked on it."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle)
        self.batches: list[tuple[int, int]] = []

    def predict_each(self, calls: Sequence[Call]) -> list[list[Score] | Refusal]:
        self.batches.append((len(calls), threading.get_ident()))
        if any(history.account.name == "poison" for call in calls for history in call.histories):
            raise RuntimeError("nobody expected that")
        return super().predict_each(calls)


@pytest.fixture(scope="module")
def accounts(book_folder: Path, book: Any, as_of: date, bundle: Bundle) -> list[Json]:
    from serving.scoring.scoring import score_book

    ids = [score.account_id for score in score_book(book, as_of, bundle).rows()]
    return histories(rows_of(book_folder), ids[:12])


def call_of(as_of: date | None, *accounts: Json) -> Call:
    body = PredictionRequest.model_validate({"as_of": as_of, "accounts": list(accounts)})
    return Call(body.accounts, body.as_of)


def plain(predictor: Predictor, scores: list[Score]) -> bytes:
    return json.dumps(
        [[score.account_id, score.churn_probability, score.as_of.isoformat()] for score in scores]
    ).encode()


def together(predictor: Held, calls: Sequence[Call], most_waiting: int = 64, seconds: float = SECONDS) -> list[Any]:
    """Send one call, and all others while it is held; return answers and errors in order."""

    async def ask() -> list[Any]:
        batcher = Batcher(most_waiting)
        first = asyncio.create_task(batcher.predict(predictor, calls[0], plain, seconds))
        await asyncio.to_thread(predictor.begun.wait, SECONDS)
        others = [asyncio.create_task(batcher.predict(predictor, call, plain, seconds)) for call in calls[1:]]
        await asyncio.sleep(0)
        predictor.let_go.set()
        found = await asyncio.gather(first, *others, return_exceptions=True)
        await asyncio.to_thread(batcher.close)
        return found

    return asyncio.run(ask())


def alone(bundle: Bundle, call: Call) -> bytes:
    predictor = Predictor(bundle)
    return plain(predictor, predictor.predict(call.histories, call.as_of))


def test_what_arrives_meanwhile_shares_one_matrix(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    predictor = Held(bundle)
    calls = [call_of(as_of, account) for account in accounts]
    found = together(predictor, calls)
    assert predictor.batches == [1, len(calls) - 1]
    assert found == [alone(bundle, call) for call in calls]


def test_the_same_account_may_be_asked_for_by_many(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    earlier = date(as_of.year - 1, as_of.month, as_of.day)
    asked = [
        (as_of, accounts[0]),
        (as_of, accounts[0]),
        (earlier, accounts[0]),
        (as_of, {**accounts[0], "surveys": []}),
    ]
    calls = [call_of(day, account) for day, account in asked]
    found = together(Held(bundle), calls)
    assert found == [alone(bundle, call) for call in calls]
    assert found[0] == found[1] and len(set(found)) == 3


def test_each_has_its_own_refusal(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    other = {**accounts[1], "invoices": [{**accounts[1]["invoices"][0], "account_id": "somebody"}]}
    calls = [call_of(as_of, accounts[0]), call_of(date(1990, 1, 1), accounts[2]), call_of(as_of, other)]
    calls += [call_of(date(2199, 1, 1), accounts[3]), call_of(as_of, accounts[4])]
    found = together(Held(bundle), calls)
    pointers = [[fault.pointer() for fault in refusal.faults] for refusal in found[1:4]]
    assert pointers == [["/accounts/0/account/customer_since"], ["/accounts/0/invoices/0/account_id"], ["/as_of"]]
    assert [found[0], found[4]] == [alone(bundle, calls[0]), alone(bundle, calls[4])]


def test_an_unexpected_failure_is_one_callers_own(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    poisoned = {**accounts[1], "account": {**accounts[1]["account"], "name": "poison"}}
    calls = [call_of(as_of, account) for account in (accounts[0], accounts[2], poisoned, accounts[3])]
    predictor = Held(bundle)
    found = together(predictor, calls)
    assert isinstance(found[2], RuntimeError)
    assert [found[0], found[1], found[3]] == [alone(bundle, calls[number]) for number in (0, 1, 3)]
    assert predictor.batches == [1, 3, 1, 1, 1]


def test_too_many_are_refused(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    calls = [call_of(as_of, account) for account in accounts[:5]]
    found = together(Held(bundle), calls, most_waiting=2)
    assert [isinstance(answer, Overloaded) for answer in found] == [False, False, False, True, True]


def test_a_batch_has_its_limit(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    copies = [
        {**accounts[0], "account": {**accounts[0]["account"], "account_id": f"a{number}"}} for number in range(90)
    ]
    many = call_of(as_of, *copies)
    predictor = Held(bundle)
    with pytest.raises(Refusal):  # the rows still name the account they were copied from
        Predictor(bundle).predict(many.histories, as_of)
    found = together(predictor, [call_of(as_of, accounts[1]), many, many, many, call_of(as_of, accounts[1])])
    assert MOST_ACCOUNTS == 200 and predictor.batches == [1, 2, 2]
    assert found[0] == found[4] and all(isinstance(answer, Refusal) for answer in found[1:4])


def test_whoever_waits_too_long_is_told(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    predictor = Held(bundle)

    async def ask() -> tuple[Exception, int]:
        batcher = Batcher(4)
        held = asyncio.create_task(batcher.predict(predictor, call_of(as_of, accounts[0]), plain, SECONDS))
        await asyncio.to_thread(predictor.begun.wait, SECONDS)
        with pytest.raises(Overloaded) as late:
            await batcher.predict(predictor, call_of(as_of, accounts[1]), plain, 0.01)
        waiting = batcher.waiting
        predictor.let_go.set()
        await held
        await asyncio.to_thread(batcher.close)
        return late.value, waiting

    late, waiting = asyncio.run(ask())
    assert "0.01 seconds" in str(late) and waiting == 0
    assert predictor.batches == [1], "nobody waits for that answer any more"


def test_models_are_not_mixed(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    first, second = Held(bundle), Held(bundle)
    second.let_go.set()

    async def ask() -> list[bytes]:
        batcher = Batcher(8)
        held = asyncio.create_task(batcher.predict(first, call_of(as_of, accounts[0]), plain, SECONDS))
        await asyncio.to_thread(first.begun.wait, SECONDS)
        asked: list[tuple[Held, int]] = [(first, 1), (first, 2), (second, 3), (second, 4), (first, 5)]
        others: list[Awaitable[bytes]] = [
            asyncio.create_task(batcher.predict(model, call_of(as_of, accounts[number]), plain, SECONDS))
            for model, number in asked
        ]
        await asyncio.sleep(0)
        first.let_go.set()
        return await asyncio.gather(held, *others)

    found = asyncio.run(ask())
    assert first.batches == [1, 2, 1] and second.batches == [2]
    assert found == [alone(bundle, call_of(as_of, account)) for account in accounts[:6]]


def at_once(predictor: Seen, calls: Sequence[Call], batcher: Batcher | None = None) -> list[Any]:
    """Send calls at once and return answers and errors in order."""

    async def ask() -> list[Any]:
        asked = batcher or Batcher(64)
        each = (asked.predict(predictor, call, plain, SECONDS) for call in calls)
        return await asyncio.gather(*each, return_exceptions=True)

    return asyncio.run(ask())


def test_few_records_are_worked_on_in_the_event_loop(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    predictor, calls = Seen(bundle), [call_of(as_of, account) for account in accounts]
    assert at_once(predictor, calls) == [alone(bundle, call) for call in calls]
    assert predictor.batches == [(len(calls), threading.get_ident())]


def test_in_the_event_loop_too_a_refusal_and_a_failure_are_one_callers_own(
    bundle: Bundle, accounts: list[Json], as_of: date
) -> None:
    poisoned = {**accounts[1], "account": {**accounts[1]["account"], "name": "poison"}}
    other = {**accounts[2], "invoices": [{**accounts[2]["invoices"][0], "account_id": "somebody"}]}
    calls = [call_of(as_of, account) for account in (accounts[0], poisoned, other, accounts[3])]
    predictor = Seen(bundle)
    found = at_once(predictor, calls)
    assert isinstance(found[1], RuntimeError) and isinstance(found[2], Refusal)
    assert [found[0], found[3]] == [alone(bundle, calls[number]) for number in (0, 3)]
    assert {thread for _, thread in predictor.batches} == {threading.get_ident()}


def test_many_accounts_or_dates_leave_the_event_loop_to_others(
    bundle: Bundle, accounts: list[Json], as_of: date
) -> None:
    """Each date is a matrix, and each account is explained by itself, however few its records."""
    small = {**accounts[0], **{name: [] for name in accounts[0] if name not in ("account", "invoices")}}
    days = [call_of(as_of - timedelta(days=number), small) for number in range(3)]
    copies = [
        {"account": {**small["account"], "account_id": f"a{number}"}, "invoices": []}
        for number in range(SMALL_ACCOUNTS + 1)
    ]
    for calls in (days, [call_of(as_of, *copies)]):
        predictor = Seen(bundle)
        assert at_once(predictor, calls) == [alone(bundle, call) for call in calls]
        ((size, thread),) = predictor.batches
        assert size == len(calls) and thread != threading.get_ident()


def test_who_comes_a_moment_later_is_waited_for_where_several_wait(
    bundle: Bundle, accounts: list[Json], as_of: date
) -> None:
    predictor = Seen(bundle)

    async def ask() -> None:
        batcher = Batcher(8)
        asked = []
        for account in accounts[:5]:
            asked.append(asyncio.create_task(batcher.predict(predictor, call_of(as_of, account), plain, SECONDS)))
            if len(asked) > 1:
                await asyncio.sleep(0)
        await asyncio.gather(*asked)

    asyncio.run(ask())
    assert [size for size, _ in predictor.batches] == [5]


@pytest.mark.parametrize("failing", ["is_quick", "predict_each", "merged"])
def test_what_fails_once_fails_for_its_callers_only(
    bundle: Bundle, accounts: list[Json], as_of: date, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    predictor, batcher = Seen(bundle), Batcher(8)
    calls = [call_of(as_of, account) for account in accounts[:2]]

    def fail(*_: Any) -> None:
        raise RuntimeError("nobody expected that")

    with monkeypatch.context() as patch:
        patch.setattr(metrics if failing == "merged" else predictor, failing, fail)
        assert [type(answer) for answer in at_once(predictor, calls, batcher)] == [RuntimeError] * 2
    assert at_once(predictor, calls, batcher) == [alone(bundle, call) for call in calls]


def test_loops_that_come_and_go_lose_no_answer(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    predictor, batcher, found = Held(bundle), Batcher(64), []
    predictor.let_go.set()
    calls = [call_of(as_of, account) for account in accounts[:3]]

    def ask(call: Call) -> None:
        found.extend(asyncio.run(batcher.predict(predictor, call, plain, SECONDS)) for _ in range(8))

    threads = [threading.Thread(target=ask, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(8 * [alone(bundle, call) for call in calls])


def test_many_records_leave_the_event_loop_to_others(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    """A batch of few records is not made one of many by who waits behind it."""
    few = [call_of(as_of, account) for account in accounts[:3]]
    invoices = [
        {**accounts[0]["invoices"][0], "invoice_id": f"i{number}", "amount": number} for number in range(FEW_RECORDS)
    ]
    many, predictor = call_of(as_of, {**accounts[0], "invoices": invoices}), Seen(bundle)
    found = at_once(predictor, [*few[:2], many, few[2]])
    assert found == [alone(bundle, call) for call in (*few[:2], many, few[2])]
    (first, in_loop), (second, apart) = predictor.batches
    assert (first, second) == (2, 2) and in_loop == threading.get_ident() != apart


def test_the_event_loop_does_not_wait_for_the_matrix_of_another(
    bundle: Bundle, accounts: list[Json], as_of: date
) -> None:
    """A job works with the same engines, a hundred accounts at a time."""
    predictor, call = Seen(bundle), call_of(as_of, accounts[0])
    let_go, held = threading.Event(), threading.Event()

    def hold() -> None:
        with predictor._matrix._engines.lock:
            held.set()
            let_go.wait(SECONDS)

    async def ask() -> bytes:
        batcher = Batcher(8)
        asked = asyncio.create_task(batcher.predict(predictor, call, plain, SECONDS))
        while not predictor.batches:
            await asyncio.sleep(0.001)
        let_go.set()
        return await asked

    job = threading.Thread(target=hold)
    job.start()
    held.wait(SECONDS)
    try:
        assert asyncio.run(ask()) == alone(bundle, call)
    finally:
        let_go.set()
        job.join()
    assert predictor.batches[0][1] != threading.get_ident()


def test_a_loop_that_ended_meanwhile_is_replaced(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    predictor, batcher = Held(bundle), Batcher(8)
    with pytest.raises(Overloaded):
        asyncio.run(batcher.predict(predictor, call_of(as_of, accounts[0]), plain, 0.01))
    predictor.let_go.set()
    call = call_of(as_of, accounts[1])
    assert asyncio.run(batcher.predict(predictor, call, plain, SECONDS)) == alone(bundle, call)
    batcher.close()


def test_a_closed_batcher_says_so(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    batcher = Batcher(8)
    batcher.close()
    with pytest.raises(Overloaded, match="the service stops"):
        asyncio.run(batcher.predict(Seen(bundle), call_of(as_of, accounts[0]), plain, SECONDS))


def test_the_text_is_that_of_the_response_model(bundle: Bundle, accounts: list[Json], as_of: date) -> None:
    call = call_of(as_of, *accounts, {**accounts[0], "account": {"account_id": "é/\"<", "customer_since": "2019-01-01"},
                                      **{name: None for name in accounts[0] if name not in ("account", "invoices")},
                                      "invoices": []})  # fmt: skip
    predictor = Predictor(graded(bundle, "D"))
    scores = predictor.predict(call.histories, as_of)
    expected = PredictionsOut.model_validate(
        {
            "model_version": "1",
            "model": {"version": "1", "grade": "D", "grade_meaning": grade_meaning("D", "en")},
            "warnings": [{"code": "grade", "detail": f"The model has grade D: {grade_meaning('D', 'en')}"}],
            "request_id": "r",
            "predictions": [
                ScoreOut.of(score, told_records(history, as_of))
                for score, history in zip(scores, call.histories, strict=True)
            ],
        }
    )
    rendered = rendered_predictions(predictor, "r", scores, call.histories)
    assert json.loads(rendered) == json.loads(expected.model_dump_json())
