"""A whole training run: nothing known at or after `until` matters, too little data is said so, the parts fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.handmade import frames_of, tables_of

from features.errors import InputError, NotEnoughData
from features.tables import TABLES, Table, Tables
from training.making.packing import write_bundle
from training.making.pipeline import Trained, train
from training.rivals import CHEAP
from training.settings import ChurnRule, FitSettings, TrainingSettings
from training.slices.dataset import fingerprint
from training.slices.preparing import prepare

UNTIL = date(2025, 3, 17)
INSTANT = pd.Timestamp(UNTIL)
BRIEF = TrainingSettings(
    until=UNTIL, slice_days=120, least_slices=1, folds=2, bootstraps=2, fit=FitSettings(max_rounds=16)
)
#: Tables that begin only at `until` in the books compared: whether they ever do must not matter.
LATE = ("actions", "memberships")
Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def frames(book: Tables) -> Frames:
    found = frames_of(book)
    for name in LATE:
        time = pd.to_datetime(found[name][TABLES[name].time])
        found[name] = found[name][time >= INSTANT].reset_index(drop=True)
    return found


def other_future(frames: Frames, rng: np.random.Generator) -> Frames:
    """Return the book with everything that became known at or after `until` dropped, moved, changed or made up."""
    return {name: _other_future(TABLES[name], frame.astype(object), rng) for name, frame in frames.items()}


def _other_future(table: Table, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    known = frame[pd.to_datetime(frame[table.time]) < INSTANT].copy()
    for column in {column.known_at for column in table.columns if column.known_at and column.known_at != table.time}:
        _refill(table, known, column, rng)
    if table.name in LATE:
        return known
    new = frame[pd.to_datetime(frame[table.time]) >= INSTANT].sample(frac=0.7, random_state=int(rng.integers(1000)))
    return pd.concat([known, _changed(table, new, rng)], ignore_index=True)


def _refill(table: Table, known: pd.DataFrame, time: str, rng: np.random.Generator) -> None:
    """Fill a later column at another time from `until` on, or never, and change what is filled with it."""
    open_rows = ~(pd.to_datetime(known[time]) < INSTANT).to_numpy()
    filled = open_rows & (rng.random(len(known)) < 0.5)
    later = [INSTANT + timedelta(days=int(days)) for days in rng.integers(0, 90, len(known))]
    known[time] = np.where(filled, later, np.where(open_rows, None, known[time]))
    for column in table.columns:
        if column.known_at == time and column.name != time:
            made_up = {"score": 10, "revenue": 1e6, "reward": 1e5}.get(column.name, "made up")
            known[column.name] = np.where(filled, made_up, np.where(open_rows, None, known[column.name]))


def _changed(table: Table, new: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    new = new.copy()
    for column in table.columns:
        if column.name in ("amount", "annual_value"):
            new[column.name] = rng.normal(0, 1e6, len(new))
        elif column.name == "account_id" and table.name not in ("accounts", "churns"):
            new[column.name] = rng.permutation(new[column.name].to_numpy())
        elif column.name == table.time:
            moved = [pd.Timestamp(time) + timedelta(days=int(rng.integers(0, 60))) for time in new[column.name]]
            new[column.name] = moved
    return new


def record_of(tables: Tables, folder: Path) -> dict[str, Any]:
    trained = train(tables, prepare(tables, BRIEF), BRIEF)
    folder.mkdir()
    manifest = write_bundle(folder, trained, "2026-01-01T00:00:00+00:00", "test")
    return {"model": (folder / "model.txt").read_text(encoding="utf-8"), **manifest.model_dump()}


@pytest.fixture(scope="module")
def before(frames: Frames, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return record_of(tables_of(frames), tmp_path_factory.mktemp("before") / "bundle")


def test_nothing_known_at_or_after_until_changes_the_model(
    frames: Frames, before: dict[str, Any], tmp_path: Path
) -> None:
    other = other_future(frames, np.random.default_rng(11))
    for name, frame in other.items():
        assert name in ("accounts", *LATE) or not frame.equals(frames[name].astype(object)), "there is a future"
    after = record_of(tables_of(other), tmp_path / "bundle")
    assert after["model"] == before["model"]
    assert after == before, "nor its calibrator, verdict, reference figures, recorded history or anything else"
    assert before["rows"] > 500


def test_no_future_at_all_is_the_same_too(frames: Frames, before: dict[str, Any]) -> None:
    past = {
        name: frame[pd.to_datetime(frame[TABLES[name].time]) < INSTANT].reset_index(drop=True)
        for name, frame in frames.items()
    }
    prepared = prepare(tables_of(past), BRIEF)
    assert fingerprint(prepared.data) == before["data_fingerprint"]
    assert prepared.data.dates == before["slices"]
    assert prepared.recorded_since == before["recorded_since"]
    assert not set(LATE) & set(prepared.recorded_since)


def test_one_record_before_until_does_matter(frames: Frames, before: dict[str, Any]) -> None:
    """The comparison above can see: an invoice on the day before the last slice moves its figures."""
    invoices = frames["invoices"].copy()
    last = max(before["slices"])
    own = invoices[pd.to_datetime(invoices["invoiced_on"]) < pd.Timestamp(last)].index[-1]
    invoices.loc[own, "amount"] += 100_000
    data = prepare(tables_of({**frames, "invoices": invoices}), BRIEF).data
    assert fingerprint(data) != before["data_fingerprint"]


def test_every_label_had_ended_by_until(before: dict[str, Any]) -> None:
    reach = timedelta(days=BRIEF.rule.reach_days)
    assert max(before["slices"]) + reach == UNTIL
    assert all(day + reach <= UNTIL for day in before["slices"])


def test_without_until_the_data_end_after_the_last_invoice(trained: Trained, book: Tables) -> None:
    last = book["invoices"].invoiced_on.max().execute()
    end = pd.Timestamp(last) + pd.Timedelta(days=1)
    assert pd.Timestamp(trained.data.as_of.max()) + pd.Timedelta(days=180) == end


def test_a_book_that_is_too_short_says_by_how_much(book: Tables) -> None:
    settings = TrainingSettings(until=date(2023, 6, 1))
    with pytest.raises(NotEnoughData) as caught:
        prepare(book, settings)
    message = str(caught.value)
    first = book["invoices"].invoiced_on.min().execute()
    for part in (str(pd.Timestamp(first).date()), "2023-06-01", f"{settings.min_history_days} days of history", "180"):
        assert part in message


def test_a_book_that_begins_after_until_says_so(book: Tables) -> None:
    with pytest.raises(NotEnoughData, match="there is no invoice before 2001-01-01"):
        prepare(book, TrainingSettings(until=date(2001, 1, 1)))


def test_a_book_without_invoices_says_so(frames: Frames) -> None:
    empty = tables_of({**frames, "invoices": frames["invoices"].head(0)})
    with pytest.raises(InputError, match="invoices: the table is empty"):
        prepare(empty, TrainingSettings())
    with pytest.raises(NotEnoughData, match="there is no invoice before"):
        prepare(empty, BRIEF)


def test_a_book_with_few_churns_says_how_many(frames: Frames) -> None:
    churned = pd.to_datetime(frames["churns"]["churned_on"])
    few = frames["churns"][churned < INSTANT].tail(4)
    said = r"^\d accounts churned and \d+ stayed .* at least 10 of each are needed; the churns table has 4 departures "
    with pytest.raises(NotEnoughData, match=said):
        prepare(tables_of({**frames, "churns": few}), replace(BRIEF, slice_days=400))


def test_the_rule_must_fit_before_anything_is_computed(book: Tables) -> None:
    with pytest.raises(InputError, match="--silence-days"):
        prepare(book, TrainingSettings(rule=ChurnRule(silence_days=90)))


def test_silence_gives_other_customers_and_labels(frames: Frames) -> None:
    silent = tables_of({name: frame for name, frame in frames.items() if name != "churns"}, missing=["churns"])
    rule = ChurnRule(silence_days=60)
    data = prepare(silent, replace(BRIEF, rule=rule, slice_days=400)).data
    assert data.dates[-1] + timedelta(days=60) == UNTIL
    invoices = frames["invoices"].assign(day=lambda rows: pd.to_datetime(rows["invoiced_on"]))
    invoices = invoices[invoices["amount"] > 0]
    rows = data.take(data.as_of == data.as_of.max())
    at = pd.Timestamp(data.dates[-1])
    year = invoices[(invoices["day"] < at) & (invoices["day"] >= at - pd.Timedelta(days=365))]
    counts = year["account_id"].value_counts()
    assert set(rows.accounts) == set(counts[counts >= 2].index)
    heard = set(invoices[(invoices["day"] >= at) & (invoices["day"] < INSTANT)]["account_id"])
    assert rows.churned.tolist() == [name not in heard for name in rows.accounts]


def test_a_verdict_has_the_model_and_every_cheap_rival(trained: Trained) -> None:
    assert list(trained.verdict.metrics) == ["model", *(rival.name for rival in CHEAP)]
    assert list(trained.choice.schemes) == ["none"] and trained.choice.few, "too few left for a choice among weights"
    assert trained.verdict.grade in {"A", "B", "C", "D"}


def test_the_judged_rows_are_the_latest_and_were_not_learnt_from(trained: Trained) -> None:
    judged, data = trained.judged.data, trained.data
    assert judged.as_of.max() == data.as_of.max()
    assert trained.verdict.as_of == tuple(np.datetime_as_string(np.unique(judged.as_of), unit="D"))
    assert all(len(probability) == len(judged) for probability in trained.judged.probabilities.values())
    for probability in trained.judged.probabilities.values():
        assert ((probability > 0) & (probability < 1)).all()


def test_the_model_finds_something(trained: Trained) -> None:
    """Seeded: on rows not learnt from, better than chance and than no calibration at all."""
    metrics = trained.verdict.metrics["model"]
    assert metrics.roc_auc > 0.6
    assert metrics.brier is not None
    assert metrics.brier < metrics.churn_rate
    assert metrics.calibration_error is not None
    assert metrics.calibration_error < 0.05
