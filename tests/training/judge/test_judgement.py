"""Judging a finished model at a date: only where the outcome is known, and honest about what the model had seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.handmade import dataset

import training.judge.judgement as judgement
from features.errors import InputError, NotEnoughData
from features.tables import Tables
from training.bundle.bundle import Bundle
from training.errors import AlreadyLearnt
from training.judge.judgement import Judgement, evaluate_at, forward_dates
from training.judge.verdict import judge_all
from training.making.pipeline import Trained
from training.rivals import CHEAP
from training.settings import ChurnRule, TrainingSettings
from training.slices.dataset import Dataset
from training.worth.bootstrap import Interval

REACH = timedelta(days=180)


@pytest.fixture(scope="module")
def end(book: Tables) -> date:
    return (pd.Timestamp(book["invoices"].invoiced_on.max().execute()) + pd.Timedelta(days=1)).date()


@pytest.fixture(scope="module")
def last(bundle: Bundle) -> date:
    return bundle.manifest.slices[-1]


def having_seen(bundle: Bundle, slices: list[date]) -> Bundle:
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"slices": slices}))


class Spy:
    """Records the as-of dates of every dataset that the judgement builds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built: list[list[date]] = []
        build = judgement.build_dataset

        def record(tables: Tables, dates: list[date], *rest: Any) -> Dataset:
            self.built.append(list(dates))
            return build(tables, dates, *rest)

        monkeypatch.setattr(judgement, "build_dataset", record)


@pytest.mark.parametrize("days", [1, 30, 2000])
def test_an_immature_date_is_refused_with_the_latest_one(book: Tables, bundle: Bundle, end: date, days: int) -> None:
    as_of = end - REACH + timedelta(days=days)
    with pytest.raises(InputError) as caught:
        evaluate_at(book, as_of, bundle)
    assert str(as_of) in str(caught.value)
    assert f"{end - REACH} is the latest date" in str(caught.value)


def test_a_rule_that_does_not_fit_the_book_is_refused(book: Tables, bundle: Bundle) -> None:
    with pytest.raises(InputError, match="--silence-days"):
        evaluate_at(book, date(2024, 6, 1), replace(bundle, rule=ChurnRule(silence_days=90)))


def test_a_date_before_the_book_has_nobody_to_judge(book: Tables, bundle: Bundle) -> None:
    with pytest.raises(NotEnoughData, match="no account was a customer"):
        evaluate_at(book, date(1990, 1, 1), bundle, learnt_dates=True)


@pytest.fixture(scope="module")
def earlier(bundle: Bundle, last: date) -> Bundle:
    """Return the bundle as if it had learnt only slices whose labels were known at its latest one."""
    return having_seen(bundle, [day for day in bundle.manifest.slices if day + REACH <= last])


@pytest.fixture(scope="module")
def at_last(book: Tables, earlier: Bundle, last: date) -> tuple[Judgement, list[list[date]]]:
    """Judge the model at a forward date."""
    with pytest.MonkeyPatch.context() as patch:
        spy = Spy(patch)
        return evaluate_at(book, last, earlier), spy.built


def test_a_forward_date_is_judged_beside_rivals_of_the_same_slices(
    at_last: tuple[Judgement, list[list[date]]], earlier: Bundle, last: date
) -> None:
    assert not at_last[0].seen
    test, learnt = at_last[1]
    assert test == [last]
    assert learnt == earlier.manifest.slices and learnt


def test_the_forward_dates_run_from_the_last_label_learnt_to_the_end_of_the_data(bundle: Bundle, end: date) -> None:
    first = max(bundle.manifest.slices) + REACH
    late = forward_dates(bundle, end + timedelta(days=360))
    assert (late.first, late.last) == (first, end + timedelta(days=180)) and late
    assert late.as_dict() == {"from": str(first), "to": str(end + timedelta(days=180))}
    none = forward_dates(bundle, end)
    assert not none and none.as_dict() is None and "this book has none" in str(none)
    embargo = {"settings": {**bundle.manifest.settings, "embargo_days": 30}}
    held = replace(bundle, manifest=bundle.manifest.model_copy(update=embargo))
    assert forward_dates(held, end).first == first + timedelta(days=30)


