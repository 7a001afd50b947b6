"""Leaks planted into a simulated book, each caught: by the cut in time, by the check on signals, or by a lead.

What is written with its true time, after as_of, the cut keeps out: not one value changes, and with the cut taken away
it would. What carries an earlier time, or is no longer written because notice was given, no cut can know of: there the
check names the signals. In each case the same book without the plant has no suspect.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from support.books import Bench, Frames

import features.as_of
from features.as_of import KEYS, SECONDS_A_DAY
from features.signal import all_signals
from features.simulation import World, tables_in_memory
from features.tables import TABLES, Column, Table
from training.judge.leaks import suspects
from training.settings import ChurnRule
from training.slices.dataset import Dataset
from training.slices.labels import labels

DATES = [date(2023, 12, 1) + timedelta(days=30 * number) for number in range(12)]
RULE = ChurnRule()
Plant = Callable[[Frames], Frames]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="module")
def uncut() -> Bench:
    """The same signals without the cut of what is filled later: as if a time that is to come were known."""

    def age(known: ir.Table, column: Column) -> ir.Value:
        return (known.as_of_seconds - known[column.name].cast("timestamp").epoch_seconds()) / SECONDS_A_DAY

    def at_once(known: ir.Table, table: Table, column: Column) -> ir.Value:
        return known[column.name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features.as_of, "_age_days", age)
        patch.setattr(features.as_of, "_once_known", at_once)
        return Bench(compiled_anew=True)


@pytest.fixture(scope="module")
def honest() -> Frames:
    """500 accounts over three years; some give notice up to 90 days before and are surveyed no more, as happens."""
    frames = {name: frame for name, frame in tables_in_memory(World(accounts=500, seed=21)).items() if name in TABLES}
    for name, table in TABLES.items():
        times = [column.name for column in table.columns if column.kind.is_time]
        frames[name] = frames[name].astype(dict.fromkeys(times, "datetime64[us]"))
    return frames


def dataset_of(bench: Bench, frames: Frames, rule: ChurnRule = RULE) -> Dataset:
    """What `build_dataset` gives for a book recorded before all dates; the query is compiled once for all."""
    bench.load(frames)
    matrix = bench.matrix(DATES, recorded_since=bench.first_records())
    churned = matrix.keys.merge(labels(bench.tables, bench.spine, rule), on=KEYS, how="left")["churned"]
    kept = churned.notna().to_numpy()
    return Dataset(matrix.take(kept), churned[kept].to_numpy(dtype=bool))


def changed(before: Dataset, after: Dataset) -> set[str]:
    """Signals and facts in which two datasets of the same rows and labels differ."""
    assert before.matrix.keys.equals(after.matrix.keys)
    assert (before.churned == after.churned).all()
    signals, facts = before.matrix.signals, before.matrix.facts
    differing = {name for name in signals if not signals[name].equals(after.matrix.signals[name])}
    return differing | {name for name in facts if not facts[name].equals(after.matrix.facts[name])}


def gone_on(frames: Frames, table: str) -> pd.Series:
    """The day on which the account of each record churned, null for those that stay."""
    churns = frames["churns"].set_index("account_id")["churned_on"]
    return frames[table]["account_id"].map(churns)


def signals_of(table: str) -> set[str]:
    return {item.name for item in all_signals() if table in item.needs}


def days(n: int) -> pd.Timedelta:
    return pd.Timedelta(days=n)


@pytest.fixture(scope="module")
def untouched(bench: Bench, honest: Frames) -> Dataset:
    return dataset_of(bench, honest)


@pytest.fixture(scope="module")
def untouched_uncut(uncut: Bench, honest: Frames) -> Dataset:
    return dataset_of(uncut, honest)


def test_the_honest_book_has_no_suspect(untouched: Dataset) -> None:
    assert len(np.unique(untouched.accounts[untouched.churned])) > 40
    assert suspects(untouched, RULE) == ()


# With their true time, after as_of: the cut keeps them out -----------------------------------------------------------


def loops_closed(frames: Frames, after_days: int) -> Frames:
    """Whatever was open when an account left is closed because it left, on the day or long after."""
    loops, gone = frames["loops"].copy(), gone_on(frames, "loops")
    hit = gone.notna() & loops["closed_at"].isna()
    assert hit.sum() > 10
    loops["closed_at"] = loops["closed_at"].where(~hit, gone + days(after_days))
    return {**frames, "loops": loops}


def contacts_closed(frames: Frames, after_days: int) -> Frames:
    """All contacts of an account end when it leaves, or so many days away from it, but not before they begin."""
    contacts, gone = frames["contacts"].copy(), gone_on(frames, "contacts")
    end = np.maximum(gone + days(after_days), contacts["valid_from"])
    hit = gone.notna() & ~(contacts["valid_to"] <= end)
    assert hit.sum() > 100
    contacts["valid_to"] = contacts["valid_to"].where(~hit, end)
    return {**frames, "contacts": contacts}


@pytest.mark.parametrize(
    ("plant", "table", "after_days"),
    [(loops_closed, "loops", 0), (loops_closed, "loops", 400), (contacts_closed, "contacts", 0)],
    ids=["loops, on the day", "loops, long after", "contacts, on the day"],
)
def test_what_is_closed_because_of_the_churn_is_cut_off(
    bench: Bench,
    uncut: Bench,
    honest: Frames,
    untouched: Dataset,
    untouched_uncut: Dataset,
    plant: Callable[[Frames, int], Frames],
    table: str,
    after_days: int,
) -> None:
    planted = plant(honest, after_days)
    assert not changed(untouched, dataset_of(bench, planted))
    seen = changed(untouched_uncut, dataset_of(uncut, planted))
    assert seen and seen <= signals_of(table), "without the cut the plant would show"


# With an earlier time: the check on signals names them ---------------------------------------------------------------


def contacts_dated_back(frames: Frames) -> Frames:
    """When an account is gone, somebody ends its contacts as of half a year before."""
    return contacts_closed(frames, -190)


def contacts_ended_with_the_month(frames: Frames) -> Frames:
    """When an account is gone, somebody ends its contacts as of a month before."""
    return contacts_closed(frames, -31)


def invoices_zeroed(frames: Frames) -> Frames:
    """The invoices of an account's last year are restated to nothing when it has gone."""
    invoices = frames["invoices"].copy()
    last_year = invoices["invoiced_on"] >= gone_on(frames, "invoices") - days(365)
    invoices["amount"] = invoices["amount"].where(~last_year, 0.0)
    return {**frames, "invoices": invoices}


