"""What a source cannot say is null, in batch and in a request: invitations, times of answers, before and after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from support.books import CENTRE, Bench, Frames, random_book, records

from features.as_of import customers
from features.batch.computing import compute
from features.matrix import END_SLACK_DAYS, Matrix, first_records, needing, relying_on
from features.requests.compiled import CompiledMatrix
from features.signal import all_signals, signal_names
from features.tables import TABLES, BookKnown, TableKnown
from training.models.trees import with_tables_removed

INVITED = {
    "response_rate_180d", "response_rate_before", "response_rate_drop", "invitations_unanswered_in_a_row",
    "contacts_fell_silent", "contacts_surveyed_share", "silence_never_surveyed", "silence_never_answered",
    "silence_once_responsive",
}  # fmt: skip
DELAYS = {"answer_delay_hours_p50_365d", "answer_delay_hours_trend"}


@pytest.fixture(scope="module")
def book() -> Frames:
    return random_book(accounts=30, seed=21)


@pytest.fixture(scope="module")
def bench(book: Frames) -> Bench:
    return Bench().load(book)


def batch(bench: Bench, known: BookKnown, day: date = CENTRE) -> Matrix:
    tables = replace(bench.tables, known=known)
    return compute(tables, customers(tables, [day]), first_records(tables))


def request(book: Frames, bench: Bench, known: BookKnown, day: date = CENTRE) -> Matrix:
    ids = sorted(book["accounts"]["account_id"])
    compiled = CompiledMatrix(False, first_records(bench.tables))
    return compiled.compute(records(book, ids), ids, day, [()] * len(ids), dict.fromkeys(range(len(ids)), known))[1]


def nulled(found: Matrix, usual: Matrix) -> set[str]:
    """The signals that are null in every row, and were not; the others are as usual."""
    gone = {name for name in signal_names() if found.signals[name].isna().all() and usual.signals[name].notna().any()}
    for name in set(signal_names()) - gone:
        pd.testing.assert_series_equal(found.signals[name], usual.signals[name], check_exact=True)
    return gone


CASES = {
    "no invitations": (BookKnown({"surveys": TableKnown(invitations=False)}), INVITED),
    "one time only": (BookKnown({"surveys": TableKnown(answered_at_is_sent_at=True)}), DELAYS),
    "kinds in other words": (BookKnown({"tickets": TableKnown(kinds=False)}), {"tickets_defects_365d"}),
    "not begun": (BookKnown({"tickets": TableKnown(since=CENTRE)}), {"tickets"}),
    "ended long ago": (BookKnown({"loops": TableKnown(until=CENTRE - timedelta(days=END_SLACK_DAYS + 2))}), {"loops"}),
    "ended lately": (BookKnown({"loops": TableKnown(until=CENTRE - timedelta(days=END_SLACK_DAYS + 1))}), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_known_is_null_and_nothing_else(book: Frames, bench: Bench, case: str) -> None:
    known, expected = CASES[case]
    if expected & set(TABLES):
        expected = {item.name for item in all_signals() if expected & set(item.needs)}
    usual = batch(bench, BookKnown())
    found = batch(bench, known)
    assert nulled(found, usual) == {name for name in expected if usual.signals[name].notna().any()}
    asked = request(book, bench, known)
    pd.testing.assert_frame_equal(asked.signals, found.signals, check_exact=True)
    pd.testing.assert_frame_equal(asked.facts, found.facts, check_exact=True)


def test_since_stands_above_the_first_record(book: Frames, bench: Bench) -> None:
    """A stray record of 1999 says nothing of a source that began a year ago, nor does a first record of last week."""
    year = BookKnown({"tickets": TableKnown(since=CENTRE - timedelta(days=200))})
    found = batch(bench, year)
    assert found.signals["tickets_opened_365d"].isna().all()
    assert found.signals["tickets_change_90d"].notna().any()
    late = book["tickets"].assign(opened_at=pd.Timestamp(CENTRE) - pd.Timedelta(days=7), closed_at=None)
    few = Bench().load({**book, "tickets": late})
    assert batch(few, BookKnown()).signals["tickets_opened_365d"].isna().all()
    told = BookKnown({"tickets": TableKnown(since=CENTRE - timedelta(days=900))})
    assert batch(few, told).signals["tickets_opened_365d"].notna().all()
    pd.testing.assert_frame_equal(request({**book, "tickets": late}, few, told).signals, batch(few, told).signals)


def test_accounts_of_one_request_each_have_their_own_sources(book: Frames, bench: Bench) -> None:
    ids = sorted(book["accounts"]["account_id"])
    compiled = CompiledMatrix(False, {})
    numbers, matrix = compiled.compute(
        records(book, ids), ids, CENTRE, [()] * len(ids), {2: BookKnown({"surveys": TableKnown(invitations=False)})}
    )
    unknown = matrix.signals["silence_never_surveyed"].isna().to_numpy()
    assert unknown.tolist() == [number == 2 for number in numbers.tolist()] and unknown.any()


def test_training_has_met_books_without_invitations_and_without_times_of_answers() -> None:
    rows = with_tables_removed(np.ones((400, len(all_signals()))), 0.05, seed=0)
    for fact in ("invitations", "answer_times"):
        alone = np.isnan(rows) == relying_on(fact)  # type: ignore[arg-type]
        assert alone.all(axis=1).any(), fact
        assert relying_on(fact).sum() < needing("surveys").sum()  # type: ignore[arg-type]


def test_what_relies_on_what() -> None:
    for fact, names in (("invitations", INVITED), ("answer_times", DELAYS)):
        assert {item.name for item in all_signals() if fact in item.relies_on} == names