@pytest.mark.parametrize("days_early", [1, 90, 180, 400])
def test_a_date_whose_outcomes_were_learnt_is_refused(
    book: Tables, earlier: Bundle, last: date, days_early: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One day of a label is enough, and a date before every slice is no better: its outcomes lay in the book."""
    first = max(earlier.manifest.slices) + REACH
    as_of, spy = first - timedelta(days=days_early), Spy(monkeypatch)
    with pytest.raises(AlreadyLearnt) as refused:
        evaluate_at(book, as_of, earlier)
    assert isinstance(refused.value, InputError) and spy.built == []
    assert "has learnt what came after that date" in str(refused.value)
    assert f"they are {first} to " in str(refused.value) and f"`--until {as_of}`" in str(refused.value)
    assert refused.value.as_dict()["forward"]["from"] == str(first) and refused.value.as_dict()["seen"] is True


def test_the_day_on_which_the_last_label_was_known_is_forward(book: Tables, earlier: Bundle) -> None:
    assert not evaluate_at(book, max(earlier.manifest.slices) + REACH, earlier).seen


def test_the_same_metrics_as_train(at_last: tuple[Judgement, list[list[date]]], last: date, trained: Trained) -> None:
    verdict = at_last[0].verdict
    assert verdict.as_of == (last.isoformat(),)
    assert set(verdict.metrics) == set(trained.verdict.metrics) == {"model", *(rival.name for rival in CHEAP)}
    assert set(verdict.intervals) == set(trained.verdict.intervals)
    assert verdict.grade in {"A", "B", "C", "D"}
    assert set(verdict.intervals) >= {"roc_auc", "captured_10", "roc_auc - recency alone"}


def test_where_it_is_asked_for_a_learnt_date_is_judged_alone(
    book: Tables, bundle: Bundle, last: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rivals would know less than the model, so nothing is said of who is better, and no grade is given."""
    spy = Spy(monkeypatch)
    judged = evaluate_at(book, last, bundle, learnt_dates=True)
    assert spy.built == [[last]]
    assert judged.seen
    assert list(judged.verdict.metrics) == ["model"]
    assert judged.verdict.grade is None, "there is no naive rule to compare with"
    assert not [name for name in judged.verdict.intervals if " - " in name]


def test_probabilities_are_those_of_the_bundle(
    book: Tables, bundle: Bundle, last: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def keep(test: Dataset, probabilities: dict[str, np.ndarray], settings: TrainingSettings) -> Any:
        seen.update(test=test, probabilities=probabilities)
        return judge_all(test, probabilities, settings)

    monkeypatch.setattr(judgement, "judge_all", keep)
    evaluate_at(book, last, bundle, learnt_dates=True)
    expected = bundle.calibrator(bundle.margin(seen["test"].matrix))
    assert (seen["probabilities"]["model"] == expected).all()


@pytest.mark.parametrize(
    ("low", "captured", "grade"),
    [
        (0.051, 0.0, "A"),
        (0.051, -0.01, "B"),
        (0.05, 0.1, "B"),
        (0.021, 0.1, "B"),
        (0.02, 0.1, "C"),
        (0.001, -0.5, "C"),
        (0.0, 0.5, "D"),
        (-0.2, 0.5, "D"),
    ],
)
def test_grades_by_hand(low: float, captured: float, grade: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the better naive rule, here revenue; the worse one would be beaten easily."""
    found = {
        "roc_auc - revenue alone": Interval(low + 0.1, low, low + 0.2),
        "captured_10 - revenue alone": Interval(captured, -1, 1),
        "roc_auc - recency alone": Interval(0.9, 0.8, 1.0),
        "captured_10 - recency alone": Interval(0.9, 0.8, 1.0),
    }
    monkeypatch.setattr("training.judge.verdict._paired", lambda *_: found)
    score = np.array([0.9, 0.8, 0.2, 0.1])
    probabilities = {"model": score, "recency alone": score[::-1], "revenue alone": score[[0, 2, 1, 3]]}
    verdict = judge_all(dataset([1, 1, 0, 0]), probabilities, TrainingSettings())
    assert verdict.grade == grade
    assert verdict.as_dict()["grade"] == grade
    assert f"revenue alone, has 0.750; the lead is {low + 0.1:+.3f} ({low:+.3f} to" in verdict.grade_why
    assert "A takes more than 0.05, B takes more than 0.02, C takes more than 0" in verdict.grade_why