def credit_notes_dated_back(frames: Frames) -> Frames:
    """The invoices of an account's last year are taken back by credit notes of the same dates when it has gone."""
    invoices = frames["invoices"]
    last_year = invoices["invoiced_on"] >= gone_on(frames, "invoices") - days(365)
    taken_back = invoices[last_year & (invoices["amount"] > 0)]
    notes = taken_back.assign(invoice_id="C" + taken_back["invoice_id"], amount=-taken_back["amount"])
    return {**frames, "invoices": pd.concat([invoices, notes], ignore_index=True)}


@pytest.mark.parametrize(
    ("plant", "table", "telling", "last_date"),
    [
        (contacts_dated_back, "contacts", {"contacts_active", "contacts_left_365d"}, False),
        (contacts_ended_with_the_month, "contacts", {"contacts_active"}, True),
        (invoices_zeroed, "invoices", {"revenue_90d", "revenue_180d"}, False),
        (credit_notes_dated_back, "invoices", {"revenue_180d", "credit_note_share_365d"}, False),
    ],
    ids=["contacts dated back", "contacts ended with the month", "invoices zeroed", "credit notes dated back"],
)
def test_what_is_dated_back_is_named(
    bench: Bench, honest: Frames, plant: Plant, table: str, telling: set[str], last_date: bool
) -> None:
    found = suspects(dataset_of(bench, plant(honest)), RULE)
    assert telling <= {one.signal for one in found if (one.rows == "last") is last_date}
    assert all(table in one.tables and table in one.message() for one in found), "nothing else is suspected"


# No longer written: surveys stop because notice was given ------------------------------------------------------------


@pytest.fixture(scope="module")
def surveyed(honest: Frames) -> Frames:
    """The book with a survey of every account in every month until it leaves, answered by three in five."""
    accounts = honest["accounts"][["account_id", "customer_since"]]
    months = pd.DataFrame({"sent_at": pd.date_range("2023-01-01", "2025-12-01", freq="MS") + days(4)})
    rows = accounts.merge(months, how="cross")
    rows = rows[rows["sent_at"] > rows["customer_since"]].reset_index(drop=True)
    rng = np.random.default_rng(0)
    answered = rng.random(len(rows)) < 0.6
    surveys = rows[["account_id", "sent_at"]].assign(
        survey_id=[f"S{number}" for number in range(len(rows))],
        kind="relationship",
        answered_at=(rows["sent_at"] + days(2)).where(answered),
        score=pd.Series(rng.integers(0, 11, len(rows)).astype(float)).where(answered),
    )
    return stopped({**honest, "surveys": surveys}, notice_days=0)


def stopped(frames: Frames, notice_days: int) -> Frames:
    """No account is surveyed from the day on which it gave notice."""
    surveys = frames["surveys"]
    return {**frames, "surveys": surveys[~(surveys["sent_at"] >= gone_on(frames, "surveys") - days(notice_days))]}


def test_monthly_surveys_of_every_customer_are_not_suspect(bench: Bench, surveyed: Frames) -> None:
    assert suspects(dataset_of(bench, surveyed), RULE) == ()


@pytest.mark.parametrize(("notice_days", "last_date"), [(200, False), (120, True)])
def test_surveys_stopped_by_notice_are_named(bench: Bench, surveyed: Frames, notice_days: int, last_date: bool) -> None:
    found = suspects(dataset_of(bench, stopped(surveyed, notice_days)), RULE)
    assert "nps_answer_age_months" in {one.signal for one in found if (one.rows == "last") is last_date}
    assert all("surveys" in one.tables for one in found)
    assert "given notice" in found[0].message() and "--lead-days" in found[0].message()


@pytest.mark.parametrize(("lead_days", "leaks"), [(0, True), (90, True), (120, False)])
def test_a_lead_as_long_as_the_notice_leaves_no_leak(
    bench: Bench, surveyed: Frames, lead_days: int, leaks: bool
) -> None:
    """Who churns after the lead gives notice at as_of or later; who has given it before churns inside the lead."""
    rule = ChurnRule(lead_days=lead_days)
    before = dataset_of(bench, surveyed, rule)
    after = dataset_of(bench, stopped(surveyed, notice_days=120), rule)
    assert after.churned.sum() > 100
    assert bool(changed(before, after)) is leaks
    if not leaks:
        assert suspects(after, rule) == ()
